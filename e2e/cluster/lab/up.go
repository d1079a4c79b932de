package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cluster"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func upCommand() *cobra.Command {
	var name, dir string
	var nodes int
	command := &cobra.Command{
		Use:   "up --name NAME --dir DIR [--nodes N]",
		Short: "Make an instance, or mend one that is broken",
		Long: `Makes an instance and returns when pods can run on it. One that is up is left alone; of one that is broken, what is
missing is started again, and faults that were made are undone.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			lab, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find our own program: %w", err)
			}
			wanted, err := instance.New(name, dir, filepath.Dir(lab), nodes)
			if err != nil {
				return err
			}
			started := time.Now()
			of, err := cluster.Up(command.Context(), wanted, func(step string) {
				fmt.Printf("%5.1f s  %s: %s\n", time.Since(started).Seconds(), name, step)
			})
			if err != nil {
				return fmt.Errorf("%w\n`lab up` again goes on; `lab down --name %s --dir %s` takes away what there is", err, name, wanted.Dir)
			}
			fmt.Printf("export KUBECONFIG=%s\n", of.Kubeconfig("admin"))
			return nil
		},
	}
	nameFlag(command, &name)
	dirFlag(command, &dir)
	command.Flags().IntVar(&nodes, "nodes", 3, fmt.Sprintf("how many nodes, 1 to %d", instance.MaxNodes))
	return command
}

func nameFlag(command *cobra.Command, name *string) {
	command.Flags().StringVar(name, "name", "", "what the instance is called: at most 8 lower-case letters and digits")
	_ = command.MarkFlagRequired("name")
}

func dirFlag(command *cobra.Command, dir *string) {
	command.PersistentFlags().StringVar(dir, "dir", "", "the instance's directory")
	_ = command.MarkPersistentFlagRequired("dir")
}
