package controlplane

import (
	"slices"
	"strings"
	"testing"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"k8s.io/apiserver/pkg/audit/policy"
)

func TestEveryPartListensOnTheBridgeAndReadsItsOwnInstance(t *testing.T) {
	of := &instance.Instance{Name: "e2e", Dir: "/cache/e2e", Slot: 3, Nodes: 3}
	for _, part := range All {
		arguments := strings.Join(part.arguments(of), " ")
		for _, wrong := range []string{"0.0.0.0", "127.0.0.1", "localhost", "/var/", "/run/"} {
			if strings.Contains(arguments, wrong) {
				t.Errorf("%s: %s in %s", part.Name, wrong, arguments)
			}
		}
		if !strings.Contains(arguments, "/cache/e2e") {
			t.Errorf("%s knows nothing of its instance: %s", part.Name, arguments)
		}
	}
	for _, arguments := range [][]string{controllers(of), scheduler(of), apiserver(of)} {
		at := slices.Index(arguments, "--bind-address")
		if at < 0 || arguments[at+1] != of.Address().String() {
			t.Errorf("%v", arguments)
		}
	}
}

func TestTheAuditPolicyIsOne(t *testing.T) {
	if _, err := policy.LoadPolicyFromBytes(auditPolicy); err != nil {
		t.Error(err)
	}
}
