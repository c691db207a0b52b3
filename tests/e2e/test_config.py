"""A configuration that was made for the host, carried into the sandbox: the real Codex works with
it, and what can't work is told in one line."""

import os

import pytest

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)
SHOW = ("codex", "debug", "prompt-input", "hi")
TOLD = "config.toml was made for the host"


@pytest.fixture
def codex_dir(host_home):
    """~/.codex of the person who calls the stub; give it files by a dictionary."""

    def fill(files):
        for name, text in files.items():
            path = host_home / ".codex" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return host_home / ".codex"

    return fill


@pytest.fixture
def unheld(run, tmp_path):
    """The same Codex with the same config.toml, without the image's own settings for it."""

    def call(config, *command):
        tmp_path.chmod(0o755)
        (tmp_path / "config.toml").write_text(config)
        (tmp_path / "empty.toml").write_text("")
        mounts = ["-v", f"{tmp_path}/config.toml:/codex_home/config.toml:ro"]
        for name in ("requirements.toml", "config.toml", "managed_config.toml"):
            mounts += ["-v", f"{tmp_path}/empty.toml:/etc/codex/{name}:ro"]
        return run(*command, options=mounts)

    return call


REFUSED_BY_CODEX = {
    "approval": ('approval_policy = "untrusted"\n', "no longer supported"),
    "permissions": ("[permissions.mine]\n", "default_permissions"),
}


@pytest.mark.parametrize("name", REFUSED_BY_CODEX)
def test_what_codex_would_refuse_works(stub, codex_dir, unheld, name):
    config, complaint = REFUSED_BY_CODEX[name]
    codex_dir({"config.toml": config})
    done = stub("--exec", *SHOW).ok()
    assert "Approval policy is currently never" in done.out
    assert TOLD not in done.err, "it works, so there is nothing to tell"
    alone = unheld(config, *SHOW)
    assert alone.status == 1 and complaint in alone.err, alone


def test_a_keyring_is_not_asked(stub, codex_dir, unheld):
    """There is none in the container: a login is in auth.json, whatever the host's settings say."""
    config = 'cli_auth_credentials_store = "keyring"\n'
    script = "echo sk-x | codex login --with-api-key && test -s /codex_home/auth.json && echo kept"
    codex_dir({"config.toml": config})
    assert "kept" in stub("--exec", "sh", "-c", script).ok().out
    assert "kept" not in unheld(config, "sh", "-c", script).out


HOSTS = """
notify = ["/usr/local/bin/say"]
sqlite_home = "/home/somebody/codex"
log_dir = "/home/somebody/log"
forced_login_method = "chatgpt"
[mcp_servers.one]
command = "/opt/server"
[mcp_servers."two.with.dots"]
url = "https://mcp.example/secret-path"
[otel]
exporter = { otlp-http = { endpoint = "https://o", protocol = "json", headers = { k = "s3cret" } } }
"""


def test_what_cannot_work_is_told_in_one_line(stub, codex_dir):
    codex_dir({"config.toml": HOSTS})
    done = stub("--exec", "true").ok()
    lines = [line for line in done.told.splitlines() if "codex-init" in line]
    assert lines == [
        "codex-init: home: config.toml was made for the host: "
        "mcp_servers, notify (programs, which this container must have); "
        "sqlite_home, log_dir (a path of the host's); "
        "mcp_servers, otel (other hosts, which need --allow); "
        "forced_login_method (may log you out)"
    ]
    assert "s3cret" not in done.err and "secret-path" not in done.err


def test_an_ordinary_configuration_is_told_nothing(stub, codex_dir):
    config = """
model = "gpt-5"
model_reasoning_effort = "high"
web_search = "live"
[projects."/home/somebody/project"]
trust_level = "trusted"
[tui]
notifications = true
"""
    codex_dir({"config.toml": config})
    done = stub("--exec", "cat", "/codex_home/config.toml").ok()
    assert done.out == config and "codex-init" not in done.told, done


STOPS = {
    "profile": ('profile = "work"\n', "profile (Codex no longer starts with it)"),
    "wire": (
        'model_provider = "x"\n[model_providers.x]\nname = "x"\nbase_url = "http://localhost/v1"\n'
        'wire_api = "chat"\n',
        "wire_api (Codex no longer starts with it)",
    ),
    "approval": ('approval_policy = """untrusted"""\n', "approval_policy (Codex no longer starts with it)"),
    "instructions": (
        'model_instructions_file = "/home/somebody/x.md"\n',
        "model_instructions_file (a path of the host's)",
    ),
}


