package say

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// files has a directory for each language but English.
//
//go:embed ja/*.po
var files embed.FS

// A Language is the language of a reader. Nil is English.
type Language struct {
	name     string
	messages map[string]string // keyed by the English format
}

// Languages returns the names of the known languages.
func Languages() []string { return []string{"en", "ja"} }

// Speak returns the language with that name.
func Speak(name string) (*Language, error) {
	switch {
	case name == "en":
		return nil, nil
	case !slices.Contains(Languages(), name):
		return nil, Errorf("unknown language %q", name)
	}
	messages, err := Messages(name)
	if err != nil {
		return nil, err
	}
	l := &Language{name: name, messages: make(map[string]string, len(messages))}
	for _, m := range messages {
		l.messages[m.English] = m.Text
	}
	return l, nil
}

// Messages returns the messages of a language, as its files have them.
func Messages(name string) ([]Message, error) {
	entries, err := files.ReadDir(name)
	if err != nil {
		return nil, Errorf("read messages: %w", err)
	}
	var all []Message
	for _, e := range entries {
		text, err := files.ReadFile(name + "/" + e.Name())
		if err != nil {
			return nil, Errorf("read messages: %w", err)
		}
		messages, err := parse(string(text))
		if err != nil {
			return nil, Errorf("read messages: %s: %w", e.Name(), err)
		}
		all = append(all, messages...)
	}
	return all, nil
}

// Preferred returns the name of the language that the user wants: from a flag, then LABLAB_LANG,
// then the locale. A locale without UTF-8 cannot show Japanese as lablab writes it.
func Preferred(flag string, getenv func(string) string) string {
	for _, wish := range []string{flag, getenv("LABLAB_LANG")} {
		if wish != "" {
			return wish
		}
	}
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := getenv(key); locale != "" { // the first that is set wins, as in setlocale(3)
			if japanese := locale == "ja" || strings.HasPrefix(locale, "ja_") || strings.HasPrefix(locale, "ja."); japanese && utf8(getenv) {
				return "ja"
			}
			return "en"
		}
	}
	return "en"
}

// utf8 reports whether the user's terminal shows UTF-8, by its locale. So does one without a locale,
// and one that names no encoding.
func utf8(getenv func(string) string) bool {
	for _, key := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		locale := getenv(key)
		if locale == "" {
			continue
		}
		locale, _, _ = strings.Cut(locale, "@")
		_, encoding, named := strings.Cut(locale, ".")
		return !named && locale != "C" && locale != "POSIX" || strings.ReplaceAll(strings.ToLower(encoding), "-", "") == "utf8"
	}
	return true
}

// Name returns "en" or "ja".
func (l *Language) Name() string {
	if l == nil {
		return "en"
	}
	return l.name
}

// Text translates a text if the language has a message for it: a user's own words stay as they are.
func (l *Language) Text(english string) string { return l.lookUp(english) }

// Sprintf formats a sentence in the language.
func (l *Language) Sprintf(format string, args ...any) string {
	if l == nil {
		return fmt.Sprintf(format, args...)
	}
	return F(format, args...).In(l)
}

// lookUp returns the message for that English format, or the format itself.
func (l *Language) lookUp(format string) string {
	if l == nil {
		return format
	}
	if text, translated := l.messages[format]; translated {
		return text
	}
	return format
}

// render is fmt.Sprintf, except that it translates arguments that support it.
func (l *Language) render(format string, args []any) string {
	rendered := make([]any, len(args))
	for i, arg := range args {
		switch a := arg.(type) {
		case Sayer:
			rendered[i] = spoken(a.In(l))
		case error:
			rendered[i] = spoken(l.Error(a))
		default:
			rendered[i] = arg
		}
	}
	return fmt.Sprintf(strings.ReplaceAll(format, "%w", "%v"), rendered...)
}
