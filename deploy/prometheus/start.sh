#!/bin/sh
# Lays down the token with which Prometheus reads the web app's and the worker's metrics, and becomes Prometheus.
set -eu
: "${RETINOTE_METRICS_TOKEN:?is not set: ./retinote deploy init makes one}"
umask 077
printf %s "$RETINOTE_METRICS_TOKEN" >/run/secrets/metrics_token
unset RETINOTE_METRICS_TOKEN
exec prometheus --config.file=/etc/retinote/prometheus.yml --storage.tsdb.path=/prometheus \
    --storage.tsdb.retention.time=30d --storage.tsdb.retention.size=5GB