@pytest.mark.parametrize("name", STOPS)
def test_what_stops_codex_is_told_before_codex_does(stub, codex_dir, name):
    """No setting of the image's can take these away: the line says what to look at."""
    config, told = STOPS[name]
    codex_dir({"config.toml": config})
    done = stub("--exec", *SHOW).ok(1)
    assert told in done.err, done
    assert done.err.index(TOLD) < done.err.index("Error: ")


@pytest.mark.parametrize("table", ["", "[features]\n"])
def test_the_old_name_of_web_search_gets_a_hint(stub, codex_dir, table):
    codex_dir({"config.toml": f"{table}web_search_request = true\n"})
    done = stub("--exec", *SHOW).ok()
    assert "web_search_request (has another name today)" in done.err
    assert 'hint: instead of web_search_request: web_search = "live"' in done.err, done


def test_a_broken_config_is_codexs_to_explain(stub, codex_dir):
    codex_dir({"config.toml": 'model = "x\n'})
    done = stub("--exec", *SHOW).ok(1)
    assert TOLD not in done.err and "config.toml:1" in done.err, done


FILES = {
    "prompts/p.md": "a prompt",
    "AGENTS.md": "Always answer in verse, says the host's AGENTS.md.",
    "rules/my.rules": 'prefix_rule(pattern = ["ls"], decision = "allow")\n',
    "skills/verse/SKILL.md": "---\nname: verse\ndescription: writes verse for the lab\n---\n# V\n",
    "skills/verse/run.sh": "#!/bin/sh\necho ran\n",
    "skills/.system/old/SKILL.md": "of the host's Codex",
    "history.jsonl": "{}",
    "auth.json.bak": "{}",
}


def test_instructions_skills_and_rules_come_along(stub, codex_dir, workdir):
    """And the real Codex takes them up."""
    made = codex_dir(FILES)
    (made / "skills/verse/run.sh").chmod(0o755)
    done = stub("--exec", *SHOW).ok()
    assert "Always answer in verse" in done.out, done
    assert "writes verse for the lab" in done.out
    home = workdir / ".codex/.environment"
    for name, text in FILES.items():
        carried = not name.startswith(("skills/.system/old", "history", "auth"))
        assert (home / name).exists() == carried, name
        if carried:
            assert (home / name).read_text() == text and (home / name).stat().st_uid == 1000
    assert os.access(home / "skills/verse/run.sh", os.X_OK)
    assert done.told == "", done


def test_without_them_nothing_is_made(stub, workdir):
    done = stub("--exec", *SHOW).ok()
    assert "verse" not in done.out
    home = workdir / ".codex/.environment"
    assert not [n for n in ("prompts", "AGENTS.md", "config.toml") if (home / n).exists()]


def test_what_is_there_is_never_overwritten(stub, codex_dir, workdir):
    made = codex_dir(FILES)
    stub("--exec", "sh", "-c", "cd /codex_home; for f in AGENTS.md prompts/p.md "
         "rules/my.rules skills/verse/SKILL.md; do echo mine >$f; done; rm skills/verse/run.sh"
         ).ok()  # fmt: skip
    for name in FILES:
        (made / name).write_text("new on the host")
    stub("--exec", "true").ok()
    home = workdir / ".codex/.environment"
    for name in ("AGENTS.md", "prompts/p.md", "rules/my.rules", "skills/verse/SKILL.md"):
        assert (home / name).read_text() == "mine\n", name
    assert (home / "skills/verse/run.sh").read_text() == "new on the host"


@pytest.mark.parametrize("name", ["AGENTS.md", "skills", "rules"])
def test_a_link_in_the_home_is_never_followed(stub, codex_dir, workdir, name):
    codex_dir(FILES)
    home = workdir / ".codex/.environment"
    home.mkdir(parents=True)
    target = workdir / "target"
    target.mkdir()
    victim = target / "victim"
    victim.write_text("untouched")
    (home / name).symlink_to("../../target" if "." not in name else "../../target/victim")
    for path in (home.parent, home, target, victim):
        os.chown(path, 1000, 1000)
    stub("--exec", "true").ok(111)
    assert [p.name for p in target.iterdir()] == ["victim"]
    assert victim.read_text() == "untouched"


def test_odd_files_are_left_out_and_told(stub, codex_dir, workdir):
    made = codex_dir({"skills/good/SKILL.md": "x"})
    (made / "skills/link").symlink_to("/etc")
    os.mkfifo(made / "skills/pipe")
    done = stub("--exec", "true").ok()
    assert "2 files of prompts, skills or rules were not copied" in done.err, done
    assert (workdir / ".codex/.environment/skills/good/SKILL.md").exists()
