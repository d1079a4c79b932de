package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// root vanishes with a restart of the machine, as everything does that it tells of.
var root = "/run/sutra-lab"

func marks() string { return filepath.Join(root, "instances") }

// Mark notes that NAME lives in DIR. Another directory of the same name is refused: they would share links and cgroups.
func Mark(name, dir string) error {
	found, err := Marks()
	if err != nil {
		return err
	}
	if other, there := found[name]; there && other != dir {
		return fmt.Errorf("the instance %q lives in %s already; choose another name, or `lab down --name %s --dir %s` first", name, other, name, other)
	}
	if err := os.MkdirAll(marks(), 0o755); err != nil {
		return fmt.Errorf("note the instance: %w", err)
	}
	if err := os.WriteFile(filepath.Join(marks(), name), []byte(dir+"\n"), 0o644); err != nil {
		return fmt.Errorf("note the instance: %w", err)
	}
	return nil
}

// Marks are the instances of this machine: their directories by their names.
func Marks() (map[string]string, error) {
	entries, err := os.ReadDir(marks())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the instances: %w", err)
	}
	found := make(map[string]string, len(entries))
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(marks(), entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("list the instances: %w", err)
		}
		found[entry.Name()] = strings.TrimSpace(string(text))
	}
	return found, nil
}

// Unmark forgets NAME; the last one to go gives the kernel its settings back.
func Unmark(name string) error {
	if err := os.Remove(filepath.Join(marks(), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the instance: %w", err)
	}
	left, err := Marks()
	if err != nil || len(left) > 0 {
		return err
	}
	if err := restoreSettings(); err != nil {
		return err
	}
	if err := os.RemoveAll(root); err != nil {
		return fmt.Errorf("forget the instances: %w", err)
	}
	return nil
}
