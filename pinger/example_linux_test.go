package pinger_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"lablab/ns"
	"lablab/pinger"
)

// Two packets are sent; once their fate is known, something else can happen before the next one.
func ExamplePing_Start() {
	var sender *ns.Namespace // of a host
	ctx := context.Background()
	ping := pinger.Ping{
		Target: netip.MustParseAddr("10.255.1.197"), EchoID: 1001, Size: 56, Interval: time.Second,
		Observe: func(p pinger.Probe) { fmt.Println(p.Seq, p.Fate) },
	}
	stream, err := ping.Start(ctx, sender, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := stream.Settle(ctx); err != nil {
		fmt.Println(err)
	}
	stream.Let(1)
	if err := stream.Wait(); err != nil {
		fmt.Println(err)
	}
}
