package controlplane

import "github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"

func etcd(of *instance.Instance) []string {
	clients := "https://" + of.Endpoint(instance.PortEtcd)
	peers := "https://" + of.Endpoint(instance.PortEtcdPeer)
	arguments := []string{
		"--name", "lab",
		"--data-dir", of.Path("etcd"),
		"--listen-client-urls", clients,
		"--advertise-client-urls", clients,
		"--listen-peer-urls", peers,
		"--initial-advertise-peer-urls", peers,
		"--initial-cluster", "lab=" + peers,
		"--log-level", "warn",
		// What is in here is worth nothing after the machine has lost power, and every request would wait for the disk.
		"--unsafe-no-fsync",
	}
	// Pods can reach the bridge: only the API server gets in.
	for _, side := range []string{"", "peer-"} {
		arguments = append(arguments,
			"--"+side+"cert-file", key(of, "etcd.crt"),
			"--"+side+"key-file", key(of, "etcd.key"),
			"--"+side+"trusted-ca-file", key(of, "ca.crt"),
			"--"+side+"client-cert-auth",
		)
	}
	return arguments
}

func key(of *instance.Instance, name string) string { return of.Path("pki", name) }
