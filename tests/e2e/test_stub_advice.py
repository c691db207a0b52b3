"""What the launcher tells to help, and what it asks."""

import json
import os
import pty
import shlex

import pytest
from stub_project import GOOD, UID, Command, project, snapshot  # noqa: F401
from stub_dry_run import read_until  # noqa: F401


def at_terminal(project, *arguments, env=None):
    """What is told to a person at a terminal, and what would run."""
    ours, theirs = pty.openpty()
    done = project.start("--dry-run", *arguments, env=env, stdin=theirs, stdout=theirs)
    os.close(theirs)
    line = read_until(ours, "\n")
    os.close(ours)
    assert done.returncode == 0, done
    return done.stderr.decode(), Command([w for w in shlex.split(line) if w != "-it"])


def test_a_key_that_stays_behind_is_told_of(project):
    for name in ("OPENAI_API_KEY", "CODEX_API_KEY"):
        key = {name: "sk-secret"}
        project.dry("exec", "x", env=key)
        assert f"{name} is set here" in project.warnings and f"-e {name} " in project.warnings
        assert "sk-secret" not in project.warnings
        assert f"hint: codex-sandbox -e {name} ..." in at_terminal(project, env=key)[0]
        # The cell has a broker, too, where the engine leaves codex-init a user id of its own.
        assert f"hint: codex-sandbox -e {name} ..." in at_terminal(project, "--wall=cell", env=key)[0]
        for without in ("--broker=off", "--audit"):
            assert f"printenv {name} | codex-sandbox login --with-api-key" in at_terminal(
                project, without, env=key)[0]
        for passed in (name, f"{name}=x", "CODEX_API_KEY"):
            project.dry("-e", passed, "exec", "x", env={**key, "CODEX_API_KEY": "k"})
            assert "is set here" not in project.warnings
        for other in (["--exec", "true"], ["login", "--with-api-key"], ["logout"]):
            project.dry(*other, env=key)
            assert project.warnings == ""
    project.dry("exec", "x", env={"OPENAI_API_KEY": ""})
    assert project.warnings == ""
    project.write(project.home / ".codex" / "auth.json", GOOD)
    project.dry("exec", "x", env={"OPENAI_API_KEY": "k"})
    assert project.warnings == ""


PROXIES = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"]


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_that_stays_behind_is_told_of(project, name):
    proxy = {name: "http://me:secret@proxy.example:3128"}
    project.dry(env=proxy)
    assert f"{name} is set here" in project.warnings and f"-e {name} " in project.warnings
    assert "secret" not in project.warnings and "CODEX_INIT_PROXY=off" in project.warnings
    project.dry(env={name: "http://127.0.0.1:7890"})
    assert "loopback" in project.warnings and f"-e {name} " not in project.warnings
    # Nothing where it is settled: passed on, given or given up, or by the engine's own settings.
    for arguments, env in (
        (["-e", name], {}), ([], {"CODEX_INIT_PROXY": "http://p.example:1"}),
        ([], {"CODEX_INIT_PROXY": "off"}), (["-e", "CODEX_INIT_PROXY=off"], {}),
    ):
        project.dry(*arguments, env={**proxy, **env})
        assert project.warnings == ""
    config = project.write(project.home / ".docker/config.json", {"auths": {}})
    project.dry(env=proxy)
    assert "is set here" in project.warnings
    project.write(config, {"proxies": {"default": {"httpsProxy": "http://p.example:1"}}})
    project.dry(env=proxy)
    assert project.warnings == ""
    project.dry(env={**proxy, "DOCKER_CONFIG": str(project.root)})
    assert "is set here" in project.warnings


def test_the_command_line_is_handed_to_codex_init(project):
    """For its advice, and only where a person works with Codex, or logs in."""
    for arguments in ([], ["resume"], ["--allow", "a.example", "fix it"], ["login"]):
        assert "CODEX_INIT_LAUNCHER" in at_terminal(project, *arguments)[1].env
    for arguments in (["exec", "x"], ["--exec", "bash"], ["login", "status"]):
        assert "CODEX_INIT_LAUNCHER" not in at_terminal(project, *arguments)[1].env
    assert "CODEX_INIT_LAUNCHER" not in project.dry().env
    # Nor where a terminal couldn't show it as it is, or nobody would paste it.
    for name in ("a\x1bb", "ä"):
        work = project.home / name
        work.mkdir()
        os.chown(work, UID, UID)
        assert "CODEX_INIT_LAUNCHER" not in at_terminal(project, "--work_dir", work)[1].env
    many = [word for n in range(60) for word in ("--allow", f"name-number-{n}.example")]
    assert "CODEX_INIT_LAUNCHER" not in at_terminal(project, *many)[1].env


@pytest.mark.parametrize("answer,agreed", [("y", True), ("YES", True), ("n", False), ("", False),
                                           ("yesterday", False)])
def test_the_question(project, answer, agreed):
    outside = project.root / "sessions"
    outside.mkdir()
    os.chown(outside, UID, UID)
    before = snapshot(project.root)
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode() + b"\n")
    done = project.start("--dry-run", "--sessions-path", outside, stdin=theirs, stderr=theirs)
    assert str(outside) in read_until(ours, "[y/N]")
    os.close(ours)
    os.close(theirs)
    assert done.returncode == (0 if agreed else 100)
    assert (done.stdout != b"") == agreed
    assert snapshot(project.root) == before


def test_no_question_without_a_terminal_on_both_sides(project):
    """A prompt that nobody sees, or an answer out of a pipe, is no agreement."""
    outside = project.root / "sessions"
    outside.mkdir()
    os.chown(outside, UID, UID)
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n")
    assert "no terminal to ask at" in project.refused("--sessions-path", outside, stdin=theirs)
    for extra in ([], ["--dry-run"]):
        more = {"input": b"y\n", "stderr": theirs}
        done = project.start(*extra, "--sessions-path", outside, **more)
        assert (done.returncode, done.stdout) == (100, b"")
    os.close(ours)
    os.close(theirs)
