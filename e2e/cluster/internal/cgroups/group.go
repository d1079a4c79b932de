package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Group is a path below every hierarchy's root.
type Group struct {
	in *Hierarchies
	// path has no slash in front.
	path string
}

// Of is the group that holds all nodes of an instance.
func (h *Hierarchies) Of(instance string) Group { return Group{in: h, path: "sutra-lab-" + instance} }

// Child is a group within.
func (g Group) Child(name string) Group { return Group{in: g.in, path: filepath.Join(g.path, name)} }

func (g Group) folders() []string {
	folders := make([]string, 0, len(g.in.Each))
	for _, hierarchy := range g.in.Each {
		folders = append(folders, filepath.Join(hierarchy.Path, g.path))
	}
	return folders
}

// Make makes the group and those above it.
func (g Group) Make() error {
	for _, hierarchy := range g.in.Each {
		folder := hierarchy.Path
		for _, name := range strings.Split(g.path, string(filepath.Separator)) {
			parent := folder
			folder = filepath.Join(folder, name)
			if g.in.Unified {
				// A group has the controllers that its parent passes on.
				if err := passOn(parent); err != nil {
					return err
				}
			}
			if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("make the cgroup %s: %w", folder, err)
			}
			if hierarchy.has("cpuset") {
				// No process can enter a new one before it has been given processors and memory.
				if err := inherit(parent, folder, "cpuset.cpus", "cpuset.mems"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func inherit(parent, child string, files ...string) error {
	for _, file := range files {
		value, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return fmt.Errorf("read the cgroup's %s: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(child, file), value, 0); err != nil {
			return fmt.Errorf("set %s of the cgroup %s: %w", file, child, err)
		}
	}
	return nil
}

// passOn lets the groups below FOLDER have every controller that it has itself.
func passOn(folder string) error {
	controllers, err := os.ReadFile(filepath.Join(folder, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("read the controllers of the cgroup %s: %w", folder, err)
	}
	for _, name := range strings.Fields(string(controllers)) {
		err := os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte("+"+name), 0)
		// Some, as cpu with real-time processes about, cannot be passed on; only what is needed must be.
		if err != nil && slices.Contains(needed, name) {
			return fmt.Errorf("let the groups below %s have the controller %s: %w", folder, name, err)
		}
	}
	return nil
}

// Enter moves this process into the group.
func (g Group) Enter() error {
	for _, folder := range g.folders() {
		if err := os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			return fmt.Errorf("enter the cgroup %s: %w", folder, err)
		}
	}
	return nil
}

// Processes are those of the group and of all below it.
func (g Group) Processes() []int {
	seen := map[int]bool{}
	var found []int
	for _, folder := range g.folders() {
		_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil
			}
			text, _ := os.ReadFile(path)
			for _, word := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(word); err == nil && pid > 0 && !seen[pid] {
					seen[pid] = true
					found = append(found, pid)
				}
			}
			return nil
		})
	}
	return found
}

// Kill ends every process of the group and of those below it, frozen ones too.
func (g Group) Kill() error {
	for started := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		pids := g.Processes()
		if len(pids) == 0 {
			return nil
		}
		if time.Since(started) > 20*time.Second {
			return fmt.Errorf("the processes %v of the cgroup %s do not end", pids, g.path)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// Remove takes the group away and all below it. They have to be empty; one whose last process has just ended is busy for a
// moment longer.
func (g Group) Remove() error {
	var last error
	for started := time.Now(); time.Since(started) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		last = nil
		for _, folder := range g.folders() {
			if err := removeTree(folder); err != nil {
				last = err
			}
		}
		if last == nil {
			return nil
		}
	}
	return fmt.Errorf("remove the cgroup %s: %w", g.path, last)
}

// removeTree removes folders only: the files in them are the kernel's.
func removeTree(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "rmdir", Path: folder, Err: err}
	}
	return nil
}
