package nft

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// counted matches a rule with a counter in the text of a ruleset: what the rule matches, what it
// does, the mark that it sets and its id.
var counted = regexp.MustCompile(`^(\t\t.*?) counter((?: meta mark set (?:meta mark & 0x[0-9a-f]{8} \| )?0x([0-9a-f]{8}))? accept comment "(.*)"\n)$`)

// Live returns the ruleset's text with the values of its counters, as `nft list table` prints it.
func (rs Ruleset) Live(counters []Counter) string {
	waiting := slices.Clone(counters)
	lines := strings.SplitAfter(rs.String(), "\n")
	var at place
	for i, line := range lines {
		if name, found := strings.CutPrefix(line, "\tchain "); found {
			at = place(strings.TrimSuffix(name, " {\n"))
		}
		part := counted.FindStringSubmatch(line)
		if part == nil {
			continue
		}
		mark, _ := strconv.ParseUint(part[3], 16, 32) // 0 if the rule belongs to no group
		number := at.number(uint32(mark))
		is := func(c Counter) bool {
			return c.Chain == string(at) && c.Number == number && (number != 0 || c.ID == part[4])
		}
		if j := slices.IndexFunc(waiting, is); j >= 0 { // if several are identical, the first
			c := waiting[j]
			lines[i] = fmt.Sprintf("%s counter packets %d bytes %d%s", part[1], c.Packets, c.Bytes, part[2])
			waiting = slices.Delete(waiting, j, j+1)
		}
	}
	return strings.Join(lines, "")
}
