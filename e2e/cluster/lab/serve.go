package main

import (
	"github.com/spf13/cobra"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/dns"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/node"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/provisioner"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/registry"
)

// serveCommand is what `lab up` starts: nobody calls it by hand.
func serveCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{Use: "serve", Short: "Run a part of an instance", Hidden: true}
	dirFlag(command, &dir)
	for name, run := range map[string]func(*instance.Instance) error{"dns": dns.Serve, "provisioner": provisioner.Run, "registry": registry.Serve} {
		command.AddCommand(&cobra.Command{
			Use: name, Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				of, err := instance.Load(dir)
				if err != nil {
					return err
				}
				return run(of)
			},
		})
	}
	for name, run := range map[string]fault{"cgroup": node.EnterGroup, "node": node.Run} {
		command.AddCommand(serveNode(name, &dir, run))
	}
	return command
}

func serveNode(name string, dir *string, run fault) *cobra.Command {
	var node string
	command := &cobra.Command{
		Use: name, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			of, groups, err := load(*dir)
			if err != nil {
				return err
			}
			which, err := of.Named(node)
			if err != nil {
				return err
			}
			return run(of, which, groups)
		},
	}
	command.Flags().StringVar(&node, "node", "", "which node")
	return command
}
