// Package lab builds hosts out of network namespaces, attaches security groups to them and runs
// scenarios. It records what happens in a timeline; it evaluates nothing and prints nothing.
package lab
