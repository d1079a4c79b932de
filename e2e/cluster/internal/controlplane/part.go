// Package controlplane runs what a cluster has one of: etcd, the API server, the controllers and the scheduler, and what stands
// beside them on the bridge: the registry, the names and the volumes.
package controlplane

import (
	_ "embed"
	"fmt"
	"os"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/process"
)

//go:embed audit.yaml
var auditPolicy []byte

// endPatience is how long a part may take to end by itself.
const endPatience = 5 * time.Second

// Part is one process of the control plane.
type Part struct {
	Name string
	// program is kube or lab.
	program   string
	arguments func(*instance.Instance) []string
}

// The parts. Those of the lab itself are `lab serve WHAT`.
var (
	Etcd        = Part{"etcd", "kube", etcd}
	APIServer   = Part{"kube-apiserver", "kube", apiserver}
	Controllers = Part{"kube-controller-manager", "kube", controllers}
	Scheduler   = Part{"kube-scheduler", "kube", scheduler}
	Registry    = own("registry")
	DNS         = own("dns")
	Provisioner = own("provisioner")
)

// All are the parts in the order in which they start.
var All = []Part{Registry, Etcd, APIServer, Controllers, Scheduler, DNS, Provisioner}

func own(what string) Part {
	return Part{what, "lab", func(of *instance.Instance) []string { return []string{"--dir", of.Dir} }}
}

// Start starts the part, unless it runs.
func (p Part) Start(of *instance.Instance) error {
	if runs, err := p.Runs(of); err != nil || runs {
		return err
	}
	arguments := append([]string{p.Name}, p.arguments(of)...)
	if p.program == "lab" {
		arguments = append([]string{"serve"}, arguments...)
	}
	return process.Start(of, p.Name, of.Program(p.program), arguments...)
}

// Stop ends the part, if it runs.
func (p Part) Stop(of *instance.Instance) error { return process.End(of, p.Name, endPatience) }

// Runs tells whether the part does.
func (p Part) Runs(of *instance.Instance) (bool, error) {
	pid, err := process.Find(of, p.Name)
	return pid != 0, err
}

// Complaint is what a part said last that should run and does not.
func (p Part) Complaint(of *instance.Instance) error {
	return fmt.Errorf("%s has ended; it said last (%s):\n%s", p.Name, of.Log(p.Name), process.Tail(of, p.Name, 8))
}

// Prepare writes the files that the parts read.
func Prepare(of *instance.Instance) error {
	for _, folder := range []string{"audit", "etcd", "log", "volumes"} {
		// etcd insists that its own is nobody else's.
		if err := os.MkdirAll(of.Path(folder), 0o700); err != nil {
			return fmt.Errorf("make the instance's directory: %w", err)
		}
	}
	if err := os.Chmod(of.Path("volumes"), 0o755); err != nil {
		return fmt.Errorf("open the volumes' directory: %w", err)
	}
	if err := os.WriteFile(of.Path("audit", "policy.yaml"), auditPolicy, 0o644); err != nil {
		return fmt.Errorf("write the audit policy: %w", err)
	}
	return nil
}
