#!/bin/sh
# finish.sh NPM_REGISTRY: runs once in the image while it is built. The user codex, the
# directories it owns, Codex's settings, and the presets that follow this image's own.
set -eu
registry=$1

groupadd --gid 1000 codex
useradd --uid 1000 --gid 1000 --home-dir /codex_home --no-create-home --shell /bin/bash codex
# Both empty and readable: codex-init hands them to another uid when the workdir belongs to one.
install -d -o codex -g codex -m 0755 /codex_home
# Also to be written by root without a right beyond its group, and by the uids that some clusters choose.
install -d -o codex -g root -m 0775 /workspace

sh /tmp/layers.sh /usr/local/bin/codex /tmp/layers /etc/codex

# git init copies these into hooks, also into a project's own, which are read-only.
rm -f /usr/share/git-core/templates/hooks/*.sample

# npm of the image asks the registry that the image was made from.
if [ -n "$registry" ] && [ "$registry" != "$(npm config get registry)" ]; then
  npm config set --global registry "$registry"
fi

# The container is the environment that Debian's pip asks for.
printf '[global]\nbreak-system-packages = true\n' >/etc/pip.conf

# HOST or HOST:PORT of each URL that a line on standard input begins with, as a rule.
hosts() { sed -n "s,^'*[a-z+]*://\([^/@]*@\)*\([^/]*\).*,\2,p" | sort -u; }
preset() {
  file=/etc/codex/presets.d/$1
  { printf '# %s\n' "$2" && hosts; } >"$file"
  [ "$(wc -l <"$file")" -gt 1 ] || { echo "nothing to put in the preset $1" >&2; exit 1; }
}
npm config get registry | preset npm 'The registry that npm in this image is set to.'
apt-get update --print-uris |
  preset debian 'The mirrors in the apt sources of this image.'

# Browsers that are installed later: no Encrypted Client Hello, whose name the gate can't check.
# Chromium and its kin have no other switch for that.
for place in chromium opt/chrome opt/chrome_for_testing; do
  install -D -m 0644 /tmp/browsers/chromium.json "/etc/$place/policies/managed/codex-sandbox.json"
done
install -D -m 0644 /tmp/browsers/firefox.js /etc/firefox/defaults/pref/codex-sandbox.js

ln -s codex-init /usr/sbin/codex-egress
chmod -R u=rwX,go=rX /etc/codex
rm -rf /root/.npm
