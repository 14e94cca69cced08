{{- define "observability.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: autoscaleops
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* A rule file with this release's names. It is text to Helm: the braces in it are for Prometheus. */}}
{{- define "observability.rules" -}}
{{- .Files.Get .file | trim
  | replace "dev|prod" (join "|" .Values.namespaces)
  | replace "app_http_" (printf "%s_http_" .Values.metricPrefix)
  | replace "demo-app" .Values.workload -}}
{{- end -}}
