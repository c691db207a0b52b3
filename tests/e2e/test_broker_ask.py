"""The broker in a sandbox that asks (--ask): Codex's own requests raise no question, and no answer
opens OpenAI's names to the command by accident."""

import pytest
from test_broker import EXEC, KEY, SECRET, credentials, up

CURL = "curl -sS -m 30 -o /dev/null -w '%{http_code}'"


@pytest.fixture
def asking(start, watch):
    """asking(env): a box that asks, and its watcher."""

    def begin(env):
        box = start("sleep", "1000", env=env, init=("--ask=20",))
        up(box)
        watcher = watch(box)
        assert watcher.next("hello")["ask"] == 20
        return box, watcher

    return begin


def questions(watcher, seconds=1):
    seen = watcher.seen + watcher.rest(seconds)
    return [line["name"] for line in seen if line["event"] == "question"]


@pytest.mark.parametrize("websocket", [False, True])
def test_a_turn_raises_no_question(asking, model, websocket):
    box, watcher = asking(KEY)
    model.script("echo the tool ran")
    model.websocket = websocket
    box.exec("codex-egress", "join", *EXEC, "do it").ok()
    assert "the tool ran" in "".join(model.outputs())
    assert credentials(model) == {f"Bearer {SECRET}"}
    assert questions(watcher) == []


def test_openais_names_are_not_asked_about(asking, model):
    """A yes would give whoever has a key of his own a way out; other names are asked about."""
    box, watcher = asking(KEY)
    for name in ("api.openai.com", "chatgpt.com", "auth.openai.com", "eu.api.openai.com"):
        done = box.exec("bash", "-c", f"{CURL} https://{name}/v1/files", user="1000")
        assert done.out == "000" and done.status != 28, done
    box.docker("exec", "-d", "-u", "1000", box.name, *f"{CURL} https://new.test".replace("'", "").split())
    assert watcher.next("question")["name"] == "new.test"
    assert questions(watcher) == ["new.test"] and model.requests == []


def test_a_rule_that_is_given_later_is_warned_of(asking, model):
    box, watcher = asking(KEY)
    for rule, name in (("chatgpt.com", "chatgpt.com"), ("*.openai.com", "api.openai.com")):
        told = box.exec("codex-egress", "allow", rule).ok().out
        assert f"this opens {name} to the command" in told, told
        box.exec("codex-egress", "undo", rule).ok()
        assert "opens" in watcher.say(f"allow {rule}")
        box.exec("codex-egress", "undo", rule).ok()
    for rule, opens in (("chatgpt.com", True), ("example.com", False), ("api.openai.com", True)):
        assert ("opens" in box.exec("codex-egress", "allow", rule).ok().out) == opens, rule


def test_without_the_broker_they_are_open_as_ever(asking, model):
    box, watcher = asking({**KEY, "CODEX_INIT_BROKER": "off"})
    script = f"{CURL} https://api.openai.com/v1/models"
    assert box.exec("bash", "-c", script, user="1000").ok().out == "200"
    assert questions(watcher) == []
