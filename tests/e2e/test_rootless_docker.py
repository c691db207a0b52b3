"""The launcher with rootless Docker: in the cell, where the command is uid 0 without a right, which
outside is the user who runs the engine."""

import os

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


def test_without_the_cell_it_says_what_works(call, work, sinks):
    done = call("--exec", "touch", "ran").ok(111)
    assert "--wall=cell" in done.err, done
    assert not (work / "ran").exists() and sinks.seen() == []
