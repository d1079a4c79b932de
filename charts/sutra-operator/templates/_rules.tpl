{{/* What the operator does with SutraClusters and with what belongs to them. */}}
{{- define "sutra-operator.rules" -}}
# Patched are the finalizer of clusters whose volumes shall go with them, and the annotations by which a node is replaced; nothing else.
- apiGroups: [sutra.dev]
  resources: [sutraclusters]
  verbs: [get, list, watch, patch]
- apiGroups: [sutra.dev]
  resources: [sutraclusters/status]
  verbs: [get, patch]
# Where owner references may not block deletion without it (OwnerReferencesPermissionEnforcement).
- apiGroups: [sutra.dev]
  resources: [sutraclusters/finalizers]
  verbs: [update]
- apiGroups: [sutra.dev]
  resources: [sutrashards]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [sutra.dev]
  resources: [sutrashards/status]
  verbs: [get, patch]
# Pods are made by the StatefulSet; the operator deletes them one at a time to renew them.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
{{- if empty .Values.watch.namespace }}
# In which zone a pod's machine is, where the pod does not carry it: the grid spreads its copies over zones.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get]
{{- end }}
# Volumes are grown and labelled. Deleted are those of nodes that have left their grid, and of nodes that somebody asks to replace.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch]
# The secret that the nodes of a grid share is made once. No list and no watch: nobody's secrets are read in bulk.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create]
# Growing volumes replaces the StatefulSet and leaves its pods.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# Why a StatefulSet can't make a pod is said in events only.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
{{- end -}}
