package pki

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// complete is written last: without it, a directory of keys was left half made and is made anew.
const complete = "complete"

// users are who speaks to the API server from outside of the nodes. A kubeconfig is named after each.
var users = map[string]Subject{
	"admin":              {Name: "admin", Groups: []string{"system:masters"}},
	"controller-manager": {Name: "system:kube-controller-manager"},
	"scheduler":          {Name: "system:kube-scheduler"},
	"kube-proxy":         {Name: "system:kube-proxy"},
	"dns":                {Name: "sutra-lab:dns"},
	"provisioner":        {Name: "sutra-lab:provisioner"},
}

// Issue makes every key, certificate and kubeconfig of an instance, unless that was done.
func Issue(of *instance.Instance) error {
	directory := of.Path("pki")
	if _, err := os.Stat(of.Path("pki", complete)); err == nil {
		return nil
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("make the directory of keys: %w", err)
	}
	authority, err := NewAuthority("sutra-lab " + of.Name)
	if err != nil {
		return err
	}
	if err := writePair(directory, "ca", &Pair{Certificate: authority.certificate, Key: authority.key}); err != nil {
		return err
	}
	for _, step := range []func(*Authority, *instance.Instance, string) error{tokens, servers, clients, kubelets} {
		if err := step(authority, of, directory); err != nil {
			return err
		}
	}
	return write(directory, complete, nil)
}

// tokens makes the key that service accounts' tokens are signed with.
func tokens(_ *Authority, _ *instance.Instance, directory string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	private, err := keyPEM(key)
	if err != nil {
		return err
	}
	public, err := publicPEM(key)
	if err != nil {
		return err
	}
	if err := write(directory, "tokens.key", private); err != nil {
		return err
	}
	return write(directory, "tokens.pub", public)
}

// servers makes the certificates of those that listen on the bridge, and those that the API server shows to others.
func servers(authority *Authority, of *instance.Instance, directory string) error {
	here := []netip.Addr{of.Address()}
	subjects := map[string]Subject{
		"etcd": {Name: "etcd", Addresses: here},
		"apiserver": {
			Name:      "kube-apiserver",
			Addresses: append(here, of.APIService()),
			Names:     []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		},
		"apiserver-kubelet": {Name: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}},
		"apiserver-etcd":    {Name: "kube-apiserver-etcd-client"},
		"front-proxy":       {Name: "front-proxy-client"},
		"controllers":       {Name: "kube-controller-manager", Addresses: here},
		"scheduler":         {Name: "kube-scheduler", Addresses: here},
	}
	for name, subject := range subjects {
		pair, err := authority.Issue(subject)
		if err != nil {
			return err
		}
		if err := writePair(directory, name, pair); err != nil {
			return err
		}
	}
	return nil
}

func clients(authority *Authority, of *instance.Instance, _ string) error {
	for file, subject := range users {
		pair, err := authority.Issue(subject)
		if err != nil {
			return err
		}
		if err := authority.kubeconfig(of, file, subject.Name, pair); err != nil {
			return err
		}
	}
	return nil
}

// kubelets makes one certificate a node: it is a client of the API server, under the name that the Node authoriser knows,
// and a server to it.
func kubelets(authority *Authority, of *instance.Instance, directory string) error {
	for _, node := range of.All() {
		subject := Subject{
			Name:      "system:node:" + node.Name,
			Groups:    []string{"system:nodes"},
			Addresses: []netip.Addr{node.Address},
			Names:     []string{node.Name},
		}
		pair, err := authority.Issue(subject)
		if err != nil {
			return err
		}
		if err := writePair(directory, node.Name, pair); err != nil {
			return err
		}
		if err := authority.kubeconfig(of, node.Name, subject.Name, pair); err != nil {
			return err
		}
	}
	return nil
}

func (a *Authority) kubeconfig(of *instance.Instance, file, user string, pair *Pair) error {
	server := "https://" + of.Endpoint(instance.PortAPIServer)
	return a.writeKubeconfig(of.Kubeconfig(file), "sutra-"+of.Name, server, user, pair)
}
