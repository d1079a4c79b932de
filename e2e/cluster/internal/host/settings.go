package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Every node's containerd and kubelet watch files; the usual 128 of a user are too few for three of them.
const (
	watchers     = "fs/inotify/max_user_instances"
	watchersLeft = 8192
)

// changed are the settings of the whole machine that the lab, or a kubelet, changes.
var changed = []string{
	watchers,
	"kernel/keys/root_maxbytes",
	"kernel/keys/root_maxkeys",
	"kernel/panic",
	"kernel/panic_on_oops",
	"vm/overcommit_memory",
	"vm/panic_on_oom",
}

var settings = "/proc/sys"

func saved() string { return filepath.Join(root, "settings.json") }

// PrepareSettings notes the machine's settings, unless another instance has done so before it changed them, and raises what
// is too low.
func PrepareSettings() error {
	if _, err := os.Stat(saved()); errors.Is(err, fs.ErrNotExist) {
		if err := saveSettings(); err != nil {
			return err
		}
	}
	current, err := readSetting(watchers)
	if err != nil {
		return err
	}
	if number, err := strconv.Atoi(current); err == nil && number >= watchersLeft {
		return nil
	}
	return writeSetting(watchers, strconv.Itoa(watchersLeft))
}

func saveSettings() error {
	values := map[string]string{}
	for _, name := range changed {
		value, err := readSetting(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		values[name] = value
	}
	text, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return fmt.Errorf("note the kernel's settings: %w", err)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("note the kernel's settings: %w", err)
	}
	if err := os.WriteFile(saved()+".new", text, 0o644); err != nil {
		return fmt.Errorf("note the kernel's settings: %w", err)
	}
	return os.Rename(saved()+".new", saved())
}

func restoreSettings() error {
	text, err := os.ReadFile(saved())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the kernel's former settings: %w", err)
	}
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("read the kernel's former settings from %s: %w", saved(), err)
	}
	var failed []error
	for name, value := range values {
		if current, err := readSetting(name); err == nil && current == value {
			continue
		}
		failed = append(failed, writeSetting(name, value))
	}
	return errors.Join(failed...)
}

func readSetting(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(settings, name))
	if err != nil {
		return "", fmt.Errorf("read the kernel's setting %s: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}

func writeSetting(name, value string) error {
	if err := os.WriteFile(filepath.Join(settings, name), []byte(value), 0); err != nil {
		return fmt.Errorf("set the kernel's %s to %s: %w", name, value, err)
	}
	return nil
}
