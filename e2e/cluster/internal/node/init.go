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
)

const containerdSocket = "/run/containerd/containerd.sock"

// Run is PID 1 of a node. It returns only if the node cannot be set up.
func Run(of *instance.Instance, node instance.Node, groups *cgroups.Hierarchies) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("this is what a node runs within its namespaces; `lab node start %s` starts one", node.Name)
	}
	if err := syscall.Sethostname([]byte(node.Name)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := mount(of, node, groups); err != nil {
		return err
	}
	if err := network.SetUpInside(of, node); err != nil {
		return err
	}
	settings, err := settingsOf(of, node)
	if err != nil {
		return err
	}
	if err := settings.write(); err != nil {
		return err
	}
	containerd, err := exec.LookPath("containerd")
	if err != nil {
		return fmt.Errorf("find containerd: %w", err)
	}
	family := newFamily(of, node)
	go family.reap()
	go family.keep("containerd", containerd, "--config", files["containerd.toml"])
	// kubelet would wait by itself, but for longer than it takes.
	for started := time.Now(); !exists(containerdSocket) && time.Since(started) < startPatience; {
		time.Sleep(10 * time.Millisecond)
	}
	kube := of.Program("kube")
	go family.keep("kube-proxy", kube, "kube-proxy", "--config", files["kube-proxy.yaml"])
	family.keep("kubelet", kube, "kubelet",
		"--config", files["kubelet.yaml"],
		"--kubeconfig", of.Kubeconfig(node.Name),
		"--hostname-override", node.Name,
		"--node-ip", node.Address.String(),
		"--node-labels", "topology.kubernetes.io/zone="+node.Zone+",topology.kubernetes.io/region=lab",
		"--root-dir", "/var/lib/kubelet",
		"--cert-dir", "/var/lib/kubelet/pki",
	)
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
