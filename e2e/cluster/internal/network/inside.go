package network

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// patience is how long the cable may take to be plugged in after the node has started.
const patience = 20 * time.Second

// settings are a node's own: its network namespace has begun with the kernel's defaults.
var settings = map[string]string{
	"net/ipv4/ip_forward": "1",
	// Packets of a Service come back over another interface than they left by.
	"net/ipv4/conf/all/rp_filter": "0",
	// Else pods of one node that call each other through a Service bypass kube-proxy's rules.
	"net/bridge/bridge-nf-call-iptables": "1",
}

// SetUpInside gives a node its address and its routes; called by the node itself, within its namespaces.
func SetUpInside(of *instance.Instance, node instance.Node) error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback link: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("bring the loopback link up: %w", err)
	}
	cable, err := plugged()
	if err != nil {
		return err
	}
	if err := giveAddress(cable, netip.PrefixFrom(node.Address, of.Machines().Bits())); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(cable); err != nil {
		return fmt.Errorf("bring %s up: %w", nodeEnd, err)
	}
	if err := replaceRoute(cable, netip.MustParsePrefix("0.0.0.0/0"), of.Address()); err != nil {
		return err
	}
	for _, other := range of.All() {
		if other.Name == node.Name {
			continue
		}
		if err := replaceRoute(cable, other.Pods, other.Address); err != nil {
			return err
		}
	}
	return applySettings()
}

func plugged() (netlink.Link, error) {
	for started := time.Now(); time.Since(started) < patience; time.Sleep(5 * time.Millisecond) {
		if link, err := find(nodeEnd); err != nil || link != nil {
			return link, err
		}
	}
	return nil, fmt.Errorf("nobody has plugged %s in after %s", nodeEnd, patience)
}

func applySettings() error {
	for name, value := range settings {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0); err != nil {
			return fmt.Errorf("set the kernel's %s to %s: %w", name, value, err)
		}
	}
	return nil
}
