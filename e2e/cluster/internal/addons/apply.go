// Package addons puts into a new cluster what every cluster has: names for pods, classes of storage, and the rights of those
// who serve them.
package addons

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Apply makes what is not there yet. What is there stays, as somebody may have changed it on purpose.
func Apply(ctx context.Context, of *instance.Instance, client kubernetes.Interface) error {
	for what, make := range map[string]func(context.Context, *instance.Instance, kubernetes.Interface) error{
		"the lab's own rights":   rights,
		"the DNS Service":        dns,
		"the classes of storage": storageClasses,
	} {
		if err := make(ctx, of, client); err != nil {
			return fmt.Errorf("make %s: %w", what, err)
		}
	}
	return nil
}

// ensure creates OBJECT, which may be there.
func ensure[T any](ctx context.Context, create func(context.Context, T, meta.CreateOptions) (T, error), object T) error {
	if _, err := create(ctx, object, meta.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	return nil
}
