#!/bin/sh
# Becomes Redis. Its settings come by standard input, so that the password is on no command line and in no file.
set -eu
: "${REDIS_PASSWORD:?is not set: ./retinote deploy init makes one}"
cd /tmp
exec redis-server - <<SETTINGS
bind * -::*
requirepass $REDIS_PASSWORD
save ""
appendonly no
# Messages must not be thrown out for the cache; cached things carry an end of their own.
maxmemory 384mb
maxmemory-policy volatile-lru
logfile ""
SETTINGS
