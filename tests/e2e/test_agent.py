"""What the model is told of the sandbox, by the real Codex's own account of what it would send."""

import json

import pytest
from test_layers import SHOW, place  # noqa: F401

# With the read-only root of a plain uid nothing can be written there, and as uid 0 the command can.
pytestmark = pytest.mark.cell(own_uid=True, seldom=True)

TOLD = "You work in codex-sandbox"


def messages(done):
    """(role, text) of each message that the model would get."""
    return [(m["role"], part.get("text", ""))
            for m in json.loads(done.ok().out) if m["type"] == "message" for part in m["content"]]


def told(done):
    found = [text for role, text in messages(done) if TOLD in text]
    assert all(role == "developer" for role, text in messages(done) if TOLD in text)
    return found


@pytest.mark.cell(own_uid=True)
def test_the_model_is_told_of_the_rules(run, wall):
    """The cell has rules for names alone."""
    more = " *.wild.test:8443 10.1.0.0/16:5432+private" if wall == "nft" else " *.wild.test"
    text, = told(run(*SHOW, allow=f"allowed.test{more}"))
    listed = f"allowed.test{more}".replace("+private", "").replace(" ", ", ")
    assert f"these are allowed: {listed}." in text
    assert "--allow NAME" in text
    text, = told(run(*SHOW))
    assert "Nothing is allowed besides OpenAI's own names." in text and "allowed.test" not in text


@pytest.mark.parametrize("wall, there", [("no capability", True), ("plain uid", False)], indirect=["wall"])
def test_it_takes_an_etc_that_can_be_written(run, there):
    assert (told(run(*SHOW)) != []) == there


def test_besides_the_users_own_instructions(run, place):
    config = 'developer_instructions = "Answer in verse, says the user."\n'
    options = place("/run/codex/in/config.toml", config)
    done = run(*SHOW, options=options)
    assert len(told(done)) == 1
    assert ("developer", "Answer in verse, says the user.") in messages(done)
    command = ("codex", "-c", 'developer_instructions="By the option."', *SHOW[1:])
    done = run(*command, options=options)
    assert len(told(done)) == 1 and "By the option." in done.out


def test_the_payload_cannot_change_what_is_told(shell):
    done = shell("for f in /etc/codex/*.toml /etc/codex; do test -w $f && echo $f; done; "
                 "echo x >>/etc/codex/requirements.toml || codex debug prompt-input hi")  # fmt: skip
    assert done.out.startswith("[") and len(told(done)) == 1, done


def test_started_again_it_is_told_once(start, docker):
    box = start("codex", *SHOW[1:], allow="allowed.test")
    assert box.wait() == 0
    docker("start", box.name).ok()
    assert box.wait() == 0
    logs = docker("logs", box.name).ok().out
    assert logs.count(TOLD) == 2, "once for each start"


def test_under_an_organisations_settings_it_is_the_default(run, place):
    organisation = place("/etc/codex/requirements.toml", 'allowed_web_search_modes = ["cached"]\n')
    text, = told(run(*SHOW, options=organisation, allow="allowed.test"))
    assert "allowed.test" in text
    config = place("/run/codex/in/config.toml", 'developer_instructions = "Mine."\n')
    done = run(*SHOW, options=organisation + config)
    assert told(done) == [] and ("developer", "Mine.") in messages(done)


@pytest.mark.nft
def test_in_audit_mode_it_is_told_so(run):
    text, = told(run(*SHOW, init=["--egress=audit"]))
    assert "let through as well" in text and "refused at once" not in text


def test_it_is_part_of_a_turn(shell, internet):
    internet.openai.script("true")
    script = (
        "codex exec --skip-git-repo-check 'do it' >/dev/null 2>&1 || exit 9; "
        f"grep -c '<managed_developer_instructions>.*{TOLD}' /codex_home/sessions/*/*/*/*.jsonl"
    )
    assert shell(script, env={"CODEX_API_KEY": "sk-lab"}).ok().out == "1\n"
