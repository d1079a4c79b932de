package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/controlplane"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// PodProcesses are the processes of a pod's container as this machine counts them, the container's PID 1 first; of all its
// containers if CONTAINER is empty.
func PodProcesses(ctx context.Context, of *instance.Instance, namespace, pod, container string) ([]int, error) {
	client, err := controlplane.Client(of)
	if err != nil {
		return nil, err
	}
	found, err := client.CoreV1().Pods(namespace).Get(ctx, pod, meta.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("find the pod: %w", err)
	}
	var ids []string
	for _, status := range slices.Concat(found.Status.InitContainerStatuses, found.Status.ContainerStatuses) {
		if container != "" && status.Name != container {
			continue
		}
		// containerd://ID
		if _, id, ok := strings.Cut(status.ContainerID, "://"); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("the pod %s/%s has no container %q that has started", namespace, pod, container)
	}
	return processesOf(ids)
}

// processesOf finds processes by their cgroups, whose last part is the container's id.
func processesOf(ids []string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if err == nil && slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(string(groups), id) }) {
			found = append(found, pid)
		}
	}
	slices.Sort(found)
	return found, nil
}
