// Package nft puts rulesets in force in a network namespace. It installs them, changes them from one
// list of tables to another, reads their counters, and reads the verdict trace that says which rule
// decided about which packet. What the tables are for is not its business: package ruleset has them
// as values.
//
// It neither runs nft(8) nor parses its output, and touches no tables but its own. Facts about the
// kernel come from include/uapi/linux/netfilter/nf_tables.h and net/netfilter/nf_tables_trace.c.
package nft
