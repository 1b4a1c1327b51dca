#!/usr/bin/env bash
# What happens when the disk is full, by Steersman's own data and by somebody
# else's, on a small disk in memory (needs root and Linux): telemetry is refused
# and told so, everything else goes on, a killed worker comes back, and with
# room again all is as before. LOAD as in load.sh. Exit code 1 if not.
#
#   scripts/full-disk.sh bin/steersman LOAD
set -uo pipefail
bin=$(realpath "${1:?which steersman}") load=${2:?which load generator}
disk=$(mktemp -d) base=http://127.0.0.1:18461 pid= rc=0
mount -t tmpfs -o size=200m tmpfs "$disk"
trap 'kill "$pid" 2>/dev/null; wait 2>/dev/null; umount "$disk"; rmdir "$disk"' EXIT
data=$disk/data

ready() { for _ in $(seq 100); do curl -fsS -o /dev/null $base/readyz 2>/dev/null && return; sleep 0.1; done; return 1; }
start() {
  "$bin" up --data-dir "$data" --listen 127.0.0.1:18461 --otlp-grpc 127.0.0.1:18462 --otlp-http 127.0.0.1:18463 >>"$disk.log" 2>&1 &
  pid=$!
  ready
}
is() { # what, command…
  if "${@:2}" >/dev/null 2>&1; then echo "ok   $1"; else echo "FAIL $1"; rc=1; fi
}
send() { timeout "$1" "$load" -url $base/api/v1/write -pid "$pid" -series 20000 -rounds "$2" -warm 1; }
press() { curl -fsS -X POST -H "Authorization: Bearer $(cat "$data/owner.token")" -H 'Content-Type: application/json' -d '{"why":"full disk"}' $base/steersman/v1/"$1"; }
asked() { curl -gfsS "$base/api/v1/query?query=count(last_over_time(load_metric_01[1h]))" | grep '"500"'; }
lives() { # when
  is "$1: ready" ready
  is "$1: old samples can be asked for" asked
  is "$1: the kill switch works" press stop
  is "$1: and is released" press resume
  is "$1: the audit trail verifies" "$bin" audit verify --data-dir "$data"
}
worker() { kill -9 "$(pgrep -P "$pid")"; sleep 0.5; }

start || { cat "$disk.log"; exit 1; }
while send 15 40 >/dev/null; do :; done
lives "full of telemetry"
worker
lives "and the worker was killed"
sleep 6 # the ballast
dd if=/dev/zero of="$disk/other" bs=1M 2>/dev/null
sleep 6
lives "full of somebody else's"
worker
lives "and the worker was killed"
kill "$pid"; wait "$pid"
start
lives "and all was stopped and started"
rm "$disk/other"
mount -o remount,size=600m "$disk"
is "room again: telemetry is taken" send 15 10
lives "room again"
rm -f "$disk.log"
exit $rc
