#!/usr/bin/env bash
# What a fresh Steersman costs when nothing happens: time from start to ready
# on an empty folder (five starts), then memory (proportional set size of both
# processes) and processor time over a minute.
#
#   scripts/idle.sh bin/steersman
set -euo pipefail
bin=${1:?which steersman}
dir=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
at() { date +%s%N; }
start() {
  "$bin" up --data-dir "$dir/$1" --listen 127.0.0.1:18431 --otlp-grpc 127.0.0.1:18432 --otlp-http 127.0.0.1:18433 >/dev/null 2>&1 &
  pid=$!
  until curl -fsS -o /dev/null http://127.0.0.1:18431/readyz 2>/dev/null; do sleep 0.005; done
}
for i in 1 2 3 4 5; do
  t=$(at)
  start "$i"
  echo "ready after $((($(at) - t) / 1000000)) ms"
  [ "$i" = 5 ] || { kill "$pid"; wait "$pid" || true; }
done
family() { echo "$pid"; pgrep -P "$pid"; }
cpu() { for p in $(family); do awk '{sub(/.*\) /, ""); split($0, f, " "); print f[12] + f[13]}' "/proc/$p/stat"; done | paste -sd+ | bc; }
sleep 10
a=$(cpu)
sleep 60
b=$(cpu)
echo "processor: $(((b - a) * 10)) ms in 60 s = $(echo "scale=2; ($b - $a) / 60" | bc) % of a core"
for p in $(family); do awk -v p="$p" '/^Pss:/ {print "memory: process " p ", " int($2/1024) " MiB"}' "/proc/$p/smaps_rollup"; done
