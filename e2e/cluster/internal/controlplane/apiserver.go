package controlplane

import (
	"strconv"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

const issuer = "https://kubernetes.default.svc.cluster.local"

func apiserver(of *instance.Instance) []string {
	return []string{
		"--bind-address", of.Address().String(),
		"--advertise-address", of.Address().String(),
		"--secure-port", strconv.Itoa(instance.PortAPIServer),
		"--etcd-servers", "https://" + of.Endpoint(instance.PortEtcd),
		"--etcd-cafile", key(of, "ca.crt"),
		"--etcd-certfile", key(of, "apiserver-etcd.crt"),
		"--etcd-keyfile", key(of, "apiserver-etcd.key"),
		"--service-cluster-ip-range", of.Services().String(),
		"--authorization-mode", "Node,RBAC",
		"--enable-admission-plugins", "NodeRestriction",
		"--allow-privileged",
		"--client-ca-file", key(of, "ca.crt"),
		"--tls-cert-file", key(of, "apiserver.crt"),
		"--tls-private-key-file", key(of, "apiserver.key"),
		"--cert-dir", of.Path("pki"),
		"--kubelet-client-certificate", key(of, "apiserver-kubelet.crt"),
		"--kubelet-client-key", key(of, "apiserver-kubelet.key"),
		"--kubelet-certificate-authority", key(of, "ca.crt"),
		"--kubelet-preferred-address-types", "InternalIP",
		"--service-account-issuer", issuer,
		"--service-account-signing-key-file", key(of, "tokens.key"),
		"--service-account-key-file", key(of, "tokens.pub"),
		"--requestheader-client-ca-file", key(of, "ca.crt"),
		"--requestheader-allowed-names", "front-proxy-client",
		"--requestheader-username-headers", "X-Remote-User",
		"--requestheader-group-headers", "X-Remote-Group",
		"--requestheader-extra-headers-prefix", "X-Remote-Extra-",
		"--proxy-client-cert-file", key(of, "front-proxy.crt"),
		"--proxy-client-key-file", key(of, "front-proxy.key"),
		// There is no kube-proxy beside it that would know cluster IPs.
		"--enable-aggregator-routing",
		"--audit-policy-file", of.Path("audit", "policy.yaml"),
		"--audit-log-path", of.AuditLog(),
		"--audit-log-maxsize", "64",
		"--audit-log-maxbackup", "2",
		// Pods leave a dead node within seconds, not minutes.
		"--default-not-ready-toleration-seconds", "10",
		"--default-unreachable-toleration-seconds", "10",
		"--endpoint-reconciler-type", "lease",
		"--profiling=false",
	}
}
