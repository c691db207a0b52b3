"""A host with traps in its project, for the tests of the launcher in a hostile project."""

import os
import re
import stat
import subprocess
import time
from pathlib import Path

import pytest
from stub_project import GOOD, UID, project, snapshot  # noqa: F401
from stub_trace import traced

SECRET = "secret-of-the-host"
REPORTS = "state/codex-sandbox/reports"
FAST_ENGINE = """#!/bin/sh
# At once: the launcher's watch asks at the same time.
printf '%s\\0' docker "$@" '
' >>"$ENGINE_LOG"
"""
SILENT_ENGINE = "#!/bin/true\n"
# Traps by the place they are laid in, with what makes the launcher look there, and what is
# expected in that place.
NAMED = {
    "setup.sh": ("--init_script", "./setup.sh"),
    "conf": ("--config", "./conf"),
    "conf.toml": ("--config", "./conf.toml"),
    "login.json": ("--auth_file", "./login.json"),
    "logins": ("-y", "--auth_dir", "./logins"),
    "sessions": ("-y", "--sessions-path", "./sessions"),
    "home": ("-y", "--codex-home", "./home"),
    "vendor": ("-y", "--read-only", "./vendor"),
}
DIRECTORIES = (
    ".codex",
    ".codex/.environment",
    ".codex/.environment/sessions",
    ".codex/.environment/prompts",
    ".codex/prompts",
    "codex",
    "codex/prompts",
    "conf",
    "logins",
    "sessions",
    "home",
    "vendor",
    ".codex/skills",
    "codex/rules",
)


