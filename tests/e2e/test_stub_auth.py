"""The launcher and credentials, as --dry-run shows it: where they are looked for, and what is told."""

import base64
import json
import os
import time

import pytest
from stub_project import GOOD, UID, open_project, project  # noqa: F401
from stub_dry_run import as_user  # noqa: F401


def token(expires):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).rstrip(b"=")
    return {"tokens": {"access_token": "h." + claims.decode() + ".s"}}


def auth_places(project):
    """The search order of the README: (arguments, environment, file), first to last."""
    config = project.root / "given"
    variable = project.root / "variable"
    return [
        (["--auth_file", config / "mine.json"], {}, config / "mine.json"),
        ([], {"CODEX_AUTH_FILE": str(variable / "mine.json")}, variable / "mine.json"),
        (["--config", config], {}, config / "auth.json"),
        ([], {"CODEX_CONFIG_DIR": str(variable)}, variable / "auth.json"),
        ([], {}, project.home / ".codex" / "auth.json"),
        ([], {}, project.home / ".config" / "codex" / "auth.json"),
        ([], {}, project.work / "codex" / "auth.json"),
        ([], {}, project.work / ".codex" / "auth.json"),
        ([], {}, project.work / ".codex" / ".environment" / "auth.json"),
    ]


@pytest.mark.parametrize("first", range(9))
def test_auth_search_order(project, first):
    """With every file from `first` on in place, `first` is taken; without it, a later one."""
    arguments, env = [], {}
    places = auth_places(project)[first:]
    for more, variables, path in places:
        arguments += more
        env = {**variables, **env}
        project.write(path, GOOD, 0o600)
    for path in project.work.joinpath(".codex").glob("**"):
        os.chown(path, UID, UID)
    c = project.dry(*arguments, env=env)
    assert c.mounts["/codex_home/auth.json"] == (str(places[0][2]), "ro")
    if first < 4:  # named ones must exist
        return
    places[0][2].unlink()
    c = project.dry(*arguments, env=env)
    left = places[1:]
    assert ("/codex_home/auth.json" in c.mounts) == bool(left)
    if left:
        assert c.mounts["/codex_home/auth.json"] == (str(left[0][2]), "ro")


def test_a_login_is_not_mounted_where_it_is_about_to_change(project):
    project.write(project.home / ".codex" / "auth.json", GOOD)
    for command in (["login"], ["login", "--device-auth"], ["logout"]):
        assert "/codex_home/auth.json" not in project.dry(*command).mounts
        assert ("which is found first" in project.warnings) == (command[0] == "login")
    for command in (["login", "status"], ["exec", "login"], ["--exec", "login"]):
        assert project.dry(*command).mounts["/codex_home/auth.json"][1] == "ro"
        assert "found first" not in project.warnings
    # The sandbox's own old one is simply replaced.
    (project.home / ".codex" / "auth.json").unlink()
    own = project.write(project.work / ".codex" / ".environment" / "auth.json", GOOD)
    os.chown(own.parent, UID, UID)
    project.dry("login")
    assert "found first" not in project.warnings


def test_no_auth_anywhere(project):
    assert "/codex_home/auth.json" not in project.dry().mounts


def test_an_empty_auth_counts_as_absent(project):
    project.write(project.home / ".codex" / "auth.json", "")
    later = project.write(project.work / "codex" / "auth.json", GOOD)
    assert project.dry().mounts["/codex_home/auth.json"][0] == str(later)
    project.refused("--auth_file", project.home / ".codex" / "auth.json")


@pytest.mark.parametrize("content", ["{", "[]", "hello", "{} {}", "\n", "{'a':1}", '{"a":01}'])
def test_an_auth_that_is_not_json(project, content):
    path = project.write(project.home / ".codex" / "auth.json", content)
    assert str(path) in project.refused("--auth_file", path)
    assert str(path) in project.refused(env={"CODEX_AUTH_FILE": str(path)})
    # Where it was only come across, the next one may do.
    assert "/codex_home/auth.json" not in project.dry().mounts
    assert f"the credentials in {path} are skipped: not a JSON object" in project.warnings
    later = project.write(project.work / "codex" / "auth.json", GOOD)
    assert project.dry().mounts["/codex_home/auth.json"][0] == str(later)
    assert "skipped" in project.warnings
    project.write(path, GOOD)
    assert project.dry().mounts["/codex_home/auth.json"][0] == str(path)
    assert project.warnings == ""


def test_an_auth_that_may_not_be_read_is_passed_over(open_project):
    """Without root: a login of somebody else's in a directory that was come across."""
    first = open_project.write(open_project.home / ".codex" / "auth.json", GOOD, 0o600)
    later = open_project.write(open_project.work / "codex" / "auth.json", GOOD)
    os.chown(first, UID + 1, UID + 1)
    done = open_project.start("--dry-run", **as_user(UID))
    assert done.returncode == 0 and f"{first} are skipped: Permission denied" in (
        done.stderr.decode()), done
    assert f"source={later}" in done.stdout.decode()


