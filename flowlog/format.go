package flowlog

import (
	"slices"
	"strings"

	"lablab/say"
)

// A Format says which fields a record has, in which order. It may have fields of later versions than
// 5: a [Reader] passes over their values, and a [Writer] writes "-".
type Format struct{ fields []Field }

// Default returns the format of a flow log for which none was specified: the fields of version 2.
func Default() Format {
	var f Format
	for i := Version; i <= LogStatus; i++ {
		f.fields = append(f.fields, i)
	}
	return f
}

// ParseFormat parses a format as EC2's CreateFlowLogs takes it (LogFormat): "${version} ${vpc-id}".
// It also takes bare names, as a header line has them.
func ParseFormat(text string) (Format, error) {
	var f Format
	for _, word := range strings.Fields(text) {
		name := word
		if inner, opens := strings.CutPrefix(word, "${"); opens {
			var closes bool
			if name, closes = strings.CutSuffix(inner, "}"); !closes {
				return Format{}, say.Errorf("parse log format: %q has no closing brace", word)
			}
		}
		field, known := numbers[name]
		if !known {
			return Format{}, say.Errorf("parse log format: flow logs have no field %q", name)
		}
		if slices.Contains(f.fields, field) {
			return Format{}, say.Errorf("parse log format: field %q is given twice", name)
		}
		f.fields = append(f.fields, field)
	}
	if len(f.fields) == 0 {
		return Format{}, say.New("parse log format: no field given")
	}
	return f, nil
}

// ParseHeader parses the first line of a file in Amazon S3, which names the fields. It reports false
// if no word of the line is a field. Fields that AWS may introduce later are passed over.
func ParseHeader(line string) (Format, bool) {
	var f Format
	known := false
	for _, name := range strings.Fields(line) {
		field, found := numbers[name]
		if !found {
			field = unnamed
		}
		known = known || found
		f.fields = append(f.fields, field)
	}
	return f, known
}

// Fields returns the fields in their order.
func (f Format) Fields() []Field { return slices.Clone(f.fields) }

// Set returns the fields that a [Record] can have in the format.
func (f Format) Set() Set {
	var s Set
	for _, field := range f.fields {
		if field < typed {
			s = s.With(field)
		}
	}
	return s
}

// Version returns the version of the format: the highest among its fields'.
func (f Format) Version() int {
	highest := 2
	for _, field := range f.fields {
		if field != unnamed {
			highest = max(highest, fields[field].version)
		}
	}
	return highest
}

// Header returns the line that names the fields, without its end.
func (f Format) Header() string { return f.join("", "") }

// String returns the format as EC2 takes it.
func (f Format) String() string { return f.join("${", "}") }

func (f Format) join(before, behind string) string {
	names := make([]string, len(f.fields))
	for i, field := range f.fields {
		names[i] = before + field.String() + behind
	}
	return strings.Join(names, " ")
}
