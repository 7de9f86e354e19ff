// Package ns holds network namespaces by open files, and is the only code of
// lablab that touches threads and namespaces.
//
// A Namespace is anonymous: no name, no bind mount, nothing under /run/netns.
// The kernel destroys it, with every link, rule and conntrack entry in it, when
// the last file that refers to it is closed, so a process that is killed leaves
// nothing behind (namespaces(7)).
//
// A socket belongs for ever to the namespace of the thread that opened it, so
// every socket of a lab is opened by [Namespace.Do] and may then be used from
// anywhere. Libraries that are given a namespace's descriptor instead go into it
// and back with a thread of others', and back into the host's they may not
// always.
package ns
