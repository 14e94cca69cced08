{{/* The name of every object: the release's, with the chart's appended unless it is in it already. */}}
{{- define "demo-app.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods. It may never change, so no version is in it. */}}
{{- define "demo-app.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "demo-app.labels" -}}
{{ include "demo-app.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/part-of: autoscaleops
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
autoscaleops.dev/environment: {{ .Values.environment }}
{{- end -}}

{{- define "demo-app.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{/* The pod security standard "restricted", for every container here. */}}
{{- define "demo-app.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop:
    - ALL
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What the schema cannot compare. */}}
{{- define "demo-app.check" -}}
{{- if lt (int .Values.hpa.maxReplicas) (int .Values.hpa.minReplicas) -}}
{{- fail (printf "hpa.maxReplicas (%v) is below hpa.minReplicas (%v)" .Values.hpa.maxReplicas .Values.hpa.minReplicas) -}}
{{- end -}}
{{- end -}}
