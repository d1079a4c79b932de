package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cluster"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func downCommand() *cobra.Command {
	var name, dir string
	command := &cobra.Command{
		Use:   "down --name NAME --dir DIR",
		Short: "Take an instance away, its volumes too",
		Long: `Takes everything of an instance away: processes, mounts, links, routes, cgroups, files and volumes; the last one gives the
kernel its settings back. It does so too for one that is half made or was left by a crash, and it is no error if there is none.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			named, err := instance.New(name, dir, "", 1)
			if err != nil {
				return err
			}
			started := time.Now()
			was, err := cluster.Down(named)
			if err != nil {
				return err
			}
			if !was {
				fmt.Printf("%s: there was no instance in %s\n", name, named.Dir)
				return nil
			}
			fmt.Printf("%5.1f s  %s: is gone\n", time.Since(started).Seconds(), name)
			return nil
		},
	}
	nameFlag(command, &name)
	dirFlag(command, &dir)
	return command
}
