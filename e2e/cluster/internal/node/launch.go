// Package node runs a machine of the cluster: a process with file systems, a network, processes and groups of its own, in
// which containerd, kubelet and kube-proxy run as on a real one.
//
//	lab up ── Start ──▶ `lab serve cgroup` enters the node's cgroups
//	                      └─▶ `lab serve node`: PID 1 in new namespaces (init.go)
//	                             mounts, network, files, then the children: containerd, kubelet, kube-proxy
package node

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/network"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/process"
)

// namespaces are what a node has of its own.
const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID | syscall.CLONE_NEWCGROUP

// startPatience is how long a node's PID 1 may take to be there.
const startPatience = 15 * time.Second

// Start starts a node, unless it runs. It returns when the node is connected; kubelet says later that it is ready.
func Start(of *instance.Instance, node instance.Node, groups *cgroups.Hierarchies) error {
	if pid, err := process.Find(of, node.Name); err != nil || pid != 0 {
		return err
	}
	group := groups.Of(of.Name).Child(node.Name)
	// What a dead node has left.
	if err := clear(group); err != nil {
		return err
	}
	if err := group.Make(); err != nil {
		return err
	}
	lab, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	if err := process.Start(of, node.Name+"/cgroup", lab, "serve", "cgroup", "--dir", of.Dir, "--node", node.Name); err != nil {
		return err
	}
	pid, err := waitForInit(of, node)
	if err != nil {
		return err
	}
	return network.Plug(of, node, pid)
}

func waitForInit(of *instance.Instance, node instance.Node) (int, error) {
	for started := time.Now(); time.Since(started) < startPatience; time.Sleep(10 * time.Millisecond) {
		if pid, err := process.Find(of, node.Name); err != nil || pid != 0 {
			return pid, err
		}
	}
	return 0, fmt.Errorf("%s has not started; it said:\n%s", node.Name, process.Tail(of, node.Name, 10))
}

// EnterGroup moves this process into the node's cgroups and starts the node's PID 1 from there: a cgroup namespace begins
// where the process stands that makes it.
func EnterGroup(of *instance.Instance, node instance.Node, groups *cgroups.Hierarchies) error {
	if err := groups.Of(of.Name).Child(node.Name).Enter(); err != nil {
		return err
	}
	log, err := process.Log(of, node.Name)
	if err != nil {
		return err
	}
	defer log.Close()
	lab, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	command := exec.Command(lab, "serve", "node", "--dir", of.Dir, "--node", node.Name)
	command.Env = process.Environment(of, node.Name)
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: namespaces}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s in namespaces of its own: %w", node.Name, err)
	}
	// It goes on without us.
	return command.Process.Release()
}

// Kill ends a node at once, as when its power fails: its PID 1 takes everything in its namespace along.
func Kill(of *instance.Instance, node instance.Node, groups *cgroups.Hierarchies) error {
	if err := network.Unplug(node); err != nil {
		return err
	}
	group := groups.Of(of.Name).Child(node.Name)
	if err := group.Thaw(); err != nil {
		return err
	}
	if _, err := process.Signal(of, node.Name, syscall.SIGKILL); err != nil {
		return err
	}
	return clear(group)
}

func clear(group cgroups.Group) error {
	if err := group.Thaw(); err != nil {
		return err
	}
	if err := group.Kill(); err != nil {
		return err
	}
	return group.Remove()
}
