{{- define "rohrpost.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "rohrpost.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rohrpost.labels" -}}
{{ include "rohrpost.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "rohrpost.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "rohrpost.fullname" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "rohrpost.contentClaim" -}}
{{- .Values.content.folder.existingClaim | default (printf "%s-content" (include "rohrpost.fullname" .)) }}
{{- end }}

{{/* A variable from the Secret: dict "root" $ "name" the variable's, "key" the Secret's (the same where it is not given). */}}
{{- define "rohrpost.secret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.existingSecret }}
      key: {{ .key | default .name }}
{{- end }}

{{/* Variables that every process reads; those for this process alone go last. dict "root" $ "own" its values. */}}
{{- define "rohrpost.env" -}}
{{- $values := .root.Values -}}
{{- if $values.redis.secretKey -}}
{{ include "rohrpost.secret" (dict "root" .root "name" "REDIS_URL" "key" $values.redis.secretKey) }}
{{- else -}}
- name: REDIS_URL
  value: {{ $values.redis.url | quote }}
{{- end }}
{{- if eq $values.content.store "s3" }}
{{ include "rohrpost.secret" (dict "root" .root "name" "ROHRPOST_S3_ACCESS_KEY_ID") }}
{{ include "rohrpost.secret" (dict "root" .root "name" "ROHRPOST_S3_SECRET_ACCESS_KEY") }}
{{- end }}
{{- range $values.secretVariables }}
{{ include "rohrpost.secret" (dict "root" $.root "name" .) }}
{{- end }}
{{- range $name, $value := .own.variables }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* What all pods have in common. dict "root" $ "own" values of the process. */}}
{{- define "rohrpost.pod" -}}
serviceAccountName: {{ include "rohrpost.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
# Longer than ROHRPOST_GRACE: what is under way ends by itself.
terminationGracePeriodSeconds: {{ add .root.Values.graceSeconds 10 }}
# The user node of the image, whose name alone Kubernetes could not tell from root's.
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "rohrpost.selector" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
{{- with .own.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What all containers have in common. dict "root" $ "own" values of the process. */}}
{{- define "rohrpost.container" -}}
image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
envFrom:
  - configMapRef: { name: {{ include "rohrpost.fullname" .root }} }
resources: {{ toYaml .own.resources | nindent 2 }}
{{- end }}

{{/* Probes of a container, at its port of this name. A start may take a minute, as while Redis is awaited. */}}
{{- define "rohrpost.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: {{ . }} }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /livez, port: {{ . }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: {{ . }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{- define "rohrpost.mounts" -}}
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- end }}

{{- define "rohrpost.volumes" -}}
- name: data
  {{- if eq .Values.content.store "s3" }}
  emptyDir: { sizeLimit: {{ .Values.content.spoolSize }} }
  {{- else }}
  persistentVolumeClaim: { claimName: {{ include "rohrpost.contentClaim" . }} }
  {{- end }}
- name: tmp
  emptyDir: { sizeLimit: 1Gi }
{{- end }}
