#!/usr/bin/env bash
# The demo's check, again and again: N times on the machine as it is, then N
# times with every core kept busy by something else. Some run side by side,
# each with a shop and a Steersman of its own. Prints one line per run and a
# table at the end; the data of runs that failed are kept, for `steersman up`
# to show; exit code 1 if any failed.
#
#   scripts/soak.sh bin/steersman 20 2     20 + 20 runs, two at a time
set -uo pipefail
bin=${1:?which steersman} n=${2:-20} together=${3:-2}
out=$(mktemp -d)
spinners=()
trap 'kill $(jobs -p) "${spinners[@]}" 2>/dev/null; wait' EXIT

once() { # name, number, arguments
  local at=$out/$1.$2
  if "$bin" demo --check --data-dir "$at" "${@:3}" >"$at.txt" 2>&1; then
    rm -rf "$at"
    echo "$1" >>"$out/passed"
  else
    sed 's/^/  /' "$at.txt"
  fi
  printf '%s %d: %s\n' "$1" "$2" "$(tail -n 1 "$at.txt")"
}

series() { # name, arguments
  local name=$1 i good
  shift
  for i in $(seq "$n"); do
    while [ "$(jobs -pr | wc -l)" -ge "$together" ]; do wait -n; done
    once "$name" "$i" "$@" &
  done
  wait
  good=$(grep -cx "$name" "$out/passed")
  printf '%s: %d of %d runs passed every beat\n' "$name" "$good" "$n" | tee -a "$out/table"
  [ "$good" = "$n" ]
}

touch "$out/passed"
rc=0
series idle --quiet 45s || rc=1
for _ in $(seq "$(nproc)"); do
  setsid sh -c 'while :; do :; done' & # not one of the jobs that are waited for
  spinners+=($!)
  disown
done
series busy --quiet 45s --patience 3 || rc=1
echo
cat "$out/table"
if [ $rc = 0 ]; then rm -rf "$out"; else echo "what failed is kept in $out"; fi
exit $rc
