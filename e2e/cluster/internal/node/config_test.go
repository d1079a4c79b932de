package node

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func example() *settings {
	of := &instance.Instance{Name: "e2e", Dir: "/cache/e2e", Slot: 2, Nodes: 3}
	return &settings{
		Node: of.Node(2), Keys: "/cache/e2e/pki", DNS: of.DNSService(), Pods: of.Pods(), ProxyKubeconfig: "/cache/e2e/kube-proxy.conf",
		Registry: of.Endpoint(instance.PortRegistry), Pause: "pause:1", Plugins: "/usr/lib/cni", Snapshotter: "overlayfs",
	}
}

func TestEveryFileOfANodeIsRenderedAndParses(t *testing.T) {
	for name := range files {
		text, err := example().render(name)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasSuffix(name, ".yaml"):
			var parsed map[string]any
			if err := yaml.UnmarshalStrict(text, &parsed); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case strings.HasSuffix(name, ".conflist"):
			if !json.Valid(text) {
				t.Errorf("%s is no JSON", name)
			}
		}
	}
}

func TestANodeListensOnItsOwnAddressOnly(t *testing.T) {
	for _, name := range []string{"kubelet.yaml", "kube-proxy.yaml"} {
		text, err := example().render(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "ddress: 10.187.32.12") || strings.Contains(string(text), "0.0.0.0") {
			t.Errorf("%s: %s", name, text)
		}
	}
}
