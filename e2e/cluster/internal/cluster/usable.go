package cluster

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/controlplane"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func programsBeside(program string) string { return filepath.Dir(program) }

// waitUsable waits until a pod that somebody makes now would run and find names. Only what nodes have said since SINCE counts:
// after a crash, the API server remembers them as they were.
func waitUsable(ctx context.Context, of *instance.Instance, client kubernetes.Interface, since time.Time) error {
	for {
		lacking := silent(ctx, of, client, since)
		if lacking == "" {
			lacking = lacks(ctx, of, client)
		}
		if lacking == "" {
			return nil
		}
		for _, part := range controlplane.All {
			if runs, err := part.Runs(of); err != nil {
				return err
			} else if !runs {
				return part.Complaint(of)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s after %s; the logs are in %s", lacking, startPatience, of.Path("log"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// silent says which nodes have not been heard of since SINCE.
func silent(ctx context.Context, of *instance.Instance, client kubernetes.Interface, since time.Time) string {
	var waiting []string
	for _, node := range of.All() {
		lease, err := client.CoordinationV1().Leases(core.NamespaceNodeLease).Get(ctx, node.Name, meta.GetOptions{})
		if err != nil || lease.Spec.RenewTime == nil || lease.Spec.RenewTime.Time.Before(since) {
			waiting = append(waiting, node.Name)
		}
	}
	if len(waiting) > 0 {
		return strings.Join(waiting, " and ") + " not heard of"
	}
	return ""
}

// lacks says what is still missing; nothing if the cluster is usable.
func lacks(ctx context.Context, of *instance.Instance, client kubernetes.Interface) string {
	ready, err := readyNodes(ctx, client)
	if err != nil {
		return fmt.Sprintf("the API server does not list the nodes (%v)", err)
	}
	var waiting []string
	for _, node := range of.All() {
		if !ready[node.Name] {
			waiting = append(waiting, node.Name)
		}
	}
	if len(waiting) > 0 {
		return strings.Join(waiting, " and ") + " not ready"
	}
	// Before it is there, a pod is refused.
	if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", meta.GetOptions{}); err != nil {
		return "the default service account is not there"
	}
	if !answers(ctx, "http://"+of.Endpoint(instance.PortDNSReady)+"/ready") {
		return "CoreDNS is not ready"
	}
	return ""
}

func readyNodes(ctx context.Context, client kubernetes.Interface) (map[string]bool, error) {
	nodes, err := client.CoreV1().Nodes().List(ctx, meta.ListOptions{})
	if err != nil {
		return nil, err
	}
	ready := map[string]bool{}
	for _, node := range nodes.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type == core.NodeReady && condition.Status == core.ConditionTrue {
				ready[node.Name] = true
			}
		}
	}
	return ready, nil
}

// direct asks without a proxy: what is asked is on this machine.
var direct = &http.Client{Timeout: time.Second, Transport: &http.Transport{}}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	reply, err := direct.Do(request)
	if err != nil {
		return false
	}
	_ = reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}
