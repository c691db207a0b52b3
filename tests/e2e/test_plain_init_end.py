"""codex-init as a plain init: it reaps, and ends what is left; and as PID 1."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import at_best
from plain_init import (  # noqa: F401
    DEADLINE,
    NAMESPACE,
    PLAIN,
    RECORD,
    children,
    command,
    gone,
    read_until,
    run,
    start,
    until,
)

MANY_ORPHANS = """
import os, time
for i in range(100):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
os.write(1, b"done\\n")
time.sleep(1000)
"""


@pytest.mark.parametrize("prefix", [(), NAMESPACE], ids=["subreaper", "pid1"])
def test_a_hundred_orphans_are_reaped(start, prefix):
    p = start(sys.executable, "-c", MANY_ORPHANS, prefix=prefix)
    read_until(p.stdout.fileno(), rb"done\n")
    init = children(p.pid)[0] if prefix else p.pid

    def only_the_payload():
        return len([c for c in children(init) if command(c) != "codex-killer"]) == 1
    until(only_the_payload, "the orphans' end")


def test_children_that_init_was_started_with_are_not_the_payload():
    """The shell's child becomes init's by exec, and ends before and while the payload runs."""
    script = '(exit 7) & (sleep 0.1; exit 8) & exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *PLAIN, "sh", "-c", "sleep 0.4; exit 3"],
        stdin=subprocess.DEVNULL, timeout=DEADLINE)
    assert done.returncode == 3


def test_zombies_that_init_was_started_with_are_reaped(start):
    p = subprocess.Popen(
        ["sh", "-c", 'true & sleep 0.2; exec "$@"', "sh", *PLAIN, "sleep", "1000"],
        stdin=subprocess.DEVNULL)
    try:
        def only_the_payload():
            c = children(p.pid)
            return len(c) == 1 and command(p.pid) != "sh" and command(c[0]) == "sleep"
        until(only_the_payload, "no child but the payload")
    finally:
        p.terminate()
        p.wait(DEADLINE)


STRAGGLER = """
import os, signal, sys, time
if os.fork():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    os._exit(4)
os.setsid()
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif sys.argv[2] == "undecided":
    signal.signal(signal.SIGTERM, lambda *_: None)
elif sys.argv[2].endswith("polite"):
    def bye(*_):
        open(sys.argv[1] + ".bye", "w").close()
        os._exit(0)
    signal.signal(signal.SIGTERM, bye)
for fd in range(3):
    os.close(fd)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(os.readlink("/proc/self"))
os.rename(sys.argv[1] + ".new", sys.argv[1])
if sys.argv[2].startswith("stopped"):
    os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(1000)
"""


@pytest.mark.parametrize("kind", ["plain", "polite", "stubborn", "undecided", "stopped", "stopped-polite"])
@pytest.mark.parametrize("prefix", [(), NAMESPACE], ids=["subreaper", "pid1"])
def test_stragglers_are_ended(tmp_path, kind, prefix):
    def says_goodbye(number):
        note = tmp_path / f"pid{number}"
        done = subprocess.run(
            [*prefix, *PLAIN, sys.executable, "-c", STRAGGLER, str(note), kind],
            stdin=subprocess.DEVNULL, timeout=DEADLINE)
        assert done.returncode == 4
        if not prefix:
            assert gone(int(note.read_text()))
        return Path(f"{note}.bye").exists()

    if not kind.endswith("polite"):
        says_goodbye(0)
        return
    # It has two seconds for that, which a machine may stand still; but not three times.
    assert any(says_goodbye(number) for number in range(3)), "killed without having been asked"


def test_the_grace_ends_when_everybody_is_gone(tmp_path):
    """Far below the two seconds that an undecided one is given."""
    notes = iter(range(3))

    def taken():
        begun = time.monotonic()
        run(sys.executable, "-c", STRAGGLER, str(tmp_path / f"pid{next(notes)}"), "polite")
        return time.monotonic() - begun

    at_best(taken, 1.5)


def test_grandchildren_of_stragglers_are_ended(tmp_path):
    note = tmp_path / "pids"
    script = f"""
trap '' TERM
(trap '' TERM; setsid sh -c 'trap "" TERM; echo $$ >>{note}; sleep 1000') &
while ! [ -s {note} ]; do sleep 0.01; done
exit 0
"""
    assert run("sh", "-c", script).returncode == 0
    for pid in note.read_text().split():
        assert gone(int(pid))


def test_other_processes_of_the_machine_are_left_alone(tmp_path):
    other = subprocess.Popen(["sleep", "1000"])
    try:
        run(sys.executable, "-c", STRAGGLER, str(tmp_path / "pid"), "stubborn")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_second_term_cuts_the_grace_short(start, tmp_path):
    notes = iter(range(3))

    def taken():
        note = tmp_path / f"pid{next(notes)}"
        p = start(sys.executable, "-c", STRAGGLER, str(note), "undecided")
        until(note.exists, "the straggler")
        alone = lambda: [str(pid) for pid in children(p.pid)] == [note.read_text()]  # noqa: E731
        until(lambda: alone() or p.poll() is not None, "the payload's end")
        if p.poll() is not None:
            return DEADLINE  # its grace was over before we came to look
        begun = time.monotonic()
        p.terminate()
        assert p.wait(DEADLINE) == 4
        took = time.monotonic() - begun
        assert gone(int(note.read_text()))
        return took

    at_best(taken, 1.9)


def test_as_pid_1_a_signal_reaches_the_payload_once(start):
    p = start(*RECORD, prefix=NAMESPACE)
    seen = read_until(p.stdout.fileno(), rb"ready \d+\n")
    init = children(p.pid)[0]
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGRTMIN):
        os.kill(init, s)
    seen = read_until(p.stdout.fileno(), rb"got 34\n", seen)
    os.kill(init, signal.SIGRTMAX)
    seen = read_until(p.stdout.fileno(), rb"got 64\n", seen)
    assert sorted(map(int, re.findall(rb"got (\d+)", seen))) == [2, 15, 34, 64]


def test_as_pid_1_the_payload_may_signal_it():
    """The kernel keeps default actions from PID 1; blocked signals arrive all the same."""
    done = subprocess.run(
        [*NAMESPACE, *PLAIN, "sh", "-c", "trap 'exit 33' TERM; kill -TERM 1; sleep 1000 & wait"],
        stdin=subprocess.DEVNULL, timeout=DEADLINE)
    assert done.returncode == 33


def test_as_pid_1_the_exit_status_is_the_payloads():
    done = subprocess.run([*NAMESPACE, *PLAIN, "sh", "-c", "kill -9 $$"],
                          stdin=subprocess.DEVNULL, timeout=DEADLINE)
    assert done.returncode == 137
