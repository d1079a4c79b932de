package addons

import (
	"context"
	"strings"

	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// allowed is what the lab's own users may do, by their names.
var allowed = map[string][]rbac.PolicyRule{
	"sutra-lab:dns": {
		rule("", "list watch", "services", "pods", "namespaces", "endpoints"),
		rule("discovery.k8s.io", "list watch", "endpointslices"),
	},
	"sutra-lab:provisioner": {
		rule("", "get list watch create update delete", "persistentvolumes"),
		rule("", "get list watch", "persistentvolumeclaims"),
		rule("", "update", "persistentvolumeclaims/status"),
		rule("storage.k8s.io", "get list watch", "storageclasses"),
	},
}

func rule(group, verbs string, resources ...string) rbac.PolicyRule {
	return rbac.PolicyRule{APIGroups: []string{group}, Verbs: strings.Fields(verbs), Resources: resources}
}

func rights(ctx context.Context, _ *instance.Instance, client kubernetes.Interface) error {
	for user, rules := range allowed {
		role := &rbac.ClusterRole{ObjectMeta: meta.ObjectMeta{Name: user}, Rules: rules}
		if err := ensure(ctx, client.RbacV1().ClusterRoles().Create, role); err != nil {
			return err
		}
		if err := bind(ctx, client, user, user); err != nil {
			return err
		}
	}
	return nil
}

func bind(ctx context.Context, client kubernetes.Interface, role, user string) error {
	return ensure(ctx, client.RbacV1().ClusterRoleBindings().Create, &rbac.ClusterRoleBinding{
		ObjectMeta: meta.ObjectMeta{Name: role},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.UserKind, Name: user}},
	})
}
