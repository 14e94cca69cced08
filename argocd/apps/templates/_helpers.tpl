{{/* What every child syncs by: on its own, healing itself, and patient with what is not there yet. */}}
{{- define "apps.syncPolicy" -}}
automated:
  prune: true
  selfHeal: true
retry:
  limit: 10
  backoff:
    duration: 5s
    factor: 2
    maxDuration: 3m
{{- end -}}

{{- define "apps.syncOptions" -}}
- CreateNamespace=true
- ServerSideApply=true
- ApplyOutOfSyncOnly=true
{{- end -}}

{{/* Name and wave of an Application: include "apps.metadata" (dict "name" … "wave" …). */}}
{{- define "apps.metadata" -}}
name: {{ .name }}
namespace: argocd
annotations:
  argocd.argoproj.io/sync-wave: {{ .wave | quote }}
  # Differences are computed by the API server, which knows defaults and owners of fields.
  argocd.argoproj.io/compare-options: ServerSideDiff=true
finalizers:
  - resources-finalizer.argocd.argoproj.io
{{- end -}}
