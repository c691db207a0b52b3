"""A sandbox that asks, with the person's side of it: `codex-sandbox watch` at a terminal. The same
connection goes on, or ends; and whoever watches and goes is as if nobody had."""

import os
import re
import time
import signal
import subprocess

import pytest
from conftest import STUB, until
from internet import address_of
from watching import asked, rows, sandboxes, trusted  # noqa: F401

CURL = "curl -sS -m 200 -o /dev/null -w '%{http_code}\\n'"

NAMES = ("one.test", "two.test", "three.test")


@pytest.fixture
def names(dns):
    for name in NAMES:
        dns.add(name, address_of("allowed.test"))


@pytest.fixture(params=["nft", "cell"])
def sandbox(request, sandboxes, lab, names):  # noqa: F811
    """sandbox(options...): one that asks."""
    wall = f"--wall={request.param}"
    return lambda *options, ask="--ask=120": sandboxes(wall, ask, *trusted(lab), *options)


@pytest.fixture
def watch(terminal, stub_environment, workdir):
    def begin(*arguments):
        made = terminal([STUB, "watch", *arguments], cwd=workdir, env=stub_environment)
        made.until_says(b"the sandbox asks, and waits")
        return made

    return begin


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
    until(lambda: b"allow   one.test  by you" in rows(seen), lambda: rows(seen))
    # From now on nobody is asked; and nothing was kept.
    assert made.run(f"{CURL} https://one.test")[1] == 0
    assert rows(seen).count(b"  ask  ") == 1


def test_who_asks_is_shown(sandbox, watch):
    """Where that is found out within a second, in which a machine may stand still; but not at each name."""
    made = sandbox()
    seen = watch()

    def is_shown(name):
        job = made.begin(f"{CURL} https://{name}")
        asked(seen, f"{name}:443")
        seen.type(b"a")
        assert made.result(job)[1] == 0
        who = rf"  who     {re.escape(name)}:443  \(curl [ -~]* https://{re.escape(name)}, pid \d+\)"
        return re.search(who.encode(), rows(seen))

    assert any(is_shown(name) for name in NAMES), rows(seen)


def test_denied_it_ends_with_the_usual_reason(sandbox, watch, dns, sinks):
    made = sandbox()
    seen = watch()
    job = made.begin(f"{CURL} https://one.test")
    asked(seen, "one.test:443")
    seen.type(b"d")
    text, status = made.result(job)
    assert status != 0 and "200" not in text
    assert dns.asked("one.test") == []


@pytest.mark.parametrize("key, word", [(b"A", "allow"), (b"D", "deny"), (b"a", None), (b"d", None)])
def test_a_capital_letter_is_for_the_next_session_too(sandbox, watch, stub, host_home, dns, key, word):
    """And a small one for this session alone."""
    made = sandbox()
    seen = watch()
    job = made.begin(f"{CURL} https://one.test")
    asked(seen, "one.test:443")
    seen.type(key)
    _, status = made.result(job)
    assert (status == 0) == (key in b"aA")
    projects = host_home / ".config/codex-sandbox/projects"
    if word:
        until(lambda: b"kept in" in rows(seen), lambda: rows(seen))
        assert [p.read_text().splitlines()[1:] for p in projects.iterdir()] == [[f"{word} one.test"]]
    made.end()
    assert seen.wait() == 0
    assert word or not projects.exists()
    made = sandbox()
    seen = watch()
    job = made.begin(f"{CURL} https://one.test")
    if not word:
        asked(seen, "one.test:443")
        seen.type(b"d")
    _, status = made.result(job)
    assert (status == 0) == (word == "allow")
    assert rows(seen).count(b"  ask  ") == (not word)


def press(seen, key, done):
    """Again and again, but not as one that is held down."""
    until(lambda: done() or seen.type(key) or time.sleep(3), lambda: rows(seen))


def test_questions_queue_and_explain_themselves(sandbox, watch):
    made = sandbox()
    seen = watch()
    job = made.begin(f"{CURL} https://one.test & {CURL} https://two.test; wait")
    until(lambda: re.search(rb"s, 1 more", rows(seen)))
    first, = set(re.findall(rb"(one|two)\.test:443\? a allow", rows(seen)))
    second = {b"one": "two", b"two": "one"}[first]
    seen.type(b"?")
    until(lambda: re.search(rb"%s\.test:443: refused" % first, rows(seen)), lambda: rows(seen))
    press(seen, b"d", lambda: b"by you" in rows(seen))
    asked(seen, f"{second}.test:443")
    press(seen, b"a", lambda: rows(seen).count(b"by you") == 2)
    text, _ = made.result(job)
    assert text.count("200") == 1


