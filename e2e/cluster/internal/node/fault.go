package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/process"
)

// Children are the programs that a node runs.
var Children = []string{"containerd", "kubelet", "kube-proxy"}

// StopChild ends one of a node's programs; pods run on without it. It stays away until StartChild.
func StopChild(of *instance.Instance, node instance.Node, child string) error {
	if err := known(child); err != nil {
		return err
	}
	if err := os.WriteFile(StopFile(of, node, child), nil, 0o644); err != nil {
		return fmt.Errorf("keep %s from being started again: %w", child, err)
	}
	return process.End(of, node.Name+"/"+child, 10*time.Second)
}

// StartChild lets a stopped program run again.
func StartChild(of *instance.Instance, node instance.Node, child string) error {
	if err := known(child); err != nil {
		return err
	}
	if err := os.Remove(StopFile(of, node, child)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("let %s start again: %w", child, err)
	}
	return nil
}

// KillChild ends one of a node's programs with SIGKILL; the node starts it again at once.
func KillChild(of *instance.Instance, node instance.Node, child string) error {
	if err := known(child); err != nil {
		return err
	}
	there, err := process.Signal(of, node.Name+"/"+child, syscall.SIGKILL)
	if err == nil && !there {
		return fmt.Errorf("%s does not run on %s", child, node.Name)
	}
	return err
}

func known(child string) error {
	if !slices.Contains(Children, child) {
		return fmt.Errorf("a node runs no %q: it is one of %s", child, strings.Join(Children, ", "))
	}
	return nil
}
