#!/bin/sh
# demo.sh LAUNCHER IMAGE: one whole turn of the real Codex in the real sandbox, with no account
# and no way out.
#
# A network of the engine's that leads nowhere (--internal) holds two containers: a stand-in for
# the OpenAI API, under its real names, and the sandbox, started by the launcher as for any
# project. The stand-in has Codex run a command that must be refused. The demo fails unless it
# was, and unless the sandbox told why.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
launcher=$1 image=$2
# curl alone would only say that there is no such host; the answer's extended error says why.
command='curl https://example.com -sS || dig example.com | grep EDE:'
prompt='Is https://example.com up?'

say() { printf 'demo: %s\n' "$*"; }
die() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/codex-sandbox-demo.XXXXXX")
name=$(basename "$tmp" | tr . -)
clean_up() {
  status=$?
  trap - EXIT
  trap '' HUP INT TERM
  docker ps --all --quiet --filter "network=$name" | xargs -r docker rm --force >/dev/null 2>&1 || :
  docker network rm "$name" >/dev/null 2>&1 || :
  rm -rf "$tmp"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- The stand-in ------------------------------------------------------------------------
chmod 0755 "$tmp"
mkdir "$tmp/project"
# As root we own the project, and Codex never runs as root: let it be its own user's.
[ "$(id -u)" != 0 ] || chown 1000:1000 "$tmp/project"

docker image inspect "$image" >/dev/null 2>&1 || die "there is no image $image here (make image)"
docker network create --internal "$name" >/dev/null || die "the engine could not create a network"
docker run --detach --pull=never --name "$name" --network "$name" \
  --network-alias api.openai.com --network-alias chatgpt.com \
  --user 65534:65534 --cap-drop=ALL --security-opt no-new-privileges \
  --sysctl net.ipv4.ip_unprivileged_port_start=0 --read-only --tmpfs /tmp \
  --mount "type=bind,source=$here/stand-in.sh,target=/demo/stand-in.sh,readonly" \
  --mount "type=bind,source=$here/../../tests/lab/openai.py,target=/demo/openai.py,readonly" \
  --entrypoint sh "$image" /demo/stand-in.sh "$command" >/dev/null ||
  die "the stand-in did not start"
tries=0
until docker logs "$name" 2>&1 | grep -q '^listening'; do
  tries=$((tries + 1))
  if [ $tries -gt 150 ] || [ "$(docker inspect --format '{{.State.Running}}' "$name")" != true ]; then
    docker logs "$name" >&2
    die "the stand-in for the OpenAI API does not run"
  fi
  sleep 0.2
done
docker exec "$name" cat /tmp/ca.pem >"$tmp/ca.pem"

# ---- The turn ----------------------------------------------------------------------------
cat <<TEXT

The real Codex CLI is asked "$prompt", in its sandbox. There is no
account here: a small stand-in plays the OpenAI API, and has Codex run

    $command

No rule allows example.com, so it is refused. Nothing leaves the machine.

TEXT

# As a provider of its own the stand-in may say that it speaks no WebSocket; of OpenAI, Codex
# expects that it does, and calls it an error.
provider='{name="stand-in", base_url="https://api.openai.com/v1", wire_api="responses", env_key="OPENAI_API_KEY"}'
# A clean environment: nothing of the user's, no credentials above all, gets into the demo.
sandbox() {
  env -i PATH="$PATH" HOME="$tmp" TERM="${TERM:-dumb}" \
    DOCKER_CONFIG="${DOCKER_CONFIG:-${HOME:-/root}/.docker}" ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} \
    CODEX_INIT_DEFAULT_RULES=0 \
    OPENAI_API_KEY=sk-demo \
    "$launcher" --image "$image" --network "$name" --work_dir "$tmp/project" --trust \
    --allow api.openai.com+private --allow chatgpt.com+private \
    --read-only "$tmp/ca.pem" -e "CODEX_CA_CERTIFICATE=/app$tmp/ca.pem" \
    -e "SSL_CERT_FILE=/app$tmp/ca.pem" -e OPENAI_API_KEY \
    -- -c "model_providers.stand-in=$provider" -c 'model_provider="stand-in"' \
    exec --skip-git-repo-check "$prompt" </dev/null
}
# Codex repeats its answer on standard output; one will do.
{
  sandbox 2>&1 >/dev/null && result=0 || result=$?
  echo "$result" >"$tmp/result"
} | tee "$tmp/output"

# ---- Did it happen? ----------------------------------------------------------------------
result=$(cat "$tmp/result")
requests=$(docker exec "$name" cat /tmp/requests 2>/dev/null) || requests=
echo
[ "$result" = 0 ] || die "the sandbox ended with status $result instead of 0"
# What the command told Codex, as Codex handed it on to the API: it ran, it did not get through,
# and it was the sandbox that refused, not some failure of the network.
case $requests in
*'curl: ('*'EDE: 15'*'example.com is not allowed'*) ;;
*) die "the API was not told of the refusal: the command was not run, or not refused" ;;
esac
grep -q -e '--allow example\.com' "$tmp/output" ||
  die "the sandbox's closing summary does not name example.com"
say "done: example.com was refused, and the summary above names the option that allows it"
