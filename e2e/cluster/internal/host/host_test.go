package host

import (
	"os"
	"path/filepath"
	"testing"
)

// machine replaces what belongs to the kernel by files.
func machine(t *testing.T) {
	t.Helper()
	formerRoot, formerSettings := root, settings
	t.Cleanup(func() { root, settings = formerRoot, formerSettings })
	root, settings = filepath.Join(t.TempDir(), "run"), t.TempDir()
	for name, value := range map[string]string{watchers: "128\n", "kernel/panic": "0\n"} {
		path := filepath.Join(settings, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func value(t *testing.T, name string) string {
	t.Helper()
	found, err := readSetting(name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheLastInstanceGivesTheSettingsBack(t *testing.T) {
	machine(t)
	for _, name := range []string{"e2e", "up"} {
		if err := Mark(name, "/dir/"+name); err != nil {
			t.Fatal(err)
		}
		if err := PrepareSettings(); err != nil {
			t.Fatal(err)
		}
		// As a kubelet does.
		if err := writeSetting("kernel/panic", "10"); err != nil {
			t.Fatal(err)
		}
	}
	if err := Unmark("e2e"); err != nil {
		t.Fatal(err)
	}
	if got := value(t, watchers); got != "8192" {
		t.Fatalf("one instance is left, but the watchers are %s", got)
	}
	if err := Unmark("up"); err != nil {
		t.Fatal(err)
	}
	if watchers, panics := value(t, watchers), value(t, "kernel/panic"); watchers != "128" || panics != "0" {
		t.Fatalf("left behind: watchers %s, panic %s", watchers, panics)
	}
	if err := Unmark("up"); err != nil {
		t.Fatalf("a second time: %v", err)
	}
}

func TestANameHasOneDirectory(t *testing.T) {
	machine(t)
	if err := Mark("e2e", "/a"); err != nil {
		t.Fatal(err)
	}
	if err := Mark("e2e", "/a"); err != nil {
		t.Fatalf("the same again: %v", err)
	}
	if err := Mark("e2e", "/b"); err == nil {
		t.Fatal("two directories share a name")
	}
}
