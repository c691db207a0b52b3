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
  # Nor a key from the environment, but for a provider that a setting names: without a login, and
  # without a provider of the user's own, OpenAI's API becomes one.
  cat >"$command" <<SCRIPT
#!/bin/sh
set -- -c 'sandbox_mode="danger-full-access"' -c 'approval_policy="never"' "\$@"
home=\${CODEX_HOME:-\$HOME/.codex} key=
[ -z "\${OPENAI_API_KEY-}" ] || key=OPENAI_API_KEY
[ -z "\${CODEX_API_KEY-}" ] || key=CODEX_API_KEY
if [ "\$key" ] && [ ! -s "\$home/auth.json" ] &&
  ! grep -q '^ *model_provider *=' "\$home/config.toml" 2>/dev/null; then
  provider=model_providers.openai-key
  set -- -c 'model_provider="openai-key"' -c "\$provider.name=\"OpenAI\"" \\
    -c "\$provider.base_url=\"\${OPENAI_BASE_URL:-https://api.openai.com/v1}\"" \\
    -c "\$provider.env_key=\"\$key\"" -c "\$provider.wire_api=\"responses\"" "\$@"
fi
exec $binary "\$@"
SCRIPT
  chmod 0755 "$command"
fi
