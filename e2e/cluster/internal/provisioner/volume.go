package provisioner

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func requested(claim *v1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[v1.ResourceStorage]
}

func folderOf(volume *v1.PersistentVolume) string {
	switch {
	case volume.Spec.Local != nil:
		return volume.Spec.Local.Path
	case volume.Spec.HostPath != nil:
		return volume.Spec.HostPath.Path
	default:
		return ""
	}
}

// grow does what an external resizer and the kubelet do together: first the volume, then the claim's status.
func (p *Provisioner) grow(ctx context.Context, claim *v1.PersistentVolumeClaim, bound *v1.PersistentVolume) error {
	size := bound.Spec.Capacity[v1.ResourceStorage]
	if asked := requested(claim); asked.Cmp(size) > 0 {
		size = asked
		larger := bound.DeepCopy()
		larger.Spec.Capacity = v1.ResourceList{v1.ResourceStorage: size}
		if _, err := p.client.CoreV1().PersistentVolumes().Update(ctx, larger, meta.UpdateOptions{}); err != nil {
			return fmt.Errorf("grow the volume: %w", err)
		}
	}
	told := claim.DeepCopy()
	told.Status.Capacity = v1.ResourceList{v1.ResourceStorage: size}
	told.Status.Conditions = nil
	if _, err := p.client.CoreV1().PersistentVolumeClaims(claim.Namespace).UpdateStatus(ctx, told, meta.UpdateOptions{}); err != nil {
		return fmt.Errorf("tell the claim: %w", err)
	}
	log.Printf("grew %s for %s/%s to %s", bound.Name, claim.Namespace, claim.Name, size.String())
	return nil
}

// volume removes what a claim that is gone has left, if its class says so.
func (p *Provisioner) volume(ctx context.Context, item key) error {
	found, err := p.volumes.Get(item.name)
	if errors.IsNotFound(err) {
		return nil
	}
	if err != nil || !removable(found) {
		return err
	}
	folder := folderOf(found)
	// The path comes from an object that others can write to.
	if relative, err := filepath.Rel(p.root, folder); err != nil || relative == "." || strings.HasPrefix(relative, "..") {
		return fmt.Errorf("the volume's folder %q is none of ours", folder)
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("remove the folder: %w", err)
	}
	if err := p.client.CoreV1().PersistentVolumes().Delete(ctx, found.Name, meta.DeleteOptions{}); err != nil && !errors.IsNotFound(err) {
		return fmt.Errorf("remove the volume: %w", err)
	}
	log.Printf("removed %s", found.Name)
	return nil
}

func removable(volume *v1.PersistentVolume) bool {
	return volume.Annotations[provisionedBy] == Name &&
		volume.Status.Phase == v1.VolumeReleased &&
		volume.Spec.PersistentVolumeReclaimPolicy == v1.PersistentVolumeReclaimDelete &&
		volume.DeletionTimestamp == nil
}
