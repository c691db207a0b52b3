#!/bin/sh
# Finds the base image and prints its name:
#
#   base.sh [IMAGE]
#
# IMAGE, when given, must exist or be there to pull. Without it: Debian's own slim image where
# that is at hand or can be pulled; where no image registry can be reached, one built from
# nothing but this machine's apt sources and mmdebstrap.
set -eu

release=trixie
wanted=debian:$release-slim
built=codex-sandbox-base:$release
patience=60 # seconds that a registry may take before we do without it

say() { printf 'base: %s\n' "$*" >&2; }
have() { docker image inspect "$1" >/dev/null 2>&1; }
found() {
  printf '%s\n' "$1"
  exit 0
}

# Lines "ORIGIN/LABEL URI" of the sources that apt has lists of; fails when it has none.
mirrors() {
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' \
    'Component: main' | grep Debian/
}

# The same for our release as this machine's own sources say for its release, in the format of
# sources.list. Nothing found (not a Debian): mmdebstrap falls back to its own default.
sources() {
  mirrors >/dev/null 2>&1 || apt-get update -q >&2 || :
  mirrors | sort -u | while read -r label uri; do
    case $label in
    Debian/Debian) printf 'deb %s %s main\ndeb %s %s-updates main\n' "$uri" "$release" "$uri" "$release" ;;
    Debian/Debian-Security) printf 'deb %s %s-security main\n' "$uri" "$release" ;;
    esac
  done
}

if [ -n "${1:-}" ]; then
  have "$1" && found "$1"
  say "pulling $1"
  docker pull "$1" >&2 || {
    say "the base image $1 is not here and cannot be pulled"
    exit 1
  }
  found "$1"
fi

have "$built" && found "$built"
have "$wanted" && found "$wanted"
log=$(mktemp)
tmp=$(mktemp -d)
# Our standard output is read to its end.
ci/busy.sh base "$log" $$ >&2 &
busy=$!
trap 'kill "$busy"; rm -rf "$tmp" "$log"' EXIT
trap 'exit 1' HUP INT TERM

say "pulling $wanted (for at most $patience s)"
if timeout "$patience" docker pull "$wanted" >"$log" 2>&1; then
  found "$wanted"
fi

say "no registry offers $wanted; building $built from this machine's apt sources (a minute)"
command -v mmdebstrap >/dev/null || {
  say "mmdebstrap is missing"
  printf '  hint: apt-get install mmdebstrap, or name a base image: make image BASE=…\n' >&2
  exit 1
}
sources >"$tmp/sources.list"
set -- "$release" "$tmp/base.tar"
[ ! -s "$tmp/sources.list" ] || set -- "$@" "$tmp/sources.list"
# What a slim image leaves out: documentation and translations are for people, not containers.
mmdebstrap --variant=minbase \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --aptopt='APT::Install-Recommends "false"' \
  "$@" >"$log" 2>&1 || {
  tail -n 40 "$log" >&2
  say "mmdebstrap could not build it; the end of its log is above"
  exit 1
}
docker import --change 'CMD ["bash"]' --change 'ENV LANG=C.UTF-8' "$tmp/base.tar" "$built" >&2
found "$built"
