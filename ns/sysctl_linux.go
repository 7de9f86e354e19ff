package ns

import (
	"os"
	"path/filepath"
	"strings"

	"lablab/say"
)

// SetSysctl writes network settings of n, by their path below /proc/sys/net
// ("netfilter/nf_conntrack_acct"). It never writes the machine's own: a thread inside n resolves
// the path. An error wraps fs.ErrNotExist if the kernel lacks the feature that the setting belongs
// to.
func (n *Namespace) SetSysctl(settings map[string]string) error {
	return n.Do(func() error {
		for key, value := range settings {
			if strings.Contains(key, "..") {
				return say.Errorf("set %s: not a setting below /proc/sys/net", key)
			}
			if err := os.WriteFile(filepath.Join("/proc/sys/net", key), []byte(value), 0o644); err != nil {
				return say.Errorf("set %s: %w", key, err)
			}
		}
		return nil
	})
}