class Host:
    """A home with secrets, and a project in it that is hostile."""

    def __init__(self, project):
        self.project, self.work, self.home = project, project.work, project.home
        self.keys = self.home / ".ssh"
        for name in ("id_ed25519", "config.toml", "init.sh", "AGENTS.md"):
            project.write(self.keys / name, SECRET, 0o600)
        project.write(self.keys / "auth.json", {**GOOD, "secret": SECRET}, 0o600)
        project.write(self.keys / "prompts" / "a.md", SECRET, 0o600)
        project.write(self.home / "sub" / "file", SECRET)
        for directory in (self.keys, self.home / "sub"):
            os.chown(directory, UID, UID)
        self.engine(FAST_ENGINE)

    def engine(self, program):
        """A docker that does little, and quickly."""
        docker = self.project.bin / "docker"
        docker.write_text(program)
        docker.chmod(0o755)

    def asked(self):
        """The words of the last command that the engine was given, but by the launcher's watch."""
        commands = self.project.log.read_text().split("\0\n\0")[:-1]
        return [c for c in commands if "CODEX_INIT_RUN=" not in c][-1].split("\0")

    def secret(self, place):
        """What a trap in that place would best lead to."""
        if place in DIRECTORIES:
            return self.keys / "prompts" if place.endswith("prompts") else self.keys
        name = "auth.json" if place.endswith(".json") else place.rsplit("/", 1)[-1]
        return self.keys / {"conf.toml": "config.toml", "setup.sh": "init.sh"}.get(name, name)

    def trap(self, place):
        """The path of a trap, the directories around it being the project's own."""
        path = self.work / place
        path.parent.mkdir(parents=True, exist_ok=True)
        for directory in path.parents:
            if self.work in directory.parents:
                os.chown(directory, UID, UID)
        return path

    def outside(self):
        """The home as it is, but for the project; with the time of the last change."""
        parents = {str(p) for p in (self.work, *self.work.parents)}
        return {
            path: (what, None if path in parents else os.lstat(path).st_mtime_ns)
            for path, what in snapshot(self.home, but=self.work).items()
            if not f"{path}/".startswith(f"{self.home}/.local/")
        }

    def kept(self):
        """What the launcher itself may make in the home: a file for the closing report, and a lock,
        a file for the events and the list of earlier sessions' names, which root in the container
        has to read, in a directory of the project's. Returns the number of reports."""
        made = snapshot(self.home / ".local") if (self.home / ".local").exists() else {}
        files = {p: what for p, what in made.items() if stat.S_ISREG(what[0])}
        ways = {f"{self.home}/.local/{w}" for w in ("state", "state/codex-sandbox", REPORTS)}
        state = f"{self.home}/.local/state/codex-sandbox/"
        ways |= {p for p in made if re.fullmatch(rf"{state}codex_[^/]+", p)}
        assert set(made) - set(files) <= ways, made
        known = {p for p in files if re.fullmatch(rf"{state}codex_[^/]+/known", p)}
        modes = {p: (stat.S_IMODE(what[0]), what[1]) for p, what in files.items()}
        assert modes == {p: (0o644 if p in known else 0o600, UID) for p in files}
        events = {p for p in files if re.fullmatch(rf"{state}codex_[^/]+/(events\.jsonl|lock)", p)}
        reports = {p for p in files if re.fullmatch(rf"{state}reports/codex_.*\.txt", p)}
        assert set(files) == events | reports | known, made
        return len(reports)

    def is_outside(self, path):
        inside = (f"{self.work}/", f"{self.home}/.local/")
        return path.startswith(f"{self.home}/") and not f"{path}/".startswith(inside)

    def run(self, place):
        """Starts the launcher and judges it, whatever it came to."""
        before, kept = self.outside(), self.kept()
        done, calls, programs = traced(self.project, *NAMED.get(place, ()), "--exec", "true")
        assert self.outside() == before
        assert kept <= self.kept() <= kept + (done.returncode == 0)
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert SECRET not in said
        assert done.returncode in (0, 100, 111), said
        assert done.returncode == 0 or said.count("\n") in (1, 2), said
        assert set(programs[1:]) <= {str(self.project.bin / "docker")}
        for call in calls:
            self.judge(call)
        if done.returncode == 0:
            self.judge_engine()
        return done.returncode, said

    def judge(self, call):
        if call.name in ("open", "openat", "openat2", "creat") and call.good:
            # The directories above are looked through for a repository, and nothing is read there.
            above = "O_DIRECTORY" in call.text and Path(call.place or "/") in self.work.parents
            assert above or not self.is_outside(call.place or ""), call
        if not call.writes or not call.good:
            return
        place = call.place or ""
        if call.name == "symlinkat":
            place = re.search(r"\d+<(.*?)>", call.text)[1]
        if place.startswith(("/dev/null", "pipe:", "socket:")):
            return
        homes = (f"{self.work}/.codex/.environment", f"{self.work}/home", f"{self.home}/.local")
        made = [f"{place}/{name}" for name in call.strings if not name.startswith("/")]
        if call.name in ("mkdirat", "openat2"):
            assert made or place, call
            ok = homes + (f"{self.work}/.codex",)
            assert all(m.startswith(homes) or m in ok for m in made), call
        elif call.name in ("fchmod", "fchown"):
            assert place == f"{self.work}/.codex" or place.startswith(homes), call
        else:
            assert place.startswith(homes), call

    def judge_engine(self):
        words = self.asked()
        assert SECRET not in " ".join(words)
        for i, word in enumerate(words):
            if word != "--mount":
                continue
            source = words[i + 1].split(",")[1].removeprefix("source=")
            assert not self.is_outside(os.path.realpath(source)), words[i + 1]
            mode = os.lstat(source).st_mode
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode), words[i + 1]


@pytest.fixture
def host(project):  # noqa: F811
    return Host(project)


def directory(host, path, secret):
    path.mkdir()
    os.chown(path, UID, UID)


def file(host, path, secret):
    host.project.write(path, "text")


class Flipper:
    """Exchanges two names as fast as it can, in a process of its own."""

    PROGRAM = """
import ctypes, sys
libc = ctypes.CDLL(None)
a, b = (p.encode() for p in sys.argv[1:])
print("ready", flush=True)
while True:
    libc.renameat2(-100, a, -100, b, 2)
"""

    def __init__(self, a, b):
        command = ["/usr/bin/python3", "-c", self.PROGRAM, str(a), str(b)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
