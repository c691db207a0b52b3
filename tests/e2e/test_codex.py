"""The real Codex CLI in the real container, doing whole turns. What it did is judged by what
reached the lab's servers, and by what came back to the model."""

import json
import os
import re

import openai
import pytest
from conftest import IMAGE, ROOT, STUB, UID, at_best, program
from internet import OPENAI, address_of

EXEC = ("codex", "exec", "--skip-git-repo-check")
KEY = {"CODEX_API_KEY": "sk-lab-key"}


def posts(model):
    return [r for r in model.requests if r["method"] == "POST" and r["path"].endswith("/responses")]


def only_openai(sinks):
    """Codex's own packets: https to OpenAI's two names and nothing else."""
    allowed = {("tcp", address_of(name), 443) for name in OPENAI}
    return set(sinks.seen()) - allowed


@pytest.mark.cell("all")
def test_a_turn_with_an_api_key(run, model, sinks, wall):
    model.script("echo the tool ran as $(id -u) in $(pwd)")
    done = run(*EXEC, "do it", env=KEY).ok()
    said = f"the tool ran as {UID[wall]} in /workspace"
    assert said in done.out and said in "".join(model.outputs())
    assert [r["authorization"] for r in posts(model)] == ["key", "key"]
    assert {r["host"] for r in posts(model)} == {"api.openai.com"}
    assert only_openai(sinks) == set()


@pytest.mark.cell("all")
def test_a_tool_reaches_what_is_allowed_and_nothing_else(run, model, sinks, dns, wall):
    dns.add("secret.attacker.test", "45.20.0.1")
    model.script(
        "curl -sS -o /dev/null -w 'allowed %{http_code}\\n' https://allowed.test",
        "curl -sS -m 30 https://secret.attacker.test; echo refused $?",
        "curl -sS -m 30 https://8.8.8.8; echo refused $?; env | grep -c attacker",
        "curl -sS -m 30 https://8.8.8.8:8443; echo refused $?",
    )
    done = run(*EXEC, "do it", env=KEY, allow="allowed.test").ok()
    told = "".join(model.outputs())
    # A name, an address of the web (the gate's alert), and one on another port; in the cell all three are
    # the proxy's to refuse.
    assert "allowed 200" in told, told
    assert re.findall(r"refused (\d+)", told) == (["6", "35", "7"] if wall == "nft" else ["56"] * 3), told
    assert only_openai(sinks) == {("tcp", address_of("allowed.test"), 443)}
    assert dns.asked("attacker.test") == []
    assert "secret.attacker.test" in done.err and "--allow" in done.err
    assert "8.8.8.8" in done.err


# In the cell no program can aim at an address of its choice (test_cell_attacks.py).
def test_a_tool_is_told_why_by_the_gate(run, model, sinks):
    """A refused name at an allowed address: the reason comes back to the model, and to the user."""
    place = address_of("allowed.test")
    model.script(
        f"curl -sS -m 30 --resolve evil.test:443:{place} https://evil.test; echo tls $?",
        f"curl -sS -m 30 --resolve evil.test:80:{place} http://evil.test; echo http $?",
        f"curl -sS -m 30 --resolve allowed.test:80:{place} -o /dev/null http://allowed.test; echo $?",
    )
    done = run(*EXEC, "do it", env=KEY, allow="allowed.test").ok()
    for told in ("".join(model.outputs()), done.said):
        assert "alert" in told and "tls 35" in told, done
        assert "codex-sandbox: evil.test is not allowed; allow it with: --allow evil.test" in told
    assert "--allow evil.test" in done.err[done.err.index("codex-init: refused") :]
    assert not sinks.carried(b"evil.test")
    assert only_openai(sinks) == {("tcp", place, 80)}


@pytest.mark.cell
def test_what_codex_tries_and_is_refused_costs_it_nothing(run, model):
    """Telemetry and update hosts aren't allowed; refused fast, they don't slow a turn."""
    model.script("true")
    at_best(lambda: run(*EXEC, "do it", env=KEY).ok().seconds, 15)


def login(tmp_path, uid=1000, **kind):
    path = tmp_path / "auth.json"
    path.write_text(json.dumps(openai.chatgpt_login(**kind)))
    path.chmod(0o600)
    os.chown(path, uid, uid)
    tmp_path.chmod(0o755)
    return path


@pytest.mark.cell("all")
def test_a_turn_with_a_chatgpt_login(run, model, sinks, tmp_path, wall):
    auth = login(tmp_path, UID[wall])
    before = auth.read_bytes()
    model.script("echo tool output")
    done = run(*EXEC, "do it", options=["-v", f"{auth}:/codex_home/auth.json:ro"]).ok()
    assert "tool output" in "".join(model.outputs()), done
    assert {r["host"] for r in posts(model)} == {"chatgpt.com"}
    assert {r["authorization"] for r in posts(model)} == {"chatgpt"}
    assert auth.read_bytes() == before
    assert only_openai(sinks) == set()


