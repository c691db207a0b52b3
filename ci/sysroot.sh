#!/bin/sh
# Fills a directory with what codex-init links statically, all of it from Debian trixie: musl,
# libmnl, libnftnl and the kernel's headers as packages, libnl as its source, which the Makefile
# compiles. They come from the mirror that this machine's apt uses already, with the same keys
# and proxy, checked by apt; apt's own state and the machine's packages stay untouched.
#
# usage: ci/sysroot.sh DIRECTORY
set -eu

suite=trixie
packages="musl-dev libmnl-dev libnftnl-dev linux-libc-dev"
source=libnl3
say() { printf 'sysroot: %s\n' "$*"; }
die() { printf 'sysroot: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || die "usage: ci/sysroot.sh DIRECTORY"
mkdir -p "$1"
root=$(cd "$1" && pwd)
state=$root.apt
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

# The first source of the running release's main component, as "URI [options]": from one-line
# files (deb [options] URI SUITE COMPONENT...) and deb822 files (Key: value stanzas) alike.
source_line() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk -v suite="$codename" '
    $1 != "deb" { next }
    { options = ""; i = 2
      if ($2 ~ /^\[/) { while (1) { options = options " " $i; if ($i ~ /\]$/) break; i++ } i++ }
      gsub(/arch(itectures)?=[^] ]*/, "", options) }
    $(i + 1) == suite && $(i + 2) == "main" && $i !~ /^cdrom/ { print $i, options; exit }'
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    awk -v suite="$codename" '
      function done() {
        if (types ~ /(^| )deb( |$)/ && suites ~ "(^| )" suite "( |$)" &&
            components ~ /(^| )main( |$)/ && enabled !~ /^no/) {
          split(uris, u, " "); options = ""
          if (signed ~ /^\//) options = options " signed-by=" signed
          if (trusted == "yes") options = options " trusted=yes"
          print u[1], (options == "" ? "" : "[" options " ]"); exit
        }
        types = suites = components = uris = signed = trusted = enabled = ""
      }
      /^#/ { next }
      /^[ \t]*$/ { done(); next }
      { key = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
      key == "types:" { types = value }       key == "suites:" { suites = value }
      key == "uris:" { uris = value }         key == "components:" { components = value }
      key == "signed-by:" { signed = value }  key == "trusted:" { trusted = value }
      key == "enabled:" { enabled = value }
      END { done() }' "$file"
  done
}

set -- $(source_line | head -n 1)
[ $# -ge 1 ] || die "no apt source of $codename's main component is configured: can't tell which mirror to use"
mirror=$1
shift
say "fetching $packages and the source of $source of $suite"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs" "$state/none"
: >"$state/status"
for kind in deb deb-src; do
  printf '%s %s %s %s main\n' $kind "$*" "$mirror" "$suite"
done >"$state/sources.list"

# The machine's apt.conf (proxy, certificates) and keys still apply: only the state is ours.
private_apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$state/none" \
    -o Dir::State="$state" -o Dir::State::lists="$state/lists" \
    -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
    -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=false "$@"
}
private_apt update || die "apt could not read $suite from this machine's mirror"
(cd "$state/debs" && private_apt download $packages) || die "apt could not download $packages"
# Upstream's archive alone: Debian's patches concern what the shared library exports.
(cd "$state/debs" && private_apt source --download-only --tar-only $source >/dev/null) ||
  die "apt could not download the source of $source"

rm -rf "$root.new"
mkdir -p "$root.new/src/$source"
for deb in "$state"/debs/*.deb; do
  dpkg-deb -x "$deb" "$root.new"
done
tar -x -f "$state/debs/$source"_*.orig.tar.* -C "$root.new/src/$source" --strip-components 1
# Where configure would write its choices: none of its switches is on.
: >"$root.new/src/$source/include/defs.h"
# Unwind tables are for C++ and debuggers: 45 KB that a stripped C program never reads.
for archive in "$root.new"/usr/lib/*-gnu/*.a; do
  objcopy -R .eh_frame -R .rela.eh_frame -R .rel.eh_frame "$archive"
done
(cd "$state/debs" && ls) >"$root.new/VERSIONS"
rm -rf "$root" "$state"
mv "$root.new" "$root"
say "$(tr '\n' ' ' <"$root/VERSIONS")"
