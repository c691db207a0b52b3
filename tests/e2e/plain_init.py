"""What the tests of codex-init as a plain init share: starting it, waiting, looking."""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from conftest import PATIENCE, until  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
INIT = os.environ.get("CODEX_INIT", str(ROOT / "build" / "codex-init"))
PLAIN = [INIT, "--egress=off", "--"]
# The same as PID 1 of a namespace of its own.
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
DEADLINE = PATIENCE
# Blocks every signal and prints each that arrives, in the order in which the kernel gives them.
RECORDER = """
import os, signal, sys
every = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, every)
os.write(1, b"ready %d\\n" % os.getpid())
while True:
    s = signal.sigwaitinfo(every)
    if s.si_signo != signal.SIGCHLD:
        os.write(1, b"got %d\\n" % s.si_signo)
"""
RECORD = [sys.executable, "-c", RECORDER]


def run(*command, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(
        PLAIN + list(command), capture_output=True, text=True, timeout=DEADLINE, **options
    )


@pytest.fixture
def start():
    """Starts codex-init with a command; ends what is left of it."""
    started = []

    def begin(*command, prefix=(), **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        p = subprocess.Popen(list(prefix) + PLAIN + list(command), bufsize=0, **options)
        started.append(p)
        return p

    yield begin
    for p in started:
        for child in children(p.pid):
            kill_quietly(child)
        if p.poll() is None:
            p.kill()
        p.wait(DEADLINE)
        if p.stdout:
            p.stdout.close()


def command(pid):
    """The name of the program that the process runs, or "" when it has gone."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def kill_quietly(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def read_until(fd, wanted, seen=b""):
    """Reads from a descriptor until the pattern is there; returns all that was read."""
    end = time.monotonic() + DEADLINE
    while not re.search(wanted, seen):
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        assert ready, f"{wanted!r} never came; this did: {seen!r}"
        try:
            piece = os.read(fd, 65536)
        except OSError as e:
            assert e.errno == errno.EIO
            piece = b""
        assert piece, f"the end came before {wanted!r}: {seen!r}"
        seen += piece
    return seen


def status_of(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def children(pid):
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def gone(pid):
    try:
        return status_of(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


class Terminal:
    """A program on a pseudo-terminal of its own, as the leader of its session."""

    def __init__(self, argv):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.environ["PS1"] = "prompt> "
                os.execvp(argv[0], argv)
            finally:
                os._exit(127)

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        """Waits for the pattern; what was read up to its end is used up."""
        self.seen = read_until(self.fd, pattern, self.seen)
        m = re.search(pattern, self.seen)
        before = self.seen[:m.end()]
        self.seen = self.seen[m.end():]
        return m, before

    def foreground(self):
        return os.tcgetpgrp(self.fd)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self):
        os.close(self.fd)
        self.fd = -1

    def wait(self):
        """Reads (or the program could not end its writing) until it has ended."""
        def drain():
            while self.fd >= 0 and select.select([self.fd], [], [], 0)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    return

        def ended():
            drain()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                drain()
            return (os.waitstatus_to_exitcode(status),) if pid else None

        result = until(ended, "the program's end")[0]
        self.pid = 0
        return result

    def end(self):
        if self.pid:
            for child in children(self.pid):
                for grandchild in children(child):
                    kill_quietly(grandchild)
                kill_quietly(child)
            kill_quietly(self.pid)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)


@pytest.fixture
def terminal():
    made = []

    def make(*argv):
        made.append(Terminal(list(argv)))
        return made[-1]

    yield make
    for t in made:
        t.end()


@pytest.fixture
def shell(terminal):
    t = terminal("bash", "--norc", "--noprofile", "-i")
    t.expect(rb"prompt> ")
    return t
