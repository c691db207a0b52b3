#!/bin/sh
# Runs each fuzz target for a while, from what earlier runs found and from the seeds beside it.
#
# usage: ci/fuzz.sh SECONDS PROGRAM...
#
# New inputs are kept in build/fuzz/corpus/NAME; those that crash, in build/fuzz/crash-NAME-*.
# The last line tells how many targets ran clean.
set -u

seconds=$1
shift
clean=0
crashed=0
for program in "$@"; do
  name=${program##*/}
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  seeds=tests/fuzz/seeds/$name
  [ -d "$seeds" ] || seeds=
  log=build/fuzz/$name.log
  # shellcheck disable=SC2086 # no seeds, no argument
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/crash-$name-" "$corpus" $seeds >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    echo "$name: ${runs:-?} inputs, ${rate:-?} a second, clean"
    clean=$((clean + 1))
  else
    tail -n 40 "$log"
    echo "$name: crashed; its input is build/fuzz/crash-$name-*"
    crashed=$((crashed + 1))
  fi
done
echo "$clean clean, $crashed crashed"
[ $crashed = 0 ] && [ $clean != 0 ]
