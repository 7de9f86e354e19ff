// Package lab builds hosts out of network namespaces, gives them security
// groups and plays a scenario in them. What happens goes into a timeline; the
// lab itself judges nothing and prints nothing.
package lab
