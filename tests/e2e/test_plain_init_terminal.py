"""codex-init as a plain init with a terminal of its own, and how it leaves one."""

import os
import re
import signal
import sys
import termios
import time

import pytest
from plain_init import (  # noqa: F401
    INIT,
    NAMESPACE,
    PLAIN,
    RECORD,
    command,
    run,
    shell,
    terminal,
    until,
)


@pytest.mark.parametrize(
    "prefix", [(), (*NAMESPACE, "setsid", "--ctty", "--wait")[:-1]], ids=["leader", "pid1"])
class TestSessionLeader:
    """As under an engine with -t: init leads the session that owns the terminal."""

    def begin(self, terminal, prefix, *command):
        return terminal(*prefix, *PLAIN, *command)

    def test_the_payload_has_session_and_foreground(self, terminal, prefix):
        t = self.begin(terminal, prefix, sys.executable, "-c",
                       "import os, time\n"
                       "p = os.getpid()\n"
                       "tty = os.open('/dev/tty', os.O_RDWR)\n"
                       "print('same', p == os.getsid(0) == os.getpgrp() == os.tcgetpgrp(tty),\n"
                       "      flush=True)\n")
        t.expect(rb"same True\r\n")
        assert t.wait() == 0

    def test_the_farewell_of_the_hand_over_does_not_reach_the_payload(self, terminal, prefix):
        """The kernel sends SIGHUP and SIGCONT when the terminal is given up."""
        for _ in range(20):
            t = self.begin(terminal, prefix, *RECORD)
            t.expect(rb"ready \d+\r\n")
            t.send("\x1c")
            _, before = t.expect(rb"got \d+\r\n")
            # The terminal's own echo may come before it or after.
            assert re.findall(rb"got \d+", before) == [b"got 3"]

    def test_mask_and_dispositions_after_the_hand_over(self, terminal, prefix):
        t = self.begin(terminal, prefix, "grep", "-E", "^(SigBlk|SigIgn|ShdPnd):",
                       "/proc/self/status")
        assert t.wait() == 0
        assert len(re.findall(rb":\t0{16}\r\n", t.seen)) == 3

    def test_ctrl_c_reaches_the_payload_once(self, terminal, prefix):
        t = self.begin(terminal, prefix, *RECORD)
        t.expect(rb"ready \d+\r\n")
        t.send("\x03")
        t.expect(rb"got 2\r\n")
        t.send("\x1c")
        _, before = t.expect(rb"got 3\r\n")
        assert b"got 2" not in before

    def test_window_size_is_told_once(self, terminal, prefix):
        t = self.begin(terminal, prefix, *RECORD)
        t.expect(rb"ready \d+\r\n")
        t.resize(44, 99)
        t.expect(rb"got 28\r\n")
        t.send("\x1c")
        _, before = t.expect(rb"got 3\r\n")
        assert b"got 28" not in before

    def test_hang_up_ends_the_payload(self, terminal, prefix):
        t = self.begin(terminal, prefix, "sh", "-c", "echo at; exec sleep 1000")
        t.expect(rb"at\r\n")
        t.hang_up()
        assert t.wait() in (129, -signal.SIGHUP)

    def test_a_shell_as_payload_has_job_control(self, terminal, prefix):
        t = self.begin(terminal, prefix, "bash", "--norc", "--noprofile", "-i")
        _, before = t.expect(rb"prompt> ")
        assert b"no job control" not in before
        bash = t.foreground()
        t.send("sleep 1000\n")
        # Not bash's own child before exec, which is deaf to this signal for a moment.
        until(lambda: command(t.foreground()) == "sleep", "sleep in the foreground")
        assert t.foreground() != bash
        t.send("\x1a")
        t.expect(rb"Stopped")
        t.send("exit\nexit 6\n")
        assert t.wait() == 6

    def test_hand_over_every_time(self, terminal, prefix):
        for _ in range(30):
            t = self.begin(terminal, prefix, "sh", "-c", "exec 3</dev/tty && echo taken; exit 5")
            t.expect(rb"taken\r\n")
            assert t.wait() == 5


RAW = ("printf '\\033[?1049h\\033[?1003h\\033[?2004h\\033[>7u\\033[?25l'; "
       "stty raw -echo; echo up; ")


def test_terminal_is_put_back_when_the_payload_was_killed(shell):
    shell.send(f"{INIT} --egress=off -- sh -c \"{RAW}\"'kill -9 $$'; echo status=$?\n")
    _, before = shell.expect(rb"status=137\r\n")
    for sequence in (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1002l", b"\x1b[?1003l",
                     b"\x1b[?1006l", b"\x1b[?1004l", b"\x1b[?2004l", b"\x1b[?2026l",
                     b"\x1b[<u", b"\x1b[>4;0m", b"\x1b[?25h", b"\x1b[0m"):
        assert sequence in before
    shell.expect(rb"prompt> ")
    shell.send("stty -a\n")
    _, modes = shell.expect(rb"echoke.*\r\n")
    assert re.search(rb" icanon\b", modes) and re.search(rb"isig ", modes)


def test_terminal_modes_are_put_back_for_the_next_program(terminal):
    t = terminal(*PLAIN, "sh", "-c", "stty -echo -icanon; echo up; kill -9 $$")
    t.expect(rb"up\r\n")
    slave = os.open(os.ptsname(t.fd), os.O_RDWR | os.O_NOCTTY) if hasattr(os, "ptsname") else None
    assert t.wait() == 137
    modes = termios.tcgetattr(slave if slave is not None else t.fd)[3]
    if slave is not None:
        os.close(slave)
    assert modes & termios.ECHO and modes & termios.ICANON


def test_terminal_is_put_back_when_the_payload_ends_by_itself(shell):
    shell.send(f"{INIT} --egress=off -- sh -c \"{RAW}\"'exit 3'; echo status=$?\n")
    _, before = shell.expect(rb"status=3\r\n")
    assert b"\x1b[?1049l" in before and b"\x1b[<u" in before
    shell.expect(rb"prompt> ")
    shell.send("stty -a\n")
    _, modes = shell.expect(rb"echoke.*\r\n")
    assert re.search(rb" icanon\b", modes) and re.search(rb"isig ", modes)


def test_without_a_terminal_no_such_bytes_are_written():
    done = run("sh", "-c", "printf '\\033[?1049h'; exit 3")
    assert (done.stdout, done.stderr) == ("\033[?1049h", "")
