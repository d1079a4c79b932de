package provisioner

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

func size(text string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceStorage: resource.MustParse(text)}
}

func claimOf(asked, told string) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{ObjectMeta: meta.ObjectMeta{Namespace: "default", Name: "data", UID: "u", Annotations: map[string]string{selectedNode: "node2"}}}
	claim.Spec.Resources.Requests = size(asked)
	if told != "" {
		claim.Spec.VolumeName = "pvc-u"
		claim.Status = v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound, Capacity: size(told)}
	}
	return claim
}

func classOf(parameters map[string]string) *storage.StorageClass {
	return &storage.StorageClass{ObjectMeta: meta.ObjectMeta{Name: "local"}, Provisioner: Name, Parameters: parameters}
}

func volumeOf(has string) *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: "pvc-u", Annotations: map[string]string{provisionedBy: Name}},
		Spec:       v1.PersistentVolumeSpec{Capacity: size(has)},
	}
}

func TestAClaimGrowsOnlyWhenItAsksForMoreOrWasNotTold(t *testing.T) {
	for _, example := range []struct {
		asked, has, told string
		wanted           need
	}{
		{"1Gi", "1Gi", "1Gi", nothing},
		{"2Gi", "1Gi", "1Gi", growth},
		{"2Gi", "2Gi", "1Gi", growth},
		{"1024Mi", "1Gi", "1Gi", nothing},
		{"1Gi", "2Gi", "2Gi", nothing},
	} {
		if got := needOf(claimOf(example.asked, example.told), classOf(nil), volumeOf(example.has)); got != example.wanted {
			t.Errorf("%+v: %v", example, got)
		}
	}
}

func TestAClaimWaitsForItsFirstPodAndForOurClass(t *testing.T) {
	unscheduled := claimOf("1Gi", "")
	unscheduled.Annotations = nil
	foreign := classOf(nil)
	foreign.Provisioner = "another"
	leaving := claimOf("1Gi", "")
	leaving.DeletionTimestamp = &meta.Time{}
	for name, got := range map[string]need{
		"no pod yet":    needOf(unscheduled, classOf(nil), nil),
		"another class": needOf(claimOf("1Gi", ""), foreign, nil),
		"no class":      needOf(claimOf("1Gi", ""), nil, nil),
		"being deleted": needOf(leaving, classOf(nil), nil),
	} {
		if got != nothing {
			t.Errorf("%s: %v", name, got)
		}
	}
	if needOf(claimOf("1Gi", ""), classOf(nil), nil) != volume {
		t.Error("a scheduled claim gets no volume")
	}
}

func TestAVolumeIsBoundToItsNodeUnlessItsClassReachesAll(t *testing.T) {
	p := &Provisioner{root: "/volumes"}
	local := p.describe(claimOf("1Gi", ""), classOf(nil))
	if local.Spec.Local == nil || local.Spec.NodeAffinity == nil || folderOf(local) != "/volumes/node2/pvc-u" {
		t.Errorf("%+v", local.Spec)
	}
	any := p.describe(claimOf("1Gi", ""), classOf(map[string]string{reach: "any"}))
	if any.Spec.HostPath == nil || any.Spec.NodeAffinity != nil || folderOf(any) != "/volumes/any/pvc-u" {
		t.Errorf("%+v", any.Spec)
	}
}

func TestGrowthReachesTheVolumeAndTheClaimsStatus(t *testing.T) {
	claim, bound := claimOf("3Gi", "1Gi"), volumeOf("1Gi")
	p := &Provisioner{client: fake.NewClientset(claim, bound)}
	if err := p.grow(context.Background(), claim, bound); err != nil {
		t.Fatal(err)
	}
	grown, _ := p.client.CoreV1().PersistentVolumes().Get(context.Background(), "pvc-u", meta.GetOptions{})
	told, _ := p.client.CoreV1().PersistentVolumeClaims("default").Get(context.Background(), "data", meta.GetOptions{})
	if grown.Spec.Capacity.Storage().String() != "3Gi" || told.Status.Capacity.Storage().String() != "3Gi" {
		t.Errorf("%v %v", grown.Spec.Capacity, told.Status.Capacity)
	}
}

func TestOnlyFoldersOfOurOwnAreRemoved(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	stray := volumeOf("1Gi")
	stray.Spec.HostPath = &v1.HostPathVolumeSource{Path: outside}
	stray.Spec.PersistentVolumeReclaimPolicy = v1.PersistentVolumeReclaimDelete
	stray.Status.Phase = v1.VolumeReleased
	p := withVolumes(t, stray)
	if err := p.volume(context.Background(), key{name: stray.Name}); err == nil {
		t.Error("it was removed")
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

func withVolumes(t *testing.T, volumes ...*v1.PersistentVolume) *Provisioner {
	t.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	client := fake.NewClientset()
	for _, volume := range volumes {
		if err := indexer.Add(volume); err != nil {
			t.Fatal(err)
		}
	}
	return &Provisioner{client: client, volumes: listers.NewPersistentVolumeLister(indexer), root: t.TempDir()}
}