def test_where_no_row_stays_each_question_has_one_of_its_own(sandbox, terminal, stub_environment, workdir):
    """So that whoever presses a key knows what it answers, and not only what was asked last."""
    made = sandbox()
    seen = terminal([STUB, "watch"], cwd=workdir, env={**stub_environment, "TERM": "dumb"})
    seen.until_says(b"the sandbox asks, and waits")
    job = made.begin(f"{CURL} https://one.test & {CURL} https://two.test; wait")
    until(lambda: rows(seen).count(b"  ask  ") == 2, lambda: rows(seen))
    until(lambda: b"? a allow (A: and keep), d deny (D)" in rows(seen), lambda: rows(seen))

    def told():
        return re.findall(rb"(one|two)\.test:443\? a allow", rows(seen))

    first, = told()
    press(seen, b"d", lambda: b"by you" in rows(seen))
    until(lambda: len(told()) == 2, lambda: rows(seen))
    assert set(told()) == {b"one", b"two"} and told()[0] == first
    press(seen, b"a", lambda: rows(seen).count(b"by you") == 2)
    text, _ = made.result(job)
    assert text.count("200") == 1 and b"deny    %s.test  by you" % first in rows(seen)
    assert b"\033" not in seen.output


def test_a_question_that_is_answered_elsewhere_disappears(sandbox, watch, stub):
    made = sandbox()
    seen, other = watch(), watch()
    job = made.begin(f"{CURL} https://one.test")
    asked(seen, "one.test:443")
    asked(other, "one.test:443")
    other.type(b"a")
    until(lambda: b"allow   one.test  answered" in rows(seen), lambda: rows(seen))
    assert made.result(job)[1] == 0
    # And by the command.
    job = made.begin(f"{CURL} https://two.test")
    asked(seen, "two.test:443")
    stub("allow", "two.test").ok()
    assert made.result(job)[1] == 0
    until(lambda: b"allow   two.test" in rows(seen), lambda: rows(seen))


def test_one_that_only_prints_holds_nothing(sandbox, watch, stub_environment, workdir, tmp_path, dns):
    """It reads no key: names are refused at once, unless somebody else can be asked."""
    made = sandbox(ask="--ask=300")
    out = tmp_path / "seen"
    with out.open("wb") as to:
        printing = subprocess.Popen([STUB, "watch"], cwd=workdir, env=stub_environment,
                                    stdin=subprocess.DEVNULL, stdout=to, stderr=subprocess.STDOUT)
    until(lambda: "no question waits for an answer" in out.read_text(), out.read_text)
    text, status = made.run(f"{CURL} https://one.test")
    assert status != 0 and "200" not in text and dns.asked("one.test") == []
    until(lambda: "refuse  one.test" in out.read_text(), out.read_text)
    seen = watch()
    job = made.begin(f"{CURL} https://two.test")
    asked(seen, "two.test:443")
    seen.type(b"a")
    assert made.result(job)[1] == 0
    until(lambda: "allow   two.test" in out.read_text(), out.read_text)
    assert "  ask     two.test:443" in out.read_text() and "ask     one.test" not in out.read_text()
    made.end()
    assert printing.wait(60) == 0


def test_where_nobody_watches_it_is_refused_at_once(sandbox, dns):
    made = sandbox(ask="--ask=300")  # for longer than anybody waits here
    text, status = made.run(f"{CURL} https://one.test")
    assert status != 0 and "200" not in text
    assert dns.asked("one.test") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_watcher_that_goes_in_the_middle_of_a_question(sandbox, watch, number):
    made = sandbox(ask="--ask=300")
    seen = watch()
    job = made.begin(f"{CURL.replace('200', '280')} https://one.test")
    seen.until_says(b"one.test:443\033[0m? a allow")
    os.kill(seen.process.pid, number)
    text, status = made.result(job)  # long before its time is over
    assert status != 0 and "200" not in text


def test_a_name_that_is_asked_for_cannot_reach_the_terminal(sandbox, watch):
    made = sandbox()
    seen = watch()
    made.run(r"dig +tries=1 +time=2 'evil\027[31m\007.test'")
    job = made.begin(f"{CURL} https://one.test")
    seen.until_says(b"one.test:443\033[0m? a allow")
    press(seen, b"d", lambda: b"by you" in rows(seen))
    made.result(job)
    seen.type(b"q")
    seen.wait()
    # Our own: colours, the erasing of the last row, the bell of a question.
    assert re.fullmatch(rb"([ -~\r\n\007]|\033\[[0-9;]*[mK])*", seen.output), seen.output
    assert seen.output.count(b"\007") <= 1
