package sg

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// The same groups are the same in every format, shape and encoding.
func TestShapes(t *testing.T) {
	original, err := os.ReadFile("../testdata/ec2/groups.json")
	if err != nil {
		t.Fatal(err)
	}
	var output map[string]any
	if err := json.Unmarshal(original, &output); err != nil {
		t.Fatal(err)
	}
	groups := output["SecurityGroups"].([]any)
	encoded := func(v any) string {
		text, err := json.MarshalIndent(v, "", "    ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	inYAML := func(v any) string {
		text, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	compressed := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	in := func(e encoding.Encoding, text string) string {
		text, err := e.NewEncoder().String(strings.ReplaceAll(text, "\n", "\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var pages []any
	for i, g := range groups {
		page := map[string]any{"SecurityGroups": []any{g}}
		if i < len(groups)-1 {
			page["NextToken"] = "more"
		}
		pages = append(pages, page)
	}
	text := string(original)
	want := lines(read(t, "groups.json"))
	for name, files := range map[string][]string{
		"YAML":                  {inYAML(output)},
		"YAML documents":        {inYAML(pages[0]) + "---\n" + inYAML(pages[1]) + "---\n" + inYAML(pages[2])},
		"YAML list":             {inYAML(groups)},
		"YAML without quotes":   {strings.NewReplacer(`"-1"`, "-1", `"111122223333"`, "111122223333").Replace(inYAML(output))},
		"array":                 {encoded(groups)},
		"single groups":         {encoded(groups[0]), encoded(groups[1]), encoded(groups[2])},
		"pages behind another":  {encoded(pages[0]) + encoded(pages[1]) + "\n" + encoded(pages[2])},
		"pages in a list":       {encoded(pages)},
		"lists in a list":       {encoded([]any{groups[:1], groups[1:]})},
		"the same group twice":  {text, encoded(groups[1]), text},
		"gzip":                  {compressed(text)},
		"byte order mark":       {"\ufeff" + strings.ReplaceAll(text, "\n", "\r\n")},
		"UTF-16, little-endian": {in(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text)},
		"UTF-16, big-endian":    {in(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text)},
		"UTF-32":                {in(utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), text)},
		"gzip of UTF-16":        {compressed(in(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text))},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Account{}
			for _, file := range files {
				if err := a.Read("file", strings.NewReader(file)); err != nil {
					t.Fatal(err)
				}
				plain, err := Plain(strings.NewReader(file))
				if err != nil {
					t.Fatal(err)
				}
				if text, err := io.ReadAll(plain); err != nil || !Described(text) {
					t.Errorf("not recognised (%v)", err)
				}
			}
			if diff := cmp.Diff(want, lines(a)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if slices.ContainsFunc(a.Notes, func(n Note) bool { return !strings.Contains(n.String(), "host bits") }) || len(a.Unread) > 0 {
				t.Errorf("notes %v, unread %v", a.Notes, a.Unread)
			}
		})
	}
}

// The tools for .NET and PowerShell, and AWS Config, have names of their own.
func TestDialects(t *testing.T) {
	permission := func(p string) string {
		return `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [` + p + `], "IpPermissionsEgress": []}]}`
	}
	ssh := `"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, `
	for name, text := range map[string]string{
		".NET":                   permission(`{` + ssh + `"IpRanges": [], "Ipv4Ranges": [{"CidrIp": "10.0.0.0/8", "Description": null}]}`),
		".NET, ranges as texts":  permission(`{` + ssh + `"IpRanges": ["10.0.0.0/8"], "Ipv4Ranges": [{"CidrIp": "10.0.0.0/8"}]}`),
		"PowerShell":             permission(`{` + ssh + `"IpRange": "10.0.0.0/8"}`),
		"PowerShell, group":      `{"GroupId": "sg-1", "IpPermissionEgress": null, "IpPermission": {` + ssh + `"Ipv4Range": {"CidrIp": "10.0.0.0/8"}}}`,
		"PowerShell and AWS":     `{"GroupId": "sg-1", "IpPermissions": [], "IpPermissionsEgress": [], "IpPermission": {` + ssh + `"Ipv4Range": {"CidrIp": "10.0.0.0/8"}}}`,
		"AWS Config":             `{"groupId": "sg-1", "ipPermissionsEgress": [], "ipPermissions": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": ["10.0.0.0/8"], "ipv4Ranges": [{"cidrIp": "10.0.0.0/8"}]}]}`,
		"ports as texts":         permission(`{"IpProtocol": "tcp", "FromPort": "22", "ToPort": "22", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}`),
		"boto3":                  `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissionsEgress": [], "IpPermissions": [{` + ssh + `"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}], "ResponseMetadata": {"HTTPStatusCode": 200}}`,
		"answer to authorizing":  `{"Return": true, "SecurityGroupRules": [{"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IsEgress": false, ` + ssh + `"CidrIpv4": "10.0.0.0/8"}]}`,
		"lists as empty texts":   permission(`{` + ssh + `"IpRanges": [{"CidrIp": "10.0.0.0/8"}], "Ipv6Ranges": "", "PrefixListIds": "", "UserIdGroupPairs": ""}`),
		"empty texts for absent": `[{"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IsEgress": false, ` + ssh + `"CidrIpv4": "10.0.0.0/8", "CidrIpv6": "", "PrefixListId": "", "ReferencedGroupInfo": {}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			a := &Account{}
			if err := a.Read("file", strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
			if g := a.Group("sg-1"); len(g.Ingress) != 1 || g.Ingress[0].String() != "tcp 22 10.0.0.0/8" || len(a.Unread)+len(a.Notes) > 0 {
				t.Errorf("rules %v, unread %v, notes %v", g.Ingress, a.Unread, a.Notes)
			}
		})
	}
}
