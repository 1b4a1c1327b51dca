#!/usr/bin/env bash
# The demo's check, again and again: N times on the machine as it is, then N
# times with every core kept busy by something else. Prints one line per run
# and a table at the end; exit code 1 if any run failed.
#
#   scripts/soak.sh bin/steersman 20
set -uo pipefail
bin=${1:?which steersman}
n=${2:-20}
out=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$out"' EXIT

series() { # name, arguments
  local name=$1 good=0
  shift
  for i in $(seq "$n"); do
    if "$bin" demo --check "$@" >"$out/$name.$i" 2>&1; then good=$((good + 1)); else sed 's/^/  /' "$out/$name.$i"; fi
    printf '%s %d/%d: %s\n' "$name" "$i" "$n" "$(tail -n 1 "$out/$name.$i")"
  done
  printf '%s: %d of %d runs passed every beat\n' "$name" "$good" "$n" | tee -a "$out/table"
  [ "$good" = "$n" ]
}

rc=0
series idle --quiet 45s || rc=1
for _ in $(seq "$(nproc)"); do (while :; do :; done) & done
series busy --quiet 45s --patience 3 || rc=1
echo
cat "$out/table"
exit $rc
