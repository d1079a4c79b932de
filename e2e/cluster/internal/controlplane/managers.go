package controlplane

import (
	"strconv"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func controllers(of *instance.Instance) []string {
	return append(manager(of, "controller-manager", "controllers", instance.PortControllerManager),
		"--use-service-account-credentials",
		"--service-account-private-key-file", key(of, "tokens.key"),
		"--root-ca-file", key(of, "ca.crt"),
		"--cluster-signing-cert-file", key(of, "ca.crt"),
		"--cluster-signing-key-file", key(of, "ca.key"),
		"--flex-volume-plugin-dir", of.Path("volume-plugins"),
		// A node that is gone is noticed within seconds.
		"--node-monitor-period", "1s",
		"--node-monitor-grace-period", "8s",
		"--pvclaimbinder-sync-period", "2s",
	)
}

func scheduler(of *instance.Instance) []string {
	return manager(of, "scheduler", "scheduler", instance.PortScheduler)
}

// manager are the arguments that the controller manager and the scheduler have in common.
func manager(of *instance.Instance, user, certificate string, port uint16) []string {
	return []string{
		"--kubeconfig", of.Kubeconfig(user),
		"--authentication-kubeconfig", of.Kubeconfig(user),
		"--authorization-kubeconfig", of.Kubeconfig(user),
		"--bind-address", of.Address().String(),
		"--secure-port", strconv.Itoa(int(port)),
		"--tls-cert-file", key(of, certificate+".crt"),
		"--tls-private-key-file", key(of, certificate+".key"),
		"--leader-elect=false",
		"--profiling=false",
	}
}
