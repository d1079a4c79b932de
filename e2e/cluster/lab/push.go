package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/controlplane"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/registry"
)

func pushCommand() *cobra.Command {
	var dir string
	var remote bool
	command := &cobra.Command{
		Use:   "push (--dir DIR | --remote) ARCHIVE.tar REFERENCE",
		Short: "Put an image where nodes pull it from",
		Long: `Puts the image of an archive (an OCI image layout in a tar file, or what "docker save" writes) into the instance's
registry; its digest is printed. The nodes take that registry for every other one: a pod that names REFERENCE gets the image,
whatever host stands in front.

With --remote the image goes to the registry that REFERENCE names, as the user that "docker login" has noted.`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, arguments []string) error {
			digest, err := push(dir, remote, arguments[0], arguments[1])
			if err != nil {
				return err
			}
			fmt.Println(digest)
			return nil
		},
	}
	command.Flags().StringVar(&dir, "dir", "", "the instance's directory")
	command.Flags().BoolVar(&remote, "remote", false, "push to the registry that the reference names")
	return command
}

func push(dir string, remote bool, archive, reference string) (string, error) {
	if remote == (dir != "") {
		return "", errors.New("name the instance's directory with --dir, or say --remote")
	}
	if remote {
		return registry.PushTo(archive, reference)
	}
	of, err := instance.Load(dir)
	if err != nil {
		return "", err
	}
	if runs, err := controlplane.Registry.Runs(of); err != nil || !runs {
		return "", errors.Join(err, fmt.Errorf("the registry of %s does not run: `lab up` starts it", of.Name))
	}
	return registry.Push(of, archive, reference)
}
