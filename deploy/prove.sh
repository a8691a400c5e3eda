#!/usr/bin/env bash
# Shows that the compose file works: builds the images, starts everything with secrets of its own, signs in through
# nginx over TLS, uploads a scan and gets its overlay and its report, is refused without a service's key and let in with
# one, takes everything down and up again, and finds all of it there. With STORE=1 two model servers share one store of
# models, and a new version is registered, tried in shadow, promoted and rolled back on both, without a new image, and once
# more promoted while one of the two is killed.
#
#   deploy/prove.sh [SCAN.png]
#
# SCAN: an OCT scan to upload; without it one is simulated (./retinote data simulate).
# COMPOSE: the compose program (default: docker compose). ENGINE: docker or podman (default: docker).
# BUILD_OPTIONS: options for building, such as mounts and arguments. SKIP_BUILD=1: the images are there already.
# STORE=1: two model servers on one store (deploy/model-store/compose.yml); docs/operations.md says what was seen.
# PORT, HTTP_PORT: where nginx listens (default 18443, 18080). PROFILE=monitoring: Prometheus too.
# SCANS: a folder of OCT scans in PNG that eight clients then upload as fast as they can, to see how many a minute it takes.
# Everything is named retinote-proof and removed at the end, with its volumes. KEEP=1 leaves it.
set -euo pipefail
cd "$(dirname "$0")/.."
COMPOSE=${COMPOSE:-docker compose}${STORE:+ -f docker-compose.yml -f deploy/model-store/compose.yml}${PROFILE:+ --profile $PROFILE}
ENGINE=${ENGINE:-docker}
PORT=${PORT:-18443}
HTTP_PORT=${HTTP_PORT:-18080}
START_TIMEOUT_S=${START_TIMEOUT_S:-900}
HOST=localhost
PROJECT=retinote-proof
SERVERS=${STORE:+2}
SERVERS=${SERVERS:-1}
PASSWORD=$(python3 -c 'import secrets; print(secrets.token_urlsafe(18))')
work=$(mktemp -d)
services=(mongodb redis migrate model-server web worker nginx)
if [ "${PROFILE:-}" = monitoring ]; then services+=(prometheus); fi
began=$(date +%s)

