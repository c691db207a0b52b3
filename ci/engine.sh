#!/bin/sh
# Makes sure that a Docker engine answers: one that does already is used as it is; else the
# machine's service is started; else, where there is no service manager, dockerd itself.
#
# An engine that this script starts by hand keeps running: it is the machine's from then on.
set -eu

log=${CODEX_ENGINE_LOG:-/var/log/codex-sandbox-dockerd.log}
patience=60 # seconds that a slow machine's engine may take to answer

say() { printf 'engine: %s\n' "$*" >&2; }
die() {
  say "$1"
  [ -z "${2:-}" ] || printf '  hint: %s\n' "$2" >&2
  exit 1
}
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
ready() {
  say "Docker $(docker version --format '{{.Server.Version}}') answers"
  exit 0
}

# The size of packet that gets out of this machine; a container with a bigger one hangs in
# the middle of a download.
mtu() {
  device=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p;q')
  [ -n "$device" ] && cat "/sys/class/net/$device/mtu" || echo 1500
}

# Waits until the engine answers; $1, when given, is the process that must stay alive.
wait_for_answer() {
  waited=0
  while [ "$waited" -lt "$patience" ]; do
    answers && return 0
    [ -z "${1:-}" ] || kill -0 "$1" 2>/dev/null || return 1
    sleep 1
    waited=$((waited + 1))
  done
  return 1
}

command -v docker >/dev/null ||
  die "no docker command on this machine" "apt-get install docker.io; as root on Debian, make run does that"
answers && ready

[ -z "${DOCKER_HOST:-}" ] || die "the engine at DOCKER_HOST=$DOCKER_HOST does not answer" "unset DOCKER_HOST to use this machine's own"
[ "$(id -u)" = 0 ] ||
  die "the Docker engine does not answer to $(id -un)" "start it, or join the group docker, or run this as root"

# Two runs at once: the second waits here, and finds the first one's engine.
exec 9>/run/codex-sandbox-engine.lock
flock 9
answers && ready

if [ -d /run/systemd/system ]; then
  say "starting the docker service"
  systemctl start docker || die "systemctl start docker failed" "journalctl -u docker"
  wait_for_answer || die "the docker service runs but does not answer" "journalctl -u docker"
  ready
fi

dockerd=$(PATH=$PATH:/usr/sbin:/sbin command -v dockerd) ||
  die "no dockerd on this machine" "apt-get install docker.io"
say "starting $dockerd by hand (no service manager here); its log: $log"
# The client on PATH may not be of the same package as the daemon; neither has a say in
# which runc and containerd the daemon finds: those are next to it.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH setsid "$dockerd" --mtu "$(mtu)" >"$log" 2>&1 </dev/null 9>&- &
if ! wait_for_answer $!; then
  tail -n 20 "$log" >&2
  die "dockerd did not come up within $patience s; the end of its log is above"
fi
ready
