"""A home, a project in it, and codex-sandbox started there: shared by the tests of the launcher.

No engine is needed: --dry-run prints the command, and where the launcher goes further, a small
program called docker stands in PATH and records what it is asked.
"""

import csv
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import PATIENCE

STUB = Path(__file__).resolve().parents[2] / "build" / "codex-sandbox"
UID = 1000
GOOD = {"OPENAI_API_KEY": "k"}
REPORT = "/run/codex/host/report"
TRAIL = "/run/codex/host/events"
KNOWN = "/run/codex/host/known"

FAKE_ENGINE = """#!/usr/bin/python3
import json, os, sys
if "CODEX_INIT_RUN=" in " ".join(sys.argv):
    sys.exit(1)  # the launcher's watch, when it is all over: there is no such container
with open(os.environ["ENGINE_LOG"], "a") as log:
    log.write(json.dumps(sys.argv) + "\\n")
answers = json.loads(os.environ.get("ENGINE_ANSWERS", "{}"))
code, out, err = answers.get(" ".join(sys.argv[1:3]), answers.get(sys.argv[1], [0, "", ""]))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


def snapshot(root, but=None):
    """Every path below root, with its kind, mode, owner and content; not what is below `but`."""
    seen = {}
    for directory, names, files in os.walk(root):
        if directory == str(but):
            names.clear()
            continue
        for name in names + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                content = Path(path).read_bytes()
            else:
                content = None
            seen[path] = (st.st_mode, st.st_uid, st.st_gid, content)
    return seen


class Command:
    """An engine's command, taken apart."""

    def __init__(self, words):
        self.words = words
        self.mounts = {}
        self.env = []
        self.order = []
        self.flags = []
        assert words[1] == "run"
        i = 2
        while words[i].startswith("-"):
            if words[i] == "--mount":
                (fields,) = csv.reader([words[i + 1]])
                assert fields[0] == "type=bind"
                source = fields[1].removeprefix("source=")
                target = fields[2].removeprefix("target=")
                assert fields[1] == "source=" + source and fields[2] == "target=" + target
                assert fields[3:] in ([], ["readonly"])
                assert target not in self.mounts
                self.mounts[target] = (source, "ro" if fields[3:] else "rw")
                self.order.append(target)
                i += 2
            elif words[i] == "-e":
                self.env.append(words[i + 1])
                i += 2
            elif words[i] in ("--name", "--hostname", "--security-opt", "-w", "--network"):
                self.flags.append((words[i], words[i + 1]))
                i += 2
            else:
                self.flags.append(words[i])
                i += 1
        # The file for the closing report: test_report_file.py's matter.
        self.report = self.mounts.pop(REPORT, (None, None))[0]
        # And those for the events and the names in them: test_trail.py's.
        self.trail = self.mounts.pop(TRAIL, (None, None))[0]
        self.known = self.mounts.pop(KNOWN, (None, None))
        self.order = [target for target in self.order if target not in (REPORT, TRAIL, KNOWN)]
        self.image = words[i]
        cut = words.index("--", i)
        self.init = words[i + 1 : cut]
        self.payload = words[cut + 1 :]

    def value(self, flag):
        return dict(f for f in self.flags if isinstance(f, tuple))[flag]


class Project:
    """A home, a workdir in it, and a way to start the launcher there."""

    def __init__(self, root, stub=STUB):
        self.root, self.stub = root, stub
        self.home = root / "home"
        self.work = self.home / "src" / "project"
        self.work.mkdir(parents=True)
        self.bin = root / "bin"
        self.bin.mkdir()
        self.log = root / "engine.log"
        for path in (self.home, self.work):
            os.chown(path, UID, UID)

    def write(self, path, content="", mode=0o644):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        os.chown(path, UID, UID)
        return path

    def engine(self, name="docker", code=FAKE_ENGINE):
        # Put in its place as a whole: one that is being executed can't be written to.
        made = self.bin / f".{name}"
        made.write_text(code)
        made.chmod(0o755)
        made.rename(self.bin / name)

    def start(self, *arguments, env=None, cwd=None, **more):
        environment = {
            "HOME": str(self.home),
            "PATH": str(self.bin),
            "ENGINE_LOG": str(self.log),
        }
        environment.update(env or {})
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            [self.stub, *(a if isinstance(a, bytes) else str(a) for a in arguments)],
            env=environment,
            cwd=cwd or self.work,
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=more.pop("stderr", subprocess.PIPE),
            timeout=PATIENCE,
            **more,
        )

    def dry(self, *arguments, **more):
        """What --dry-run prints; it must have changed nothing."""
        before = snapshot(self.root)
        done = self.start("--dry-run", *arguments, **more)
        self.warnings = done.stderr.decode()
        assert done.returncode == 0, self.warnings
        assert snapshot(self.root) == before
        line = done.stdout.decode()
        assert line.count("\n") == 1 and line.endswith("\n")
        return Command(shlex.split(line))

    def refused(self, *arguments, status=100, **more):
        """The message of a refusal, with and without --dry-run; nothing may be created."""
        before = snapshot(self.root)
        for extra in (["--dry-run"], []) if status == 100 else ([],):
            done = self.start(*extra, *arguments, **more)
            message = done.stderr.decode(errors="replace")
            assert done.returncode == status, (done.returncode, message)
            assert done.stdout == b""
            lines = [line for line in message.splitlines() if not line.startswith("  hint: ")]
            assert lines and all(line.startswith("codex-sandbox: ") for line in lines)
        assert snapshot(self.root) == before
        return message

    def refused_at_start(self, *arguments, **more):
        """The message of a refusal that --dry-run, which starts nothing, has no reason for."""
        before = snapshot(self.root)
        assert self.start("--dry-run", *arguments, **more).returncode == 0
        done = self.start(*arguments, **more)
        assert (done.returncode, done.stdout) == (100, b""), done
        assert snapshot(self.root) == before
        return done.stderr.decode()

    def asked(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path.resolve())


@pytest.fixture
def open_project():
    """The same where every user can reach it, and start its copy of the launcher: the clone may
    lie in a directory that only root may enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="codex-open-") as root:
        os.chmod(root, 0o755)
        place = Path(root).resolve()
        (place / "launcher").mkdir()
        yield Project(place, shutil.copy(STUB, place / "launcher"))
