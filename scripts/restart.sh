#!/usr/bin/env bash
# How long a restart takes after kill -9 when there are many series: until it
# answers, until it takes data, until everything is open and all that waited is
# worked in. Three kills, on one data folder.
#
#   scripts/restart.sh bin/steersman LOAD 500000
set -euo pipefail
bin=${1:?which steersman} load=${2:?which load generator} series=${3:-500000}
dir=$(mktemp -d)
main=127.0.0.1:18461 otlp=127.0.0.1:18462
"$bin" up --data-dir "$dir/data" --listen $main --otlp-grpc "" --otlp-http $otlp >"$dir/log" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT

point='{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"restart"}}]},"scopeMetrics":[{"metrics":[{"name":"up","gauge":{"dataPoints":[{"timeUnixNano":"NOW","asInt":"1"}]}}]}]}]}'
answers() { curl -fsS -m 1 -o /dev/null "http://$main/healthz" 2>/dev/null; }
takes() { curl -fsS -m 1 -o /dev/null -H 'Content-Type: application/json' -d "${point/NOW/$(date +%s%N)}" "http://$otlp/v1/metrics" 2>/dev/null; }
whole() {
  curl -fsS -m 2 -o /dev/null "http://$main/readyz" 2>/dev/null && curl -fsS -m 2 "http://$main/metrics" 2>/dev/null | awk '
    $1 == "steersman_intake_head" {head = $2}
    $1 == "steersman_series_log_seq" {series = $2}
    $1 == "steersman_watch_log_seq" {watch = $2}
    END {exit !(head > 0 && series >= head - 2 && watch >= head - 2)}'
}
ms() { echo $((($(date +%s%N) - $1) / 1000000)); }
until_true() { # since, what
  until "$2"; do sleep 0.02; done
  ms "$1"
}

until whole; do sleep 0.1; done
"$load" -url "http://$main/api/v1/write" -pid "$pid" -series "$series" -rounds 4
until whole; do sleep 0.1; done
sleep 15 # so that a snapshot is written
for _ in 1 2 3; do
  at=$(date +%s%N)
  kill -9 "$(sed 's/.*"pid": *\([0-9]*\).*/\1/' "$dir/data/watchdog/status.json" | head -n 1)"
  until ! answers; do :; done
  printf 'answers after %d ms, ' "$(until_true "$at" answers)"
  printf 'takes data after %d ms, ' "$(until_true "$at" takes)"
  printf 'whole after %d ms\n' "$(until_true "$at" whole)"
  sleep 15
done
