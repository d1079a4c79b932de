// Package dns answers pods' questions for names: CoreDNS, on the bridge. It knows the cluster's names and no others.
package dns

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

//go:embed Corefile
var corefile string

var parsed = template.Must(template.New("Corefile").Parse(corefile))

func configuration(of *instance.Instance) ([]byte, error) {
	var text bytes.Buffer
	err := parsed.Execute(&text, map[string]any{
		"Address":    of.Address(),
		"Ready":      of.Endpoint(instance.PortDNSReady),
		"Kubeconfig": of.Kubeconfig("dns"),
	})
	if err != nil {
		return nil, fmt.Errorf("write the Corefile: %w", err)
	}
	return text.Bytes(), nil
}

// Serve answers until the process is ended.
func Serve(of *instance.Instance) error {
	text, err := configuration(of)
	if err != nil {
		return err
	}
	dnsserver.Quiet = true
	server, err := caddy.Start(caddy.CaddyfileInput{Contents: text, Filepath: "Corefile", ServerTypeName: "dns"})
	if err != nil {
		return fmt.Errorf("start CoreDNS: %w", err)
	}
	server.Wait()
	return nil
}
