// Package kept_test tests labs that last, through the commands that start, use and end them.
package kept_test

import (
	"os"
	"testing"

	"lablab/internal/nstest"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("LABLAB_LANG", "en") // the tests expect English, whatever the user's language
	nstest.OwnLabs()
	os.Exit(nstest.Run(m))
}
