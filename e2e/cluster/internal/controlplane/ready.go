package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Client speaks to the API server as the administrator.
func Client(of *instance.Instance) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", of.Kubeconfig("admin"))
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	// Our own limits would only slow the start down.
	config.QPS = -1
	config.Timeout = 30 * time.Second
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return client, nil
}

// Ready asks the API server whether it serves.
func Ready(ctx context.Context, client kubernetes.Interface) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	status := 0
	client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status)
	return status == http.StatusOK
}

// WaitReady waits until the API server serves. That it ended, or etcd did, is told at once.
func WaitReady(ctx context.Context, of *instance.Instance, client kubernetes.Interface) error {
	for !Ready(ctx, client) {
		for _, part := range []Part{Etcd, APIServer} {
			if runs, err := part.Runs(of); err != nil {
				return err
			} else if !runs {
				return part.Complaint(of)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the API server does not become ready; see %s", of.Log(APIServer.Name))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
