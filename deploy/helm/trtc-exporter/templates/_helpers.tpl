{{- define "trtc-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name, with the chart's where it does not say it already. Pods are numbered, so there is room left. */}}
{{- define "trtc-exporter.fullname" -}}
{{- $name := include "trtc-exporter.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What pods are selected by: never changed, for that could not be upgraded. */}}
{{- define "trtc-exporter.selector" -}}
app.kubernetes.io/name: {{ include "trtc-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "trtc-exporter.labels" -}}
{{ include "trtc-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "trtc-exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "trtc-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "trtc-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* How either monitor scrapes a pod. */}}
{{- define "trtc-exporter.endpoint" -}}
port: http
path: /metrics
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
relabelings:
  - sourceLabels: [__meta_kubernetes_namespace, __meta_kubernetes_pod_name]
    separator: /
    targetLabel: instance
{{- with .endpoint }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What a probe does: asks at the path, or without HTTP where that may want a password or a certificate. */}}
{{- define "trtc-exporter.probe" -}}
{{- if .web.existingSecret -}}
exec:
  command: [/trtc-exporter, healthcheck]
{{- else -}}
httpGet:
  path: {{ .path }}
  port: http
{{- end -}}
{{- end -}}