@pytest.mark.cell
def test_a_read_only_login_is_never_spent(run, model, sinks, dns, tmp_path, wall):
    """A refresh would spend the host's single-use token and couldn't be stored: it is denied."""
    auth = login(tmp_path, UID[wall], lifetime=-3600)
    model.script("true")
    done = run(*EXEC, "do it", options=["-v", f"{auth}:/codex_home/auth.json:ro"])
    assert dns.asked("auth.openai.com") == []
    assert address_of("auth.openai.com") not in sinks.addresses()
    assert not [r for r in model.requests if "oauth" in r["path"]]
    assert "auth.openai.com" in done.err and "read-only" in done.err, done


@pytest.mark.cell(own_uid=True, seldom=True)
def test_a_writable_login_is_renewed(run, model, tmp_path):
    """The opposite: in a directory that is mounted writable, the renewed login is stored."""
    place = tmp_path / "auth"
    place.mkdir()
    os.chown(place, 1000, 1000)
    auth = login(place, lifetime=-3600)
    home = tmp_path / "home"
    home.mkdir()
    before = openai.refresh_token(auth)
    (home / "auth.json").symlink_to("/codex_auth/auth.json")
    for path in (home, home / "auth.json"):
        os.chown(path, 1000, 1000, follow_symlinks=False)
    tmp_path.chmod(0o755)
    model.script("true")
    run(*EXEC, "do it", options=["-v", f"{place}:/codex_auth", "-v", f"{home}:/codex_home"]).ok()
    assert [r for r in model.requests if r["path"].endswith("/oauth/token")]
    assert model.spent(before) and openai.refresh_token(auth) != before
    assert (home / "auth.json").is_symlink()


@pytest.mark.cell("all")
def test_addresses_of_openai_that_change_at_every_question(run, model, dns, sinks):
    dns.rotate("api.openai.com", [f"45.21.0.{i}" for i in range(1, 200)], ttl=1)
    model.script("echo one", "sleep 6; echo two", "echo three")
    done = run(*EXEC, "do it", env=KEY).ok()
    assert "three" in "".join(model.outputs()), done
    assert len([a for a in sinks.addresses() if a.startswith("45.21.0.")]) > 1


@pytest.mark.cell(own_uid=True)
def test_sessions_config_and_hook_in_one_home(run, model, tmp_path):
    """The user's config is read, the hook's work is seen by the tool, the transcript is kept."""
    home, drop_off = tmp_path / "home", tmp_path / "in"
    for place in (home, drop_off):
        place.mkdir()
    os.chown(home, 1000, 1000)
    tmp_path.chmod(0o755)
    (drop_off / "config.toml").write_text('model = "gpt-5-lab"\n')
    (drop_off / "init.sh").write_text("#!/bin/sh\necho FROM_HOOK=yes >>$SANDBOX_ENV_FILE\n")
    model.script("echo hook says $FROM_HOOK")
    done = run(
        *EXEC,
        "do it",
        env=KEY,
        options=["-v", f"{home}:/codex_home", "-v", f"{drop_off}:/run/codex/in:ro"],
    ).ok()
    assert "hook says yes" in "".join(model.outputs()), done
    assert "gpt-5-lab" in done.said
    transcripts = list((home / "sessions").rglob("rollout-*.jsonl"))
    assert len(transcripts) == 1 and "hook says yes" in transcripts[0].read_text()
    assert not (home / "packages").exists(), "the background daemon stays off"


@pytest.mark.cell(seldom=True)
def test_a_tool_that_leaves_something_running_does_not_hold_up_the_end(run, model):
    model.script("setsid sleep 1000 >/dev/null 2>&1 & echo started")
    at_best(lambda: run(*EXEC, "do it", env=KEY).ok().seconds, 30)
    assert "started" in "".join(model.outputs())


@pytest.mark.cell
def test_where_openai_cannot_be_reached_it_is_codex_that_says_so(run, dns, sinks):
    """Codex goes on trying for ever; TERM ends it, and what the sandbox knows is told first."""
    for name in OPENAI:
        dns.fail(name)
    done = run("timeout", "-k", "50", "-s", "TERM", "4", *EXEC, "do it", env=KEY).ok(124)
    assert "resolve: api.openai.com" in done.err, done
    assert only_openai(sinks) == set()


@pytest.mark.cell(seldom=True)
def test_the_version_is_the_images(docker, run):
    version = docker(
        "image", "inspect", "-f", '{{index .Config.Labels "codex-sandbox.codex"}}', IMAGE
    )
    assert version.ok().out.strip() in run("codex", "--version").ok().out


def test_the_demo_shows_what_it_is_about_and_nothing_else(lab, internet, sinks):
    """The newcomer's first sight: no warning and no error but the refusal."""
    env = {"PATH": os.environ["PATH"], "DOCKER_HOST": lab.engine.host, "HOME": "/nonexistent"}
    done = program([ROOT / "image/demo/demo.sh", STUB, IMAGE], env=env, timeout=120).ok()
    assert "EDE: 15 (Blocked): (example.com is not allowed; add --allow example.com)" in done.out
    assert "allow with: --allow example.com\n" in done.out
    for noise in ("warning", "error", "codex-sandbox: ", "hint: ", "failed"):
        lines = [line for line in done.said.splitlines() if noise in line.lower()]
        assert lines == [], (noise, done)
    assert set(sinks.seen()) == set()