say() { printf '%4d s  %s\n' $(($(date +%s) - began)) "$*"; }
fail() { say "FAILED: $*"; exit 1; }
compose() { $COMPOSE -p "$PROJECT" --env-file "$work/.env" "$@"; }
inside() { compose exec -T "$@"; }
# A command in one of the model servers: 1, 2, …
in_server() { inside --index "$1" model-server "${@:2}"; }
field() { python3 -c 'import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."): value = value[int(key) if isinstance(value, list) else key]
print(value)' "$1"; }
call() { curl --silent --show-error --max-time 60 --cacert "$work/deploy/tls/certificate.pem" "$@"; }
status_of() { call -o "$work/answer" -w '%{http_code}' "$@"; }

# The volumes without a name in which containers have temporary files and bodies, and model servers on one store what is theirs;
# `down` forgets them.
own_volumes() {
    for container in $($ENGINE ps --all --quiet --filter "name=${PROJECT}"); do
        $ENGINE inspect --format '{{range .Mounts}}{{if or (eq .Destination "/run/retinote/scratch") (eq .Destination "/var/cache/nginx")}}{{.Name}}{{end}}{{end}}' "$container"
    done
    for container in $($ENGINE ps --all --quiet --filter "name=${PROJECT}.model-server"); do
        $ENGINE inspect --format '{{range .Mounts}}{{if eq .Destination "/app/var"}}{{.Name}}{{end}}{{end}}' "$container"
    done
}

finish() {
    status=$?
    if [ $status -ne 0 ]; then
        for service in "${services[@]}"; do
            printf -- '--- %s\n' "$service"
            compose logs --tail 25 "$service" 2>&1 | cut -c1-300 | tail -n 25 || true
        done
    fi
    if [ -z "${KEEP:-}" ]; then
        own_volumes >>"$work/own" 2>/dev/null || true
        compose down --volumes >/dev/null 2>&1 || true
        xargs -r -n 1 "$ENGINE" volume rm <"$work/own" >/dev/null 2>&1 || true
        rm -rf "$work"
    else
        echo "left in $work"
    fi
    exit $status
}
trap finish EXIT

# shellcheck disable=SC2086 # a command and its words
up() { timeout "$START_TIMEOUT_S" $COMPOSE -p "$PROJECT" --env-file "$work/.env" up --detach "${services[@]}" >"$work/up.log" 2>&1; }

servers_are_ready() {
    local server
    for ((server = 1; server <= SERVERS; server += 1)); do
        in_server "$server" python3 -m operations.container.model_server check >/dev/null 2>&1 || return 1
    done
}
wait_until_ready() {
    for ((waited = 0; waited < START_TIMEOUT_S; waited += 2)); do
        if servers_are_ready && [ "$(status_of "https://$HOST:$PORT/healthz/" 2>/dev/null)" = 200 ]; then return; fi
        sleep 2
    done
    fail "not ready within $START_TIMEOUT_S s"
}

sign_in() {
    token=$(call -H 'Content-Type: application/json' -d "{\"username\":\"admin\",\"password\":\"$PASSWORD\"}" \
        "https://$HOST:$PORT/api/v1/auth/token/" | field access) || fail "nobody can sign in"
}

# --- secrets and a certificate of its own
python3 cli.py deploy init --host $HOST --https-port "$PORT" --http-port "$HTTP_PORT" --folder "$work" >/dev/null
echo "RETINOTE_TLS_DIR=$work/deploy/tls" >>"$work/.env"
echo "RETINOTE_MODEL_SERVERS=$SERVERS" >>"$work/.env"
say "made secrets and a certificate"
sed '/^REDIS_PASSWORD/d' "$work/.env" >"$work/without"
if $COMPOSE -p $PROJECT --env-file "$work/without" config >/dev/null 2>&1; then fail "it starts without a password for Redis"; fi
say "refused to start without a secret"

# --- images
if [ -z "${SKIP_BUILD:-}" ]; then
    # shellcheck disable=SC2086
    $ENGINE build ${BUILD_OPTIONS:-} -q -f deploy/images/web.Dockerfile -t retinote-web:local . >/dev/null
    say "built the web app's image"
    # shellcheck disable=SC2086
    $ENGINE build ${BUILD_OPTIONS:-} -q -f deploy/images/model-server.Dockerfile -t retinote-model-server:local . >/dev/null
    say "built the model server's image"
fi

# --- start
start=$(date +%s)
up || { cat "$work/up.log"; fail "compose up"; }
wait_until_ready
say "ready, $(($(date +%s) - start)) s after it was started"

# --- the gateway
[ "$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' "http://$HOST:$HTTP_PORT/x")" = "308 https://$HOST:$PORT/x" ] ||
    fail "HTTP is not sent on to HTTPS"
call -D "$work/headers" -o /dev/null "https://$HOST:$PORT/"
grep -qi '^strict-transport-security:' "$work/headers" || fail "no HSTS"
grep -qi '^content-security-policy:' "$work/headers" || fail "no CSP"
for path in metrics/ readyz/ api/v1/internal/inference-key/ _inference_key; do
    [ "$(status_of "https://$HOST:$PORT/$path")" = 404 ] || fail "/$path can be reached from outside"
done
[ "$(status_of "https://$HOST:$PORT/api/v1/scans/")" = 401 ] || fail "scans without signing in"
if curl -sk -o /dev/null --resolve "other.example.org:$PORT:127.0.0.1" "https://other.example.org:$PORT/"; then fail "another host name is answered"; fi
truncate --size 300M "$work/large"
[ "$(status_of -F "image=@$work/large" "https://$HOST:$PORT/api/v1/scans/")" = 413 ] || fail "300 MB are taken"
rm "$work/large"
say "HTTP goes to HTTPS; what is for inside can't be reached; uploads are limited"
mapfile -t containers < <($ENGINE ps -q --filter "name=${PROJECT}.model-server" | sort)
[ ${#containers[@]} = "$SERVERS" ] || fail "${#containers[@]} model servers run, and not $SERVERS"
for container in "${containers[@]}"; do
    [ -z "$($ENGINE port "$container")" ] || fail "the model server is published"
done
inside web python3 -c 'import socket
try: socket.create_connection(("model-server", 8081), 3)
except OSError: raise SystemExit(0)
raise SystemExit(1)' || fail "the web app reaches the model server's management"
say "the model server publishes nothing, and its management is out of reach of the web app"

# --- sign in, upload, overlay, report
printf '%s\n' "$PASSWORD" | inside web python3 -m django create_user admin --role administrator >/dev/null
sign_in
say "signed in over TLS"
scan=${1:-}
if [ -z "$scan" ]; then
    ./retinote data simulate --out "$work/scans" --per-class 1 --labels CNV >/dev/null
    scan=$(find "$work/scans" -name '*.png' ! -path '*mask*' | head -n 1)
fi
call -H "Authorization: Bearer $token" -F "image=@$scan" -F modality=oct -F eye=OD -F "patient_ref=망막 P-7" "https://$HOST:$PORT/api/v1/scans/" >"$work/scan.json"
id=$(field id <"$work/scan.json") || fail "no scan: $(cut -c1-300 "$work/scan.json")"
[ "$(field status <"$work/scan.json")" = predicted ] || fail "not predicted: $(field status <"$work/scan.json")"
call -H "Authorization: Bearer $token" "https://$HOST:$PORT/api/v1/scans/$id/overlay/" >"$work/overlay"
case $(head -c 3 "$work/overlay" | od -An -tx1 | tr -d ' ') in ffd8ff | 89504e) ;; *) fail "no overlay" ;; esac
say "uploaded a scan: $(field prediction <"$work/scan.json") $(field confidence <"$work/scan.json"), overlay of $(wc -c <"$work/overlay") bytes"
[ "$(status_of -H "Authorization: Bearer $token" "https://$HOST:$PORT/api/v1/scans/$id/report/")" = 200 ] && [ "$(head -c 5 "$work/answer")" = %PDF- ] ||
    fail "no report: $(head -c 300 "$work/answer")"
say "got its report of $(wc -c <"$work/answer") bytes"

# --- direct calls
direct="https://$HOST:$PORT/inference/retina-oct"
[ "$(status_of -H 'Content-Type: image/png' --data-binary "@$scan" "$direct")" = 401 ] || fail "a call without a key got $(cat "$work/answer")"
[ "$(status_of -H 'Authorization: Bearer wrong' -H 'Content-Type: image/png' --data-binary "@$scan" "$direct")" = 401 ] ||
    fail "a call with a wrong key got $(cat "$work/answer")"
say "refused direct calls without a key"
key=$(inside web python3 -c 'import django
django.setup()
from webapp.accounts.models import User
from webapp.gateway.issuing import issue
from webapp.gateway.models import ServiceKey
print(issue(ServiceKey(service="proof", calls_per_minute=1000), User.objects.get(username="admin")))' | tail -n 1 | tr -d '\r')
[ "$(status_of -H "Authorization: Bearer $key" -H 'Content-Type: image/png' --data-binary "@$scan" "$direct")" = 200 ] ||
    fail "a call with a key got $(cat "$work/answer")"
[ "$(field prediction.label <"$work/answer")" = "$(field prediction <"$work/scan.json")" ] || fail "another answer than the web app's"
say "answered a direct call with a service's key"

# --- versions, on two model servers
models() { in_server 1 python3 cli.py models "$@"; }
rollout() { inside web python3 -m django rollout "$@"; }
# The version by which one of the model servers answers, asked past the gateway.
answered_by() {
    in_server "$1" python3 -c 'import sys, urllib.request
asked = urllib.request.Request("http://127.0.0.1:8080/predictions/retina-oct", sys.stdin.buffer.read(), {"Content-Type": "image/png"})
print(urllib.request.urlopen(asked, timeout=30).headers["X-Model-Version"])' <"$scan" 2>/dev/null | tr -d '\r'
}
# The version by which a direct call is answered, by whichever server the gateway has chosen.
direct_answer() {
    call -o /dev/null -D - -H "Authorization: Bearer $key" -H 'Content-Type: image/png' --data-binary "@$scan" "$direct" |
        tr -d '\r' | sed -n 's/^x-model-version: //Ip'
}
# Direct calls one after the other, in the background, until `stop_calling`; `called` says how they were answered.
start_calling() {
    rm -f "$work/called"
    touch "$work/calling"
    while [ -e "$work/calling" ]; do
        call -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $key" -H 'Content-Type: image/png' \
            --data-binary "@$scan" "$direct" >>"$work/called" 2>/dev/null || true
        sleep 0.2
    done &
    caller=$!
}
stop_calling() {
    rm "$work/calling"
    wait "$caller"
    called=$(sort "$work/called" | uniq -c | awk '{ print (NR > 1 ? ", " : "") $1 " × " $2 }' ORS='')
}
# Until every server, and every one of six calls through the gateway, is answered by a version.
wait_answered_by() {
    local server waited found
    for ((server = 1; server <= SERVERS; server += 1)); do
        for ((waited = 0; ; waited += 1)); do
            found=$(answered_by "$server") || found="nobody"
            if [ "$found" = "$1" ]; then break; fi
            [ $waited -lt 60 ] || fail "server $server is answered by $found and not by $1"
            sleep 1
        done
    done
    for _ in 1 2 3 4 5 6; do
        found=$(direct_answer)
        [ "$found" = "$1" ] || fail "a direct call was answered by ${found:-nobody} and not by $1"
    done
}
if [ -n "${STORE:-}" ]; then
    before=$(field model.version <"$work/scan.json") after=$(field model.version <"$work/scan.json")-proof
    # The same network with a hair's breadth in its last layer: other weights, nearly the same answers.
    in_server 1 python3 - "$before" "$after" <<'PYTHON' || fail "no second version"
import hashlib, json, pathlib, shutil, sys
from safetensors.torch import load_file, save_file
before, after = sys.argv[1:]
made = pathlib.Path("/app/var/proof/retina-oct") / after
shutil.copytree(f"/app/model_store/retina-oct/{before}", made)
weights = load_file(made / "weights.safetensors")
weights["head.fc.bias"][0] += 1e-3
save_file(weights, made / "weights.safetensors")
card = json.loads((made / "model.json").read_text())
card |= {"version": after, "weights_sha256": hashlib.sha256((made / "weights.safetensors").read_bytes()).hexdigest()}
(made / "model.json").write_text(json.dumps(card))
PYTHON
    models import "/app/var/proof/retina-oct/$after" >/dev/null || fail "models import"
    models register retina-oct "$after" >"$work/registered" || fail "models register"
    say "a new version is registered on both servers, without a new image"
    rollout shadow retina-oct "$after" >/dev/null || fail "shadow"
    [ "$(status_of -X POST -H "Authorization: Bearer $token" "https://$HOST:$PORT/api/v1/scans/$id/predictions/")" = 201 ] ||
        fail "not predicted again: $(head -c 300 "$work/answer")"
    for ((waited = 0; waited < 60; waited += 2)); do
        rollout list >"$work/trials"
        if grep -q 'Answered in shadow: [1-9]' "$work/trials"; then break; fi
        sleep 2
    done
    grep 'Answered in shadow: [1-9]' "$work/trials" || fail "nothing was answered in shadow: $(cat "$work/trials")"
    rollout shadow retina-oct "$after" --stop >/dev/null || fail "the shadow can't be stopped"
    say "it answered in shadow"
    if models promote retina-oct "$after" >/dev/null 2>&1; then fail "promoted without a gate"; fi
    start_calling
    start=$(date +%s)
    models promote retina-oct "$after" --override "proof of the deployment" >/dev/null || fail "models promote"
    wait_answered_by "$after"
    say "promoted within $(($(date +%s) - start)) s: both servers answer by $after"
    start=$(date +%s)
    models rollback retina-oct >/dev/null || fail "models rollback"
    wait_answered_by "$before"
    say "rolled back within $(($(date +%s) - start)) s: both servers answer by $before"
    stop_calling
    if grep -qv '^200$' "$work/called"; then fail "direct calls meanwhile: $called"; fi
    say "direct calls meanwhile: $called"

    # Promoted once more, from the beginning: one server is killed while both load the version.
    models retire retina-oct "$after" >/dev/null || fail "models retire"
    victim=$(in_server 2 cat /etc/hostname | tr -d '\r')
    start_calling
    models promote retina-oct "$after" --override "proof of the deployment" >"$work/promoted" 2>&1 &
    promoting=$!
    for ((waited = 0; waited < 60; waited += 1)); do
        if in_server 1 grep -q "$after" /app/store/registry.json; then break; fi
        sleep 1
    done
    $ENGINE kill "$victim" >/dev/null || fail "the second server can't be killed"
    kill -0 "$promoting" 2>/dev/null || fail "promoted before a server could be killed: $(cat "$work/promoted")"
    say "killed server 2 ($victim) while $after was promoted"
    start=$(date +%s)
    $ENGINE start "$victim" >/dev/null || fail "the second server can't be started again"
    wait "$promoting" || fail "models promote, with a server killed: $(cat "$work/promoted")"
    say "$(tail -n 1 "$work/promoted")"
    wait_until_ready
    wait_answered_by "$after"
    say "both servers answer by $after, $(($(date +%s) - start)) s after the new start"
    stop_calling
    if grep -q '^404$' "$work/called"; then fail "a server without a model was asked; direct calls meanwhile: $called"; fi
    say "direct calls meanwhile: $called"
fi

# --- Prometheus
if [ "${PROFILE:-}" = monitoring ]; then
    for ((waited = 0; waited < 90; waited += 3)); do
        down=$(inside web python3 -c 'import json, urllib.request
found = json.load(urllib.request.urlopen("http://prometheus:9090/api/v1/targets", timeout=5))["data"]["activeTargets"]
print(" ".join(t["labels"]["job"] for t in found if t["health"] != "up") if found else "none known")') || down="no answer"
        if [ -z "${down//[$'\r\n ']/}" ]; then break; fi
        sleep 3
    done
    [ -z "${down//[$'\r\n ']/}" ] || fail "Prometheus can't scrape: $down"
    say "Prometheus scrapes all its targets"
fi

# --- figures
if [ -n "${SCANS:-}" ]; then
    before=$(date +%s%N)
    find "$SCANS" -name '*.png' -print0 | xargs -0 -P 8 -I{} curl --silent --max-time 60 --cacert "$work/deploy/tls/certificate.pem" \
        -H "Authorization: Bearer $token" -F 'image=@{}' -F modality=oct -o /dev/null -w '%{http_code}\n' "https://$HOST:$PORT/api/v1/scans/" |
        sort | uniq -c >"$work/answers"
    say "uploads by eight clients in $((($(date +%s%N) - before) / 1000000)) ms, answers: $(tr -s ' \n' ' ' <"$work/answers")"
fi
$ENGINE stats --no-stream --format '{{.Name}} {{.MemUsage}}' 2>/dev/null | grep "^$PROJECT" | sed 's/^/        /' || true

# --- down and up again
own_volumes >"$work/own"
compose down >/dev/null 2>&1
say "down"
start=$(date +%s)
up || { cat "$work/up.log"; fail "compose up, the second time"; }
wait_until_ready
say "ready again, $(($(date +%s) - start)) s after it was started"
sign_in
call -H "Authorization: Bearer $token" "https://$HOST:$PORT/api/v1/scans/$id/" >"$work/again.json"
[ "$(field sha256 <"$work/again.json")" = "$(field sha256 <"$work/scan.json")" ] || fail "the scan is lost"
call -H "Authorization: Bearer $token" "https://$HOST:$PORT/api/v1/scans/$id/overlay/" | cmp - "$work/overlay" || fail "the overlay is lost"
say "nothing is lost: the same scan, the same overlay"
if [ -n "${STORE:-}" ]; then
    wait_answered_by "$after"
    say "both servers answer by $after, as before"
fi
