// Package ns manages network namespaces through open files. No other code of lablab touches threads
// or namespaces.
//
// A Namespace is anonymous: it has no name, no bind mount and nothing under /run/netns. The kernel
// destroys it, with every link, rule and conntrack entry in it, when the last file that refers to
// it is closed, so a process that is killed leaves nothing behind (namespaces(7)).
//
// A socket belongs forever to the namespace of the thread that opened it. So [Namespace.Do] opens
// every socket of a lab, and any goroutine may use it afterwards. Libraries that take a namespace's
// descriptor instead switch one of the runtime's threads into it and back, and may fail to get back
// into the machine's own.
package ns
