package scenario_test

import (
	"bytes"
	"fmt"

	"lablab/scenario"
)

func ExampleBuiltin() {
	sc, _ := scenario.Builtin("ping")
	for i, x := range sc.Experiments {
		fmt.Printf("%d. %s\n", i+1, x.Title)
		for _, action := range x.Do {
			fmt.Println("  ", action.Said())
		}
	}
	// Output:
	// 1. ICMP is allowed and a ping starts
	//    start stream 1: ping A from B
	// 2. the ICMP rule is revoked
	//    revoke rule icmp of group lab
	// 3. a second ping starts
	//    start stream 2: ping A from B
	// 4. the ICMP rule is restored
	//    authorize rule icmp (icmp 10.255.0.0/16) in group lab
}

// Every mistake in a file is reported with its place, and with a way to fix it if there is one.
func ExampleRead() {
	text, _ := scenario.BuiltinText("ping")
	_, err := scenario.Read("mine.yaml", bytes.Replace(text, []byte("revoke: icmp"), []byte("revoke: imcp"), 1), nil)
	fmt.Println(err)
	// Output:
	// mine.yaml:27:20: group lab has no rule imcp: did you mean "icmp"?
	//         do: [{ revoke: imcp, group: lab }]
	//                        ^
	// mine.yaml:37:10: EC2 rejects this: InvalidPermission.Duplicate: the specified rule "peer: 10.255.0.0/16, ICMP, type: ALL, code: ALL, ALLOW" already exists
	//         do: [{ authorize: icmp, group: lab }]
	//              ^
}
