"""A sandbox that does what it is told, line by line, and `codex-sandbox watch` beside it."""

import os
import re
import subprocess

import pytest
from conftest import CA_PATH, PATIENCE, STUB, end_sessions, until

ESCAPES = re.compile(rb"\033\[[0-9;]*[mK]|\r")
# Carries out a line at a time, and says when it is done.
OBEY = 'echo up; while read -r line; do sh -c "$line" 2>&1; echo "did it: $?"; done'


class Sandbox:
    """codex-sandbox with a shell instead of Codex."""

    def __init__(self, environment, cwd, options, log, launcher=(STUB,)):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*map(str, launcher), *map(str, options), "--exec", "sh", "-c", OBEY],
                env=environment, cwd=cwd, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
        self.until_says("up\n")

    @property
    def said(self):
        return self.log.read_text(errors="replace")

    def until_says(self, text):
        until(lambda: text in self.said, lambda: f"{text!r} in {self.said!r}")

    def begin(self, command):
        """A command in the sandbox; returns what has been said before it."""
        before = len(self.said)
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return before

    def result(self, before):
        """What a command has said, and its status."""
        done = re.compile(r"did it: (\d+)\n")
        until(lambda: done.search(self.said[before:]), lambda: f"the end of {self.said[before:]!r}")
        text = self.said[before:]
        return text, int(done.search(text)[1])

    def run(self, command):
        return self.result(self.begin(command))

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(PATIENCE)

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def sandboxes(lab, stub_environment, workdir, tmp_path):
    """sandboxes(options..., env={}): one in the workdir that obeys."""
    made = []

    def begin(*options, env=None):
        log = tmp_path / f"log{len(made)}"
        made.append(Sandbox({**stub_environment, **(env or {})}, workdir, options, log))
        return made[-1]

    yield begin
    for one in made:
        one.close()
    end_sessions(lab)


def rows(terminal):
    """What a terminal has shown, without colours and redrawing."""
    return ESCAPES.sub(b"", terminal._read())


def asked(seen, name):
    """It has asked for long enough that a key is meant for it: the seconds have changed."""
    row = re.compile(rb"%s\? a allow[^?]*\? explain  (\d+)s" % re.escape(name.encode()))
    until(lambda: len(set(row.findall(rows(seen)))) > 1, lambda: rows(seen))


def trusted(lab):
    """Options with which curl in the sandbox trusts the lab's certificates."""
    return ["--read-only", str(lab.ca), "-e", f"CURL_CA_BUNDLE=/app{lab.ca}"]
