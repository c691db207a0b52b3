#!/bin/sh
# busy.sh WHO LOG PID &
#
# Says every ten seconds how a download goes on: the last line that was written to LOG. It ends
# with TERM, or when the process PID is gone.
who=$1 log=$2 pid=$3 every=${CODEX_BUSY_SECONDS:-10}

seconds=0 last= sleeper=
trap 'kill "$sleeper" 2>/dev/null; exit 0' HUP INT TERM
while kill -0 "$pid" 2>/dev/null; do
  sleep "$every" &
  sleeper=$!
  wait "$sleeper"
  seconds=$((seconds + every))
  line=$(tail -n 1 "$log" 2>/dev/null | tr -d '[:cntrl:]' | cut -c 1-70)
  # npm and the like say nothing for a while.
  [ "$line" != "$last" ] && now=$line || now="nothing new"
  last=$line
  printf '%s: %s s: %s\n' "$who" "$seconds" "$now" >&2
done
