package node

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"

	"golang.org/x/sys/unix"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/registry"
)

//go:embed templates
var templates embed.FS

var parsed = template.Must(template.New("").Option("missingkey=error").ParseFS(templates, "templates/*"))

// files are what is written for a node, by template: paths as the node sees them.
var files = map[string]string{
	"containerd.toml":  "/var/lib/containerd/config.toml",
	"hosts.toml":       "/var/lib/containerd/registries/_default/hosts.toml",
	"network.conflist": "/var/lib/cni/conf/10-pods.conflist",
	"kubelet.yaml":     "/var/lib/kubelet/config.yaml",
	"kube-proxy.yaml":  "/var/lib/kube-proxy/config.yaml",
}

// settings are what the templates say of a node.
type settings struct {
	Node            instance.Node
	Keys            string
	DNS             netip.Addr
	Pods            netip.Prefix
	ProxyKubeconfig string
	Registry        string
	Pause           string
	Plugins         string
	Snapshotter     string
}

func settingsOf(of *instance.Instance, node instance.Node) (*settings, error) {
	plugins, err := Plugins()
	if err != nil {
		return nil, err
	}
	snapshotter, err := snapshotterFor("/var/lib")
	if err != nil {
		return nil, err
	}
	return &settings{
		Node:            node,
		Keys:            of.Path("pki"),
		DNS:             of.DNSService(),
		Pods:            of.Pods(),
		ProxyKubeconfig: of.Kubeconfig("kube-proxy"),
		Registry:        of.Endpoint(instance.PortRegistry),
		Pause:           registry.Pause,
		Plugins:         plugins,
		Snapshotter:     snapshotter,
	}, nil
}

func (s *settings) render(name string) ([]byte, error) {
	var text bytes.Buffer
	if err := parsed.ExecuteTemplate(&text, name, s); err != nil {
		return nil, fmt.Errorf("write the node's %s: %w", name, err)
	}
	return text.Bytes(), nil
}

// write puts every file where the node's programs look for it.
func (s *settings) write() error {
	for name, path := range files {
		text, err := s.render(name)
		if err != nil {
			return err
		}
		if err := put(path, text); err != nil {
			return err
		}
	}
	return put("/var/lib/kubelet/resolv.conf", nil)
}

func put(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// pluginFolders are where distributions put the CNI plugins.
var pluginFolders = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// Plugins is the folder of the CNI plugins.
func Plugins() (string, error) {
	for _, folder := range pluginFolders {
		if _, err := os.Stat(filepath.Join(folder, "bridge")); err == nil {
			return folder, nil
		}
	}
	return "", errors.New("there are no CNI plugins in " + pluginFolders[0] + ": apt-get install containernetworking-plugins")
}

// snapshotterFor is how containers' file systems are laid over each other in PATH: the kernel cannot stack an overlay on an
// overlay, which a container's own root is.
func snapshotterFor(path string) (string, error) {
	var status unix.Statfs_t
	if err := unix.Statfs(path, &status); err != nil {
		return "", fmt.Errorf("look at the file system of %s: %w", path, err)
	}
	if status.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return "native", nil
	}
	return "overlayfs", nil
}
