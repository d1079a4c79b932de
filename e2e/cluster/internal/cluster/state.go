package cluster

import (
	"context"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/cgroups"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/controlplane"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/network"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/process"
)

// lookPatience is how long an answer may take while looking.
const lookPatience = 5 * time.Second

// State is how an instance is.
type State struct {
	// Parts are the control plane's processes, by their names: whether each runs.
	Parts map[string]bool
	// Lacks says what keeps pods from running; nothing if nothing does.
	Lacks string
	Nodes []NodeState
}

// NodeState is how a node is.
type NodeState struct {
	instance.Node
	// PID is its PID 1 as this machine counts, 0 if the node is off.
	PID    int
	Cable  network.Cable
	Frozen bool
	// Ready is what Kubernetes thinks of it.
	Ready bool
}

// Look finds out how an instance is. What cannot be found out counts as not there.
func Look(ctx context.Context, of *instance.Instance, groups *cgroups.Hierarchies) State {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	state := State{Parts: map[string]bool{}, Lacks: "the API server does not serve"}
	for _, part := range controlplane.All {
		state.Parts[part.Name], _ = part.Runs(of)
	}
	var ready map[string]bool
	if client, err := controlplane.Client(of); err == nil && state.Parts[controlplane.APIServer.Name] && controlplane.Ready(ctx, client) {
		ready, _ = readyNodes(ctx, client)
		state.Lacks = lacks(ctx, of, client)
	}
	for _, node := range of.All() {
		found := NodeState{Node: node, Ready: ready[node.Name]}
		found.PID, _ = process.Find(of, node.Name)
		found.Cable, _ = network.Look(node)
		found.Frozen = groups.Of(of.Name).Child(node.Name).Frozen()
		state.Nodes = append(state.Nodes, found)
	}
	return state
}

// Healthy tells that nothing has to be done.
func (s State) Healthy() bool {
	for _, runs := range s.Parts {
		if !runs {
			return false
		}
	}
	for _, node := range s.Nodes {
		if node.PID == 0 || node.Cable != network.CableUp || node.Frozen {
			return false
		}
	}
	return s.Lacks == ""
}
