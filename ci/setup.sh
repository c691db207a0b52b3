#!/bin/sh
# Installs what a goal needs, from Debian's packages, and nothing that is there already.
#
# usage: ci/setup.sh [--check] GOAL...		GOAL: build image test lint bench fuzz
#
# --check installs nothing: it tells what is missing, and ends with 1 if anything is. Installing
# needs Debian and root; without them nothing is touched, and the list is what you get.
set -eu

# One line for each thing: goals, Debian's package, and how to see it elsewhere: a program, or
# the absolute path of a file.
needs() {
  cat <<'LIST'
build,test,fuzz   make                  make
build,test        gcc                   gcc
build,test        libc6-dev             /usr/include/stdio.h
build,test        libseccomp-dev        /usr/include/seccomp.h
image,test        docker.io             dockerd
image,test        docker-cli            docker
image,test        mmdebstrap            mmdebstrap
image,test        ca-certificates       /etc/ssl/certs/ca-certificates.crt
image,test        iptables              iptables
image,test        iproute2              ip
test,lint         libcmocka-dev         /usr/include/cmocka.h
test,lint         libmnl-dev            /usr/include/libmnl/libmnl.h
test,lint         libnftnl-dev          /usr/include/libnftnl/rule.h
test,lint         libnl-3-dev           /usr/include/libnl3/netlink/netlink.h
test,bench        nftables              nft
test              file                  file
build,test        binutils              objcopy
test,bench        python3               python3
test              python3-pytest        /usr/lib/python3/dist-packages/pytest/__init__.py
test              python3-pytest-xdist  /usr/lib/python3/dist-packages/xdist/__init__.py
test              python3-trustme       /usr/lib/python3/dist-packages/trustme/__init__.py
test,bench        python3-dnspython     /usr/lib/python3/dist-packages/dns/__init__.py
test,bench        procps                ps
test              strace                strace
test              tmux                  tmux
test              podman                podman
test              runc                  runc
test              netavark              /usr/lib/podman/netavark
test              uidmap                newuidmap
test              slirp4netns           slirp4netns
test              rootlesskit           rootlesskit
test              bindfs                bindfs
test              busybox-static        /usr/share/doc/busybox-static
image,test        zstd                  zstd
lint,fuzz         clang                 clang
lint              clang-format          clang-format
fuzz              libclang-rt-dev       /usr/share/doc/libclang-rt-dev
test,bench        tini                  tini
bench             dumb-init             dumb-init
bench             catatonit             catatonit
bench             bind9-dnsutils        dig
bench             ipset                 ipset
bench             iproute2              ip
bench             dnsmasq-base          dnsmasq
bench             unbound               unbound
bench             util-linux            setpriv
bench             gcc                   gcc
bench             musl-tools            musl-gcc
bench             libssl-dev            /usr/include/openssl/ssl.h
bench             openssl               openssl
bench             haproxy               haproxy
bench             nginx                 nginx
bench             libnginx-mod-stream   /usr/lib/nginx/modules/ngx_stream_module.so
bench             sniproxy              sniproxy
LIST
}

only_check=no
[ "${1:-}" != --check ] || { only_check=yes; shift; }
[ $# -gt 0 ] || { echo "usage: ci/setup.sh [--check] build|image|test|lint|bench|fuzz..." >&2; exit 2; }
wanted=,
for goal in "$@"; do
  case $goal in
  build | image | test | lint | bench | fuzz) wanted=$wanted$goal, ;;
  *) echo "ci/setup.sh: there is no goal '$goal'" >&2; exit 2 ;;
  esac
done

# Until Debian 12, docker.io had docker(1) in it.
split_docker() {
  case $debian-$(. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-}") in
  yes-[1-9] | yes-1[0-2]) grep -v '^[a-z,]* *docker-cli ' ;;
  *) cat ;;
  esac
}

# Lines "PACKAGE PROBE" of the goals that were asked for.
selected() {
  needs | split_docker | awk -v wanted="$wanted" '{
    split($1, goals, ",")
    for (i in goals) if (index(wanted, "," goals[i] ",")) { if (!seen[$2]++) print $2, $3; break }
  }'
}

debian=no
[ ! -r /etc/os-release ] || case $(. /etc/os-release && echo "${ID:-}") in debian) debian=yes ;; esac
if [ $debian = yes ]; then
  installed=" $(dpkg-query -W -f='${db:Status-Abbrev}${binary:Package}\n' |
    sed -n 's/^ii *\([^:]*\).*/\1/p' | tr '\n' ' ')"
  missing=$(selected | while read -r package probe; do
    case $installed in *" $package "*) ;; *) printf '%s ' "$package" ;; esac
  done)
else
  missing=$(selected | while read -r package probe; do
    case $probe in
    /*) [ -e "$probe" ] || printf '%s (%s) ' "$probe" "$package" ;;
    *) command -v "$probe" >/dev/null 2>&1 || printf '%s (%s) ' "$probe" "$package" ;;
    esac
  done)
fi
[ -n "$missing" ] || exit 0

if [ $debian = no ]; then
  echo "codex-sandbox: this is not Debian, so nothing was installed. Missing (Debian's package): $missing" >&2
  exit 1
fi
if [ $only_check = yes ]; then
  echo "codex-sandbox: missing packages: $missing" >&2
  echo "  hint: as root: ci/setup.sh $*" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "codex-sandbox: not root, so nothing was installed. Missing packages: $missing" >&2
  echo "  hint: as root: ci/setup.sh $*" >&2
  exit 1
fi

echo "setup: installing $missing"
export DEBIAN_FRONTEND=noninteractive
# The lists may be missing or older than the mirror: refresh them only when that is so. The
# engine's packages would start a daemon; whoever needs one starts it.
log=$(mktemp)
"$(dirname "$0")/busy.sh" setup "$log" $$ &
busy=$!
trap 'kill "$busy"; rm -f "$log"' EXIT
install() { apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1 </dev/null; }
if ! install; then
  echo "setup: refreshing the package lists"
  apt-get update -q >"$log" 2>&1 </dev/null && install || {
    cat "$log" >&2
    echo "codex-sandbox: apt-get could not install: $missing" >&2
    exit 1
  }
fi
