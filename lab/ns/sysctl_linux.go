package ns

import (
	"os"
	"path/filepath"
	"strings"

	"lablab/say"
)

// SetSysctl writes network settings of n, by their path below /proc/sys/net
// ("netfilter/nf_conntrack_acct"). The host's own are never written: the path
// is resolved by a thread inside n. An error wraps fs.ErrNotExist where the
// kernel lacks what the setting belongs to.
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
