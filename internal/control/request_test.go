package control

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"lablab/sg"
)

// A request means one thing, or is refused; and none takes more than its size warrants.
func TestHostileRequests(t *testing.T) {
	const largest = 1 << 20
	fill := func(begin, each, end string) string {
		return begin + strings.Repeat(each, (largest-len(begin)-len(end))/len(each)) + end
	}
	for name, c := range map[string]struct{ body, want string }{
		"as it should be":          {`{"group":"lab","ids":["icmp"]}`, ""},
		"nothing":                  {"", "EOF"},
		"text behind":              {`{"group":"lab"} garbage`, "there is text after the JSON value"},
		"two values":               {`{"group":"lab"}{"group":"lab"}`, "there is text after the JSON value"},
		"a member twice":           {`{"group":"lab","group":"db"}`, `member "group" is given twice`},
		"in two cases":             {`{"group":"lab","GROUP":"db"}`, `member "GROUP" is given twice`},
		"with an escape":           {`{"group":"lab","gr\u006fup":"db"}`, `member "group" is given twice`},
		"an unknown member":        {`{"grp":"lab"}`, `json: unknown field "grp"`},
		"brackets":                 {fill("", "[", ""), "invalid character '[' exceeded max depth"},
		"brackets in a member":     {fill(`{"ids":`, "[", ""), "invalid character '[' exceeded max depth"},
		"many ids":                 {fill(`{"group":"lab","ids":[`, `"",`, `""]}`), ""},
		"the same member, at last": {fill(`{"ids":[`, `"",`, `""],"ids":[]}`), `member "ids" is given twice`},
		"many members":             {fill(`{`, `"group":"",`, `"group":""}`), `member "group" is given twice`},
		"numbers":                  {fill(`{"group":"lab","ids":[`, `1,`, `1]}`), "json: cannot unmarshal number into Go struct field Revoke.ids of type string"},
		"a long name":              {fill(`{"`, "a", `":1}`), "json: unknown field"},
	} {
		var question sg.Revoke
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := readRequest(strings.NewReader(c.body), &question)
		runtime.ReadMemStats(&after)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 200 {
			t.Errorf("%s: allocated %d MB", name, allocated)
		}
	}
}

// Whatever is accepted can be written and read again.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"group":"lab","ids":["icmp"]}`, `{"changes":[{"revoke":{"group":"lab","ids":["icmp"]}},{"acl":{"interface":"A"}}]}`,
		`{"changes":[{"authorize":{"group":"lab","direction":"ingress","rules":[{"id":"x","protocol":"tcp","ports":{"from":22,"to":22},"cidr":"10.0.0.0/8"}]}}]}`,
		`{"stream":"1","from":"A","to":"B","protocol":"tcp","port":22}`, `{"changes":[{"prefix_list":{"prefix_list":"pl-1","add":["10.0.0.0/8"]}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, question := range []any{new(Changing), new(CutRequest), new(StreamStart), new(Stream), new(Load), new(sg.Authorize), new(sg.Revoke)} {
			if readRequest(strings.NewReader(string(body)), question) != nil {
				continue
			}
			if _, err := json.Marshal(question); err != nil {
				t.Errorf("%T: %v", question, err)
			}
		}
	})
}
