// Command lab makes a whole Kubernetes cluster on this machine, breaks it as tests want it broken, and takes it away.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	if err := root().Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "error: %s\n", strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}

func root() *cobra.Command {
	command := &cobra.Command{
		Use:   "lab",
		Short: "A real Kubernetes on this machine, for tests and for looking at",
		Long: `Makes a Kubernetes cluster of several nodes on this machine, without Docker: each node is a group of processes with
file systems, a network and cgroups of its own, and runs containerd, kubelet and kube-proxy.

An instance is known by its directory (--dir), which holds all that it writes. Several can run at once.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.CompletionOptions.DisableDefaultCmd = true
	command.AddCommand(upCommand(), downCommand(), statusCommand(), pushCommand(), apiserverCommand(), nodeCommand(), podCommand(), serveCommand())
	return command
}
