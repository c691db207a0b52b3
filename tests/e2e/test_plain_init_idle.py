"""codex-init as a plain init: what it holds on to while it waits, and how little it is."""

import os
import re
import select
import subprocess
import time
from pathlib import Path

from conftest import at_best
from plain_init import DEADLINE, children, start, status_of, until  # noqa: F401


def test_init_does_not_pin_the_working_directory(start, tmp_path):
    p = start("sleep", "1000", cwd=tmp_path)
    child = until(lambda: children(p.pid), "the payload")[0]
    until(lambda: status_of(child)["Name"] == "sleep", "exec")
    until(lambda: os.readlink(f"/proc/{p.pid}/cwd") == "/", "init in /")
    assert os.readlink(f"/proc/{child}/cwd") == str(tmp_path)


def test_init_does_not_pin_stdout(start):
    p = start("sh", "-c", "echo hi; exec sleep 1000 >&-")
    end = time.monotonic() + DEADLINE
    text = b""
    while True:
        ready, _, _ = select.select([p.stdout], [], [], end - time.monotonic())
        assert ready, "stdout stays open"
        piece = os.read(p.stdout.fileno(), 100)
        if not piece:
            break
        text += piece
    assert text == b"hi\n" and p.poll() is None


def test_init_does_not_pin_stdin(start):
    p = start("sh", "-c", "exec sleep 1000 <&-", stdin=subprocess.PIPE)

    def broken():
        try:
            os.write(p.stdin.fileno(), b"x")
        except BrokenPipeError:
            return True
        return False

    try:
        until(broken, "stdin's end")
    finally:
        p.stdin = None
    assert p.poll() is None


def test_init_never_wakes_while_idle(start):
    p = start("sleep", "1000")
    until(lambda: children(p.pid), "the payload")

    def switches():
        s = status_of(p.pid)
        return int(s["voluntary_ctxt_switches"]) + int(s["nonvoluntary_ctxt_switches"])

    def woken():
        before = switches()
        time.sleep(3)
        return switches() - before

    # In the first three seconds it may still be on its way to sleep, on a busy machine in the next as well.
    at_best(woken, 1)


def test_init_is_small(start):
    p = start("sleep", "1000")
    until(lambda: children(p.pid), "the payload")
    rollup = Path(f"/proc/{p.pid}/smaps_rollup").read_text()
    private = sum(int(n) for n in re.findall(r"Private_(?:Clean|Dirty):\s+(\d+) kB", rollup))
    assert private <= 1024
