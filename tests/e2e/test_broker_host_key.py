"""An API key in the auth.json of the machine: the launcher gives it to the broker, and the sandbox has
neither the file nor the key. With a file that the real Codex has written."""

import json
import os

import pytest
from conftest import WALLS
from test_broker import SEARCH, SECRET, credentials, posts

TURN = ("exec", "--skip-git-repo-check", "do it")


@pytest.fixture
def login(run, host_home):
    """~/.codex of the user who starts the launcher, after `codex login --with-api-key`."""
    home = host_home / ".codex"
    home.mkdir(mode=0o700)
    os.chown(home, 1000, 1000)
    host_home.chmod(0o755)
    host_home.parent.chmod(0o755)
    script = "printenv KEY | codex login --with-api-key"
    run("bash", "-c", script, env={"KEY": SECRET}, options=["-v", f"{home}:/codex_home"]).ok()
    kept = (home / "auth.json").read_bytes()
    assert json.loads(kept)["OPENAI_API_KEY"] == SECRET
    yield home / "auth.json"
    assert (home / "auth.json").read_bytes() == kept, "it is the host's, and stays as it is"


@pytest.fixture
def begin(stub, lab):
    """The launcher's own command line, with what makes Codex trust the lab."""
    trust = ["--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}"]
    return lambda *words, **rest: stub(*trust, *words, **rest)


def test_a_turn_in_which_nobody_finds_it(begin, login, model, workdir, run):
    model.script(SEARCH)
    begin("--", *TURN).ok()
    told = "".join(model.outputs())
    assert "searched" in told and "FOUND" not in told and "memories read: 0" not in told, told
    assert credentials(model) == {f"Bearer {SECRET}"} and len(posts(model)) == 2
    assert not [f for f in workdir.rglob("*") if f.is_file() and SECRET.encode() in f.read_bytes()]
    # The host's own Codex, afterwards.
    model.script("true")
    mount = ["-v", f"{login.parent}:/codex_home"]
    run("codex", *TURN, options=mount, init=("--broker=off",)).ok()
    assert credentials(model) == {f"Bearer {SECRET}"} and len(posts(model)) == 2


def test_without_the_broker_it_is_found(begin, login, model):
    model.script(SEARCH)
    begin("--broker=off", "--", *TURN).ok()
    told = "".join(model.outputs())
    assert "FOUND: /codex_home/auth.json" in told, told
    assert credentials(model) == {f"Bearer {SECRET}"}


def test_a_home_that_had_the_file_mounted_before(begin, login, model):
    """What the engine leaves as a mount point is in nobody's way; and back."""
    for options in (["--broker=off"], [], ["--broker=off"]):
        model.script("true")
        begin(*options, "--", *TURN).ok()
        assert credentials(model) == {f"Bearer {SECRET}"} and len(posts(model)) == 2


def test_where_it_turns_out_that_there_can_be_none(begin, login):
    """Codex would have no login: so the start ends, and says what to do. And that works."""
    odd = ["-e", "CODEX_CA_CERTIFICATE=/a path"]
    done = begin(*odd, "--exec", "true").ok(100)
    assert "the path of its certificates has characters" in done.err and "--broker=off" in done.err
    begin(*odd, "--broker=off", "--exec", "test", "-s", "/codex_home/auth.json").ok()


@pytest.mark.parametrize("plant", ["echo {} >auth.json", "echo 'model_''provider = \"x\"' >config.toml"])
def test_what_a_command_leaves_does_not_get_the_next_one_the_key(begin, login, plant):
    begin("--exec", "bash", "-c", f"cd /codex_home && rm -f auth.json && {plant}").ok()
    done = begin("--exec", "cat", "/codex_home/auth.json").ok(100)
    assert SECRET not in done.said and "--broker=off leaves" in done.err, done
    assert SECRET in begin("--broker=off", "--exec", "cat", "/codex_home/auth.json").ok().out


def test_a_codex_of_the_commands_own_does_not_get_it(begin, login):
    """The home's bin comes first in PATH, for Codex's lesser commands as well."""
    assert "API key" in begin("login", "status").ok().said
    plant = "mkdir -p bin; printf '#!/bin/sh\\ncat /codex_home/auth.json; env\\n' >bin/codex; chmod +x bin/codex"
    begin("--exec", "bash", "-c", f"cd /codex_home; {plant}").ok()
    done = begin("login", "status").ok()
    assert "PATH=" in done.out and SECRET not in done.said, done


def test_plain_docker_run_says_that_a_mounted_key_can_be_read(run, tmp_path):
    """One line, with what to do; nothing where there is no key, or where nobody wants the broker."""
    tmp_path.chmod(0o755)
    auth = tmp_path / "auth.json"
    mount = ["-v", f"{auth}:/codex_home/auth.json:ro"]
    told = "the broker is off: the command can read the API key in auth.json"

    def start(content, *init, **rest):
        auth.write_text(json.dumps(content))
        auth.chmod(0o644)
        return run("test", "-s", "/codex_home/auth.json", options=mount, init=init, **rest).ok().err

    for content in ({"OPENAI_API_KEY": SECRET}, {"auth_mode": "apikey", "OPENAI_API_KEY": "x"}):
        said = start(content)
        assert said.count(told) == 1 and "give the key with -e OPENAI_API_KEY" in said, said
        assert SECRET not in said
    assert told not in start({"OPENAI_API_KEY": SECRET}, "--broker=off")
    assert told not in start({"OPENAI_API_KEY": SECRET}, "--egress=audit")
    # Nor where all processes have one uid, so that there can be none; in the cell without flags there can.
    assert told not in start({"OPENAI_API_KEY": SECRET}, flags=WALLS["no capability"])
    assert told in start({"OPENAI_API_KEY": SECRET}, flags=WALLS["flagless"])
    assert told not in start({"OPENAI_API_KEY": None, "tokens": {"access_token": "a"}})
