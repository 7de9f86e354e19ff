package plan

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/sg"
)

// One description of each kind that is not a plan of Terraform.
func others() []string {
	return []string{"commands.txt", "calls.jsonl", "cloudtrail.json", "change-set.json", "preview.json"}
}

func TestOtherKinds(t *testing.T) {
	for _, name := range others() {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Read(name, bytes.NewReader(text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, filepath.Ext(name)), described(p))
		})
	}
}

// What cannot be read gets one error, with its place and usually how to fix it.
func TestBadInput(t *testing.T) {
	whole, err := os.ReadFile("testdata/inline.plan.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, err, hint string }{
		{"empty", " \n", "f:1:1: the file is empty", ""},
		{"binary plan", "PK\x03\x04\x14\x00", "f:1:1: this is a binary plan of Terraform or OpenTofu", "convert it: terraform show -json FILE"},
		{"binary", "aws\x00", "f:1:1: this is not text", ""},
		{"raw state", `{"version": 4, "terraform_version": "1.9.0", "serial": 1, "resources": []}`, "f:1:1: this is the raw state of Terraform", "convert it: terraform show -json > state.json"},
		{"log of a plan", `{"@level":"info","@message":"Terraform 1.9.0"}`, "f:1:1: this is the log of terraform plan -json", "convert the plan: terraform plan -out FILE, terraform show -json FILE"},
		{"another version", `{"format_version": "2.0", "resource_changes": []}`, `f:1:1: the plan has format "2.0"; lablab reads 0.1 to 1.x`, "write it with a version of Terraform or OpenTofu that has format 1"},
		{"truncated", string(whole[:len(whole)/2]), "f:1:4282: the file ends in a value", "write the file again: it is incomplete"},
		{"not JSON", "{\n  \"format_version\": 1.2.3}", "f:2:24: not valid JSON: invalid character '.' after object key:value pair", ""},
		{"another type", `{"format_version": "1.2", "resource_changes": {"a": 1}}`, "f:1:47: resource_changes has the wrong type: object", ""},
		{"something else", `{"SecurityGroups": []}`, "f:1:1: this does not describe a change that lablab knows", known},
		{"a plan for people", "Terraform will perform the following actions:\n", "f:1:1: this does not describe a change that lablab knows", known},
		{"a list", `[1]`, "f:1:2: a value has the wrong type: number", ""},
		{"a shell", "aws ec2 delete-security-group --group-id $ID\n", "f:1:42: this needs a shell: $", "write one aws command per line, with the values in it"},
		{"a loop", "aws ec2 delete-security-group --group-id sg-1\nfor g in sg-1 sg-2; do\n", "f:2:19: this needs a shell: ;", "write one aws command per line, with the values in it"},
		{"another program", "aws s3 ls\ncurl example.com\n", `f:2:1: "curl" is not an aws command`, "write one aws command per line, with the values in it"},
		{"an open quotation", "aws ec2 delete-security-group --group-id 'sg-1\n", "f:1:42: the quotation mark is not closed", ""},
		{"another file", "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions file://p.json", "f:1:75: the values of --ip-permissions are in another file", "write the values in the command"},
		{"unknown option", "aws ec2 delete-security-group --group sg-1", "f:1:31: lablab does not know the option --group of DeleteSecurityGroup", ""},
		{"no group", "aws ec2 authorize-security-group-ingress --protocol tcp --port 22 --cidr 10.0.0.0/8", "f:1:1: authorize-security-group-ingress: GroupId is missing", ""},
		{"bad range", "\naws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 22 --cidr 10.0.0.0/33", `f:2:1: authorize-security-group-ingress: "10.0.0.0/33" is not an address range in CIDR notation, such as 203.0.113.0/24`, ""},
		{"bad port", "aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port ssh --cidr 10.0.0.0/8", `f:1:73: --port: "ssh" is not a port`, ""},
		{"bad shorthand", "aws ec2 modify-managed-prefix-list --prefix-list-id pl-1 --add-entries 10.0.0.0/8", "f:1:58: --add-entries: not valid shorthand: want NAME=VALUE,…", ""},
		{"no command", "# nothing\n\n", "f:1:1: the file has no command", ""},
		{"half a command", "aws ec2", "f:1:1: the command names no service and operation", ""},
		{"a line without call", "{\"call\":\"DeleteSecurityGroup\",\"request\":{\"GroupId\":\"sg-1\"}}\n{\"request\":{}}\n", "f:2:1: call is missing", `write one call per line: {"call":"RevokeSecurityGroupIngress","request":{…}}`},
		{"a bad line", "{\"call\":\"DeleteSecurityGroup\",\"request\":{\"GroupId\":\"sg-1\"}}\n{\"call\":\"DeleteSecurityGroup\"}\n", "f:2:1: DeleteSecurityGroup: GroupId is missing", ""},
		{"a truncated line", "{\"call\":\"DeleteSecurityGroup\",\"request\":{\"GroupId\":\"sg-1\"}}\n{\"call\":\"Del", "f:2:13: the file ends in a value", "write the file again: it is incomplete"},
		{"a bad time", `{"eventName":"DeleteSecurityGroup","eventTime":"yesterday"}`, `f:1:1: record 1: eventTime "yesterday" is not a time`, ""},
		{"names only", `{"StackName":"s","Changes":[{"ResourceChange":{"Action":"Modify","LogicalResourceId":"Web","ResourceType":"AWS::EC2::SecurityGroup"}}]}`, "f:1:1: Web: the change set does not have its properties", "add --include-property-values to describe-change-set"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := Read("f", strings.NewReader(test.text), Options{})
			var wrong *sg.FileError
			if !errors.As(err, &wrong) {
				t.Fatalf("%v, %v", p, err)
			}
			if wrong.Error() != test.err || wrong.Hint.String() != test.hint {
				t.Errorf("%s\n%s", wrong, wrong.Hint)
			}
		})
	}
}

