package provisioner

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// selectedNode is where the scheduler wants the first pod of a claim.
	selectedNode = "volume.kubernetes.io/selected-node"
	// provisionedBy tells whose volume one is.
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	// reach is the parameter of a class that says who can use its volumes.
	reach = "reach"
)

// need is what a claim wants of us.
type need int

const (
	nothing need = iota
	volume
	growth
)

// needOf decides on what is seen. CLASS and VOLUME are nil where there is none.
func needOf(claim *v1.PersistentVolumeClaim, class *storage.StorageClass, of *v1.PersistentVolume) need {
	switch {
	case class == nil || class.Provisioner != Name || claim.DeletionTimestamp != nil:
		return nothing
	case claim.Spec.VolumeName == "":
		if claim.Annotations[selectedNode] == "" {
			return nothing
		}
		return volume
	case of == nil || of.Annotations[provisionedBy] != Name || claim.Status.Phase != v1.ClaimBound:
		return nothing
	}
	asked, has, told := requested(claim), of.Spec.Capacity[v1.ResourceStorage], claim.Status.Capacity[v1.ResourceStorage]
	if asked.Cmp(has) > 0 || has.Cmp(told) > 0 {
		return growth
	}
	return nothing
}

func (p *Provisioner) claim(ctx context.Context, item key) error {
	claim, err := p.claims.PersistentVolumeClaims(item.namespace).Get(item.name)
	if errors.IsNotFound(err) {
		return nil
	}
	if err != nil || claim.Spec.StorageClassName == nil {
		return err
	}
	class, err := p.classes.Get(*claim.Spec.StorageClassName)
	if err != nil && !errors.IsNotFound(err) {
		return err
	}
	bound, err := p.volumes.Get(claim.Spec.VolumeName)
	if err != nil && !errors.IsNotFound(err) {
		return err
	}
	switch needOf(claim, class, bound) {
	case volume:
		return p.provision(ctx, claim, class)
	case growth:
		return p.grow(ctx, claim, bound)
	default:
		return nil
	}
}

func (p *Provisioner) provision(ctx context.Context, claim *v1.PersistentVolumeClaim, class *storage.StorageClass) error {
	made := p.describe(claim, class)
	folder := folderOf(made)
	// Whoever the container runs as can write, also where the kubelet does not change the owner.
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		return fmt.Errorf("open the folder to everyone: %w", err)
	}
	_, err := p.client.CoreV1().PersistentVolumes().Create(ctx, made, meta.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the volume: %w", err)
	}
	log.Printf("made %s for %s/%s", made.Name, claim.Namespace, claim.Name)
	return nil
}

// describe is the volume for a claim.
func (p *Provisioner) describe(claim *v1.PersistentVolumeClaim, class *storage.StorageClass) *v1.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	node := claim.Annotations[selectedNode]
	made := &v1.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: Name}},
		Spec: v1.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: requested(claim)},
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimDelete,
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &v1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
		},
	}
	if class.ReclaimPolicy != nil {
		made.Spec.PersistentVolumeReclaimPolicy = *class.ReclaimPolicy
	}
	if class.Parameters[reach] == "any" {
		made.Spec.HostPath = &v1.HostPathVolumeSource{Path: filepath.Join(p.root, "any", name)}
		return made
	}
	made.Spec.Local = &v1.LocalVolumeSource{Path: filepath.Join(p.root, node, name)}
	made.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
		MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{node}}},
	}}}}
	return made
}
