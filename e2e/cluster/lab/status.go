package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cluster"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/controlplane"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/host"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func statusCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "status [--dir DIR]",
		Short: "List this machine's instances, or tell how one is",
		Long:  "Lists this machine's instances; with --dir, tells how that one is, and fails unless all is well.",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if dir == "" {
				return list()
			}
			of, groups, err := load(dir)
			if err != nil {
				return err
			}
			state := cluster.Look(command.Context(), of, groups)
			show(of, state)
			if !state.Healthy() {
				return fmt.Errorf("%s is not well: `lab up --name %s --dir %s --nodes %d` mends it", of.Name, of.Name, of.Dir, of.Nodes)
			}
			return nil
		},
	}
	command.Flags().StringVar(&dir, "dir", "", "the instance's directory")
	return command
}

func list() error {
	found, err := host.Marks()
	if err != nil {
		return err
	}
	if len(found) == 0 {
		fmt.Println("no instances")
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		fmt.Printf("%-8s  %s\n", name, found[name])
	}
	return nil
}

func show(of *instance.Instance, state cluster.State) {
	fmt.Printf("instance   %s in %s\n", of.Name, of.Dir)
	fmt.Printf("kubeconfig %s\n", of.Kubeconfig("admin"))
	fmt.Printf("audit log  %s\n", of.AuditLog())
	fmt.Printf("addresses  machines %s, pods %s, services %s\n", of.Machines(), of.Pods(), of.Services())
	for _, part := range controlplane.All {
		fmt.Printf("  %-24s %s\n", part.Name, word(state.Parts[part.Name], "runs", "stopped"))
	}
	for _, node := range state.Nodes {
		fmt.Printf("  %-24s %s, %s, cable %s, pid %d, %s%s\n", node.Name, node.Zone, node.Address, node.Cable, node.PID,
			word(node.Ready, "ready", "not ready"), word(node.Frozen, ", paused", ""))
	}
	if state.Lacks != "" {
		fmt.Println("  " + state.Lacks)
	}
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// load finds an instance and the machine's cgroups, which every command on a node needs.
func load(dir string) (*instance.Instance, *cgroups.Hierarchies, error) {
	of, err := instance.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	groups, err := cgroups.Detect()
	return of, groups, err
}
