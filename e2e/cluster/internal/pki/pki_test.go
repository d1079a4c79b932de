package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func TestACertificateIsTrustedForItsNamesAndNoOther(t *testing.T) {
	authority, err := NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(Subject{Name: "server", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Names: []string{"kubernetes"}})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority.certificate)
	for name, trusted := range map[string]bool{"10.0.0.1": true, "kubernetes": true, "10.0.0.2": false, "other": false} {
		_, err := pair.Certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		if (err == nil) != trusted {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(other.certificate)
	if _, err := pair.Certificate.Verify(x509.VerifyOptions{Roots: roots}); err == nil {
		t.Error("another authority of the same name vouches for it")
	}
}

func TestAnInstanceGetsAllItsFilesOnce(t *testing.T) {
	of := &instance.Instance{Name: "e2e", Dir: t.TempDir(), Nodes: 3}
	if err := Issue(of); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"apiserver", "etcd", "front-proxy", "node1", "node3", "ca"} {
		if _, err := tls.LoadX509KeyPair(of.Path("pki", name+".crt"), of.Path("pki", name+".key")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", of.Kubeconfig("node2"))
	if err != nil || config.Host != "https://"+of.Endpoint(instance.PortAPIServer) {
		t.Errorf("%+v %v", config, err)
	}
	before, _ := os.ReadFile(of.Path("pki", "ca.crt"))
	if err := Issue(of); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(of.Path("pki", "ca.crt")); string(after) != string(before) {
		t.Error("a second time made another authority")
	}
	if found, _ := filepath.Glob(of.Path("pki", "node4*")); len(found) > 0 {
		t.Error(found)
	}
}
