#!/bin/sh
# Lays down the key file by which members of the replica set know each other, and becomes MongoDB. With a key file
# MongoDB lets nobody in without a password. What it logs of slow queries would quote patient references.
set -eu
: "${MONGODB_REPLICA_KEY:?is not set: ./retinote deploy init makes one}"
umask 077
printf '%s\n' "$MONGODB_REPLICA_KEY" >/run/mongodb/replica.key
unset MONGODB_REPLICA_KEY
# The image's own entry point goes on as this user where there is one, and has MongoDB listen on all addresses.
if id mongodb >/dev/null 2>&1; then chown mongodb /run/mongodb /run/mongodb/replica.key; fi
chmod 0400 /run/mongodb/replica.key
exec docker-entrypoint.sh mongod --replSet retinote --keyFile /run/mongodb/replica.key \
    --nounixsocket --oplogSize 1024 --slowms 2147483647 --wiredTigerCacheSizeGB "${MONGODB_CACHE_GB:-1}"
