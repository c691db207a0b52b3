"""codex-init as a plain init: each signal is passed on once, and none is lost."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from plain_init import (  # noqa: F401
    DEADLINE,
    RECORD,
    RECORDER,
    children,
    read_until,
    run,
    start,
    status_of,
    until,
)

# Everything but what can't be caught, what init keeps, and the two that libc keeps (32, 33).
FORWARDABLE = sorted(
    set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
)


def recorded(p, seen=b""):
    """Ends the record by SIGRTMAX, which the kernel gives out last; returns the numbers."""
    os.kill(p.pid, signal.SIGRTMAX)
    seen = read_until(p.stdout.fileno(), rb"got 64\n", seen)
    return [int(n) for n in re.findall(rb"got (\d+)\n", seen)]


@pytest.mark.parametrize("number", [s for s in FORWARDABLE if s != signal.SIGRTMAX])
def test_each_signal_is_forwarded_once(start, number):
    p = start(*RECORD)
    seen = read_until(p.stdout.fileno(), rb"ready \d+\n")
    os.kill(p.pid, number)
    seen = read_until(p.stdout.fileno(), rb"got %d\n" % number, seen)
    assert recorded(p, seen) == [number, 64]


def test_the_last_real_time_signal_is_forwarded_once(start):
    p = start(*RECORD)
    read_until(p.stdout.fileno(), rb"ready \d+\n")
    os.kill(p.pid, signal.SIGRTMAX)
    read_until(p.stdout.fileno(), rb"got 64\n")
    os.kill(p.pid, signal.SIGUSR1)
    assert read_until(p.stdout.fileno(), rb"got 10\n") == b"got 10\n"


def test_real_time_signals_are_all_forwarded_in_order_with_their_values(start):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
    code = r"""
#include <signal.h>
#include <stdio.h>
int main(void)
{
	sigset_t s;
	siginfo_t i;
	sigfillset(&s);
	sigprocmask(SIG_BLOCK, &s, NULL);
	puts("ready"); fflush(stdout);
	for (;;)
		if (sigwaitinfo(&s, &i) > 0) {
			printf("%d %d %p %d\n", i.si_signo, i.si_code, i.si_value.sival_ptr, i.si_pid);
			fflush(stdout);
		}
}
"""
    binary = compiled(code)
    p = start(binary)
    read_until(p.stdout.fileno(), rb"ready\n")
    for value in range(1, 33):
        assert libc.sigqueue(p.pid, 40, value << 32 | 0xabc) == 0
    seen = read_until(p.stdout.fileno(), rb"0x2000000abc .*\n")
    lines = [line.split() for line in seen.decode().splitlines()]
    assert [int(line[2], 16) for line in lines] == [v << 32 | 0xabc for v in range(1, 33)]
    # SI_QUEUE, and the sender is the one who sent.
    assert {(line[0], line[1], line[3]) for line in lines} == {("40", "-1", str(os.getpid()))}


def compiled(code):
    directory = Path(os.environ.get("TMPDIR", "/tmp")) / f"plain-init-{os.getpid()}"
    directory.mkdir(exist_ok=True)
    binary = directory / "program"
    subprocess.run(["gcc", "-x", "c", "-o", str(binary), "-"], input=code, text=True, check=True)
    return str(binary)


@pytest.fixture(scope="module", autouse=True)
def no_leftovers():
    yield
    directory = Path(os.environ.get("TMPDIR", "/tmp")) / f"plain-init-{os.getpid()}"
    for file in directory.glob("*"):
        file.unlink()
    if directory.exists():
        directory.rmdir()


def test_sigchld_is_not_forwarded(start):
    p = start(
        sys.executable, "-c",
        RECORDER.replace("if s.si_signo != signal.SIGCHLD:", "if True:"))
    seen = read_until(p.stdout.fileno(), rb"ready \d+\n")
    os.kill(p.pid, signal.SIGCHLD)
    assert recorded(p, seen) == [64]


def test_signal_sent_before_init_began_reaches_the_payload(start):
    def pend():
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH, 50):
            os.kill(os.getpid(), s)

    p = start(*RECORD, preexec_fn=pend)
    seen = read_until(p.stdout.fileno(), rb"got 50\n")
    assert sorted(recorded(p, seen)) == [1, 15, 28, 50, 64]


def test_no_term_is_lost_whenever_it_comes(start):
    """From long before exec to long after; init dies of it itself until it has begun."""
    for i in range(120):
        p = start("sleep", "1000", stdout=subprocess.DEVNULL)
        time.sleep(i * 0.00005)
        p.terminate()
        assert p.wait(DEADLINE) in (143, -signal.SIGTERM)


def test_signal_to_a_stopped_init_is_not_lost(start):
    p = start(*RECORD)
    seen = read_until(p.stdout.fileno(), rb"ready \d+\n")
    os.kill(p.pid, signal.SIGSTOP)
    until(lambda: status_of(p.pid)["State"].startswith("T"), "init stopped")
    os.kill(p.pid, signal.SIGUSR1)
    os.kill(p.pid, signal.SIGCONT)
    seen = read_until(p.stdout.fileno(), rb"got 10\n", seen)
    assert sorted(recorded(p, seen)) == [10, 18, 64]


def test_job_control_signals_stop_and_continue_the_payload(start):
    p = start("sleep", "1000")
    child = until(lambda: children(p.pid), "the payload")[0]
    until(lambda: status_of(child)["Name"] == "sleep", "exec")
    os.kill(p.pid, signal.SIGTSTP)
    until(lambda: status_of(child)["State"].startswith("T"), "the payload's stop")
    # Without a terminal nobody would continue init, so it goes on.
    assert not status_of(p.pid)["State"].startswith("T")
    os.kill(p.pid, signal.SIGCONT)
    until(lambda: status_of(child)["State"].startswith("S"), "the payload going on")


def test_entered_with_sigchld_ignored():
    done = run("sh", "-c", "sleep 0.05; exit 9", restore_signals=False,
               preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 9


def test_entered_with_every_signal_blocked():
    done = run("sh", "-c", "exit 9", preexec_fn=lambda: signal.pthread_sigmask(
        signal.SIG_SETMASK, signal.valid_signals()))
    assert done.returncode == 9
