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
# Old packages bring every platform's binaries; one is of use here.
find "$package" -path '*/vendor/*' -prune -type d -name '*-*-*' ! -name "$target" -exec rm -rf {} +
native=$(find "$package" -path "*/vendor/$target/*" -name codex -type f -perm -u+x)
[ -n "$native" ] || { echo "@openai/codex@$version holds no binary for $target" >&2; exit 1; }

ln -sf "../${native#"$out"/}" "$out/bin/codex"
found=$("$out/bin/codex" --version)
case $found in
*" $version") echo "$found" ;;
*) echo "wanted Codex $version, got: $found" >&2; exit 1 ;;
esac
