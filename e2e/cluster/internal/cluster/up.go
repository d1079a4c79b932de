// Package cluster brings an instance up and takes it down.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/addons"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/controlplane"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/host"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/network"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/node"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/pki"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/registry"
)

// startPatience is how long a whole start may take: ten seconds on an idle machine with two cores.
const startPatience = 3 * time.Minute

// Up makes the instance, or what is missing of it. SAY is told each step.
func Up(ctx context.Context, wanted *instance.Instance, say func(string)) (*instance.Instance, error) {
	groups, err := check(wanted)
	if err != nil {
		return nil, err
	}
	var of *instance.Instance
	err = host.Locked(wanted.Name, func() error {
		if of, err = settle(wanted); err != nil {
			return err
		}
		if Look(ctx, of, groups).Healthy() {
			say("is up already")
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, startPatience)
		defer cancel()
		return start(ctx, of, groups, say)
	})
	return of, err
}

// settle finds the instance that is there, or decides what a new one is; and notes it before anything of it exists.
func settle(wanted *instance.Instance) (*instance.Instance, error) {
	of, err := instance.Load(wanted.Dir)
	switch {
	case errors.Is(err, instance.ErrNone):
		if err := empty(wanted.Dir); err != nil {
			return nil, err
		}
		of = nil
	case err != nil:
		return nil, err
	case of.Name != wanted.Name:
		return nil, fmt.Errorf("the instance in %s is called %q, not %q", of.Dir, of.Name, wanted.Name)
	case of.Nodes != wanted.Nodes:
		return nil, fmt.Errorf("the instance in %s has %d nodes, not %d: `lab down` it first", of.Dir, of.Nodes, wanted.Nodes)
	}
	err = host.Locked(host.Machine, func() error {
		if err := host.Mark(wanted.Name, wanted.Dir); err != nil {
			return err
		}
		of, err = place(wanted, of)
		if err != nil {
			return err
		}
		if err := host.PrepareSettings(); err != nil {
			return err
		}
		// Under the lock, so that the next instance sees which addresses are taken.
		return network.EnsureBridge(of)
	})
	return of, err
}

// place gives an instance its addresses. One that is there keeps those that its certificates are made for.
func place(wanted, found *instance.Instance) (*instance.Instance, error) {
	taken, err := network.Taken(wanted)
	if err != nil {
		return nil, err
	}
	if found == nil {
		made := *wanted
		if made.Slot, err = instance.ChooseSlot(made.Name, taken); err != nil {
			return nil, err
		}
		return &made, made.Save()
	}
	for _, route := range taken {
		if instance.Range(found.Slot).Overlaps(route) {
			return nil, fmt.Errorf("a route to %s has appeared, which overlaps with the instance's addresses %s: `lab down` and `lab up` choose others", route, instance.Range(found.Slot))
		}
	}
	return found, nil
}

func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("the directory %s holds something else: an instance needs one of its own", dir)
	}
	return nil
}

// start makes everything that is not there. Each step leaves alone what is.
func start(ctx context.Context, of *instance.Instance, groups *cgroups.Hierarchies, say func(string)) error {
	if err := prepare(of); err != nil {
		return err
	}
	for _, part := range []controlplane.Part{controlplane.Registry, controlplane.Etcd, controlplane.APIServer} {
		if err := part.Start(of); err != nil {
			return err
		}
	}
	if err := pushPause(ctx, of); err != nil {
		return err
	}
	client, err := controlplane.Client(of)
	if err != nil {
		return err
	}
	if err := controlplane.WaitReady(ctx, of, client); err != nil {
		return err
	}
	say("the API server serves")
	since := time.Now()
	if err := startOthers(ctx, of, groups, client); err != nil {
		return err
	}
	if err := waitUsable(ctx, of, client, since); err != nil {
		return err
	}
	say(fmt.Sprintf("%d nodes are ready", of.Nodes))
	return nil
}

func prepare(of *instance.Instance) error {
	// An instance that is repaired goes on with the programs that repair it.
	lab, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	of.Programs = programsBeside(lab)
	if err := of.Save(); err != nil {
		return err
	}
	if err := network.OpenFirewall(of); err != nil {
		return err
	}
	if err := controlplane.Prepare(of); err != nil {
		return err
	}
	return pki.Issue(of)
}

func startOthers(ctx context.Context, of *instance.Instance, groups *cgroups.Hierarchies, client kubernetes.Interface) error {
	for _, part := range controlplane.All {
		if err := part.Start(of); err != nil {
			return err
		}
	}
	var nodes errgroup.Group
	for _, machine := range of.All() {
		nodes.Go(func() error { return restore(of, machine, groups) })
	}
	nodes.Go(func() error { return applyAddons(ctx, of, client) })
	if err := nodes.Wait(); err != nil {
		return err
	}
	if err := network.RouteToPods(of); err != nil {
		return err
	}
	return network.RouteToServices(of)
}

// restore starts a node, and undoes what may have been done to one that runs.
func restore(of *instance.Instance, machine instance.Node, groups *cgroups.Hierarchies) error {
	if err := groups.Of(of.Name).Child(machine.Name).Thaw(); err != nil {
		return err
	}
	for _, child := range node.Children {
		if err := node.StartChild(of, machine, child); err != nil {
			return err
		}
	}
	if err := node.Start(of, machine, groups); err != nil {
		return err
	}
	return network.SetCable(machine, network.CableUp)
}

// applyAddons tries again for as long as the API server has not made its own namespaces and roles.
func applyAddons(ctx context.Context, of *instance.Instance, client kubernetes.Interface) error {
	return retry(ctx, func() error { return addons.Apply(ctx, of, client) })
}

func pushPause(ctx context.Context, of *instance.Instance) error {
	return retry(ctx, func() error {
		if runs, err := controlplane.Registry.Runs(of); err == nil && !runs {
			return final{controlplane.Registry.Complaint(of)}
		}
		return registry.PushPause(of)
	})
}

// final is an error that trying again does not help against.
type final struct{ error }

// retry tries again for ten seconds.
func retry(ctx context.Context, action func() error) error {
	for started := time.Now(); ; {
		err := action()
		if err == nil || time.Since(started) > 10*time.Second || errors.As(err, &final{}) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
