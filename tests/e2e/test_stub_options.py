"""The launcher's rules, environment, image, engine, network and terminal, as --dry-run shows it."""

import json
import os
import pty

import pytest
from stub_project import UID, project  # noqa: F401
from stub_dry_run import read_until  # noqa: F401


def test_a_project_that_codex_is_to_leave_as_it_is(project):
    (project.work / ".git" / "hooks").mkdir(parents=True)
    place = f"/app{project.work}"
    environment = f"{project.work}/.codex/.environment"
    for arguments in (["-s", "read-only", "exec", "x"], ["exec", "--sandbox=read-only", "x"]):
        c = project.dry("--", *arguments)
        assert c.payload == ["codex", "exec", "x"]
        # No mount over it is needed, but for the home that hooks know by its place in it.
        assert c.mounts == {
            "/codex_home": (environment, "rw"),
            place: (str(project.work), "ro"),
            f"{place}/.codex/.environment": (environment, "rw"),
        }
        assert project.dry("--no-protect", "--", *arguments).mounts == c.mounts
    c = project.dry("--", "-s", "workspace-write", "exec", "x")
    assert c.payload == ["codex", "exec", "x"] and c.mounts[place][1] == "rw"
    # Another command's arguments are its own.
    c = project.dry("--exec", "tool", "-s", "read-only", "--full-auto")
    assert c.payload == ["tool", "-s", "read-only", "--full-auto"]
    assert c.mounts[place][1] == "rw"


def test_what_codex_cannot_be_held_to_ends_before_the_start(project):
    for arguments in (["-a", "untrusted"], ["exec", "-c", "default_permissions=mine", "x"]):
        message = project.refused("--", *arguments)
        assert " ".join(arguments[-3:][:2]).split("=")[0] in message or "-a untrusted" in message
        assert "hint: leave it out" in message


def test_rules_and_audit(project):
    c = project.dry("--allow", "a.example", "--deny", "b.example", "--allow=@pypi", "--audit")
    assert c.init == ["--allow", "a.example", "--allow", "@pypi", "--deny", "b.example",
                      "--egress=audit"]
    assert project.dry().init == []


HOST = "--add-host=host.docker.internal:host-gateway"


@pytest.mark.parametrize("rules, env, added", [
    (["host.docker.internal:11434+private"], None, True),
    (["Host.Docker.Internal.:80+private"], None, True),
    (["*.docker.internal:80+private"], None, True),
    ([], "a.example @pypi,host.docker.internal:5432,5433+private", True),
    (["@pypi", "host.docker.internal+private"], "", True),
    (["a.example"], "b.example", False),
    (["xhost.docker.internal", "host.docker.internal.example", "docker.internal"], None, False),
    (["host.docker.internal:99999", "@host"], "host.docker.internal:", False),
])  # fmt: skip
def test_the_machine_itself_is_known_where_a_rule_names_it(project, rules, env, added):
    arguments = [word for rule in rules for word in ("--allow", rule)]
    given = {} if env is None else {"OPENAI_ALLOWED_DOMAINS": env}
    assert (HOST in project.dry(*arguments, env=given).flags) == added
    if env is not None:
        c = project.dry(*arguments, "-e", f"OPENAI_ALLOWED_DOMAINS={env}")
        assert (HOST in c.flags) == added


def test_the_environment_passes_by_name(project):
    secret = "value-that-must-not-show"
    env = {
        "OPENAI_ALLOWED_DOMAINS": secret,
        "CODEX_INIT_DENY": secret,
        "CODEX_INIT_WALL": secret,
        "TERM": "xterm",
        "COLORTERM": "truecolor",
        "HTTPS_PROXY": secret,
        "OPENAI_API_KEY": secret,
    }
    c = project.dry("-e", "OPENAI_API_KEY", "-e", "MY=1 2", env=env)
    for name in ("OPENAI_ALLOWED_DOMAINS", "CODEX_INIT_DENY", "CODEX_INIT_WALL", "TERM",
                 "COLORTERM", "OPENAI_API_KEY", "MY=1 2", "LANG=C.UTF-8"):
        assert name in c.env
    assert not [e for e in c.env if "PROXY" in e]
    assert secret not in " ".join(c.words)
    plain = project.dry()
    others = [e for e in plain.env if e.startswith(("OPENAI", "CODEX", "TERM", "COLOR"))]
    assert others == ["CODEX_INIT_LAUNCHER_HERE", "CODEX_INIT_MOUNTS", "CODEX_INIT_RUN"]  # what the launcher itself sets, by name as well


def test_a_variable_that_is_not_there_is_told(project):
    project.dry("-e", "NOT_THERE")
    assert "NOT_THERE" in project.warnings


