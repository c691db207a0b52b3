"""codex-init as a plain init under a shell: job control and the terminal's foreground."""

import os
import signal
import sys

import pytest
from plain_init import (  # noqa: F401
    INIT,
    RECORDER,
    children,
    gone,
    shell,
    status_of,
    terminal,
    until,
)


@pytest.fixture
def recorder(tmp_path):
    """The recorder as a file, so that a shell can be told to run it."""
    file = tmp_path / "recorder.py"
    file.write_text(RECORDER)
    return f"{INIT} --egress=off -- {sys.executable} {file}"


def test_shell_ctrl_c_reaches_the_payload_once(shell, recorder):
    shell.send(recorder + "\n")
    m, _ = shell.expect(rb"ready (\d+)\r\n")
    payload = int(m.group(1))
    assert shell.foreground() == payload
    shell.send("\x03")
    shell.expect(rb"got 2\r\n")
    os.kill(payload, signal.SIGRTMAX)
    _, before = shell.expect(rb"got 64\r\n")
    assert b"got 2" not in before


def test_shell_ctrl_c_ends_the_payload_and_the_prompt_is_back(shell):
    shell.send(f"{INIT} --egress=off -- sleep 1000\n")
    until(lambda: [c for c in children(shell.pid) for g in children(c)
                   if status_of(g)["Name"] == "sleep" and shell.foreground() == g], "sleep")
    shell.send("\x03")
    shell.expect(rb"prompt> ")
    shell.send("echo status=$?\n")
    shell.expect(rb"status=130\r\n")
    assert shell.foreground() == shell.pid


def test_shell_ctrl_z_and_fg(shell):
    shell.send(f"{INIT} --egress=off -- sh -c 'echo at $$; read line; echo line=$line'\n")
    m, _ = shell.expect(rb"at (\d+)\r\n")
    payload = int(m.group(1))
    for _ in range(3):
        until(lambda: shell.foreground() == payload, "the payload's foreground")
        shell.send("\x1a")
        shell.expect(rb"Stopped")
        shell.expect(rb"prompt> ")
        assert status_of(payload)["State"].startswith("T")
        shell.send("fg\n")
        until(lambda: status_of(payload)["State"].startswith("S"), "the payload going on")
    shell.send("hello\n")
    shell.expect(rb"line=hello\r\n")
    shell.expect(rb"prompt> ")


def test_shell_ctrl_z_and_bg(shell):
    shell.send(f"{INIT} --egress=off -- sleep 1000\n")
    init = until(lambda: children(shell.pid), "init")[0]
    payload = until(lambda: children(init), "the payload")[0]
    until(lambda: status_of(payload)["Name"] == "sleep" and shell.foreground() == payload, "exec")
    shell.send("\x1a")
    shell.expect(rb"Stopped.*\r\n")
    shell.expect(rb"prompt> ")
    shell.send("bg\n")
    until(lambda: status_of(payload)["State"].startswith("S"), "the payload going on")
    assert shell.foreground() == shell.pid
    shell.send("kill %1; wait %1; echo status=$?\n")
    shell.expect(rb"status=143\r\n")


def test_shell_background_job_does_not_take_the_foreground(shell):
    shell.send(f"{INIT} --egress=off -- sleep 1000 &\n")
    init = until(lambda: children(shell.pid), "init")[0]
    payload = until(lambda: children(init), "the payload")[0]
    until(lambda: status_of(payload)["Name"] == "sleep", "exec")
    assert shell.foreground() == shell.pid
    shell.send("fg\n")
    until(lambda: shell.foreground() in (init, payload), "the job's foreground")
    shell.send("\x03")
    until(lambda: gone(payload) and gone(init), "the end of both")
    until(lambda: shell.foreground() == shell.pid, "the shell's foreground")


def test_shell_running_job_in_the_foreground_may_read(shell, tmp_path):
    """A shell tells nobody when it gives the foreground to a job that wasn't stopped."""
    go = tmp_path / "go"
    shell.send(f"{INIT} --egress=off -- sh -c 'while ! [ -e {go} ]; do sleep 0.01; done; "
               "read line; echo line=$line' &\n")
    init = until(lambda: children(shell.pid), "init")[0]
    until(lambda: children(init), "the payload")
    shell.send("fg\n")
    until(lambda: shell.foreground() == init, "the job's foreground")
    go.touch()
    shell.send("hello\n")
    shell.expect(rb"line=hello\r\n")


def test_shell_background_job_that_reads_is_stopped(shell):
    shell.send(f"{INIT} --egress=off -- cat &\n")
    init = until(lambda: children(shell.pid), "init")[0]
    until(lambda: status_of(init)["State"].startswith("T"), "init's stop")
    shell.send("fg\n")
    until(lambda: shell.foreground() != shell.pid, "the foreground")
    shell.send("echoed\n")
    shell.expect(rb"echoed\r\nechoed\r\n")
    shell.send("\x04")
    shell.expect(rb"prompt> ")


def test_shell_window_size_is_told_once(shell, recorder):
    shell.send(recorder + "\n")
    m, _ = shell.expect(rb"ready (\d+)\r\n")
    shell.resize(33, 111)
    shell.expect(rb"got 28\r\n")
    os.kill(int(m.group(1)), signal.SIGRTMAX)
    _, before = shell.expect(rb"got 64\r\n")
    assert b"got 28" not in before


def test_shell_hang_up_ends_everything(shell):
    shell.send(f"{INIT} --egress=off -- sleep 1000\n")
    init = until(lambda: children(shell.pid), "init")[0]
    payload = until(lambda: children(init), "the payload")[0]
    until(lambda: status_of(payload)["Name"] == "sleep" and shell.foreground() == payload, "exec")
    shell.hang_up()
    until(lambda: gone(payload) and gone(init), "the end of both")


def test_shell_foreground_where_stdin_is_not_the_terminal(shell):
    shell.send(f"{INIT} --egress=off -- sh -c 'echo at $$; exec sleep 1000' </dev/null\n")
    m, _ = shell.expect(rb"at (\d+)\r\n")
    assert shell.foreground() == int(m.group(1))
    shell.send("\x03")
    shell.expect(rb"prompt> ")


def test_shell_foreground_where_no_standard_descriptor_is_the_terminal(shell, tmp_path):
    out = tmp_path / "out"
    shell.send(f"{INIT} --egress=off -- sh -c 'echo $$ >&2; exec sleep 1000' "
               f"</dev/null >/dev/null 2>{out}\n")
    until(lambda: out.exists() and out.read_text().strip(), "the payload")
    assert shell.foreground() == int(out.read_text())
    shell.send("\x03")
    shell.expect(rb"prompt> ")
