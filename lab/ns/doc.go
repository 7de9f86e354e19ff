// Package ns holds network namespaces by open files, and is the only code of
// lablab that touches threads and namespaces.
//
// A Namespace is anonymous: no name, no bind mount, nothing under /run/netns.
// The kernel destroys it, with every link, rule and conntrack entry in it, when
// the last file that refers to it is closed, so a process that is killed leaves
// nothing behind (namespaces(7)).
//
// Netlink sockets are opened for a namespace by its file descriptor ([Namespace.FD])
// and need no thread. Raw sockets and /proc/sys/net follow the calling thread
// and need [Namespace.Do].
package ns
