// Package cgroups keeps what a node runs in groups of its own, in either version of Linux's control groups.
package cgroups

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is where every Linux mounts them.
const Root = "/sys/fs/cgroup"

// Hierarchy is one tree of groups.
type Hierarchy struct {
	// Path is where it is mounted, here and inside of a node.
	Path string
	// Options are what it is mounted with: the controllers of version 1, or a name; none for version 2.
	Options []string
}

// Hierarchies are all of the machine: several of version 1, or one of version 2.
type Hierarchies struct {
	Unified bool
	Each    []Hierarchy
}

// needed are the controllers that kubelet and runc cannot do without.
var needed = []string{"cpu", "cpuset", "memory", "pids"}

// Detect finds what this machine has; an error if it is not enough.
func Detect() (*Hierarchies, error) {
	var status unix.Statfs_t
	if err := unix.Statfs(Root, &status); err != nil {
		return nil, fmt.Errorf("look at %s: %w", Root, err)
	}
	if status.Type == unix.CGROUP2_SUPER_MAGIC {
		controllers, err := os.ReadFile(filepath.Join(Root, "cgroup.controllers"))
		if err != nil {
			return nil, fmt.Errorf("read the machine's cgroup controllers: %w", err)
		}
		found := &Hierarchies{Unified: true, Each: []Hierarchy{{Path: Root}}}
		return found, enough(strings.Fields(string(controllers)))
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mounts: %w", err)
	}
	defer mounts.Close()
	found := &Hierarchies{Each: parse(mounts)}
	var controllers []string
	for _, hierarchy := range found.Each {
		controllers = append(controllers, hierarchy.Options...)
	}
	return found, enough(controllers)
}

func enough(controllers []string) error {
	var missing []string
	for _, name := range needed {
		if !slices.Contains(controllers, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return errors.New("this machine offers no cgroup controller for " + strings.Join(missing, ", ") + " in " + Root)
	}
	return nil
}

// parse reads the hierarchies of version 1 from a mountinfo.
func parse(mounts io.Reader) []Hierarchy {
	var found []Hierarchy
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 || kind[0] != "cgroup" || filepath.Dir(fields[4]) != Root {
			continue
		}
		var options []string
		for option := range strings.SplitSeq(kind[2], ",") {
			if option != "rw" && option != "ro" {
				options = append(options, option)
			}
		}
		found = append(found, Hierarchy{Path: fields[4], Options: options})
	}
	return found
}

// named tells that a hierarchy has no controller, only a name.
func (h Hierarchy) named() bool {
	return len(h.Options) > 0 && strings.HasPrefix(h.Options[len(h.Options)-1], "name=")
}

func (h Hierarchy) has(controller string) bool { return slices.Contains(h.Options, controller) }
