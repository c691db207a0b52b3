# shellcheck shell=sh
# Debian's /etc/profile sets PATH anew for a login shell, and Codex may run commands in one.
PATH=/codex_home/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
JAVA_HOME=${JAVA_HOME:-/usr/lib/jvm/default}
export PATH JAVA_HOME
