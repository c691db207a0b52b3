#!/bin/sh
# versions.sh CODEX DEFAULT NODE: prints the number of the Codex CLI that CODEX means, or says why
# there is none. `latest` is what the registry calls so; npm asks it. NODE is checked as well.
#
# Runs before anything is downloaded: a mistake would be found out after minutes otherwise.
# DEFAULT is known to exist, so the usual build asks nobody.
set -eu
codex=$1 default=$2 node=$3

die() {
  printf 'image: %s\n  hint: %s\n' "$1" "$2" >&2
  exit 1
}
is_number() { printf '%s' "$1" | grep -Eqx '[0-9]+\.[0-9]+\.[0-9]+(-[a-z]+\.[0-9]+)?'; }
# Asks for the number of @openai/codex@$1; the answer, or npm's complaint, is in $said.
ask() {
  said=$(npm view --fetch-retries=1 --fetch-timeout=20000 "@openai/codex@$1" version 2>&1) &&
    is_number "$said"
}

case $node in
18 | 20 | 22 | 24) ;;
*) die "NODE_VERSION is 18, 20, 22 or 24, not '$node'" "make image NODE_VERSION=22" ;;
esac

example="make image CODEX_VERSION=$default"
case $codex in
"$default") ;;
latest)
  command -v npm >/dev/null ||
    die "CODEX_VERSION=latest: npm tells which version that is, and this machine has no npm" \
      "name the version: $example"
  ask latest || die "CODEX_VERSION=latest: npm could not find out which version that is: $said" \
    "name the version: $example"
  codex=$said
  ;;
*)
  is_number "$codex" ||
    die "CODEX_VERSION is the number of a version, or latest, not '$codex'" "$example"
  # Where the registry does not answer, the build may still have all that it needs.
  if command -v npm >/dev/null && ! ask "$codex"; then
    case $said in
    '' | *E404*) die "there is no version $codex of @openai/codex" "npm view @openai/codex versions" ;;
    esac
  fi
  ;;
esac
printf '%s\n' "$codex"
