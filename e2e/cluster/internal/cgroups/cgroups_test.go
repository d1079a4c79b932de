package cgroups

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const mountinfo = `25 30 0:23 / /sys rw,nosuid - sysfs sysfs rw
30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
34 30 0:30 / /elsewhere/memory rw - cgroup cgroup rw,memory
`

func TestHierarchiesAreReadFromTheMounts(t *testing.T) {
	wanted := []Hierarchy{
		{Path: "/sys/fs/cgroup/cpu,cpuacct", Options: []string{"cpu", "cpuacct"}},
		{Path: "/sys/fs/cgroup/systemd", Options: []string{"xattr", "name=systemd"}},
	}
	found := parse(strings.NewReader(mountinfo))
	if !reflect.DeepEqual(found, wanted) {
		t.Fatalf("%+v", found)
	}
	if found[0].named() || !found[1].named() {
		t.Fatal("which of them has only a name?")
	}
}

func TestAMissingControllerIsNamed(t *testing.T) {
	if err := enough([]string{"cpu", "memory", "pids"}); err == nil || !strings.Contains(err.Error(), "cpuset") {
		t.Fatal(err)
	}
}

// tree is a hierarchy made of ordinary folders.
func tree(t *testing.T) (*Hierarchies, string) {
	t.Helper()
	root := t.TempDir()
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte("0-1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Hierarchies{Each: []Hierarchy{{Path: root, Options: []string{"cpuset"}}}}, root
}

func TestAGroupBelowIsMadeWithItsParentsProcessors(t *testing.T) {
	hierarchies, root := tree(t)
	// The kernel makes these files; here they have to be there for the write, which doesn't create.
	for _, group := range []string{"sutra-lab-e2e", "sutra-lab-e2e/node1"} {
		if err := os.Mkdir(filepath.Join(root, group), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := os.WriteFile(filepath.Join(root, group, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := hierarchies.Of("e2e").Child("node1").Make(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(root, "sutra-lab-e2e/node1/cpuset.cpus")); string(got) != "0-1" {
		t.Fatalf("%q", got)
	}
}

func TestRemovingTakesGroupsBelowAndNothingBeside(t *testing.T) {
	hierarchies, root := tree(t)
	for _, path := range []string{"sutra-lab-e2e/node1/kubepods/pod", "sutra-lab-up/node1"} {
		if err := os.MkdirAll(filepath.Join(root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := hierarchies.Of("e2e").Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "sutra-lab-e2e")); err == nil {
		t.Fatal("it is still there")
	}
	if _, err := os.Stat(filepath.Join(root, "sutra-lab-up/node1")); err != nil {
		t.Fatal("another instance's was removed")
	}
}
