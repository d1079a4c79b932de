package instance

import (
	"fmt"
	"net/netip"
)

// Slots is how many instances there is room for.
const Slots = 16

// pool is split into one /20 an instance. Private, and in nobody's defaults (Docker, Podman, kind, minikube, k3s, kubeadm,
// the large clouds' default networks).
var pool = netip.MustParsePrefix("10.187.0.0/16")

// Ports on the bridge's address.
const (
	PortDNS               = 53
	PortEtcd              = 2379
	PortEtcdPeer          = 2380
	PortRegistry          = 5000
	PortAPIServer         = 6443
	PortDNSReady          = 8181
	PortControllerManager = 10257
	PortScheduler         = 10259
)

// Node is a machine of the cluster.
type Node struct {
	Name    string
	Zone    string
	Address netip.Addr
	// Pods is where the addresses of its pods come from.
	Pods netip.Prefix
	// Link is its network cable's end on this machine.
	Link string
}

// Range is everything that slot SLOT uses: what must not overlap with a route of this machine.
func Range(slot int) netip.Prefix { return block(slot*16, 20) }

func block(third, bits int) netip.Prefix {
	base := pool.Addr().As4()
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{base[0], base[1], byte(third), 0}), bits)
}

func at(prefix netip.Prefix, last byte) netip.Addr {
	bytes := prefix.Addr().As4()
	bytes[3] = last
	return netip.AddrFrom4(bytes)
}

// Bridge is the link that connects the nodes with this machine.
func (i *Instance) Bridge() string { return "sl-" + i.Name }

// Machines is the network of the nodes and of the control plane.
func (i *Instance) Machines() netip.Prefix { return block(i.Slot*16, 24) }

// Address is this machine's on the bridge: the whole control plane listens there and nowhere else.
func (i *Instance) Address() netip.Addr { return at(i.Machines(), 1) }

// Endpoint is a port of the control plane.
func (i *Instance) Endpoint(port uint16) string {
	return netip.AddrPortFrom(i.Address(), port).String()
}

// Services is where cluster IPs come from.
func (i *Instance) Services() netip.Prefix { return block(i.Slot*16+1, 24) }

// APIService is the cluster IP of the Service `kubernetes`.
func (i *Instance) APIService() netip.Addr { return at(i.Services(), 1) }

// DNSService is the cluster IP that pods ask for names.
func (i *Instance) DNSService() netip.Addr { return at(i.Services(), 10) }

// Pods is where all pods' addresses come from.
func (i *Instance) Pods() netip.Prefix { return block(i.Slot*16+8, 21) }

// Node is the machine of this number, from 1 on.
func (i *Instance) Node(number int) Node {
	return Node{
		Name:    fmt.Sprintf("node%d", number),
		Zone:    "zone-" + string(rune('a'+number-1)),
		Address: at(i.Machines(), byte(10+number)),
		Pods:    block(i.Slot*16+8+number-1, 24),
		Link:    fmt.Sprintf("%s-%d", i.Bridge(), number),
	}
}

// All are the nodes in order.
func (i *Instance) All() []Node {
	nodes := make([]Node, 0, i.Nodes)
	for number := 1; number <= i.Nodes; number++ {
		nodes = append(nodes, i.Node(number))
	}
	return nodes
}

// Named is the node of this name.
func (i *Instance) Named(name string) (Node, error) {
	for _, node := range i.All() {
		if node.Name == name {
			return node, nil
		}
	}
	return Node{}, fmt.Errorf("there is no node %q: they are node1 to node%d", name, i.Nodes)
}

// ChooseSlot is the first one from the name's own on that nothing in TAKEN overlaps. Where the same name lands on the same
// addresses each time, a kubeconfig that was kept is still right.
func ChooseSlot(name string, taken []netip.Prefix) (int, error) {
	first := 0
	for _, letter := range name {
		first = (first*31 + int(letter)) % Slots
	}
	for offset := range Slots {
		slot := (first + offset) % Slots
		if !overlapsAny(Range(slot), taken) {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("no addresses are left: this machine's routes overlap with every part of %s (see `ip route`)", pool)
}

func overlapsAny(prefix netip.Prefix, others []netip.Prefix) bool {
	for _, other := range others {
		if prefix.Overlaps(other) {
			return true
		}
	}
	return false
}
