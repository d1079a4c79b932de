package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Freeze stops every process of the group where it stands, as a machine that hangs; Thaw lets them go on.
func (g Group) Freeze() error { return g.setFrozen(true) }

// Thaw lets frozen processes go on. Frozen ones of version 1 cannot even be killed.
func (g Group) Thaw() error { return g.setFrozen(false) }

// Frozen tells whether the group is.
func (g Group) Frozen() bool {
	file, frozen, _ := g.freezer()
	text, err := os.ReadFile(file)
	return err == nil && strings.TrimSpace(string(text)) == frozen
}

func (g Group) setFrozen(wanted bool) error {
	file, frozen, thawed := g.freezer()
	if file == "" {
		return errors.New("this machine has no cgroup freezer")
	}
	value := thawed
	if wanted {
		value = frozen
	}
	err := os.WriteFile(file, []byte(value), 0)
	if errors.Is(err, fs.ErrNotExist) && !wanted {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %s to %s: %w", file, value, err)
	}
	for started := time.Now(); wanted && !g.Frozen(); time.Sleep(10 * time.Millisecond) {
		if time.Since(started) > 10*time.Second {
			return fmt.Errorf("the cgroup %s does not freeze", g.path)
		}
	}
	return nil
}

// freezer is the file that freezes, and what it says when frozen and when not.
func (g Group) freezer() (file, frozen, thawed string) {
	for _, hierarchy := range g.in.Each {
		switch {
		case g.in.Unified:
			return filepath.Join(hierarchy.Path, g.path, "cgroup.freeze"), "1", "0"
		case hierarchy.has("freezer"):
			return filepath.Join(hierarchy.Path, g.path, "freezer.state"), "FROZEN", "THAWED"
		}
	}
	return "", "", ""
}
