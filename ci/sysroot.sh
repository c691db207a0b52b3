#!/bin/sh
# Fills a directory with what codex-init links statically: libmnl, libnftnl, libnl and the
# kernel's headers, from Debian trixie's packages (bookworm's libmnl has no archive). The
# packages come from the mirror that this machine's apt uses already, with the same keys and
# proxy, checked by apt; apt's own state and the machine's packages stay untouched.
#
# usage: ci/sysroot.sh DIRECTORY
set -eu

suite=trixie
packages="libmnl-dev libnftnl-dev libnl-3-dev linux-libc-dev"
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
say "fetching $packages of $suite"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs" "$state/none"
: >"$state/status"
printf 'deb %s %s %s main\n' "$*" "$mirror" "$suite" >"$state/sources.list"

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

rm -rf "$root.new"
mkdir "$root.new"
for deb in "$state"/debs/*.deb; do
  dpkg-deb -x "$deb" "$root.new"
  basename "$deb"
done | sort >"$state/versions"
# Unwind tables are for C++ and debuggers: 45 KB that a stripped C program never reads. And
# libnl's calls for names and fractions go to init/libc/lean.c, which has neither.
for archive in "$root.new"/usr/lib/*/*.a; do
  set -- -R .eh_frame -R .rela.eh_frame -R .rel.eh_frame -R .comment
  case $archive in
  */libnl-*)
    for symbol in getaddrinfo freeaddrinfo getnameinfo gai_strerror getprotobyname \
      getprotobynumber strtod; do
      set -- "$@" --redefine-sym "$symbol=lean_$symbol"
    done
    ;;
  esac
  objcopy "$@" "$archive"
done
mv "$state/versions" "$root.new/VERSIONS"
rm -rf "$root" "$state"
mv "$root.new" "$root"
say "$(tr '\n' ' ' <"$root/VERSIONS")"
