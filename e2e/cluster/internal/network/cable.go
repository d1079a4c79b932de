package network

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// nodeEnd is what a node calls its end.
const nodeEnd = "eth0"

// Plug connects the node whose PID 1 is PID with the bridge.
func Plug(of *instance.Instance, node instance.Node, pid int) error {
	if err := Unplug(node); err != nil {
		return err
	}
	bridge, err := find(of.Bridge())
	if err != nil {
		return err
	}
	if bridge == nil {
		return fmt.Errorf("the bridge %s is not there", of.Bridge())
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = node.Link
	attributes.MasterIndex = bridge.Attrs().Index
	cable := &netlink.Veth{LinkAttrs: attributes, PeerName: nodeEnd, PeerNamespace: netlink.NsPid(pid)}
	if err := netlink.LinkAdd(cable); err != nil {
		return fmt.Errorf("connect %s: %w", node.Name, err)
	}
	if err := netlink.LinkSetUp(cable); err != nil {
		return fmt.Errorf("bring the cable of %s up: %w", node.Name, err)
	}
	return nil
}

// Unplug takes a node's cable away.
func Unplug(node instance.Node) error { return remove(node.Link) }

// Cable is whether a node is connected.
type Cable string

// What a cable can be.
const (
	CableUp      Cable = "up"
	CableDown    Cable = "down"
	CableMissing Cable = "missing"
)

// Look tells how a node's cable is.
func Look(node instance.Node) (Cable, error) {
	link, err := find(node.Link)
	switch {
	case err != nil:
		return "", err
	case link == nil:
		return CableMissing, nil
	case link.Attrs().RawFlags&syscall.IFF_UP == 0:
		return CableDown, nil
	default:
		return CableUp, nil
	}
}

// SetCable cuts a node off or lets it in again, as a failing switch does: the node itself runs on.
func SetCable(node instance.Node, wanted Cable) error {
	link, err := find(node.Link)
	if err != nil {
		return err
	}
	if link == nil {
		return fmt.Errorf("%s has no cable: does it run? `lab node start %s` starts it", node.Name, node.Name)
	}
	set := netlink.LinkSetUp
	if wanted == CableDown {
		set = netlink.LinkSetDown
	}
	if err := set(link); err != nil {
		return fmt.Errorf("set the cable of %s %s: %w", node.Name, wanted, err)
	}
	return nil
}

func isGone(err error) bool {
	return errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENOENT)
}
