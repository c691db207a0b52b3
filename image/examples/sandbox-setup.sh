#!/bin/sh
# An init hook: installs a project's npm and Python dependencies before Codex starts.
#
#   codex-sandbox --init_script ./sandbox-setup.sh --allow @npm --allow @pypi
#
# It runs inside the sandbox, in the project, as the user that Codex runs as, and behind the same
# wall: what it fetches from must be allowed. If it fails, Codex does not start.
#
#   SANDBOX_ENV_DIR   the project's .codex/.environment: what should last until the next run
#   SANDBOX_ENV_FILE  NAME=value lines put in here are in Codex's environment afterwards
set -eu

# What was installed, and when, is told by a file of our own: newer than the list of dependencies
# means that there is nothing to do.
if [ -f package.json ]; then
  list=package.json command=install
  [ ! -f package-lock.json ] || { list=package-lock.json command=ci; }
  marker=$SANDBOX_ENV_DIR/npm-installed
  if [ ! -d node_modules ] || [ ! -f "$marker" ] || [ "$list" -nt "$marker" ]; then
    echo "sandbox-setup: npm $command"
    npm "$command" --no-audit --no-fund
    touch "$marker"
  fi
fi

# Python: a virtual environment next to Codex's home, so that the host's own is left alone.
if [ -f requirements.txt ]; then
  venv=$SANDBOX_ENV_DIR/venv
  if [ ! -f "$venv/installed" ] || [ requirements.txt -nt "$venv/installed" ]; then
    echo "sandbox-setup: pip install -r requirements.txt"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
    touch "$venv/installed"
  fi
  # /codex_home/bin stays first on PATH.
  cat >>"$SANDBOX_ENV_FILE" <<LINES
VIRTUAL_ENV=$venv
PATH=${PATH%%:*}:$venv/bin:${PATH#*:}
LINES
fi
