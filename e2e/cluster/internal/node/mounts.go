package node

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// private are the folders in which a node sees its own, kept below its directory.
var private = []string{"/var/lib", "/var/log"}

// mount makes the file systems of a node: the machine's programs, but its own state.
func mount(of *instance.Instance, node instance.Node, groups *cgroups.Hierarchies) error {
	// First private, or the machine would see every mount of ours; then shared among ourselves, as kubelet passes what it
	// mounts on to containers.
	for _, propagation := range []uintptr{unix.MS_PRIVATE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", propagation|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("keep the node's mounts apart: %w", err)
		}
	}
	for _, system := range []struct{ kind, path, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"tmpfs", "/run", "mode=755"},
	} {
		if err := unix.Mount(system.kind, system.path, system.kind, unix.MS_NOSUID|unix.MS_NODEV, system.options); err != nil {
			return fmt.Errorf("mount %s: %w", system.path, err)
		}
	}
	if err := groups.MountInside(); err != nil {
		return err
	}
	for _, folder := range private {
		own := of.NodePath(node.Name, folder)
		if err := os.MkdirAll(own, 0o755); err != nil {
			return fmt.Errorf("make the node's %s: %w", folder, err)
		}
		if err := unix.Mount(own, folder, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount the node's %s: %w", folder, err)
		}
	}
	return nil
}
