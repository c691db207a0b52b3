"""What the broker tells of: each request that it refuses, and nothing of what is as it should be."""

import json
import re

import pytest
from conftest import until
from test_broker import KEY, SECRET, up
from test_broker_chatgpt import CURL, login, token
from test_broker_requests import KNOCK, REFUSED

pytestmark = pytest.mark.cell("nft", "flagless")

EVENTS = "/run/codex/events.jsonl"


def told(box):
    """The events of the broker's, as (request, reason), each as often as it counts."""
    lines = [json.loads(line) for line in box.exec("cat", EVENTS).ok().lines()]
    mine = [e for e in lines if e["event"] == "refused-broker"]
    assert {e["name"] for e in mine} <= {"api.openai.com", "chatgpt.com"}
    return [(e["request"], e["reason"]) for e in mine for _ in range(e["count"])]


def test_each_refusal_is_an_event_with_method_path_and_reason(start, model):
    box = start("sleep", "1000", env=KEY)
    up(box)
    port = box.exec("grep", "-o", "[0-9]*/v1", "/etc/codex/managed_config.toml").ok().out.split("/")[0]
    sent = json.dumps({name: text for name, (text, _) in REFUSED.items()})
    done = box.docker("exec", "-i", "-u", "1000", box.name, "python3", "-c", KNOCK, port, input=sent.encode()).ok()
    expected = []
    for name, got in map(json.loads, done.lines()):
        method, target = REFUSED[name][0].split(" ")[:2] if "403" in got else ("(unknown)", "")
        expected.append(f"{method} {target.format(h=f'127.0.0.1:{port}').partition('?')[0]}".strip())
    assert len(expected) == len(REFUSED)
    until(lambda: len(told(box)) >= len(REFUSED), what=lambda: told(box))
    assert sorted(request for request, _ in told(box)) == sorted(expected)
    reasons = dict(told(box))
    assert reasons["POST //v1/responses"] == "Codex needs no such request"
    assert reasons["(unknown)"].startswith("malformed")
    assert {r for _, r in told(box)} >= {"it is for another host", "its target is not a path",
                                         "it has parameters where none belong", "it has a body where none belongs, or in chunks"}  # fmt: skip
    box.kill("TERM")
    box.wait()
    count = re.search(r"(\d+) requests to \d+ places failed at the broker", box.logs())
    assert count and int(count[1]) == len(REFUSED) and SECRET not in box.logs(), box.logs()


def test_what_passes_is_none(start, model):
    box = start("sleep", "1000", env=KEY)
    up(box)
    script = "port=$(grep -o '[0-9]*/v1' /etc/codex/managed_config.toml | cut -d/ -f1); curl -s http://127.0.0.1:$port/v1/models"
    box.exec("bash", "-c", script, user="1000").ok()
    box.kill("TERM")
    box.wait()
    assert model.requests and told_after(box) == [] and "at the broker" not in box.logs()


def told_after(box):
    """The worker's and the broker's events of a container that has ended."""
    text = box.docker("cp", f"{box.name}:{EVENTS}", "-").ok().out
    return [line for line in text.splitlines() if '"refused-broker"' in line or '"worker"' in line]


@pytest.mark.nft  # a ChatGPT login, among others
def test_what_codex_asks_for_in_vain_has_a_reason_of_its_own(start, model):
    """And comes last. The same paths by another method, and their neighbours, are refused like any."""
    vain = "wham/usage", "wham/settings/user", "wham/security-setup"
    box = start("sleep", "1000", env=login(token()))
    up(box)
    ask = f"{CURL} -o /dev/null -w '%{{http_code}} '"
    paths = [f"https://chatgpt.com/backend-api/{path}" for path in vain]
    script = f"for p in {' '.join(paths)}; do {ask} $p; {ask} -X DELETE $p; {ask} $p/more; done"
    model.script()
    assert box.exec("bash", "-c", script, user="1000").ok().out.split() == ["404", "403", "403"] * len(vain)
    assert model.requests == []
    until(lambda: len(told(box)) == 3 * len(vain), what=lambda: told(box))
    own, needless = "Codex asks for it by itself, and does without", "Codex needs no such request"
    asked = {"GET": own, "DELETE": needless}, {"GET": needless}
    assert sorted(told(box)) == sorted(
        (f"{method} /backend-api/{path}{more}", reason)
        for path in vain for more, methods in zip(("", "/more"), asked) for method, reason in methods.items())  # fmt: skip
    box.kill("TERM")
    box.wait()
    ends = re.findall(rf"1x   ({own}|{needless})$", box.logs(), re.M)
    assert ends == [needless] * 2 * len(vain) + [own] * len(vain), box.logs()


def test_the_end_of_a_session_starts_nothing_again(start):
    """haproxy ends as all do, while something of the command's takes its time to."""
    slow = "setsid bash -c 'trap \"\" TERM; echo up >/tmp/up; while :; do sleep 0.1; done' & until [ -e /tmp/up ]; do sleep 0.1; done"
    box = start("bash", "-c", slow, env=KEY)
    box.wait()
    assert told_after(box) == [], box.logs()
