#!/bin/sh
# Runs cmocka programs, as many at a time as there are processors, and adds up what they report.
#
# usage: ci/unit.sh PROGRAM...
#
# They mostly wait: for servers that don't answer, and for what expires. Each has what it needs
# for itself: namespaces, directories, processes.
#
# A program that was not built, crashes, hangs, reports no test or skips one counts as failed:
# a test that can't run is no test that passed. At most three that failed beside others are tried
# once more by themselves, and named; not what crashed, or a sanitizer found. The last line is `N passed, N failed`.
set -u

# One program: `--one DIRECTORY PROGRAM`. Its totals go into a file there.
if [ "${1-}" = --one ]; then
  results=$2
  program=$3
  name=${program##*/}
  out=$results/$name.out
  if [ ! -x "$program" ]; then
    echo "$name: was not built"
    echo "0 1" >"$results/$name.total"
    exit
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
    # In one piece, whatever others say meanwhile.
    printf '%s\n%s\n' "$(cat "$out")" "$name: $good passed, $bad failed (exit status $status)"
  fi
  echo "$good $bad" >"$results/$name.total"
  exit
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
# From the end, where those that take longest are.
printf '%s\n' "$@" | sort -r | xargs -r -P "$(nproc)" -n 1 "$0" --one "$results"
# Names of test programs have no blank.
again=
for program in "$@"; do
  out=$results/${program##*/}.out
  if grep -qs '^\[  FAILED  \]' "$out" && ! grep -qE 'Sanitizer|runtime error' "$out"; then
    again="$again $program"
  fi
done
if [ "$(echo $again | wc -w)" -le 3 ]; then
  for program in $again; do
    echo "once more, by itself: ${program##*/}"
    "$0" --one "$results" "$program"
  done
fi
passed=0
failed=0
for program in "$@"; do
  read -r good bad <"$results/${program##*/}.total" || { good=0 bad=1; }
  passed=$((passed + good))
  failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
