"""An API key in an auth.json of the machine, as --dry-run shows it: where the broker can have it, it
is handed over by its variable, and the file isn't mounted."""

import json
import os

import pytest
from conftest import ROOT
from stub_project import UID, project  # noqa: F401
from test_stub_auth import token

SECRET = "sk-lab-0123456789"
KEY = {"auth_mode": "apikey", "OPENAI_API_KEY": SECRET}
MOUNT = "/codex_home/auth.json"


def handed_over(command):
    """Whether the key goes to the broker; never both ways, nor neither."""
    there = "OPENAI_API_KEY" in command.env
    assert there == (MOUNT not in command.mounts), command.words
    assert there == ("--broker on" in " ".join(command.init)), command.init
    assert SECRET not in " ".join(command.words)
    return there


@pytest.fixture
def host(project):
    """With such a file in ~/.codex."""
    project.file = project.write(project.home / ".codex" / "auth.json", KEY, 0o600)
    return project


@pytest.mark.parametrize("arguments", [
    (), ("exec", "x"), ("login", "status"), ("--", "-c", "a=b", "login", "status"), ("mcp", "list"), ("resume", "--last"), ("--exec", "bash"), ("--broker=auto",), ("--broker=on",),
    ("--wall=nft",), ("-e", "OPENAI_API_KEYS=x"), ("-e", "CODEX_INIT_EGRESS=strict"),
    ("exec", "what is model_provider = x?"), ("exec", "explain --oss and openai_base_url"),
])  # fmt: skip
def test_the_key_is_handed_over_and_the_file_is_not_mounted(host, arguments):
    assert handed_over(host.dry(*arguments)), arguments
    assert host.warnings == ""


@pytest.mark.parametrize("arguments", [
    ("--broker=off",), ("-e", "CODEX_INIT_BROKER=off"), ("--audit",), ("--wall=cell",),
    ("-e", "CODEX_INIT_WALL=cell"), ("-e", "CODEX_INIT_EGRESS=pin"), ("-e", "CODEX_INIT_EGRESS=off"),
    ("-e", "CODEX_INIT_DEFAULT_RULES=0"),
    ("--", "-c", 'model_provider="mine"'), ("--", "--oss"), ("exec", "-c", 'openai_base_url="http://x"', "x"),
    ("exec", "--config=profiles.a.model_provider = x", "x"), ("exec", "--local-provider=ollama", "x"),
])  # fmt: skip
def test_where_the_broker_cannot_be_it_is_as_without(host, arguments):
    command = host.dry(*arguments)
    assert command.mounts[MOUNT] == (str(host.file), "ro") and "OPENAI_API_KEY" not in command.env


def test_a_login_that_is_about_to_change_gets_neither(host):
    settings = ["--", "-c", "a=b", "--config", "c=d", "-ce=f", "--config=g=h"]
    for command in (["login"], ["login", "--with-api-key"], ["logout"], [*settings, "login"], [*settings, "logout"]):
        made = host.dry(*command)
        assert MOUNT not in made.mounts and "OPENAI_API_KEY" not in made.env


def test_a_directory_for_the_login_comes_first(host):
    login = host.root / "login"
    login.mkdir()
    os.chown(login, UID, UID)
    made = host.dry("-y", "--auth_dir", login)
    assert "OPENAI_API_KEY" not in made.env and made.mounts["/codex_auth"][1] == "rw"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "CODEX_API_KEY"])
def test_another_key_that_is_passed_is_not_replaced(host, name):
    for given in (name, f"{name}=sk-other-0123456"):
        command = host.dry("-e", given, env={name: "sk-other-0123456"})
        assert MOUNT in command.mounts and given in command.env and command.init == []
    file = host.write(host.root / "variables", f"{name}=sk-other-0123456\n")
    command = host.dry("--env-file", file)
    assert MOUNT in command.mounts and name in command.env


def test_a_key_that_is_set_here_is_not_the_one(host):
    """The file's is handed over, whatever the launcher's own environment has."""
    host.engine()
    assert handed_over(host.dry(env={"OPENAI_API_KEY": "sk-other-0123456"}))
    host.engine(code="""#!/bin/sh
case "$1" in run) echo "$OPENAI_API_KEY" >>"$ENGINE_LOG" ;; esac
""")
    host.start("exec", "x", env={"OPENAI_API_KEY": "sk-other-0123456"})
    assert host.log.read_text().splitlines()[-1] == SECRET


