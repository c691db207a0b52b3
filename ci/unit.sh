#!/bin/sh
# Runs cmocka programs one after the other and adds up what they report.
#
# usage: ci/unit.sh PROGRAM...
#
# A program that was not built, crashes, hangs, reports no test or skips one counts as failed:
# a test that can't run is no test that passed. The last line is `N passed, N failed`.
set -u

passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for program in "$@"; do
  name=${program##*/}
  if [ ! -x "$program" ]; then
    echo "$name: was not built"
    failed=$((failed + 1))
    continue
  fi
  timeout -k 5 300 "$program" >"$out" 2>&1 </dev/null
  status=$?
  good=$(sed -n 's/^\[  PASSED  \] \([0-9][0-9]*\) test.*/\1/p' "$out" | tail -n 1)
  bad=$(sed -n 's/^\[  FAILED  \] \([0-9][0-9]*\) test.*/\1/p' "$out" | tail -n 1)
  skipped=$(grep -c '^\[  SKIPPED \] [a-z_]' "$out")
  good=${good:-0}
  bad=$((${bad:-0} + skipped))
  if [ "$bad" = 0 ] && { [ $status != 0 ] || [ "$good" = 0 ]; }; then
    bad=1
  fi
  if [ "$bad" = 0 ]; then
    echo "$name: $good passed"
  else
    cat "$out"
    echo "$name: $good passed, $bad failed (exit status $status)"
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
