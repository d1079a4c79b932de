package network

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Taken are the networks that this machine reaches over other links than this instance's own bridge.
func Taken(of *instance.Instance) ([]netip.Prefix, error) {
	own := -1
	if bridge, err := find(of.Bridge()); err != nil {
		return nil, err
	} else if bridge != nil {
		own = bridge.Attrs().Index
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list the machine's routes: %w", err)
	}
	var taken []netip.Prefix
	for _, route := range routes {
		if route.Dst == nil || route.LinkIndex == own {
			continue
		}
		address, ok := netip.AddrFromSlice(route.Dst.IP)
		bits, _ := route.Dst.Mask.Size()
		// The default route leads everywhere, and is what a network of ours is an exception to.
		if ok && bits > 0 {
			taken = append(taken, netip.PrefixFrom(address.Unmap(), bits))
		}
	}
	return taken, nil
}

// RouteToPods lets this machine reach the pods of every node.
func RouteToPods(of *instance.Instance) error {
	for _, node := range of.All() {
		if err := route(of, node.Pods, node.Address); err != nil {
			return err
		}
	}
	return nil
}

// RouteToServices lets this machine reach cluster IPs, through a node whose kube-proxy knows them: the first one that is
// connected.
func RouteToServices(of *instance.Instance) error {
	for _, node := range of.All() {
		cable, err := Look(node)
		if err != nil {
			return err
		}
		if cable == CableUp {
			return route(of, of.Services(), node.Address)
		}
	}
	return nil
}

func route(of *instance.Instance, to netip.Prefix, via netip.Addr) error {
	bridge, err := find(of.Bridge())
	if err != nil {
		return err
	}
	if bridge == nil {
		return fmt.Errorf("the bridge %s is not there", of.Bridge())
	}
	return replaceRoute(bridge, to, via)
}

func replaceRoute(over netlink.Link, to netip.Prefix, via netip.Addr) error {
	route := &netlink.Route{LinkIndex: over.Attrs().Index, Gw: via.AsSlice(), Dst: ipNet(to)}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("set the route to %s: %w", to, err)
	}
	return nil
}
