package shortlist_test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestExampleRuns(t *testing.T) {
	output, err := exec.Command("go", "run", "./example", "-address", env(t, "SHORTLIST_ADDRESS"), "-user", "user-1").Output()
	text := string(must(t, output, err))
	for _, expected := range []string{"For user-1", "After a click on item-", "Like item-", "Refused: num_items"} {
		if !strings.Contains(text, expected) {
			t.Errorf("%q is missing in:\n%s", expected, text)
		}
	}
}
