"""Slips and traps, each with a line that says what is wrong and what to type instead."""

import json
import os
import pathlib
import subprocess

import pytest
from stub_project import UID, project  # noqa: F401

TOP = pathlib.Path(__file__).resolve().parents[2]
INIT = TOP / "build/codex-init"


def check(*options, env=None, program=INIT):
    return subprocess.run([program, *options, "--check"], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], **(env or {})}, timeout=60)


@pytest.mark.parametrize("typed, meant", [
    ("--alow", "--allow"), ("--readonly", "--read-only"), ("--work-dri=/x", "--work_dir"),
    ("--dryrun", "--dry-run"), ("--pubilsh", "--publish"),
])  # fmt: skip
def test_an_option_of_the_launcher_that_is_misspelt(project, typed, meant):
    assert f"did you mean {meant}?" in project.refused(typed)


def test_one_that_is_like_none(project):
    assert "did you mean" not in project.refused("--reasoning-effort")


def test_an_option_of_codex_init_that_is_misspelt():
    done = check("--egres=off")
    assert done.returncode == 100 and "did you mean --egress?" in done.stderr
    assert "did you mean" not in check("--something").stderr


@pytest.mark.parametrize("rule, meant", [("@pipy", "pypi"), ("@crate", "crates"), ("@githbu", "github")])
def test_a_preset_that_is_misspelt(rule, meant):
    done = check("--allow", rule)
    assert done.returncode == 100 and f"did you mean @{meant}? There are: @crates @github @go" in done.stderr


def test_presets_are_listed_where_none_is_near():
    done = check("--allow", "@artifactory")
    assert done.returncode == 100 and "There are: @crates" in done.stderr
    assert "did you mean" not in done.stderr


def test_the_presets_are_known_on_the_host(tmp_path):
    """To the one that was built, and to the one that is installed."""
    assert "pypi.org" in check("--allow", "@pypi").stdout
    prefix = tmp_path / "usr"
    subprocess.run(["make", "-s", "install", f"PREFIX={prefix}"], cwd=TOP, check=True, capture_output=True)
    done = check("--allow", "@crates", program=prefix / "sbin/codex-init")
    assert done.returncode == 0 and "crates.io" in done.stdout, done
    # No others: one that lies elsewhere is none.
    away = tmp_path / "codex-init"
    away.write_bytes(INIT.read_bytes())
    away.chmod(0o755)
    assert "there is no preset" in check("--allow", "@pypi", program=away).stderr


def test_a_variable_that_is_misspelt():
    done = check(env={"CODEX_INIT_DENNY": "example.com", "CODEX_INIT_EGRESS": "audit"})
    assert "CODEX_INIT_DENNY: codex-init has no such variable" in done.stderr
    assert "did you mean CODEX_INIT_DENY?" in done.stderr and done.returncode == 0
    done = check(env={"CODEX_INIT_DENY": "example.com", "CODEX_INIT_RUN": "1", "CODEX_INITIAL": "x"})
    assert done.stderr == ""


@pytest.mark.parametrize("rule, host", [
    ("localhost:3000", "host.docker.internal:3000+private"), ("localhost", "host.docker.internal+private"),
    ("app.localhost:80,81+private", "host.docker.internal:80,81+private"),
])  # fmt: skip
def test_localhost_is_the_container_itself(rule, host):
    done = check("--allow", rule)
    assert "this allows nothing: localhost is the container itself" in done.stderr
    assert f"--allow {host}\n" in done.stderr


def test_a_name_that_only_looks_like_it():
    assert check("--allow", "notlocalhost").stderr == "" == check("--deny", "localhost").stderr


@pytest.mark.parametrize("name, login", [("api.openai.com", "an API key"), ("chatgpt.com", "a ChatGPT login"),
                                         ("*.openai.com", "an API key")])
def test_what_codex_cannot_do_without(name, login):
    done = check("--deny", name)
    assert f"with {login}, Codex can't work without it" in done.stderr and done.returncode == 0
    assert check("--deny", name, "--no-default-rules").stderr == ""
    assert check("--deny", "platform.openai.com").stderr == ""


@pytest.mark.parametrize("name, advice", [
    (".npmrc", "-e NPM_CONFIG_USERCONFIG={}"), ("pip.conf", "-e PIP_CONFIG_FILE={}"),
    (".pypirc", "twine upload --config-file {}"), ("settings.xml", "mvn -s {}"),
])  # fmt: skip
def test_settings_that_a_tool_would_not_find(project, name, advice):
    place = project.write(project.home / "shared" / name, "x")
    project.dry("--read-only", place)
    assert advice.format(f"/app{place}") in project.warnings
    if "-e " in advice:  # done as it says, nothing is said
        project.dry("--read-only", place, "-e", advice.format(f"/app{place}").split()[1])
        assert project.warnings == ""
    project.dry("--read-only", project.write(project.home / "shared" / "other", "x"))
    assert project.warnings == ""


def test_a_socket_without_permission(project):
    project.engine()
    said = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
    answers = {"image": [1, "", "x"], "version": [1, "", said]}
    message = project.refused(status=111, env={"ENGINE_ANSWERS": json.dumps(answers), "ENGINE_LOG": "/dev/null"})
    assert said in message and "sudo usermod -aG docker $USER" in message
    answers["version"][2] = "Cannot connect to the Docker daemon. Is the docker daemon running?"
    message = project.refused(status=111, env={"ENGINE_ANSWERS": json.dumps(answers), "ENGINE_LOG": "/dev/null"})
    assert "usermod" not in message and "systemctl start docker" in message


def test_a_network_that_is_not_there(project):
    project.engine()
    env = {"ENGINE_ANSWERS": json.dumps({"network": [1, "", "no such network"]})}
    message = project.refused_at_start("--network", "nosuch", env={**env, "ENGINE_LOG": "/dev/null"})
    assert "use --network: nosuch: docker has no network of this name" in message
    assert "docker network create nosuch" in message
    # The opposite, and the networks that an engine has of its own.
    assert project.start("--network", "there", "--exec", "true").returncode == 0
    assert ["network", "inspect"] in [a[1:3] for a in project.asked()]
    assert project.start("--network", "bridge", "--exec", "true", env=env).returncode == 0


def test_a_home_directory_as_workdir(project):
    project.dry("--work_dir", project.home)
    assert "is your home directory" in project.warnings and "hint: " in project.warnings
    project.dry()
    assert "home directory" not in project.warnings


def test_a_directory_of_the_machines_as_workdir(project):
    """Not a word that would give it away, either."""
    for place in ("/etc", "/etc/ssl", "/var", "/usr"):
        done = project.start("--dry-run", "--work_dir", place, env={"PATH": "/nowhere"})
        said = done.stderr.decode()
        assert f"the workdir {place} is the machine's own" in said and "--work_dir DIR" in said, done
        assert "chown" not in said
    project.dry()
    assert "machine's own" not in project.warnings
