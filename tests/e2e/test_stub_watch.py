"""`codex-sandbox watch` with a real engine: what it shows, and how it leaves the terminal."""

import os
import re
import signal
import subprocess
import termios

import pytest
from conftest import STUB, until
from internet import address_of
from watching import rows, sandboxes  # noqa: F401

REFUSED = "getent hosts refused.test"


@pytest.fixture
def sandbox(sandboxes, launcher):  # noqa: F811
    return lambda *options, **more: sandboxes(*launcher[1:], *options, **more)


@pytest.fixture
def watch(terminal, stub_environment, workdir):
    """watch(arguments...): at a terminal of its own, connected."""

    def begin(*arguments, env=None):
        made = terminal([STUB, "watch", *arguments], cwd=workdir, env={**stub_environment, **(env or {})})
        made.until_says(b"refuses without asking")
        return made

    return begin


def mode(terminal):
    return termios.tcgetattr(terminal._master)


def test_each_decision_is_a_row(sandbox, watch, dns):
    dns.add("sub.wild.test", address_of("allowed.test"))
    made = sandbox("--allow", "*.wild.test")
    seen = watch()
    made.run(REFUSED)
    made.run("getent hosts sub.wild.test")
    seen.until_says(b"refused.test")
    for row in (rb"\d\d:\d\d:\d\d  refuse  refused\.test +no rule allows it", rb"open    sub\.wild\.test [0-9.]+"):
        until(lambda: re.search(row, rows(seen)), what=lambda: f"{row} in {rows(seen)}")
    assert b"\033[31m  refuse" in seen.output
    seen.type(b"q")
    assert seen.wait() == 0
    assert re.search(rb"watch   [1-9]\d* opened, [1-9]\d* refused\s*$", rows(seen))
    assert made.process.poll() is None


@pytest.mark.cell
def test_a_name_that_no_session_before_has_had_is_marked(sandbox, watch, stub):
    first = sandbox()
    seen = watch()
    first.run("getent hosts old.test")
    seen.until_says(b"old.test")
    assert "new" not in stub("status").ok().out  # there is nothing to compare with
    first.end()
    seen.wait()
    assert b"new" not in rows(seen)
    second = sandbox()
    seen = watch()
    second.run("getent hosts old.test; getent hosts first.test")
    until(lambda: b"first.test  new, no rule allows it" in rows(seen), what=lambda: rows(seen))
    until(lambda: b"old.test  no rule allows it" in rows(seen), what=lambda: rows(seen))
    told = stub("status").ok().out
    assert told.endswith("new: no session before has asked for\n  first.test\n"), told
    seen.type(b"q")
    assert seen.wait() == 0


@pytest.mark.parametrize("variable", ["NO_COLOR=1", "TERM=dumb"])
def test_no_colour_where_none_is_wanted(sandbox, watch, variable):
    made = sandbox()
    seen = watch(env=dict([variable.split("=")]))
    made.run(REFUSED)
    seen.until_says(b"refused.test")
    seen.type(b"q")
    assert seen.wait() == 0
    assert not re.search(rb"\033\[[0-9;]*m", seen.output)
    assert (b"\033" in seen.output) == variable.startswith("NO")


@pytest.mark.cell
def test_to_a_file_it_is_plain_and_reads_no_keys(sandbox, stub_environment, workdir, tmp_path):
    made = sandbox()
    out = tmp_path / "seen"
    with out.open("wb") as to:
        seen = subprocess.Popen([STUB, "watch"], cwd=workdir, env=stub_environment,
                                stdin=subprocess.PIPE, stdout=to, stderr=subprocess.STDOUT)
    seen.stdin.write(b"qqq\n")
    seen.stdin.close()
    until(lambda: "refuses without asking" in out.read_text())
    made.run(REFUSED)
    until(lambda: "refused.test" in out.read_text(), what=out.read_text)
    made.end()
    assert seen.wait(60) == 0
    assert "the sandbox has ended" in out.read_text()
    assert re.fullmatch(r"(\d\d:\d\d:\d\d  [ -~]+\n)+", out.read_text())


def test_a_name_cannot_reach_the_terminal(sandbox, watch):
    made = sandbox()
    seen = watch()
    made.run(r"dig +tries=1 +time=2 'evil\027[31m\027]0;x\007\155\010.test'")
    seen.until_says(b"evil")
    seen.type(b"q")
    assert seen.wait() == 0
    # Nothing but our own colours and the erasing of the last row.
    assert b"evil" in seen.output
    assert re.fullmatch(rb"([ -~\r\n]|\033\[[0-9;]*[mK])*", seen.output), seen.output


