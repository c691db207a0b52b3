#!/bin/sh
# build.sh IMAGE CODEX_VERSION NODE_VERSION BASE VERSION CONTEXT [docker build options]
#
# Builds the image from a prepared context and tags it. Everything that did not change comes
# from the engine's cache, so this is a matter of a second when nothing did.
set -eu
image=$1 codex=$2 node=$3 base=$4 version=$5 context=$6
shift 6

base=$(image/base.sh ${base:+"$base"})
# Where this machine's npm goes, if it has one, is where the build goes.
registry=
! command -v npm >/dev/null || registry=$(npm config get registry 2>/dev/null) || registry=
case $registry in http*) ;; *) registry= ;; esac

echo "image: building $image (Codex $codex, Node $node, on $base)" >&2
docker image inspect "$image" >/dev/null 2>&1 ||
  echo "image: the first time it fetches several hundred MB of packages, which takes some minutes" >&2
log=$(mktemp)
ci/busy.sh image "$log" $$ &
busy=$!
trap 'kill "$busy"; rm -f "$log"' EXIT
trap 'exit 1' HUP INT TERM
# The host's network: its resolver and packet size are known to work. The builder that every
# engine has is enough.
set -- build --force-rm --network=host --build-arg "BASE=$base" --build-arg "CODEX_VERSION=$codex" \
  --build-arg "NODE_VERSION=$node" --build-arg "VERSION=$version" \
  --build-arg "NPM_REGISTRY=$registry" "$@"
for proxy in http_proxy https_proxy no_proxy; do
  eval "value=\${$proxy:-}"
  [ -z "$value" ] || set -- "$@" --build-arg "$proxy"
done
set -- "$@" --tag "$image"
case ${image##*/} in
*:*) ;; # a tag of the user's own
*) set -- "$@" --tag "$image:$codex" --tag "$image:node$node" ;;
esac
set -- "$@" "$context"
start=$(date +%s)
# Each step that is not in the cache is told as it starts; the rest is in the log, and shown if
# it matters.
{ DOCKER_BUILDKIT=0 docker "$@" 2>&1 || echo "BUILD FAILED"; } | tee "$log" |
  sed -u -n '/^Step /h; /^ ---> Running in/{x; s/  */ /g; s#^Step \([0-9/]*\) : RUN \(.\{0,70\}\).*#image: step \1: \2#p}' >&2
if grep -q '^BUILD FAILED$' "$log"; then
  tail -n 40 "$log" >&2
  echo "image: the build failed; the end of its log is above" >&2
  exit 1
fi
echo "image: $image is ready after $(($(date +%s) - start)) s" >&2
