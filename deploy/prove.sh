#!/usr/bin/env bash
# Shows that the compose file works: builds the images, starts everything with secrets of its own, signs in through
# nginx over TLS, uploads a scan and gets its overlay and its report, is refused without a service's key and let in with
# one, takes everything down and up again, and finds all of it there. With STORE=1 two model servers share one store of
# models, and a new version is registered, tried in shadow, promoted and rolled back on both, without a new image.
#
#   deploy/prove.sh [SCAN.png]
#
# SCAN: an image to upload; without it one is simulated (./retinote data simulate).
# COMPOSE: the compose program (default: docker compose). ENGINE: docker or podman (default: docker).
# BUILD_OPTIONS: options for building, such as mounts and arguments. SKIP_BUILD=1: the images are there already.
# STORE=1: two model servers on one store (deploy/model-store/compose.yml). This part has not been run yet.
# PORT, HTTP_PORT: where nginx listens (default 18443, 18080). PROFILE=monitoring: Prometheus too.
# SCANS: a folder of PNG images that eight clients then upload as fast as they can, to see how many a minute it takes.
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
PASSWORD=$(python3 -c 'import secrets; print(secrets.token_urlsafe(18))')
work=$(mktemp -d)
services=(mongodb redis migrate model-server web worker nginx)
if [ "${PROFILE:-}" = monitoring ]; then services+=(prometheus); fi
began=$(date +%s)

say() { printf '%4d s  %s\n' $(($(date +%s) - began)) "$*"; }
fail() { say "FAILED: $*"; exit 1; }
compose() { $COMPOSE -p "$PROJECT" --env-file "$work/.env" "$@"; }
inside() { compose exec -T "$@"; }
field() { python3 -c 'import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."): value = value[int(key) if isinstance(value, list) else key]
print(value)' "$1"; }
call() { curl --silent --show-error --max-time 60 --cacert "$work/deploy/tls/certificate.pem" "$@"; }
status_of() { call -o "$work/answer" -w '%{http_code}' "$@"; }

finish() {
    status=$?
    if [ $status -ne 0 ]; then
        for service in "${services[@]}"; do
            printf -- '--- %s\n' "$service"
            compose logs --tail 25 "$service" 2>&1 | cut -c1-300 | tail -n 25 || true
        done
    fi
    if [ -z "${KEEP:-}" ]; then compose down --volumes >/dev/null 2>&1 || true; rm -rf "$work"; else echo "left in $work"; fi
    exit $status
}
trap finish EXIT

# shellcheck disable=SC2086 # a command and its words
up() { timeout "$START_TIMEOUT_S" $COMPOSE -p "$PROJECT" --env-file "$work/.env" up --detach ${STORE:+--scale model-server=2} "${services[@]}" >"$work/up.log" 2>&1; }

wait_until_ready() {
    for ((waited = 0; waited < START_TIMEOUT_S; waited += 2)); do
        if inside model-server python3 -m operations.container.model_server check >/dev/null 2>&1 &&
            [ "$(status_of "https://$HOST:$PORT/healthz/" 2>/dev/null)" = 200 ]; then
            return
        fi
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
head -c 40000000 /dev/zero >"$work/large"
[ "$(status_of -F "image=@$work/large" "https://$HOST:$PORT/api/v1/scans/")" = 413 ] || fail "40 MB are taken"
say "HTTP goes to HTTPS; what is for inside can't be reached; uploads are limited"
if $ENGINE port "$($ENGINE ps -q --filter "name=${PROJECT}.model-server")" | grep -q .; then fail "the model server is published"; fi
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
call -H "Authorization: Bearer $token" -F "image=@$scan" -F eye=OD -F "patient_ref=망막 P-7" "https://$HOST:$PORT/api/v1/scans/" >"$work/scan.json"
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
print(issue(ServiceKey(service="proof"), User.objects.get(username="admin")))' | tail -n 1 | tr -d '\r')
[ "$(status_of -H "Authorization: Bearer $key" -H 'Content-Type: image/png' --data-binary "@$scan" "$direct")" = 200 ] ||
    fail "a call with a key got $(cat "$work/answer")"
[ "$(field prediction.label <"$work/answer")" = "$(field prediction <"$work/scan.json")" ] || fail "another answer than the web app's"
say "answered a direct call with a service's key"

# --- versions, on two model servers
models() { inside model-server python3 cli.py models "$@"; }
rollout() { inside web python3 -m django rollout "$@"; }
# The versions that answer, one each line: a few lone calls, which reach both servers in turn.
answering() {
    for _ in 1 2 3 4 5 6; do
        call -o /dev/null -D - -H "Authorization: Bearer $key" -H 'Content-Type: image/png' --data-binary "@$scan" "$direct" |
            tr -d '\r' | sed -n 's/^x-model-version: //Ip'
    done | sort -u | tr '\n' ' '
}
wait_answered_by() {
    for ((waited = 0; waited < 60; waited += 1)); do
        if [ "$(answering)" = "$1 " ]; then return; fi
        sleep 1
    done
    fail "answered by $(answering)and not by $1 alone"
}
if [ -n "${STORE:-}" ]; then
    before=$(field model.version <"$work/scan.json") after=$(field model.version <"$work/scan.json")-proof
    # The same network with a hair's breadth in its last layer: other weights, nearly the same answers.
    inside model-server python3 - "$before" "$after" <<'PYTHON' || fail "no second version"
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
    models promote retina-oct "$after" --override "proof of the deployment" >/dev/null || fail "models promote"
    wait_answered_by "$after"
    say "promoted: both servers answer by $after"
    models rollback retina-oct >/dev/null || fail "models rollback"
    wait_answered_by "$before"
    say "rolled back: both servers answer by $before"
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
        -H "Authorization: Bearer $token" -F 'image=@{}' -o /dev/null -w '%{http_code}\n' "https://$HOST:$PORT/api/v1/scans/" |
        sort | uniq -c >"$work/answers"
    say "uploads by eight clients in $((($(date +%s%N) - before) / 1000000)) ms, answers: $(tr -s ' \n' ' ' <"$work/answers")"
fi
$ENGINE stats --no-stream --format '{{.Name}} {{.MemUsage}}' 2>/dev/null | grep "^$PROJECT" | sed 's/^/        /' || true

# --- down and up again
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
