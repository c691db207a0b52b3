"""A sandbox that asks, with the person's side of it: `codex-sandbox watch` at a terminal. The same
connection goes on, or ends; and whoever watches and goes is as if nobody had."""

import os
import re
import signal
import subprocess

import pytest
from conftest import STUB, until
from internet import address_of
from watching import rows, sandboxes, trusted  # noqa: F401

CURL = "curl -sS -m 40 -o /dev/null -w '%{http_code}\\n'"


@pytest.fixture
def names(dns):
    for name in ("one.test", "two.test"):
        dns.add(name, address_of("allowed.test"))


@pytest.fixture(params=["nft", "cell"])
def sandbox(request, sandboxes, lab, names):  # noqa: F811
    """sandbox(options...): one that asks."""
    wall = f"--wall={request.param}"
    return lambda *options, ask="--ask=30": sandboxes(wall, ask, *trusted(lab), *options)


@pytest.fixture
def watch(terminal, stub_environment, workdir):
    def begin(*arguments):
        made = terminal([STUB, "watch", *arguments], cwd=workdir, env=stub_environment)
        made.until_says(b"the sandbox asks, and waits", 30)
        return made

    return begin


def asked(seen, name):
    """It has asked for long enough that a key is meant for it: the seconds have changed."""
    row = re.compile(rb"%s\? a allow[^?]*\? explain  (\d+)s" % re.escape(name.encode()))
    until(lambda: len(set(row.findall(rows(seen)))) > 1, 20, lambda: rows(seen))


def test_allowed_the_same_connection_goes_on(sandbox, watch, dns, sinks):
    made = sandbox()
    seen = watch()
    sinks.mark()
    job = made.begin(f"{CURL} https://one.test")
    asked(seen, "one.test:443")
    assert dns.asked("one.test") == [] and sinks.addresses() == set()
    seen.type(b"a")
    text, status = made.result(job)
    assert status == 0 and "200" in text, text
    assert b"allow   one.test  by you" in rows(seen)
    # From now on nobody is asked; and nothing was kept.
    assert made.run(f"{CURL} https://one.test")[1] == 0
    assert rows(seen).count(b"  ask  ") == 1


def test_who_asks_is_shown(sandbox, watch):
    made = sandbox()
    seen = watch()
    job = made.begin(f"{CURL} https://one.test")
    until(lambda: re.search(rb"  who     one\.test:443  \(curl [ -~]* https://one\.test, pid \d+\)", rows(seen)), 20,
          lambda: rows(seen))
    asked(seen, "one.test:443")
    seen.type(b"a")
    assert made.result(job)[1] == 0


def test_denied_it_ends_with_the_usual_reason(sandbox, watch, dns, sinks):
    made = sandbox()
    seen = watch()
    job = made.begin(f"{CURL} https://one.test")
    asked(seen, "one.test:443")
    seen.type(b"d")
    text, status = made.result(job)
    assert status != 0 and "200" not in text
    assert dns.asked("one.test") == []


def test_questions_queue_and_explain_themselves(sandbox, watch):
    made = sandbox()
    seen = watch()
    job = made.begin(f"{CURL} https://one.test & {CURL} https://two.test; wait")
    until(lambda: re.search(rb"s, 1 more", rows(seen)), 20)
    first, = set(re.findall(rb"(one|two)\.test:443\? a allow", rows(seen)))
    second = {b"one": "two", b"two": "one"}[first]
    seen.type(b"?")
    until(lambda: re.search(rb"%s\.test:443: refused" % first, rows(seen)), 10, lambda: rows(seen))
    until(lambda: seen.type(b"d") is None and b"by you" in rows(seen), 10)
    asked(seen, f"{second}.test:443")
    until(lambda: seen.type(b"a") is None and rows(seen).count(b"by you") == 2, 10)
    text, _ = made.result(job)
    assert text.count("200") == 1


def test_a_question_that_is_answered_elsewhere_disappears(sandbox, watch, stub):
    made = sandbox()
    seen, other = watch(), watch()
    job = made.begin(f"{CURL} https://one.test")
    asked(seen, "one.test:443")
    asked(other, "one.test:443")
    other.type(b"a")
    until(lambda: b"allow   one.test  answered" in rows(seen), 10, lambda: rows(seen))
    assert made.result(job)[1] == 0
    # And by the command.
    job = made.begin(f"{CURL} https://two.test")
    asked(seen, "two.test:443")
    stub("allow", "two.test").ok()
    assert made.result(job)[1] == 0
    until(lambda: b"allow   two.test" in rows(seen), 10, lambda: rows(seen))


def test_one_that_only_prints_holds_nothing(sandbox, watch, stub_environment, workdir, tmp_path, dns):
    """It reads no key: names are refused at once, unless somebody else can be asked."""
    made = sandbox()
    out = tmp_path / "seen"
    with out.open("wb") as to:
        printing = subprocess.Popen([STUB, "watch"], cwd=workdir, env=stub_environment,
                                    stdin=subprocess.DEVNULL, stdout=to, stderr=subprocess.STDOUT)
    until(lambda: "no question waits for this one" in out.read_text(), 30, out.read_text)
    text, status = made.run(f"{CURL} -m 20 https://one.test", seconds=15)
    assert status != 0 and "200" not in text and dns.asked("one.test") == []
    until(lambda: "refuse  one.test" in out.read_text(), 10, out.read_text)
    seen = watch()
    job = made.begin(f"{CURL} https://two.test")
    asked(seen, "two.test:443")
    seen.type(b"a")
    assert made.result(job)[1] == 0
    until(lambda: "allow   two.test" in out.read_text(), 10, out.read_text)
    assert "  ask     two.test:443" in out.read_text() and "ask     one.test" not in out.read_text()
    made.end()
    assert printing.wait(20) == 0


def test_where_nobody_watches_it_is_refused_at_once(sandbox, dns):
    made = sandbox()
    text, status = made.run(f"{CURL} -m 20 https://one.test", seconds=15)
    assert status != 0 and "200" not in text
    assert dns.asked("one.test") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_watcher_that_goes_in_the_middle_of_a_question(sandbox, watch, number):
    made = sandbox(ask="--ask=300")
    seen = watch()
    job = made.begin(f"{CURL.replace('40', '280')} https://one.test")
    seen.until_says(b"one.test:443\033[0m? a allow")
    os.kill(seen.process.pid, number)
    text, status = made.result(job, 60)  # long before its time is over
    assert status != 0 and "200" not in text


def test_a_name_that_is_asked_for_cannot_reach_the_terminal(sandbox, watch):
    made = sandbox()
    seen = watch()
    made.run(r"dig +tries=1 +time=2 'evil\027[31m\007.test'")
    job = made.begin(f"{CURL} https://one.test")
    seen.until_says(b"one.test:443\033[0m? a allow")
    until(lambda: seen.type(b"d") is None and b"by you" in rows(seen), 10)
    made.result(job)
    seen.type(b"q")
    seen.wait()
    # Our own: colours, the erasing of the last row, the bell of a question.
    assert re.fullmatch(rb"([ -~\r\n\007]|\033\[[0-9;]*[mK])*", seen.output), seen.output
    assert seen.output.count(b"\007") <= 1
