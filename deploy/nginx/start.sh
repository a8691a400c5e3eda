#!/bin/sh
# Fills in what differs between installations, and becomes nginx.
set -eu
: "${RETINOTE_HOST:?is not set: the name by which browsers reach this server}"
case $RETINOTE_HOST in *[!A-Za-z0-9.-]*) echo "RETINOTE_HOST is not a host name: $RETINOTE_HOST" >&2; exit 2 ;; esac
: "${RETINOTE_GATEWAY_SECRET:?is not set: ./retinote deploy init makes one}"
case $RETINOTE_GATEWAY_SECRET in *[!A-Za-z0-9_-]*) echo "RETINOTE_GATEWAY_SECRET may hold letters, digits, - and _" >&2; exit 2 ;; esac
rate=${RETINOTE_LARGE_BODIES_PER_SECOND:-2}
case $rate in '' | 0* | *[!0-9]*) echo "RETINOTE_LARGE_BODIES_PER_SECOND is not a number from 1: $rate" >&2; exit 2 ;; esac
umask 077
suffix=
if [ "${RETINOTE_HTTPS_PORT:-443}" != 443 ]; then suffix=:$RETINOTE_HTTPS_PORT; fi
resolver=$(awk '$1 == "nameserver" { print ($2 ~ /:/) ? "[" $2 "]" : $2; exit }' /etc/resolv.conf)
sed -e "s/@HOST@/$RETINOTE_HOST/g" -e "s/@HTTPS_SUFFIX@/$suffix/g" -e "s/@RESOLVER@/${resolver:?no name server}/g" \
    -e "s/@LARGE_RATE@/$((rate * 60))/g" -e "s/@LARGER_RATE@/$((rate * 30))/g" -e "s/@LARGEST_RATE@/$((rate * 15))/g" \
    -e "s/@WEB@/${RETINOTE_WEB_ADDRESS:-web:8000}/g" \
    -e "s/@MODEL_SERVER@/${RETINOTE_MODEL_SERVER_ADDRESS:-model-server:8080}/g" \
    -e "s/@GATEWAY_SECRET@/$RETINOTE_GATEWAY_SECRET/g" \
    /etc/retinote/nginx.conf.template >/tmp/nginx.conf
unset RETINOTE_GATEWAY_SECRET
exec nginx -c /tmp/nginx.conf -g 'daemon off;'
