package plan

import (
	"encoding/json"
	"strconv"
	"strings"
)

// unknown stands for a value that the tool will know after the apply only.
type unknown struct{}

// values are the attributes of a resource.
type values map[string]any

// withUnknown puts unknown where a mask has true, as in Terraform's after_unknown.
func withUnknown(value, mask any) any {
	switch mask := mask.(type) {
	case bool:
		if mask {
			return unknown{}
		}
	case map[string]any:
		object, isObject := value.(map[string]any)
		if !isObject {
			if value != nil {
				return value
			}
			object = map[string]any{}
		}
		for name, m := range mask {
			if v := withUnknown(object[name], m); v != nil {
				object[name] = v
			}
		}
		if len(object) == 0 {
			return value
		}
		return object
	case []any:
		list, isList := value.([]any)
		for i, m := range mask {
			if isList && i < len(list) {
				list[i] = withUnknown(list[i], m)
			}
		}
	}
	return value
}

// text returns an attribute as text, "" if it has none or is unknown.
func (v values) text(name string) string { return textOf(v[name]) }

func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		return strconv.FormatBool(value)
	}
	return ""
}

// texts returns an attribute that is a list of texts, and whether all of it is known.
func (v values) texts(name string) (list []string, known bool) {
	known = true
	switch value := v[name].(type) {
	case unknown:
		return nil, false
	case string:
		if value != "" {
			list = append(list, value)
		}
	case []any:
		for _, one := range value {
			if _, is := one.(unknown); is {
				known = false
			}
			if text := textOf(one); text != "" {
				list = append(list, text)
			}
		}
	}
	return list, known
}

// isUnknown reports whether an attribute is unknown as a whole.
func (v values) isUnknown(name string) bool {
	_, is := v[name].(unknown)
	return is
}

// blocks returns an attribute that is a list of objects, or one object.
func (v values) blocks(name string) (blocks []values) {
	switch value := v[name].(type) {
	case map[string]any:
		blocks = append(blocks, value)
	case []any:
		for _, one := range value {
			if object, is := one.(map[string]any); is {
				blocks = append(blocks, object)
			}
		}
	}
	return blocks
}

// number returns an attribute as a number, and whether it has one.
func (v values) number(name string) (n int, given bool) {
	text := v.text(name)
	if text == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return int(f), err == nil && f == float64(int(f))
}

func (v values) yes(name string) bool { return strings.EqualFold(v.text(name), "true") }
