package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// leaf is where PID 1 of a node puts itself in version 2: a group that passes controllers on must hold no process itself.
const leaf = "init"

// MountInside mounts what a node sees of the hierarchies: its own group is their root, as it is in a cgroup namespace.
func (h *Hierarchies) MountInside() error {
	if h.Unified {
		return h.mountUnified()
	}
	if err := unix.Mount("tmpfs", Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", Root, err)
	}
	for _, hierarchy := range h.Each {
		if err := os.Mkdir(hierarchy.Path, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", hierarchy.Path, err)
		}
		options := strings.Join(hierarchy.Options, ",")
		if hierarchy.named() {
			options = "none," + options
		}
		if err := unix.Mount("cgroup", hierarchy.Path, "cgroup", 0, options); err != nil {
			return fmt.Errorf("mount %s: %w", hierarchy.Path, err)
		}
		if err := linkControllers(hierarchy); err != nil {
			return err
		}
	}
	return nil
}

// linkControllers gives each controller of a hierarchy that has several a path of its own, where programs look for it.
func linkControllers(hierarchy Hierarchy) error {
	if hierarchy.named() || len(hierarchy.Options) < 2 {
		return nil
	}
	for _, controller := range hierarchy.Options {
		path := filepath.Join(Root, controller)
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Base(hierarchy.Path), path); err != nil {
			return fmt.Errorf("link %s: %w", path, err)
		}
	}
	return nil
}

func (h *Hierarchies) mountUnified() error {
	if err := unix.Mount("cgroup2", Root, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", Root, err)
	}
	group := Group{in: h, path: leaf}
	if err := os.Mkdir(filepath.Join(Root, leaf), 0o755); err != nil {
		return fmt.Errorf("make the cgroup of PID 1: %w", err)
	}
	if err := group.Enter(); err != nil {
		return err
	}
	return passOn(Root)
}
