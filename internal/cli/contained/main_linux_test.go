// Package contained_test tests lablab in containers and control groups.
package contained_test

import (
	"os"
	"testing"

	"lablab/internal/nstest"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("LABLAB_LANG", "en") // the tests expect English, whatever the user's language
	os.Exit(nstest.Run(m))
}