const known = "known: Terraform and OpenTofu plans and state (show -json), CloudFormation change sets, pulumi preview --json, AWS CLI commands, CloudTrail, JSON Lines of calls"

// Values that the file does not have can be given.
func TestBind(t *testing.T) {
	text, err := os.ReadFile("testdata/unresolved.plan.json")
	if err != nil {
		t.Fatal(err)
	}
	bind := map[string]string{
		"aws_instance.a.vpc_security_group_ids": "aws_security_group.new,sg-hand",
		"aws_instance.b.vpc_security_group_ids": "sg-web",
	}
	p, err := Read("f", bytes.NewReader(text), Options{Bind: bind})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Resources {
		if r.Use == Unresolved {
			t.Errorf("%s is unresolved: %s", r.Address, r.Reason)
		}
	}
	run := p.Run()
	i, _ := run[len(run)-1].Account.Interface("eni-1")
	if diff := cmp.Diff([]string{"aws_security_group.new", "sg-hand"}, i.Groups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for bad, want := range map[[2]string]string{
		{"aws_instance.c.vpc_security_group_ids", "sg-1"}:          "bind aws_instance.c.vpc_security_group_ids: f has no such resource: want ADDRESS.ATTRIBUTE",
		{"aws_instance.a.vpc_security_group_ids", "aws_nothing.x"}: `bind aws_instance.a.vpc_security_group_ids: "aws_nothing.x" is neither an id nor the address of a resource in f`,
	} {
		if _, err := Read("f", bytes.NewReader(text), Options{Bind: map[string]string{bad[0]: bad[1]}}); err == nil || err.Error() != want {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if p, err = Read("f", bytes.NewReader(text), Options{Bind: map[string]string{"aws_security_group.web.id": "sg-1"}}); err != nil || len(p.Notes) != 1 {
		t.Errorf("%v, %v", p.Notes, err)
	}
}

// On any input: no panic, and every resource is accounted for; every call is in the order, once.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.plan.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range others() {
		files = append(files, filepath.Join("testdata", name))
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Read("f", bytes.NewReader(text), Options{})
		if err != nil {
			var wrong *sg.FileError
			if !errors.As(err, &wrong) {
				t.Errorf("%v has no place", err)
			}
			return
		}
		for _, r := range p.Resources {
			if r.Use != Used && r.Use != NoEffect && r.Use != Unresolved && r.Use != NotUnderstood {
				t.Errorf("%s is not accounted for", r.Address)
			}
		}
		var numbers []int
		for _, c := range p.Calls {
			numbers = append(numbers, c.Number)
		}
		if !p.Possible(numbers) {
			t.Errorf("the likely order is not possible")
		}
		p.Lost(p.Run())
		for _, pair := range p.Either() {
			if !p.Possible(p.With(pair[1], pair[0])) {
				t.Errorf("%v cannot come in the other order", pair)
			}
		}
	})
}
