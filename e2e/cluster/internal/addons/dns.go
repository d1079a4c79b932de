package addons

import (
	"context"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

const system = "kube-system"

// dns is a Service without a selector: who answers is no pod but a process on the bridge.
func dns(ctx context.Context, of *instance.Instance, client kubernetes.Interface) error {
	service := &core.Service{
		ObjectMeta: meta.ObjectMeta{Name: "kube-dns", Namespace: system},
		Spec: core.ServiceSpec{
			ClusterIP: of.DNSService().String(),
			Ports: []core.ServicePort{
				{Name: "dns", Port: instance.PortDNS, Protocol: core.ProtocolUDP},
				{Name: "dns-tcp", Port: instance.PortDNS, Protocol: core.ProtocolTCP},
			},
		},
	}
	// Made a second time, it would not be refused because it is there but because its address is taken.
	if _, err := client.CoreV1().Services(system).Get(ctx, service.Name, meta.GetOptions{}); errors.IsNotFound(err) {
		if err := ensure(ctx, client.CoreV1().Services(system).Create, service); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	slice := &discovery.EndpointSlice{
		ObjectMeta:  meta.ObjectMeta{Name: "kube-dns-lab", Namespace: system, Labels: map[string]string{discovery.LabelServiceName: "kube-dns"}},
		AddressType: discovery.AddressTypeIPv4,
		Endpoints:   []discovery.Endpoint{{Addresses: []string{of.Address().String()}, Conditions: discovery.EndpointConditions{Ready: pointer(true)}}},
	}
	for _, port := range service.Spec.Ports {
		slice.Ports = append(slice.Ports, discovery.EndpointPort{Name: &port.Name, Port: &port.Port, Protocol: &port.Protocol})
	}
	return ensure(ctx, client.DiscoveryV1().EndpointSlices(system).Create, slice)
}

func pointer[T any](value T) *T { return &value }
