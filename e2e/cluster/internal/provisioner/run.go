// Package provisioner makes the volumes that claims ask for: folders on this machine.
//
// A class `reach: node` makes `local` volumes, which only pods on the claim's node can use, as with a machine's own disk;
// `reach: any` makes volumes that every node can use, as with network storage. A claim that grows gets a volume of the new
// size at once: folders have no size, but what asks for growth sees all that it would see of a real resizer.
package provisioner

import (
	"context"
	"fmt"
	"log"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/listers/core/v1"
	storage "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Name is what storage classes call it.
const Name = "lab.sutra.dev/folder"

// Provisioner acts on claims and volumes.
type Provisioner struct {
	client  kubernetes.Interface
	claims  v1.PersistentVolumeClaimLister
	volumes v1.PersistentVolumeLister
	classes storage.StorageClassLister
	// root is where the folders are made.
	root string
}

// key is what has to be looked at: a claim, or the volume of this name where there is no namespace.
type key struct{ namespace, name string }

// Run works until the process is ended.
func Run(of *instance.Instance) error {
	config, err := clientcmd.BuildConfigFromFlags("", of.Kubeconfig("provisioner"))
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	ctx := context.Background()
	shared := informers.NewSharedInformerFactory(client, time.Minute)
	claims, volumes := shared.Core().V1().PersistentVolumeClaims(), shared.Core().V1().PersistentVolumes()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[key](100*time.Millisecond, 10*time.Second))
	for _, informer := range []cache.SharedIndexInformer{claims.Informer(), volumes.Informer()} {
		if _, err := informer.AddEventHandler(enqueue(queue)); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	p := &Provisioner{
		client: client, claims: claims.Lister(), volumes: volumes.Lister(), classes: shared.Storage().V1().StorageClasses().Lister(), root: of.Path("volumes"),
	}
	shared.Start(ctx.Done())
	shared.WaitForCacheSync(ctx.Done())
	log.Print("ready")
	for {
		item, _ := queue.Get()
		p.handle(ctx, queue, item)
	}
}

func (p *Provisioner) handle(ctx context.Context, queue workqueue.TypedRateLimitingInterface[key], item key) {
	defer queue.Done(item)
	act := p.volume
	if item.namespace != "" {
		act = p.claim
	}
	if err := act(ctx, item); err != nil {
		log.Printf("%s/%s: %v", item.namespace, item.name, err)
		queue.AddRateLimited(item)
		return
	}
	queue.Forget(item)
}

func enqueue(queue workqueue.TypedRateLimitingInterface[key]) cache.ResourceEventHandlerFuncs {
	add := func(object any) {
		if text, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			if namespace, name, err := cache.SplitMetaNamespaceKey(text); err == nil {
				queue.Add(key{namespace, name})
			}
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, object any) { add(object) }}
}
