package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/host"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/network"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/process"
)

// Down takes away everything of an instance, whether it is whole, half made, or not there; it tells whether it was there.
// Its volumes go too.
func Down(named *instance.Instance) (bool, error) {
	if os.Geteuid() != 0 {
		return false, errors.New("only root can take nodes away")
	}
	of, err := instance.Load(named.Dir)
	was := err == nil
	switch {
	case errors.Is(err, instance.ErrNone):
		// Whatever is left of it is found by its name and directory.
		of = named
	case err != nil:
		return false, err
	case of.Name != named.Name:
		return false, fmt.Errorf("the instance in %s is called %q, not %q", of.Dir, of.Name, named.Name)
	}
	marks, err := host.Marks()
	if err != nil {
		return was, err
	}
	if dir, marked := marks[of.Name]; marked && dir != of.Dir {
		return was, fmt.Errorf("the instance %q lives in %s: `lab down --name %s --dir %s`", of.Name, dir, of.Name, dir)
	}
	groups, err := cgroups.Detect()
	if err != nil {
		return was, err
	}
	return was, host.Locked(of.Name, func() error { return takeDown(of, groups) })
}

// takeDown goes on after a failure, and tells of all of them: one thing that stays must not keep the others.
func takeDown(of *instance.Instance, groups *cgroups.Hierarchies) error {
	group := groups.Of(of.Name)
	var failed []error
	for number := 1; number <= instance.MaxNodes; number++ {
		failed = append(failed, group.Child(of.Node(number).Name).Thaw())
	}
	for _, step := range []func() error{
		func() error { return process.KillAll(of) },
		group.Kill,
		group.Remove,
		func() error { return network.CloseFirewall(of) },
		func() error { return network.RemoveLinks(of) },
		func() error { return unmountBelow(of.Dir) },
	} {
		failed = append(failed, step())
	}
	// The files stay as long as something may still use them: by them, the next attempt knows what is left.
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := removeFiles(of); err != nil {
		return err
	}
	return host.Locked(host.Machine, func() error { return host.Unmark(of.Name) })
}

// unmountBelow takes away mounts on this machine that lie in the instance's directory; there are none unless somebody made some.
func unmountBelow(dir string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read the mounts: %w", err)
	}
	var paths []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			paths = append(paths, fields[4])
		}
	}
	// The deepest first.
	sort.Sort(sort.Reverse(sort.StringSlice(paths)))
	for _, path := range paths {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return nil
}

// removeFiles removes the directory if it is an instance's; its own file goes last, so that what was interrupted is known.
func removeFiles(of *instance.Instance) error {
	if _, err := instance.Load(of.Dir); errors.Is(err, instance.ErrNone) {
		return nil
	}
	entries, err := os.ReadDir(of.Dir)
	if err != nil {
		return fmt.Errorf("list the instance's files: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == instance.File {
			continue
		}
		if err := os.RemoveAll(filepath.Join(of.Dir, entry.Name())); err != nil {
			return fmt.Errorf("remove the instance's files: %w", err)
		}
	}
	if err := os.RemoveAll(of.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the instance's directory: %w", err)
	}
	return nil
}
