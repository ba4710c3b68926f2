{{/* Names. A release called "guiche" has no "guiche-guiche" in it. */}}
{{- define "guiche.fullname" -}}
{{- if contains "guiche" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-guiche" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Of (list service process): mail-ingest; the gateway has but one process. */}}
{{- define "guiche.component" -}}
{{- join "-" . | trimSuffix "-serve" }}
{{- end }}

{{- define "guiche.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: guiche
{{ include "guiche.selector" . }}
{{- end }}

{{- define "guiche.selector" -}}
app.kubernetes.io/name: guiche
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Of (dict root service). */}}
{{- define "guiche.image" -}}
{{- $image := .root.Values.image }}
{{- with $image.registry }}{{ . }}/{{ end }}guiche-{{ .service }}
{{- with get $image.digests .service }}@{{ . }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* The metadata of every pod, of (dict root component annotations). Where values name the same, ours hold. */}}
{{- define "guiche.podMetadata" -}}
labels:
  {{- merge (include "guiche.labels" .root | fromYaml) (dict "app.kubernetes.io/component" .component) .root.Values.pod.labels | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.pod.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every pod has in its spec: processes, migrations and the checker. */}}
{{- define "guiche.podSpec" -}}
automountServiceAccountToken: false
# Else the address of a Service called "guiche" would come as GUICHE_PORT, which is a setting.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "guiche.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Name of the Secret that the chart makes of urls and passwords given as values. */}}
{{- define "guiche.ownSecret" -}}
{{ include "guiche.fullname" . }}-connections
{{- end }}

{{/*
An environment variable from a Secret, of (dict root name given ownKey what own): `given` is one of the values with
existingSecret, key and url; `own` the Secret the chart makes of urls.
*/}}
{{- define "guiche.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      {{- if .given.existingSecret }}
      name: {{ .given.existingSecret }}
      key: {{ .given.key }}
      {{- else }}
      {{- $_ := required (printf "%s.url or %s.existingSecret must be given" .what .what) .given.url }}
      name: {{ .own | default (include "guiche.ownSecret" .root) }}
      key: {{ .ownKey }}
      {{- end }}
{{- end }}

{{- define "guiche.databaseVariable" -}}
{{- $what := printf "databases.%s" .service }}
{{- $name := printf "GUICHE_%s_DATABASE_URL" (upper .service) }}
{{- include "guiche.fromSecret" (dict "root" .root "name" $name "given" (get .root.Values.databases .service) "ownKey" (printf "%s-database" .service) "what" $what "own" .own) }}
{{- end }}

{{- define "guiche.brokerVariable" -}}
{{- include "guiche.fromSecret" (dict "root" .root "name" "GUICHE_RABBITMQ_URL" "given" .root.Values.rabbitmq "ownKey" "rabbitmq" "what" "rabbitmq") }}
{{- end }}

{{/*
objectStore.url, refused where a mail that was acknowledged would be lost with its pod: what is written beside a claim is
gone with the container, and /tmp is a folder of each pod's own.
*/}}
{{- define "guiche.filesUrl" -}}
{{- $store := .Values.objectStore }}
{{- $url := required "objectStore.url must be given" $store.url }}
{{- if hasPrefix "memory:" $url }}
{{- fail "objectStore.url must not be memory: every mail would be lost with the process that took it." }}
{{- end }}
{{- if not (hasPrefix "file:" $url) }}
{{- if $store.existingClaim }}
{{- fail (printf "objectStore.existingClaim is for a folder, file:///folder, and objectStore.url is %s: nothing would be kept in the claim." $url) }}
{{- end }}
{{- else if not (regexMatch "^file://(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$" $url) }}
{{- fail (printf "objectStore.url must be file:///folder, of letters, digits, dots, dashes and underscores, without a slash at the end, and is %s." $url) }}
{{- else if not $store.existingClaim }}
{{- fail (printf "objectStore.url is a folder, %s, and needs objectStore.existingClaim: without it each pod has files of its own, which are lost with it." $url) }}
{{- else if hasPrefix "file:///tmp/" (printf "%s/" $url) }}
{{- fail (printf "objectStore.url must not be at or below /tmp, which is a folder of each pod's own, and is %s." $url) }}
{{- end }}
{{- $url }}
{{- end }}

{{/* Where the claim is mounted. */}}
{{- define "guiche.filesFolder" -}}
{{- include "guiche.filesUrl" . | trimPrefix "file://" }}
{{- end }}

{{/* The environment of one process, of (dict root service about process fact). */}}
{{- define "guiche.environment" -}}
{{- $full := include "guiche.fullname" .root }}
{{- $values := .root.Values }}
- {name: GUICHE_KEYS, value: /etc/guiche/keys}
- {name: GUICHE_WATCH_HOST, value: 0.0.0.0}
- {name: GUICHE_WATCH_PORT, value: "9100"}
{{- range $owner, $about := .facts }}
{{- if $about.database }}
- {name: GUICHE_{{ upper $owner }}_ADDRESS, value: "dns:///{{ $full }}-{{ $owner }}-api:{{ $about.processes.api.port.number }}"}
{{- end }}
{{- end }}
{{- if .about.database }}
{{ include "guiche.databaseVariable" . }}
{{- end }}
{{- if .fact.broker }}
{{ include "guiche.brokerVariable" . }}
{{- end }}
{{- if .about.files }}
- {name: GUICHE_MAIL_FILES_URL, value: {{ include "guiche.filesUrl" .root | quote }}}
{{- end }}
{{- with .fact.port }}
{{- if eq .name "grpc" }}
- {name: GUICHE_LISTEN, value: "0.0.0.0:{{ .number }}"}
{{- else if eq .name "http" }}
- {name: GUICHE_HOST, value: 0.0.0.0}
- {name: GUICHE_PORT, value: {{ .number | quote }}}
{{- else if eq .name "smtp" }}
- {name: GUICHE_SMTP_HOST, value: 0.0.0.0}
- {name: GUICHE_SMTP_PORT, value: {{ .number | quote }}}
{{- if $values.smtp.tlsSecret }}
- {name: GUICHE_SMTP_CERTIFICATE, value: /etc/guiche/smtp/tls.crt}
- {name: GUICHE_SMTP_PRIVATE_KEY, value: /etc/guiche/smtp/tls.key}
{{- end }}
{{- end }}
{{- end }}
{{- if .fact.relay }}
{{- $relay := $values.relay }}
{{- if and (or $relay.password $relay.existingSecret) (not $relay.user) }}
{{- fail "relay.password and relay.existingSecret need relay.user: without a user mails are handed over unencrypted, and as nobody." }}
{{- end }}
- {name: GUICHE_SMTP_RELAY, value: {{ required "relay.address must be given" $relay.address | quote }}}
{{- with $relay.tls }}
- {name: GUICHE_SMTP_RELAY_TLS, value: {{ . | quote }}}
{{- end }}
{{- with $relay.user }}
- {name: GUICHE_SMTP_RELAY_USER, value: {{ . | quote }}}
{{ include "guiche.fromSecret" (dict "root" $.root "name" "GUICHE_SMTP_RELAY_PASSWORD" "given" (dict "existingSecret" $relay.existingSecret "key" $relay.passwordKey "url" $relay.password) "ownKey" "relay-password" "what" "relay (password)") }}
{{- end }}
{{- end }}
{{- range $name, $value := merge (dict) (get $values.services .service).settings $values.settings }}
- {name: GUICHE_{{ upper $name }}, value: {{ include "guiche.text" $value | quote }}}
{{- end }}
{{- end }}

{{/* A setting as text. Numbers of values are floating ones to Helm, which would write 25 MiB as 2.62144e+07. */}}
{{- define "guiche.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* Where a service's keys come from: all public ones, and the private one of this service alone. */}}
{{- define "guiche.keysVolume" -}}
name: keys
secret:
  secretName: {{ .root.Values.keys.existingSecret | default (printf "%s-keys" (include "guiche.fullname" .root)) }}
  items:
    {{- range $service, $_ := .facts }}
    - {key: {{ $service }}.public.pem, path: {{ $service }}.public.pem}
    {{- end }}
    - {key: {{ .service }}.private.pem, path: {{ .service }}.private.pem}
{{- end }}

{{/* Of databases given as urls, of (dict databases prefix): key → text. */}}
{{- define "guiche.databaseSecretData" -}}
{{- $prefix := .prefix | default "" }}
{{- range $service, $given := .databases }}
{{- if and $given.url (not $given.existingSecret) }}
{{ $prefix }}{{ $service }}-database: {{ $given.url | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of all urls and passwords given as values: key → text. */}}
{{- define "guiche.ownSecretData" -}}
{{- include "guiche.databaseSecretData" (dict "databases" .Values.databases) }}
{{- if .Values.checker.enabled }}
{{- include "guiche.databaseSecretData" (dict "databases" .Values.checker.databases "prefix" "checker-") }}
{{- end }}
{{- if and .Values.rabbitmq.url (not .Values.rabbitmq.existingSecret) }}
rabbitmq: {{ .Values.rabbitmq.url | quote }}
{{- end }}
{{- if and .Values.relay.password (not .Values.relay.existingSecret) }}
relay-password: {{ .Values.relay.password | quote }}
{{- end }}
{{- end }}
