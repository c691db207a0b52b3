#!/bin/sh
# fetch-codex.sh VERSION DIR: the Codex CLI of that version under DIR, which becomes /usr/local.
#
# The command is the native binary itself. npm's own command is a script that looks for that
# binary and runs it: another process between PID 1 and Codex with older Node versions, and a
# note to Codex that npm should update it, which this image must not do.
set -eu
version=$1 out=$2

npm install --global --prefix "$out" --no-audit --no-fund --loglevel error "@openai/codex@$version"
package=$out/lib/node_modules/@openai/codex

case $(dpkg --print-architecture) in
amd64) target=x86_64-unknown-linux-musl ;;
arm64) target=aarch64-unknown-linux-musl ;;
*) echo "there is no Codex for $(dpkg --print-architecture)" >&2; exit 1 ;;
esac
# In the course of time it has been bin/codex-TARGET, vendor/TARGET/codex/codex, and, in a package
# for each platform, vendor/TARGET/bin/codex. The older ones bring every platform's: one is of
# use here.
find "$package/bin" -name 'codex-*' ! -name "codex-$target" -delete
find "$package" -path '*/vendor/*' -prune -type d -name '*-*-*' ! -name "$target" -exec rm -rf {} +
native=$(find "$package" -type f -perm -u+x \
  \( -name "codex-$target" -o -path "*/vendor/$target/*" -name codex \))
case $native in
/*/codex*[!a-z0-9_/@.-]* | '')
  echo "@openai/codex@$version: no binary, or more than one, for $target: $native" >&2
  exit 1
  ;;
esac

ln -sf "../${native#"$out"/}" "$out/bin/codex"
found=$("$out/bin/codex" --version)
case $found in
*" $version") echo "$found" ;;
*) echo "wanted Codex $version, got: $found" >&2; exit 1 ;;
esac