def test_an_auth_that_is_not_a_file(project):
    project.refused("--auth_file", project.home)
    project.refused("--auth_file", project.home / "missing")
    project.refused(env={"CODEX_AUTH_FILE": str(project.home / "missing")})
    os.mkfifo(project.home / "fifo")
    project.refused("--auth_file", project.home / "fifo")


def test_a_pipe_in_the_place_of_credentials_does_not_block(project):
    (project.home / ".codex").mkdir()
    os.mkfifo(project.home / ".codex" / "auth.json")
    assert "/codex_home/auth.json" not in project.dry().mounts
    assert "not a regular file" in project.warnings


def test_an_auth_that_is_too_big(project):
    """256 KiB, and one byte more."""
    largest = 256 * 1024
    content = json.dumps({"a": "x" * (largest - len(json.dumps({"a": ""})))})
    path = project.write(project.home / "big.json", content)
    assert path.stat().st_size == largest
    assert project.dry("--auth_file", path).mounts["/codex_home/auth.json"] == (str(path), "ro")
    path.write_text(content + " ")
    assert "larger" in project.refused("--auth_file", path)


@pytest.mark.parametrize(
    "left,told", [(-10, "has expired"), (1800, "expires in"), (3570, "expires in"), (3660, None)]
)
def test_a_login_that_ends_soon(project, left, told):
    project.write(project.home / ".codex" / "auth.json", token(int(time.time()) + left))
    project.dry()
    assert (told in project.warnings and "--auth_dir" in project.warnings) if told else (
        project.warnings == ""
    )


def test_credentials_that_codex_cannot_read(project):
    path = project.write(project.home / ".codex" / "auth.json", GOOD, 0o600)
    os.chown(path, UID + 1, UID + 1)
    project.dry()
    assert f"can't be read by uid {UID}" in project.warnings


def test_auth_dir(project):
    login = project.root / "login"
    login.mkdir()
    os.chown(login, UID, UID)
    project.write(project.home / ".codex" / "auth.json", GOOD)
    c = project.dry("-y", "--auth_dir", login)
    assert c.mounts["/codex_auth"] == (str(login), "rw")
    assert "/codex_home/auth.json" not in c.mounts
    assert "no terminal to ask at" in project.refused("--auth_dir", login)
    project.refused("-y", "--auth_dir", login / "missing")
    project.refused("-y", "--auth_dir", login, "--auth_file", login / "auth.json")
    project.write(login / "auth.json", "no json")
    project.refused("-y", "--auth_dir", login)


def test_an_auth_dir_that_is_a_codex_home_is_warned_about(project):
    codex = project.home / ".codex"
    project.write(codex / "auth.json", GOOD)
    project.dry("-y", "--auth_dir", codex)
    assert "more than a login" not in project.warnings
    project.write(codex / "config.toml")
    project.dry("-y", "--auth_dir", codex)
    assert "more than a login" in project.warnings


def test_a_secret_on_the_command_line_is_warned_about(project):
    c = project.dry("-e", "OPENAI_API_KEY=sk-x", "-e", "MY_TOKEN", "-e", "KEYS=1", "-e", "A=b",
                    env={"MY_TOKEN": "t"})  # fmt: skip
    assert c.env[-4:] == ["OPENAI_API_KEY=sk-x", "MY_TOKEN", "KEYS=1", "A=b"]
    assert project.warnings.count("codex-sandbox: -e ") == 1
    assert "OPENAI_API_KEY" in project.warnings and "sk-x" not in project.warnings


@pytest.mark.parametrize("end", ["KEY", "TOKEN", "SECRET", "PASSWORD"])
def test_what_is_called_like_a_secret(project, end):
    for name in (end, f"MY_{end}"):
        project.dry("-e", f"{name}=x")
        assert f"-e {name}=...: every user" in project.warnings
        project.dry("-e", name, env={name: "x"})
        assert project.warnings == ""
    project.dry("-e", f"{end}S=x", "-e", f"{end}_FILE=x", "-e", f"A={end}")
    assert project.warnings == ""


def test_auth_dir_beside_a_login_in_the_home(project):
    login = project.root / "login"
    login.mkdir()
    os.chown(login, UID, UID)
    own = project.write(project.work / ".codex" / ".environment" / "auth.json", GOOD)
    os.chown(own.parent, UID, UID)
    assert str(own) in project.refused("-y", "--auth_dir", login)
    own.write_text("")
    project.dry("-y", "--auth_dir", login)
