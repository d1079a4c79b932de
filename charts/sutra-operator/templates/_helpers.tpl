{{/* Name of everything that belongs to the release: the release's, with the chart's if it is not in there yet. */}}
{{- define "sutra-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that pods are selected by; a Deployment can never change them. */}}
{{- define "sutra-operator.selectorLabels" -}}
app.kubernetes.io/name: sutra-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sutra-operator.labels" -}}
{{ include "sutra-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sutra-grid
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "sutra-operator.serviceAccountName" -}}
{{- $own := ternary (include "sutra-operator.fullname" .) "default" .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end -}}

{{- define "sutra-operator.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- define "sutra-operator.nodeImage" -}}
{{- printf "%s:%s" .Values.node.image.repository (.Values.node.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* The service account, as the subject of a binding. */}}
{{- define "sutra-operator.subject" -}}
- kind: ServiceAccount
  name: {{ include "sutra-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
