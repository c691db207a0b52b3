#!/bin/sh
# An init hook for a Java 25 project that builds with Maven, from the host's Maven cache:
#
#   codex-sandbox --init_script ./sandbox-setup-java-25.sh --allow @maven \
#     --read-only ~/.m2/repository --read-only ~/.sdkman/candidates/java/25-tem
#
# The Maven cache is only read: what is not in it yet, Maven can't store there. For a build that
# downloads new things, leave out its --read-only; Maven then keeps a repository of its own in
# the project's .codex/.environment.
#
# A JDK 25 is taken from what is mounted (or from the image); without one the image's JDK stays.
set -eu
wanted=25

# The first argument that is a directory.
first() {
  for candidate; do
    [ ! -d "$candidate" ] || { printf '%s\n' "$candidate" && return; }
  done
}

# A mounted path is at /app followed by its path on the host. -e MAVEN_REPOSITORY=... names
# one that is somewhere else.
repository=${MAVEN_REPOSITORY:-$(first /app/home/*/.m2/repository /app/root/.m2/repository \
  /app/Users/*/.m2/repository)}
mkdir -p "$HOME/.m2"
if [ -n "$repository" ]; then
  echo "sandbox-setup: Maven reads $repository"
  cat >"$HOME/.m2/settings.xml" <<XML
<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0">
  <localRepository>$repository</localRepository>
</settings>
XML
else
  rm -f "$HOME/.m2/settings.xml"
  echo "sandbox-setup: no Maven repository is mounted; Maven keeps its own in $HOME/.m2"
fi

# A JDK says its version in its file "release"; whether it runs here is seen by running it.
usable() { grep -q "^JAVA_VERSION=\"${wanted}[.\"]" "$1/release" 2>/dev/null && "$1/bin/java" -version >/dev/null 2>&1; }
for jdk in "$JAVA_HOME" /app/opt/*/ /app/opt/sdkman/candidates/java/*/ /app/usr/lib/jvm/*/ \
  /app/home/*/.sdkman/candidates/java/*/ /app/root/.sdkman/candidates/java/*/; do
  jdk=${jdk%/}
  if usable "$jdk"; then
    echo "sandbox-setup: JDK $wanted is $jdk"
    printf 'JAVA_HOME=%s\nPATH=%s\n' "$jdk" "${PATH%%:*}:$jdk/bin:${PATH#*:}" >>"$SANDBOX_ENV_FILE"
    exit 0
  fi
done
echo "sandbox-setup: no JDK $wanted is mounted; the image's own stays: $(javac -version 2>&1)"