def test_rows_fit_the_terminal(sandbox, watch, terminal):
    made = sandbox()
    seen = watch()
    termios.tcsetwinsize(seen._master, (40, 50))
    os.kill(seen.process.pid, signal.SIGWINCH)
    made.run(f"getent hosts {'a' * 60}.{'b' * 60}.refused.test")
    until(lambda: b"  refuse  aaa" in rows(seen))
    seen.type(b"q")
    assert seen.wait() == 0
    row = next(row for row in re.split(rb"\n", rows(seen)) if b"  refuse  aaa" in row)
    assert len(row[row.index(b"  refuse") - 8:]) == 49 and row.endswith(b">")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV])
def test_a_signal_leaves_the_terminal_as_it_was(sandbox, terminal, stub_environment, workdir, number):
    sandbox()
    before = mode(terminal(["true"]))  # as a terminal is made; watch may be quicker than who looks
    seen = terminal([STUB, "watch"], cwd=workdir, env=stub_environment)
    seen.until_says(b"refuses without asking")
    assert mode(seen) != before
    os.kill(seen.process.pid, number)
    assert seen.wait() == -number
    assert mode(seen) == before


def test_stopped_and_continued(sandbox, terminal, stub_environment, workdir):
    """By a shell with job control, as Ctrl-Z does it."""
    made = sandbox()
    shell = terminal(["setsid", "--ctty", "bash", "--norc", "--noediting", "-i"], cwd=workdir,
                     env={**stub_environment, "PS1": "", "HISTFILE": ""})
    shell.type(b"stty -a | tr -s ' ;' '\\n' | grep -x -e -*icanon\n")
    shell.until_says(b"\nicanon")
    shell.type(f"'{STUB}' watch\n".encode())
    shell.until_says(b"refuses without asking")
    shell.type(b"\032")
    shell.until_says(b"Stopped")
    shell.output = b""
    shell.type(b"stty -a | tr -s ' ;' '\\n' | grep -x -e -*icanon -e -*echo\n")
    until(lambda: re.search(rb"\n-*icanon\s+-*echo", shell._read()) or re.search(rb"\n-*echo\s+-*icanon", shell._read()))
    assert b"-icanon" not in shell.output.split(b"\n", 1)[1] and b"-echo" not in shell.output.split(b"\n", 1)[1]
    made.run(REFUSED)
    shell.type(b"fg\n")
    shell.until_says(b"refused.test")
    shell.type(b"q")
    until(lambda: re.search(rb"\d opened, \d refused\s*$", rows(shell)))
    shell.type(b"exit\n")
    shell.wait()


def test_a_client_that_is_killed_is_started_again(sandbox, watch, lab):
    made = sandbox()
    seen = watch()
    client = until(lambda: [pid for pid in children(seen.process.pid)])[0]
    os.kill(client, signal.SIGKILL)
    until(lambda: rows(seen).count(b"refuses without asking") == 2)
    made.run(REFUSED)
    seen.until_says(b"refused.test")
    seen.type(b"q")
    assert seen.wait() == 0


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@pytest.mark.cell
def test_the_end_of_the_sandbox_is_its_end(sandbox, watch):
    made = sandbox()
    seen = watch()
    made.end()
    assert seen.wait() == 0
    assert rows(seen).count(b"the sandbox has ended") == 1


def test_where_there_is_no_sandbox(stub, terminal, stub_environment, workdir, sandbox):
    done = stub("watch").ok(100)
    assert "none runs there" in done.err and len(done.err.splitlines()) == 2 and not done.out
    waiting = terminal([STUB, "watch", "--wait"], cwd=workdir, env=stub_environment)
    sandbox()
    waiting.until_says(b"refuses without asking")
    waiting.type(b"q")
    assert waiting.wait() == 0


def test_a_reader_that_goes(sandbox, stub_environment, workdir):
    made = sandbox()
    seen = subprocess.Popen([STUB, "watch"], env=stub_environment, cwd=workdir, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE)
    assert b"refuses without asking" in seen.stdout.readline()
    seen.stdout.close()
    made.run(REFUSED)
    assert seen.wait(60) == 0
    assert made.process.poll() is None
