package pki

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// writeKubeconfig makes a file that names the cluster and holds the user's certificate, so that it can be copied anywhere.
func (a *Authority) writeKubeconfig(path, cluster, server, user string, pair *Pair) error {
	key, err := keyPEM(pair.Key)
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters[cluster] = &api.Cluster{Server: server, CertificateAuthorityData: certificatePEM(a.certificate)}
	config.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: certificatePEM(pair.Certificate), ClientKeyData: key}
	config.Contexts[cluster] = &api.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = cluster
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("write the kubeconfig of %s: %w", user, err)
	}
	return nil
}
