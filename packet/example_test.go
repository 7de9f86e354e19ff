package packet_test

import (
	"fmt"

	"lablab/packet"
)

// A TCP segment from 10.0.0.1 to 10.0.0.2, as it is on the wire.
var syn = []byte{
	0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
	0x9c, 0x40, 0, 22, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0, // TCP
}

func ExampleParse() {
	header, ok := packet.Parse(syn)
	fmt.Println(ok, header)
	fmt.Println(header.Key()) // what tells its flow from others
	// Output:
	// true tcp 10.0.0.1:40000 > 10.0.0.2:22 [S] 0 bytes
	// tcp 10.0.0.1:40000 > 10.0.0.2:22
}
