"""What Codex is held to in the image: no sandbox of its own, no approvals, whatever a user, a project
or a command line says; and what becomes of that under an organisation's settings."""

import json
import os
import pathlib
import re
import time
import uuid

import openai
import pytest
from conftest import until
from test_codex import EXEC, KEY, posts

# What these show of Codex is the same behind each wall.
pytestmark = pytest.mark.cell(own_uid=True, seldom=True)
LAUNCHER = (pathlib.Path(__file__).resolve().parents[2] / "docs/launcher.md").read_text()
SHOW = ("codex", "debug", "prompt-input", "hi")
FORBIDS = "it requires Codex's own sandbox"


def is_full(done):
    return "danger-full-access" in done.out and "policy is currently never" in done.out


@pytest.fixture
def place(tmp_path):
    """place(path, text): options of the engine that mount a file of this text there."""

    def make(path, text):
        tmp_path.chmod(0o755)
        source = tmp_path / uuid.uuid4().hex
        source.write_text(text)
        return ["-v", f"{source}:{path}:ro"]

    return make


@pytest.fixture
def unheld(place):
    """Takes the image's own settings for Codex away."""
    names = ("requirements.toml", "config.toml", "managed_config.toml")
    return [word for name in names for word in place(f"/etc/codex/{name}", "")]


MODES = 'sandbox_mode = "workspace-write"\napproval_policy = "on-request"\n'
PROFILES = 'default_permissions = "mine"\n[permissions.mine.filesystem]\n":root" = "read"\n'
ASKED = {
    "nothing": ("", []),
    "modes": (MODES, []),
    "profiles": (PROFILES, []),
    "-s workspace-write": ("", ["-s", "workspace-write"]),
    "-s read-only": ("", ["-s", "read-only"]),
    "-a on-request": ("", ["-a", "on-request"]),
    "-c sandbox_mode": ("", ["-c", 'sandbox_mode="read-only"']),
    "-c default_permissions": ("", ["-c", 'default_permissions=":workspace"']),
}


@pytest.mark.parametrize("name", ASKED)
def test_full_access_holds_whatever_is_asked_for(run, place, unheld, name):
    config, options = ASKED[name]
    command = ["codex", *options, *SHOW[1:]]
    config = place("/run/codex/in/config.toml", config)
    done = run(*command, options=config).ok()
    assert is_full(done) and done.told == "", done
    assert not is_full(run(*command, options=config + unheld)), "it would be so anyway"


PROJECT = """mkdir .git .codex && printf 'sandbox_mode = "read-only"\\napproval_policy = "on-request"\\n
[features]\\ndaemon_auto_start = true\\n' >.codex/config.toml && echo 'ref: refs/heads/m' >.git/HEAD &&
mkdir .git/objects .git/refs && export TRUST='projects={"/workspace"={trust_level="trusted"}}' &&
codex -c "$TRUST" debug prompt-input hi && codex -c "$TRUST" features list"""


def test_nor_does_a_projects_own_configuration_count(shell, unheld):
    done = shell(PROJECT).ok()
    assert is_full(done) and done.told == "", done
    assert re.search(r"^daemon_auto_start .* false$", done.out, re.M), done
    without = shell(PROJECT, options=unheld).ok()
    assert not is_full(without)
    assert re.search(r"^daemon_auto_start .* true$", without.out, re.M), without


@pytest.mark.parametrize("mode", ["workspace-write", "read-only"])
def test_commands_run_in_a_turn_with_another_mode(run, model, mode):
    model.script("touch made && stat -c 'made by %u' made")
    run(*EXEC, "-s", mode, "do it", env=KEY).ok()
    assert "made by 1000" in "".join(model.outputs())


def place_key(host_home):
    (host_home / ".codex").mkdir()
    (host_home / ".codex/auth.json").write_text('{"OPENAI_API_KEY": "sk-lab"}')


def test_a_policy_that_codex_dropped_is_no_obstacle(
    terminal, launcher, stub_environment, host_home, workdir, docker
):
    """Such a config once left the question of trust without an answer that could be stored."""
    place_key(host_home)
    (host_home / ".codex/config.toml").write_text('approval_policy = "untrusted"\n')
    config = workdir / ".codex/.environment/config.toml"
    trusted = re.compile(r'trust_level *= *"trusted"')
    t = terminal(launcher, cwd=workdir, env=stub_environment)

    def answered():
        t.type(b"\r")  # what is typed while it draws is dropped
        time.sleep(1)
        return trusted.search(config.read_text())

    try:
        t.until_says(b"Trust and continue")
        until(answered, lambda: f"trust, after {t.output!r},")
    finally:
        docker("rm", "-f", *docker("ps", "-q").ok().lines())


# ---- What Codex asks for of its own accord --------------------------------------------------


@pytest.mark.cell(own_uid=True)
@pytest.mark.parametrize("login", ["key", "chatgpt"])
def test_a_turn_asks_for_nothing_that_is_refused(run, place, model, unheld, login):
    """No catalogue of plugins, no telemetry, no update: the summary has nothing to say."""
    model.script("true")
    env, options = KEY, []
    if login == "chatgpt":
        env, options = {}, place("/codex_home/auth.json", json.dumps(openai.chatgpt_login()))
    done = run(*EXEC, "do it", env=env, options=options).ok()
    assert "codex-init: refused" not in done.err, done
    assert "ab.chatgpt.com" in run(*EXEC, "do it", env=env, options=options + unheld).err


