package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cluster"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func podCommand() *cobra.Command {
	var dir, container string
	command := &cobra.Command{
		Use:   "pod pids|kill NAMESPACE/POD --dir DIR",
		Short: "Find a pod's processes on this machine, or kill them",
	}
	dirFlag(command, &dir)
	command.PersistentFlags().StringVar(&container, "container", "", "only this container's")
	var signal string
	kill := &cobra.Command{
		Use:   "kill NAMESPACE/POD",
		Short: "Send the pod's processes a signal, as the kernel's or a person's",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			number := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(signal), "SIG"))
			if number == 0 {
				return fmt.Errorf("there is no signal %q", signal)
			}
			return onPod(command.Context(), dir, arguments[0], container, func(pid int) error { return send(pid, number) })
		},
	}
	kill.Flags().StringVar(&signal, "signal", "KILL", "which signal")
	command.AddCommand(kill, &cobra.Command{
		Use:   "pids NAMESPACE/POD",
		Short: "Print the pod's processes as this machine numbers them",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			return onPod(command.Context(), dir, arguments[0], container, func(pid int) error {
				_, err := fmt.Println(pid)
				return err
			})
		},
	})
	return command
}

func send(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("signal the process %d: %w", pid, err)
	}
	return nil
}

func onPod(ctx context.Context, dir, name, container string, act func(pid int) error) error {
	of, err := instance.Load(dir)
	if err != nil {
		return err
	}
	namespace, pod, ok := strings.Cut(name, "/")
	if !ok {
		return fmt.Errorf("name the pod as NAMESPACE/POD, not %q", name)
	}
	pids, err := cluster.PodProcesses(ctx, of, namespace, pod, container)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := act(pid); err != nil {
			return err
		}
	}
	return nil
}
