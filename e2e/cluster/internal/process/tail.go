package process

import (
	"os"
	"strings"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Tail is the end of a process's log, for the report of a failure.
func Tail(of *instance.Instance, name string, lines int) string {
	text, err := os.ReadFile(of.Log(name))
	if err != nil || len(text) == 0 {
		return "  (it said nothing)"
	}
	said := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(said) > lines {
		said = said[len(said)-lines:]
	}
	return "  " + strings.Join(said, "\n  ")
}