@pytest.mark.cell
def test_what_a_session_asks_for_at_its_start_is_told_as_its_own(
    terminal, launcher, stub_environment, host_home, workdir, docker
):
    place_key(host_home)
    t = terminal([*launcher, "--trust"], cwd=workdir, env=stub_environment)
    name, = until(lambda: docker("ps", "--format", "{{.Names}}").ok().lines(), "a container")
    asked = lambda: "raw.githubusercontent.com" in docker(  # noqa: E731
        "exec", name, "cat", "/run/codex/events.jsonl").out
    until(asked, "the tip of the day is asked for")
    docker("stop", "-t", "60", name)
    t.wait()
    said = t.output.decode(errors="replace")
    said = said[said.index("codex-init: refused") :]
    assert "Codex's own request for its tip of the day: nothing is lost" in said
    assert "--allow" not in said, said


# ---- An organisation's settings --------------------------------------------------------------

NO_PROFILE = """default_permissions = ":workspace"
[allowed_permission_profiles]
":workspace" = true
":read-only" = true
"""
NO_MODE = 'allowed_sandbox_modes = ["read-only", "workspace-write"]\n'
INSISTS = {
    "profiles": ("requirements.toml", NO_PROFILE),
    "modes": ("requirements.toml", NO_MODE),
    "legacy": ("managed_config.toml", 'sandbox_mode = "workspace-write"\n'),
}


@pytest.mark.parametrize("name", INSISTS)
def test_settings_under_which_codex_cannot_work_end_it_before_the_start(run, place, model, name):
    file, text = INSISTS[name]
    file = f"/etc/codex/{file}"
    organisation = place(file, text)
    done = run(*EXEC, "do it", env=KEY, options=organisation).ok(111)
    assert f"codex-init: home: start Codex: {file}: {FORBIDS}" in done.err
    assert "\n  hint: " in done.err and "codex-sandbox-*" in done.err, done
    assert "Managed by an organisation" in done.err and "Managed by an organisation" in LAUNCHER
    assert model.requests == []
    # What runs no commands of a model's isn't held up, and is told.
    for command in (["codex", "--version"], ["echo", "ran"]):
        done = run(*command, options=organisation).ok()
        assert done.out and f"codex-init: home: {file}: {FORBIDS}" in done.err, done


SNIPPET = re.findall(r"^```toml\n(.*?)^```$", LAUNCHER, re.M | re.S)


@pytest.mark.parametrize("more", ["", NO_PROFILE.replace(":workspace\"\n", ":read-only\"\n") +
                                  '":danger-full-access" = true\n'])  # fmt: skip
def test_the_snippet_for_administrators_permits_it_to_sandboxes_alone(run, place, more):
    snippet, = SNIPPET
    top, remote = snippet.split("\n\n")
    organisation = place("/etc/codex/requirements.toml", f"{top}\n{more}\n{remote}")
    host = lambda name: [*organisation, "--hostname", name]  # noqa: E731
    done = run(*SHOW, options=host("codex-sandbox-0123abcd")).ok()
    assert is_full(done) and FORBIDS not in done.err, done
    elsewhere = run(*SHOW, options=host("workstation-7"))
    assert elsewhere.status == 1 and "requirements do not allow" in elsewhere.err, elsewhere


def test_the_launcher_names_the_host_as_the_snippet_has_it(stub, workdir):
    hosts = [stub("--exec", "hostname").ok().out for _ in range(2)]
    assert re.fullmatch(r"codex-sandbox-[0-9a-f]{8}\n", hosts[0]) and hosts[0] == hosts[1]
    os.makedirs(workdir / "other")
    os.chown(workdir / "other", 1000, 1000)
    assert stub("--work_dir", workdir / "other", "--exec", "hostname").ok().out != hosts[0]


def test_an_organisations_other_requirements_are_in_force(run, place, model):
    """Its file takes the place of ours: what it says holds, and Codex works from our defaults."""
    text = '[features]\nimage_generation = false\n'
    organisation = place("/etc/codex/requirements.toml", text)
    done = run("codex", "features", "list", options=organisation).ok()
    for feature in ("image_generation", "daemon_auto_start", "in_app_updates"):
        assert re.search(rf"^{feature} .* false$", done.out, re.M), done
    assert re.search(r"^image_generation .* true$", run("codex", "features", "list").ok().out, re.M)
    model.script("touch made && stat -c 'made by %u' made")
    done = run(*EXEC, "do it", env=KEY, options=organisation).ok()
    assert "made by 1000" in "".join(model.outputs()), done


def test_then_a_users_own_sandbox_mode_is_told(run, place):
    organisation = place("/etc/codex/requirements.toml", 'allowed_web_search_modes = ["cached"]\n')
    config = place("/run/codex/in/config.toml", MODES)
    done = run("true", options=organisation + config).ok()
    assert "sandbox_mode (Codex's own sandbox, which can't work here)" in done.err, done
    assert "sandbox_mode" not in run("true", options=config).ok().err
