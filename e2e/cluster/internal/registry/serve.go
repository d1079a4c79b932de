// Package registry is where the nodes get every image from: a registry on the bridge, which each containerd takes for every
// other one. An image is known by its name and tag; the host in front of it is left out.
package registry

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Serve runs the registry. Layers are on disk; which image consists of which is in memory, so a registry that was started
// again is filled again.
func Serve(of *instance.Instance) error {
	blobs := of.Path("registry")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return fmt.Errorf("make the registry's directory: %w", err)
	}
	listener, err := net.Listen("tcp", of.Endpoint(instance.PortRegistry))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler:           registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.Logger(log.Default())),
		ReadHeaderTimeout: 10 * time.Second,
	}
	return server.Serve(listener)
}
