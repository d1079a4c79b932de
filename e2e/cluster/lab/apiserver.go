package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/controlplane"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/host"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// serveTime is how long the API server may take to serve again.
const serveTime = time.Minute

func apiserverCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "apiserver stop|start --dir DIR",
		Short: "Let the API server be gone for a while",
	}
	dirFlag(command, &dir)
	command.AddCommand(
		&cobra.Command{
			Use:   "stop",
			Short: "End the API server and the controllers; pods run on",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				return withLock(dir, stopAPIServer)
			},
		},
		&cobra.Command{
			Use:   "start",
			Short: "Start the API server and wait until it serves",
			Args:  cobra.NoArgs,
			RunE: func(command *cobra.Command, _ []string) error {
				return withLock(dir, func(of *instance.Instance) error { return startAPIServer(command.Context(), of) })
			},
		},
	)
	return command
}

// stopAPIServer ends the controllers first: when they found the API server again before the nodes do, all nodes would look
// dead to them.
func stopAPIServer(of *instance.Instance) error {
	if err := controlplane.Controllers.Stop(of); err != nil {
		return err
	}
	return controlplane.APIServer.Stop(of)
}

func startAPIServer(ctx context.Context, of *instance.Instance) error {
	if err := controlplane.APIServer.Start(of); err != nil {
		return err
	}
	client, err := controlplane.Client(of)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, serveTime)
	defer cancel()
	if err := controlplane.WaitReady(ctx, of, client); err != nil {
		return fmt.Errorf("start the API server: %w", err)
	}
	return controlplane.Controllers.Start(of)
}

// withLock runs an action on an instance while no other command does.
func withLock(dir string, action func(*instance.Instance) error) error {
	of, err := instance.Load(dir)
	if err != nil {
		return err
	}
	return host.Locked(of.Name, func() error { return action(of) })
}
