#!/bin/sh
# run.sh LAUNCHER IMAGE WORK_DIR [launcher options and Codex arguments]
#
# A session with Codex in its sandbox, when there is a login and a person at a terminal; else
# the demo.
set -eu
launcher=$1 image=$2 work_dir=$3
shift 3

for key in OPENAI_API_KEY CODEX_API_KEY; do
  eval "value=\${$key:-}"
  [ -z "$value" ] || set -- -e "$key" "$@"
done
set -- --image "$image" --work_dir "$work_dir" "$@"

# Whether there is a login is for the launcher to say, which knows where to look.
why=
if ! [ -t 0 ] || ! [ -t 1 ]; then
  why="there is no terminal for a session"
elif [ -z "${OPENAI_API_KEY:-}${CODEX_API_KEY:-}" ]; then
  plan=$("$launcher" --dry-run "$@")
  case $plan in
  *target=/codex_home/auth.json* | *target=/codex_auth*) ;;
  *" -e OPENAI_API_KEY "* | *" -e CODEX_INIT_LOGIN "*) ;; # for the broker, which gets no file
  *) why="there are no credentials for a session (no auth.json, no OPENAI_API_KEY)" ;;
  esac
fi
[ -n "$why" ] || exec "$launcher" "$@"

printf 'run: %s, so here is the demo\n' "$why"
exec "$(dirname "$0")/demo/demo.sh" "$launcher" "$image"
