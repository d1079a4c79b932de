package addons

import (
	"context"

	storage "k8s.io/api/storage/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/provisioner"
)

const isDefault = "storageclass.kubernetes.io/is-default-class"

// storageClasses are `local`, the default: a machine's own disk, which can grow; `fixed`, the same which cannot; and `network`,
// whose volumes every node can use.
func storageClasses(ctx context.Context, _ *instance.Instance, client kubernetes.Interface) error {
	local := class("local", "node", true)
	local.Annotations = map[string]string{isDefault: "true"}
	for _, class := range []*storage.StorageClass{local, class("fixed", "node", false), class("network", "any", true)} {
		if err := ensure(ctx, client.StorageV1().StorageClasses().Create, class); err != nil {
			return err
		}
	}
	return nil
}

func class(name, reach string, grows bool) *storage.StorageClass {
	return &storage.StorageClass{
		ObjectMeta:           meta.ObjectMeta{Name: name},
		Provisioner:          provisioner.Name,
		Parameters:           map[string]string{"reach": reach},
		VolumeBindingMode:    pointer(storage.VolumeBindingWaitForFirstConsumer),
		AllowVolumeExpansion: &grows,
	}
}
