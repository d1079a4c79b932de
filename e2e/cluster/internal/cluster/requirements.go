package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/node"
)

// programs are what the machine has to have, with the Debian packages that bring them.
var programs = []struct{ name, from string }{
	{"containerd", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"mount", "mount"},
}

// check finds out before anything is changed whether this machine can run a cluster.
func check(of *instance.Instance) (*cgroups.Hierarchies, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can make nodes: namespaces, mounts, links and cgroups")
	}
	for _, name := range []string{"kube", "pause", "lab"} {
		if _, err := os.Stat(of.Program(name)); err != nil {
			return nil, fmt.Errorf("the program %s is not beside ours: %w", name, err)
		}
	}
	var missing []error
	for _, program := range programs {
		if _, err := exec.LookPath(program.name); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: apt-get install %s", program.name, program.from))
		}
	}
	if _, err := node.Plugins(); err != nil {
		missing = append(missing, err)
	}
	groups, err := cgroups.Detect()
	return groups, errors.Join(append(missing, err)...)
}
