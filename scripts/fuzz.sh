#!/usr/bin/env bash
# Every fuzz target, for so many inputs each (2000x) or so long (30s). What makes
# one fail is kept by go under testdata/fuzz of its package: commit it with the
# mending. Inputs that were interesting are kept in go's cache and used again.
#
#   scripts/fuzz.sh 2000x     all of them
#   scripts/fuzz.sh 5m otlp   those of the packages with otlp in their path
set -euo pipefail
budget=${1:-2000x} only=${2:-.}
cd "$(dirname "$0")/.."
failed=0
while IFS=: read -r file name; do
  pkg=./$(dirname "$file")
  if said=$(go test "$pkg" -run '^$' -fuzz "^$name\$" -fuzztime "$budget" 2>&1); then
    printf 'ok   %-40s %s\n' "$name" "$(grep -o 'execs: [0-9]*' <<<"$said" | tail -n 1)"
  else
    printf 'FAIL %s in %s\n%s\n' "$name" "$pkg" "$said"
    failed=1
  fi
done < <(git ls-files '*_test.go' | grep -- "$only" | xargs grep -Ho '^func Fuzz[A-Za-z0-9_]*' | sed 's/func //')
exit $failed
