// Package network connects an instance's nodes with each other and with this machine: one bridge, a cable to each node, and
// routes to the pods and Services behind them.
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// EnsureBridge makes the bridge with this machine's address, if it is not there.
func EnsureBridge(of *instance.Instance) error {
	link, err := find(of.Bridge())
	if err != nil {
		return err
	}
	if link == nil {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = of.Bridge()
		link = &netlink.Bridge{LinkAttrs: attributes}
		if err := netlink.LinkAdd(link); err != nil {
			return fmt.Errorf("make the bridge %s: %w", of.Bridge(), err)
		}
	}
	if err := giveAddress(link, netip.PrefixFrom(of.Address(), of.Machines().Bits())); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring the bridge up: %w", err)
	}
	return nil
}

// RemoveLinks takes the bridge away, and the cables that are left; routes over them go with them.
func RemoveLinks(of *instance.Instance) error {
	for number := 1; number <= instance.MaxNodes; number++ {
		if err := Unplug(of.Node(number)); err != nil {
			return err
		}
	}
	return remove(of.Bridge())
}

func remove(name string) error {
	link, err := find(name)
	if err != nil || link == nil {
		return err
	}
	// A node's end that vanishes with its namespace takes this end along, perhaps just now.
	if err := netlink.LinkDel(link); err != nil && !isGone(err) {
		return fmt.Errorf("remove the link %s: %w", name, err)
	}
	return nil
}

// find is nil where there is no such link.
func find(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the link %s: %w", name, err)
	}
	return link, nil
}

func giveAddress(link netlink.Link, address netip.Prefix) error {
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ipNet(address)}); err != nil {
		return fmt.Errorf("give %s the address %s: %w", link.Attrs().Name, address, err)
	}
	return nil
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}