def test_a_plain_init_is_still_told_to_drop_root(project):
    c = project.dry(env={"CODEX_INIT_EGRESS": "off"})
    assert c.init == ["--user", f"{UID}:{UID}"]
    assert project.dry(env={"CODEX_INIT_EGRESS": "pin"}).init == []
    assert project.dry(env={"CODEX_INIT_EGRESS": "off", "CODEX_INIT_USER": "7:7"}).init == []
    # Group 0 would open what is root's: it is left out, here as in codex-init.
    os.chown(project.work, UID, 0)
    assert project.dry(env={"CODEX_INIT_EGRESS": "off"}).init == ["--user", f"{UID}:{UID}"]
    os.chown(project.work, UID, UID + 1)
    assert project.dry(env={"CODEX_INIT_EGRESS": "off"}).init == ["--user", f"{UID}:{UID + 1}"]


def test_image(project):
    env = {"CODEX_DOCKER_IMAGE": "codex-sandbox:0.36.0"}
    assert project.dry(env=env).image == "codex-sandbox:0.36.0"
    assert project.dry("--image", "mine:1", env=env).image == "mine:1"
    project.refused("--image=-v")
    project.refused("--image", "a b")


def test_network(project):
    assert project.dry("--network", "lab").value("--network") == "lab"
    # docker takes a network's name by a key, too, in letters of either case.
    for wrong in ("host", "container:x", "ns:/proc/1/ns/net", "name=host", "alias=x,NAME=host"):
        assert "network namespace of its own" in project.refused("--network", wrong)
    assert "--network" not in " ".join(project.dry().words)


def test_every_container_has_a_limit_of_processes(project):
    def limits(*options):
        return [f for f in project.dry(*options).flags if str(f).startswith("--pids-limit")]

    assert limits() == ["--pids-limit=4096"]
    assert limits("--pids-limit", "100") == ["--pids-limit=100"]
    assert limits("--pids_limit=max") == ["--pids-limit=-1"]
    for wrong in ("0", "-1", "1e3", "many", "12345678", "100 "):
        assert "--pids-limit takes a number" in project.refused(f"--pids-limit={wrong}")


def test_engine(project):
    assert project.dry().words[0] == "docker"
    assert project.dry("--engine", "podman").words[0] == "podman"
    project.engine("podman")
    assert project.dry().words[0] == "podman"
    assert "--http-proxy=false" in project.dry().flags
    project.engine("docker")
    assert project.dry().words[0] == "docker"
    assert "--http-proxy=false" not in project.dry().flags
    project.refused("--engine", "/bin/sh")


@pytest.mark.parametrize("kind", ["directory", "no program", "link to nowhere"])
def test_what_is_no_engine_is_passed_over(project, kind):
    """Something called docker in PATH that can't be run hides no engine."""
    project.engine("podman")
    place = project.bin / "docker"
    if kind == "directory":
        place.mkdir()
    elif kind == "no program":
        project.write(place, "#!/bin/sh\n", mode=0o644)
    else:
        place.symlink_to("nowhere")
    assert project.dry().words[0] == "podman"


def test_codex_arguments(project):
    assert project.dry("exec", "it's", "--json").payload == ["codex", "exec", "it's", "--json"]
    assert project.dry("--", "--version").payload == ["codex", "--version"]
    assert project.dry("--exec", "ls", "-l", "--help").payload == ["ls", "-l", "--help"]
    project.refused("--exec")


def test_trust(project):
    words = project.dry("--trust", "resume").payload
    assert words[:2] == ["codex", "-c"] and words[3] == "resume"
    assert words[2] == f'projects={{"/app{project.work}"={{trust_level="trusted"}}}}'
    assert project.dry("--trust", "--exec", "ls").payload == ["ls"]
    assert "-c" not in project.dry("resume").payload


def terminal_flag(project, **more):
    return [f for f in project.dry(**more).flags if f in ("-i", "-t", "-it")]


def test_input_is_forwarded_where_there_is_some(project):
    assert terminal_flag(project) == []
    with open(project.write(project.root / "prompt.txt", "do it")) as prompt:
        assert terminal_flag(project, stdin=prompt) == ["-i"]
    reader, writer = os.pipe()
    assert terminal_flag(project, stdin=reader) == ["-i"]
    os.close(reader)
    os.close(writer)


def test_input_that_is_closed(project):
    assert terminal_flag(project, stdin=None, preexec_fn=lambda: os.close(0)) == []


def test_a_terminal(project):
    ours, theirs = pty.openpty()
    assert terminal_flag(project, stdin=theirs) == ["-i"]  # stdout is a pipe
    done = project.start("--dry-run", stdin=theirs, stdout=theirs)
    assert done.returncode == 0
    assert " -it " in read_until(ours, "\n")
    os.close(ours)
    os.close(theirs)
