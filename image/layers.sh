#!/bin/sh
# layers.sh COMMAND LAYERS ETC: tells Codex that the container is the sandbox, in the way that its
# version knows: files of LAYERS go to ETC. COMMAND is what people call; it may become a script.
set -eu
command=$1 layers=$2 etc=$3
binary=$(readlink -f "$command")
knows() { grep -aq "$1" "$binary"; }

if knows allowed_permission_profiles; then
  cp "$layers/requirements.toml" "$layers/config.toml" "$etc"
  exit
fi
cp "$layers/managed_config.toml" "$etc"
if ! knows managed_config.toml; then
  # The oldest read no settings of an administrator's at all.
  rm "$command"
  cat >"$command" <<SCRIPT
#!/bin/sh
exec $binary -c 'sandbox_mode="danger-full-access"' -c 'approval_policy="never"' "\$@"
SCRIPT
  chmod 0755 "$command"
fi
