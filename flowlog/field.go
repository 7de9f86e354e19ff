package flowlog

// A Field is a field of a record.
type Field uint8

// The fields of versions 2 to 5, in the order of AWS's table. Later fields have no constants: see
// [Format].
const (
	Version Field = iota
	AccountID
	InterfaceID
	SrcAddr
	DstAddr
	SrcPort
	DstPort
	Protocol
	Packets
	Bytes
	Start
	End
	ActionTaken
	LogStatus

	VPCID
	SubnetID
	InstanceID
	TCPFlags
	Type
	PktSrcAddr
	PktDstAddr

	Region
	AZID
	SublocationType
	SublocationID

	PktSrcAWSService
	PktDstAWSService
	FlowDirection
	TrafficPath

	typed // the number of fields that a Record has
)

// fields are the names of all fields, by their number, and the version in which each was introduced.
var fields = [...]struct {
	name    string
	version int
}{
	Version: {"version", 2}, AccountID: {"account-id", 2}, InterfaceID: {"interface-id", 2},
	SrcAddr: {"srcaddr", 2}, DstAddr: {"dstaddr", 2}, SrcPort: {"srcport", 2}, DstPort: {"dstport", 2},
	Protocol: {"protocol", 2}, Packets: {"packets", 2}, Bytes: {"bytes", 2}, Start: {"start", 2}, End: {"end", 2},
	ActionTaken: {"action", 2}, LogStatus: {"log-status", 2},

	VPCID: {"vpc-id", 3}, SubnetID: {"subnet-id", 3}, InstanceID: {"instance-id", 3}, TCPFlags: {"tcp-flags", 3},
	Type: {"type", 3}, PktSrcAddr: {"pkt-srcaddr", 3}, PktDstAddr: {"pkt-dstaddr", 3},

	Region: {"region", 4}, AZID: {"az-id", 4}, SublocationType: {"sublocation-type", 4}, SublocationID: {"sublocation-id", 4},

	PktSrcAWSService: {"pkt-src-aws-service", 5}, PktDstAWSService: {"pkt-dst-aws-service", 5},
	FlowDirection: {"flow-direction", 5}, TrafficPath: {"traffic-path", 5},

	typed: {"ecs-cluster-arn", 7}, {"ecs-cluster-name", 7}, {"ecs-container-instance-arn", 7}, {"ecs-container-instance-id", 7},
	{"ecs-container-id", 7}, {"ecs-second-container-id", 7}, {"ecs-service-name", 7}, {"ecs-task-definition-arn", 7},
	{"ecs-task-arn", 7}, {"ecs-task-id", 7}, {"reject-reason", 8}, {"resource-id", 9}, {"encryption-status", 10},
}

// unnamed is a field that AWS introduced later than the fields above.
const unnamed = Field(len(fields))

// numbers are the fields by their names.
var numbers = func() map[string]Field {
	byName := make(map[string]Field, len(fields))
	for i, f := range fields {
		byName[f.name] = Field(i)
	}
	return byName
}()

// String returns the field's name.
func (f Field) String() string {
	if int(f) >= len(fields) {
		return "-"
	}
	return fields[f].name
}

// A Set is a set of fields.
type Set uint64

// Has reports whether the set has a field.
func (s Set) Has(f Field) bool { return s&(1<<f) != 0 }

// With returns the set with these fields too.
func (s Set) With(more ...Field) Set {
	for _, f := range more {
		s |= 1 << f
	}
	return s
}
