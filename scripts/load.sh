#!/usr/bin/env bash
# What a sample costs, beside others: the same remote-write load is sent to
# Steersman (durable, watched), then to Prometheus and to VictoriaMetrics
# (Debian's packages, nothing but storing), three times round, one at a time.
# LOAD is a program that sends remote write and accounts for the server's
# processor time and memory:
#   LOAD -url URL -pid PID -series N -rounds N
#
#   scripts/load.sh bin/steersman LOAD 100000 22
set -euo pipefail
bin=${1:?which steersman} load=${2:?which load generator} series=${3:-100000} rounds=${4:-22}
dir=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
measure() { # name, ready URL, write URL, command…
  local name=$1 ready=$2 url=$3
  shift 3
  "$@" >"$dir/$name.log" 2>&1 &
  pid=$!
  for _ in $(seq 200); do curl -fsS -o /dev/null "$ready" 2>/dev/null && break; sleep 0.1; done
  printf '%-16s ' "$name"
  "$load" -url "$url" -pid "$pid" -series "$series" -rounds "$rounds" || tail -n 5 "$dir/$name.log"
  [ "$name" != steersman ] || drain
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  rm -rf "${dir:?}/$name"
}
ticks() { # of processor time, of the server and its child, 10 ms each
  local p sum=0
  for p in "$pid" $(pgrep -P "$pid"); do sum=$((sum + $(sed 's/.*) //' "/proc/$p/stat" | awk '{print $12 + $13}'))); done
  echo "$sum"
}
# drain waits until what was acknowledged is stored and watched, and says what
# that took on top.
drain() {
  local before
  before=$(ticks)
  until curl -fsS http://127.0.0.1:18441/metrics | awk '
    $1 == "steersman_intake_head" {head = $2}
    $1 == "steersman_series_log_seq" {series = $2}
    $1 == "steersman_watch_log_seq" {watch = $2}
    END {exit !(head > 0 && series + 1 >= head && watch + 1 >= head)}'; do sleep 0.1; done
  printf '%-16s and %d ns a sample after the last answer, until everything was stored and watched\n' "" \
    "$((($(ticks) - before) * 10000000 / (series * (rounds - 2))))"
}
for _ in 1 2 3; do
  measure steersman http://127.0.0.1:18441/readyz http://127.0.0.1:18441/api/v1/write \
    "$bin" up --data-dir "$dir/steersman" --listen 127.0.0.1:18441 --otlp-grpc 127.0.0.1:18442 --otlp-http 127.0.0.1:18443
  if command -v prometheus >/dev/null; then
    echo 'global: {}' >"$dir/prometheus.yml"
    measure prometheus http://127.0.0.1:18444/-/ready http://127.0.0.1:18444/api/v1/write \
      prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/prometheus" --web.listen-address=127.0.0.1:18444 --web.enable-remote-write-receiver --log.level=error
  fi
  if command -v victoria-metrics >/dev/null; then
    measure victoriametrics http://127.0.0.1:18445/health http://127.0.0.1:18445/api/v1/write \
      victoria-metrics -storageDataPath="$dir/victoriametrics" -httpListenAddr=127.0.0.1:18445
  fi
done
