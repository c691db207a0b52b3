"""A container goes when the engine's client has gone, however that happened; and none but its own."""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from conftest import STUB, until

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)

FOREVER = "echo up; while :; do sleep 0.1; echo more; done"


@pytest.fixture
def running(runner):
    """running(): the names of the lab's containers that run."""
    return lambda: runner.docker("ps", "--format", "{{.Names}}").ok().out.split()


def launchers(word):
    """The launcher's processes with this word on their command lines."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            if os.readlink(place / "exe") == str(STUB) and word in words:
                found.append(words)
        except OSError:
            pass
    return found


@pytest.fixture
def begin(launcher, stub_environment, workdir, runner, running):
    """begin(arguments...): a launcher that has become the engine's client, its container up."""
    made = []

    def call(*arguments, **more):
        made.append(subprocess.Popen(
            [*launcher, "--exec", "sh", "-c", FOREVER, *arguments], env=stub_environment, cwd=workdir,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more))
        assert made[-1].stdout.readline() == b"up\n"
        until(running, "it in the engine's list, which may lag behind")
        return made[-1]

    yield call
    for one in made:
        one.kill()
        one.communicate()
    runner.docker("container", "prune", "-f")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_client_that_is_killed_takes_its_container_with_it(begin, running, how):
    client = begin()
    assert len(running()) == 1
    client.send_signal(how)
    client.wait(60)
    until(lambda: not running(), "its end")


def test_a_whole_group_that_is_killed(begin, running):
    """As by timeout -k, or a shell that ends its jobs."""
    client = begin(start_new_session=True)
    os.killpg(client.pid, signal.SIGKILL)
    client.wait(60)
    until(lambda: not running(), "its end")


def test_a_reader_that_goes(launcher, stub_environment, workdir, running):
    line = f'{" ".join(map(str, launcher))} --exec sh -c "$1" 2>/dev/null | head -n 2'
    done = subprocess.run(["sh", "-c", line, "sh", FOREVER], env=stub_environment, cwd=workdir,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60)
    assert done.stdout == b"up\nmore\n"
    until(lambda: not running(), "its end")


def test_a_terminal_that_is_closed(terminal, launcher, stub_environment, workdir, running):
    t = terminal([*launcher, "--exec", "sh", "-c", FOREVER], env=stub_environment, cwd=workdir)
    t.until_says(b"up")
    until(running, "it in the engine's list")
    os.kill(t.process.pid, signal.SIGHUP)
    until(lambda: not running(), "its end")


def test_it_ends_gently(begin, running, workdir, host_home):
    """What is left in it is ended by codex-init, which tells of the session as ever."""
    begin().kill()
    until(lambda: not running(), "its end")
    report, = host_home.glob(".local/state/codex-sandbox/reports/*.txt")
    until(lambda: "The session ended at" in report.read_text(), what="the report")


def test_the_next_session_is_let_be(stub, begin, running):
    """The same project's, in a container of the same name, right after the first has ended."""
    for _ in range(3):
        stub("--exec", "true").ok()
    client = begin()
    with pytest.raises(subprocess.TimeoutExpired):
        client.wait(2)
    assert len(running()) == 1


def test_another_container_of_that_name_is_let_be(stub, tmp_path, running, runner):
    """Where somebody else's has the name by then: here, started by a client that lets it go."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" != run ] || {{ shift; CODEX_INIT_RUN=other; set -- run -d "$@"; }}\n'
                       f'export CODEX_INIT_RUN\nexec {shutil.which("docker")} "$@"\n')
    program.chmod(0o755)
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    stub("--exec", "sleep", "600.0625", env=path).ok()  # nobody else sleeps for that long
    name, = until(running, "it in the engine's list, which may lag behind")
    until(lambda: not launchers(b"600.0625"), "the end of the watch")
    assert running() == [name]
    # The opposite: one that is this run's, let go in the same way.
    runner.docker("rm", "-f", name).ok()
    program.write_text(program.read_text().replace("CODEX_INIT_RUN=other; ", ""))
    stub("--exec", "sleep", "600", env=path).ok()
    until(lambda: not running(), "its end")


def test_nothing_of_the_launcher_is_left(stub):
    """It waits outside of everybody's pipes and terminals, and not for longer than it has to."""
    # Whose output ends with it, or this would not return. Others are at work beside this test.
    stub("--exec", "true", "and nothing is left").ok()

    ours = lambda: launchers(b"and nothing is left")  # noqa: E731
    until(lambda: not ours(), lambda: f"the end of {ours()}")
