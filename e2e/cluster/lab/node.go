package main

import (
	"github.com/spf13/cobra"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/host"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/network"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/node"
)

// fault is something that is done to a node.
type fault func(*instance.Instance, instance.Node, *cgroups.Hierarchies) error

func nodeCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "node kill|start|pause|resume|link|service … --dir DIR",
		Short: "Break a node, and mend it",
	}
	dirFlag(command, &dir)
	on := func(use, short string, act fault) *cobra.Command {
		return &cobra.Command{
			Use: use + " NODE", Short: short, Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, arguments []string) error { return onNode(dir, arguments[0], act) },
		}
	}
	command.AddCommand(
		on("kill", "End a node at once, as when its power fails", node.Kill),
		on("start", "Start a node that was killed; its disk is as it was", node.Start),
		on("pause", "Stop all of a node's processes where they stand", func(of *instance.Instance, which instance.Node, groups *cgroups.Hierarchies) error {
			return groups.Of(of.Name).Child(which.Name).Freeze()
		}),
		on("resume", "Let a paused node go on", func(of *instance.Instance, which instance.Node, groups *cgroups.Hierarchies) error {
			return groups.Of(of.Name).Child(which.Name).Thaw()
		}),
		linkCommand(on),
		serviceCommand(&dir),
	)
	return command
}

func linkCommand(on func(string, string, fault) *cobra.Command) *cobra.Command {
	command := &cobra.Command{Use: "link down|up NODE", Short: "Cut a node off from the network; it runs on"}
	set := func(wanted network.Cable) fault {
		return func(_ *instance.Instance, which instance.Node, _ *cgroups.Hierarchies) error {
			return network.SetCable(which, wanted)
		}
	}
	command.AddCommand(
		on("down", "Pull the node's cable", set(network.CableDown)),
		on("up", "Plug the node's cable in", set(network.CableUp)),
	)
	return command
}

func serviceCommand(dir *string) *cobra.Command {
	command := &cobra.Command{
		Use:   "service stop|start|kill NODE containerd|kubelet|kube-proxy",
		Short: "End one of a node's programs; its pods run on",
	}
	for _, action := range []struct {
		name, short string
		act         func(*instance.Instance, instance.Node, string) error
	}{
		{"stop", "End a program and keep it away", node.StopChild},
		{"start", "Let a stopped program run again", node.StartChild},
		{"kill", "End a program with SIGKILL; the node starts it again", node.KillChild},
	} {
		command.AddCommand(&cobra.Command{
			Use: action.name + " NODE PROGRAM", Short: action.short, Args: cobra.ExactArgs(2),
			RunE: func(_ *cobra.Command, arguments []string) error {
				return onNode(*dir, arguments[0], func(of *instance.Instance, which instance.Node, _ *cgroups.Hierarchies) error {
					return action.act(of, which, arguments[1])
				})
			},
		})
	}
	return command
}

// onNode does something to a node; cluster IPs are then reached through one that is left.
func onNode(dir, name string, act fault) error {
	of, groups, err := load(dir)
	if err != nil {
		return err
	}
	which, err := of.Named(name)
	if err != nil {
		return err
	}
	return host.Locked(of.Name, func() error {
		if err := act(of, which, groups); err != nil {
			return err
		}
		return network.RouteToServices(of)
	})
}
