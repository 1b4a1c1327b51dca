#!/usr/bin/env bash
# The console's tests against the real program: a demo in which payment fails,
# and a browser that signs in, finds the incident, approves the restart, and
# stops everything.
#
#   scripts/console-real.sh bin/steersman
set -euo pipefail
bin=$(realpath "${1:?which steersman}")
dir=$(mktemp -d)
demo=
trap 'kill "$demo" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
"$bin" demo --no-story --fault payment:errors=30%:for=400s --data-dir "$dir/data" >"$dir/out" 2>&1 &
demo=$!
for _ in $(seq 600); do
  link=$(grep -om1 'http://[^ ]*/login[^ ]*' "$dir/out" || true)
  [ -z "$link" ] || break
  sleep 0.1
done
[ -n "$link" ] || { echo "the demo did not start:"; cat "$dir/out"; exit 1; }
cd "$(dirname "$0")/../console/web"
BASE_URL=${link%%/login*} LOGIN_URL=$link DEMO=1 INCIDENT=1 PROPOSAL=1 npm run --silent e2e:real || { cat "$dir/out"; exit 1; }
