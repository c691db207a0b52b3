#!/bin/sh
# Every test: `make test-unit`, then `make test-e2e`, both even when the first one fails. The
# last line is the sum of the totals that each of them ends with, `N passed, N failed`.
set -u

passed=0
failed=0
mkdir -p build/results
for part in test-unit test-e2e; do
  log=build/results/$part.log
  # The pipe would hide make's exit status, so it goes by way of a file.
  { ${MAKE:-make} --no-print-directory $part 2>&1; echo $? >"$log.status"; } | tee "$log"
  status=$(cat "$log.status")
  total=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  if [ -z "$total" ]; then
    echo "$part: ended with status $status and no total"
    failed=$((failed + 1))
    continue
  fi
  good=${total%% *}
  bad=${total##*, }
  bad=${bad%% *}
  # A failure outside any test (a lab that did not start, say) is a failure too.
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  passed=$((passed + good))
  failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