@pytest.mark.parametrize("content, expected", [
    ({"OPENAI_API_KEY": SECRET}, True),
    ({"OPENAI_API_KEY": SECRET, "tokens": None, "auth_mode": None}, True),
    ({**KEY, **token(1)}, True),
    ({**token(4000000000), "OPENAI_API_KEY": SECRET}, False),
    ({"auth_mode": "chatgpt", "OPENAI_API_KEY": SECRET}, False),
    ({"OPENAI_API_KEY": None}, False),
    ({"OPENAI_API_KEY": "short"}, False),
    ({"OPENAI_API_KEY": "x" * 512}, True),
    ({"OPENAI_API_KEY": "x" * 513}, False),
    ({"OPENAI_API_KEY": SECRET + '" '}, False),
    ({"OPENAI_API_KEY": SECRET + "\n"}, False),
    ({"inner": KEY}, False),
])  # fmt: skip
def test_which_files_hold_a_key_that_codex_uses(project, content, expected):
    project.write(project.home / ".codex" / "auth.json", content)
    assert ("OPENAI_API_KEY" in project.dry().env) == expected, project.warnings


def test_a_file_that_codex_can_read_anyway(host):
    """In the workdir, or Codex's own home."""
    host.file.unlink()
    for place in (host.work / "codex", host.work / ".codex" / ".environment"):
        path = host.write(place / "auth.json", KEY)
        os.chown(place, UID, UID)
        assert host.dry().mounts[MOUNT] == (str(path), "ro")
        path.unlink()


@pytest.mark.parametrize("place, content", [
    (".codex/.environment/auth.json", '{"OPENAI_API_KEY": "another-key"}'),
    (".codex/.environment/config.toml", 'model_provider = "mine"\n'),
    ("codex/config.toml", 'openai_base_url = "http://x"\n'),
])  # fmt: skip
def test_what_a_command_can_write_does_not_get_it_the_file(host, place, content):
    """codex-init then ends the start, and says what to do (test_broker_host_key.py)."""
    own = host.write(host.work / place, content)
    os.chown(own.parent, UID, UID)
    assert handed_over(host.dry())
    assert MOUNT in host.dry("--broker=off").mounts


@pytest.mark.parametrize("config, expected", [
    ('model = "x"\n', True),
    ('model_provider = "mine"\n', False),
    ('[profiles.a]\nmodel_provider = "mine"\n', False),
    ('openai_base_url = "https://example.com"\n', False),
    ("\0", False),
    ("# " + "x" * 256 * 1024, False),
])  # fmt: skip
def test_a_config_that_names_another_provider(host, config, expected):
    place = host.write(host.home / ".codex" / "config.toml", config)
    assert ("OPENAI_API_KEY" in host.dry().env) == expected
    assert place.read_text() == config


def test_a_named_file(host):
    named = host.write(host.root / "named.json", {**KEY, "OPENAI_API_KEY": "sk-named-0123456789"})
    assert handed_over(host.dry("--auth_file", named))
    assert handed_over(host.dry(env={"CODEX_AUTH_FILE": str(named)}))


def test_doctor_tells_of_it(host):
    host.engine()
    assert f"{host.file}, an API key, for the broker alone" in host.start("doctor").stdout.decode()
    told = host.start("--broker=off", "doctor").stdout.decode()
    assert "for the broker" not in told and str(host.file) in told
    assert SECRET not in told and json.loads(host.file.read_text()) == KEY


SESSION = '#!/bin/sh\n[ "$1" = --dry-run ] && exec {stub} "$@"\necho "Codex is started"\n'


def test_make_run_takes_it_for_credentials(host, terminal):
    """At a terminal; without credentials it shows the demo (which there is no image for here)."""
    launcher = host.root / "launcher"
    launcher.write_text(SESSION.format(stub=host.stub))
    launcher.chmod(0o755)
    env = {"HOME": str(host.home), "PATH": f"{host.bin}:{os.environ['PATH']}"}
    host.engine(code="#!/bin/sh\nexit 1\n")
    words = [ROOT / "image/run.sh", launcher, "no-such-image", host.work]
    terminal(words, env=env, cwd=host.work).until_says(b"Codex is started")
    host.file.unlink()
    terminal(words, env=env, cwd=host.work).until_says(b"no credentials for a session")
