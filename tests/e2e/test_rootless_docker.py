"""The launcher with rootless Docker: in the cell, where the command is uid 0 without a right, which
outside is the user who runs the engine."""

import os
import subprocess

import pytest
from conftest import PATIENCE, ROOT, program
from internet import address_of
from rootless_docker import RootlessDocker


@pytest.fixture(scope="module")
def docker_rootless(lab):
    made = RootlessDocker(lab.engine.namespace, lab.directory, ROOT / "build/codex-sandbox",
                          ROOT / "build/codex-init")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def work(docker_rootless, request):
    return docker_rootless.project(request.node.name)


@pytest.fixture
def call(docker_rootless, work, internet):
    def start(*arguments, **more):
        return program(docker_rootless.inside(work, docker_rootless.stub, *arguments), **more)

    return start


def test_what_it_makes_is_the_users_own(docker_rootless, call, work):
    script = "id -u; pwd; touch made; touch /codex_home/kept; grep -E 'CapEff|CapBnd|NoNew' /proc/self/status"
    done = call("--wall=cell", "--exec", "sh", "-c", script).ok()
    none = "0" * 16
    assert done.lines() == ["0", f"/app{work}", f"CapEff:\t{none}", f"CapBnd:\t{none}", "NoNewPrivs:\t1"], done
    home = work / ".codex/.environment"
    for path in (work / "made", home, home / "kept"):
        assert path.stat().st_uid == docker_rootless.owner, path
    assert "who runs the engine" in done.err


def test_only_what_a_rule_allows_gets_out(call, sinks):
    script = "for n in allowed.test example.com; do wget -q -O /dev/null http://$n && echo $n; done; true"
    done = call("--wall=cell", "--allow", "allowed.test", "--exec", "sh", "-c", script).ok()
    assert done.lines() == ["allowed.test"], done
    assert sinks.addresses() == {address_of("allowed.test")}
    assert "--allow example.com" in done.err


def test_the_login_is_read_only(docker_rootless, call):
    auth = docker_rootless.home / ".codex/auth.json"
    auth.parent.mkdir(exist_ok=True)
    auth.write_text('{"OPENAI_API_KEY": "k"}')
    auth.chmod(0o600)
    for path in (auth, auth.parent):
        os.chown(path, docker_rootless.owner, docker_rootless.owner)
    text = auth.read_text()
    done = call("--wall=cell", "--exec", "sh", "-c",
                "cat /codex_home/auth.json; echo x >/codex_home/auth.json; echo y >/codex_home/file")
    assert done.out == text and auth.read_text() == text, done


# What the launcher runs as root in a container; and where a packet of it would be seen.
PLANTED = """busybox rm /sbin/codex-egress
printf '#!/bin/sh\\necho planted\\nwget -q -O /dev/null http://%s\\n' >/sbin/codex-egress
busybox chmod 755 /sbin/codex-egress; echo up; cat"""


@pytest.mark.parametrize("command", [["status"], ["rules"], ["explain", "a.test"], ["allow", "a.test"],
                                     ["deny", "a.test"], ["undo", "a.test"], ["watch"], ["join"]])
def test_nothing_of_the_commands_is_run_by_a_command_of_the_launcher(docker_rootless, call, work, sinks, command):
    """There the command may change the image, and what is started from outside isn't in the cell."""
    words = docker_rootless.inside(work, docker_rootless.stub, "--wall=cell", "--exec", "sh", "-c",
                                   PLANTED % address_of("allowed.test"))
    session = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    try:
        assert session.stdout.readline() == b"up\n"
        done = call(*command, input=b"true\n").ok(100)
        assert "planted" not in done.said and "rootless Docker" in done.err and sinks.seen() == []
        assert str(work) in call("ls").ok().out
        call("logs").ok()
        call("stop").ok()
        assert session.wait(PATIENCE) != 0
    finally:
        session.kill()
        session.wait()


def test_nobody_is_asked(call, sinks):
    """The command could answer itself: that is said, not found out by who waits for a question."""
    done = call("--wall=cell", "--ask", "--exec", "true").ok(100)
    assert "could answer itself" in done.err and "--engine podman" in done.err
    call("--wall=cell", "--exec", "true").ok()


def test_without_the_cell_it_says_what_works(call, work, sinks):
    done = call("--exec", "touch", "ran").ok(111)
    assert "--wall=cell" in done.err, done
    assert not (work / "ran").exists() and sinks.seen() == []
