"""`--ask`: a connection to a name that no rule decides is held while whoever watches is asked; it
goes on when that person allows it, and nothing has left before."""

import time

import pytest
from conftest import SHARED, until
from flows import booted, egress
from internet import GREETING, address_of

NEW, GOOD = address_of("new.test"), address_of("good.test")
# What is held may be held for longer than anybody here waits: what ends before that was ended.
CURL = "curl -sS -m 250 -o /dev/null -w '%{http_code}\n'"
pytestmark = pytest.mark.cell(own_uid=True)


@pytest.fixture
def names(dns):
    dns.add("new.test", NEW)
    dns.add("good.test", GOOD)


@pytest.fixture
def make(boxes, names):
    def begin(*options, ask="--ask=300", allow="good.test", **rest):
        return booted(boxes(ask, *options, allow=allow, **rest))

    return begin


@pytest.fixture
def box(make):
    return make()


@pytest.fixture
def watcher(box, watch):
    watcher = watch(box)
    assert watcher.next("hello")["ask"] == 300
    return watcher


def nothing_left(dns, sinks, name="new.test"):
    return dns.asked(name) == [] and not [a for a in sinks.addresses() if a == address_of(name)]


# ---- Yes and no --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme, port", (("https", 443), ("http", 80)))
def test_a_held_connection_goes_on(box, watcher, dns, sinks, scheme, port):
    sinks.mark()
    job = box.script(f"{CURL} {scheme}://new.test/")
    question = watcher.next("question")
    assert (question["name"], question["port"]) == ("new.test", port)
    assert question["rule"] == "new.test" and 200 <= question["expires"] <= 300
    time.sleep(1)
    assert not job.ended() and nothing_left(dns, sinks)
    assert watcher.say(f"answer {question['id']} allow") == "new.test: allowed"
    # That connection, not another: curl doesn't retry.
    assert job.ok().out == "200\n"
    answered = [line for line in watcher.seen if line["event"] == "answered"]
    assert [(a["id"], a["rule"], a["verdict"]) for a in answered] == [
        (question["id"], "new.test", "allow")
    ]
    # From then on nobody is asked.
    assert box.script(f"{CURL} https://new.test/").ok().out == "200\n"
    assert not [line for line in watcher.rest() if line["event"] == "question"]
    assert box.events("allowed")[0]["name"] == "new.test"


def test_a_refusal_is_the_usual_one(box, watcher, dns, sinks):
    sinks.mark()
    tls, http = box.script(f"{CURL} https://new.test/"), box.script("curl -sS -m 250 http://new.test/")
    question = watcher.next("question")
    time.sleep(1)
    watcher.say(f"answer {question['id']} deny")
    assert tls.wait() != 0 and ("access denied" in tls.said or "403" in tls.said)
    assert http.wait() == 0 and "new.test" in http.out, http.out
    assert nothing_left(dns, sinks)
    assert any(line.get("verdict") == "deny" for line in watcher.seen)
    # Refused at once from then on.
    again = box.script(f"{CURL} https://new.test/")
    assert again.wait() != 0
    assert nothing_left(dns, sinks)
    assert not [line for line in watcher.rest() if line["event"] == "question"]


def test_what_comes_too_late_decides_the_next_try(make, watch, dns, sinks):
    box = make(ask="--ask=2")
    watcher = watch(box)
    watcher.next("hello")
    sinks.mark()
    job = box.script(f"{CURL} https://new.test/")
    question = watcher.next("question")
    watcher.next("answered", id=question["id"], verdict="timeout")
    assert job.wait() != 0 and "access denied" in job.said
    assert 1.5 < job.seconds and nothing_left(dns, sinks)
    box.event(event="refused-tls", name="new.test", reason="no rule allows it")
    watcher.say(f"answer {question['id']} allow")
    assert box.script(f"{CURL} https://new.test/").ok().out == "200\n"


def test_a_rule_is_an_answer(box, watcher):
    for command, end in (("allow *.wild.test", "allow"), ("deny bad.test", "deny")):
        name = "a.wild.test" if end == "allow" else "bad.test"
        job = box.script(f"{CURL} https://{name}/")
        question = watcher.next("question", name=name)
        egress(box, *command.split())
        watcher.next("answered", id=question["id"], verdict=end)
        job.wait()


def test_one_question_for_many_connections(box, watcher):
    jobs = [box.script(f"for i in 1 2 3; do {CURL} https://new.test/ & done; wait") for _ in range(3)]
    jobs.append(box.script(f"{CURL} http://new.test/"))
    question = watcher.next("question")
    assert not [line for line in watcher.rest(2) if line["event"] == "question"]
    watcher.say(f"answer {question['id']} allow")
    for job in jobs:
        assert set(job.ok().out.split()) == {"200"}


@pytest.mark.cell(*SHARED)
def test_who_could_answer_itself_is_not_asked(box, watch, dns, sinks):
    watcher = watch(box)
    assert watcher.next("hello")["ask"] == 0
    sinks.mark()
    job = box.script(f"{CURL} https://new.test/")
    assert job.wait() != 0 and "Could not resolve" in job.said
    assert not [line for line in watcher.rest() if line["event"] == "question"]
    assert "nothing can be opened" in watcher.say("answer 1 allow", 1)
    assert nothing_left(dns, sinks) and "could give the answers itself" in box.logs()


@pytest.mark.nft
def test_another_port(make, watch, dns, sinks):
    """There is no name in these: the address stands for it."""
    box = make()
    watcher = watch(box)
    watcher.next("hello")
    sinks.mark()
    talk = "exec 3<>/dev/tcp/new.test/2222; head -c %d <&3" % len(GREETING)
    job = box.script(talk)
    question = watcher.next("question")
    assert (question["name"], question["port"]) == ("new.test", 2222)
    assert question["rule"] == "new.test:2222" and nothing_left(dns, sinks)
    watcher.say(f"answer {question['id']} allow")
    assert job.ok().out.encode() == GREETING
    other = box.script("exec 3<>/dev/tcp/other.test/2223; head -c 5 <&3")
    watcher.say(f"answer {watcher.next('question')['id']} deny")
    other.wait()
    assert "reset" in other.said.lower(), other.said


@pytest.mark.cell("flagless")
def test_what_no_yes_could_open_is_not_asked_about(box, watcher, sinks):
    """In the cell other ports than 443 and 80 are given at the start."""
    sinks.mark()
    for name in ("new.test", "good.test"):
        assert "in the cell other ports" in egress(box, "allow", f"{name}:8443", status=1).out
        assert box.script(f"{CURL} https://{name}:8443/", proxies=True).wait() not in (0, 28)
    assert not [line for line in watcher.rest(2) if line["event"] in ("question", "more")]
    assert sinks.addresses() == set()
    job = box.script(f"{CURL} https://new.test/")
    watcher.say(f"answer {watcher.next('question', name='new.test')['id']} deny")
    assert job.wait() not in (0, 28)


def test_behind_a_proxy(make, watch, internet):
    from proxy import PORT

    proxy = f"http://{address_of('proxy.corp.test')}:{PORT}"
    box = make("--proxy", proxy)
    watcher = watch(box)
    watcher.next("hello")
    job = box.script(f"{CURL} https://new.test/")
    watcher.say(f"answer {watcher.next('question', name='new.test')['id']} allow")
    assert job.ok().out == "200\n"


# ---- Who is asked, and about what --------------------------------------------------------------


def test_where_nobody_watches_it_is_refused_at_once(box, watch, dns, sinks):
    sinks.mark()
    job = box.script(f"{CURL} https://new.test/; getent hosts new.test")
    assert job.wait() != 0
    box.event(name="new.test", reason="no rule allows it")
    # The same when the last one has left: what is held ends then.
    watcher = watch(box)
    watcher.next("hello")
    job = box.script(f"{CURL} https://new.test/")
    watcher.next("question")
    watcher.leave()
    assert job.wait() != 0
    assert box.script(f"{CURL} https://new.test/").wait() != 0
    assert nothing_left(dns, sinks)


def test_who_comes_later_is_asked_as_well(box, watcher, watch):
    job = box.script(f"{CURL} https://new.test/")
    question = watcher.next("question")
    other = watch(box)
    assert other.next("question")["id"] == question["id"]
    other.say(f"answer {question['id']} allow")
    watcher.next("answered", id=question["id"], verdict="allow")
    assert job.ok().out == "200\n"


def test_who_asks_is_told_afterwards(box, watcher):
    """The question waits for nothing."""
    job = box.script(f"{CURL} https://new.test/")
    question = watcher.next("question")
    assert "who" not in question
    told = watcher.next("who", id=question["id"], rule="new.test")["who"]
    assert told["program"] == "/usr/bin/curl" and told["pid"] > 1
    assert told["line"].startswith("curl -sS ") and told["line"].endswith("https://new.test/")
    watcher.say(f"answer {question['id']} allow")
    assert job.ok().out == "200\n"


def test_a_question_whose_asker_is_unknown(make, watch):
    """What root's processes have open nobody else may see: the question is a question all the same."""
    box = make()
    watcher = watch(box)
    watcher.next("hello")
    box.exec("sh", "-c", f"{CURL} https://new.test/ >/tmp/roots 2>&1 &", user="root").ok()
    question = watcher.next("question")
    assert not [line for line in watcher.rest(2) if "who" in line]
    watcher.say(f"answer {question['id']} allow")
    until(lambda: box.exec("cat", "/tmp/roots").out == "200\n")


def test_one_who_gives_up(box, watcher):
    job = box.script(f"{CURL} https://new.test/")
    question = watcher.next("question")
    job.kill()
    watcher.next("answered", id=question["id"], verdict="gone")
    watcher.say(f"answer {question['id']} allow")
    assert box.script(f"{CURL} https://new.test/").ok().out == "200\n"


def test_what_is_not_asked_about(make, watch, dns, sinks):
    """What a rule denies, Codex's own requests, addresses, and what names no host."""
    box = make("--deny", "bad.test")
    watcher = watch(box)
    watcher.next("hello")
    sinks.mark()
    targets = ("https://bad.test", "https://ab.chatgpt.com", "https://45.5.1.9", "https://10.77.0.9",
               "http://169.254.169.254", "https://[2001:db8::1]", "http://new.test:53")
    jobs = [box.script(f"curl -sSk -m 5 {target}/") for target in targets]
    jobs.append(box.script(f"curl -sSk -m 5 --resolve x.test:443:{NEW} https://x.test/"))
    for job in jobs[:-1]:
        job.wait()
    asked = [line["name"] for line in watcher.rest(2) if line["event"] == "question"]
    assert set(asked) <= {"x.test", "new.test"}, asked
    assert sinks.addresses() - {NEW} == set()


def test_modes(run, wall):
    done = run("true", init=("--ask", "--egress=pin"))
    assert done.status == 100 and "no gate that could hold a connection" in done.err
    for bad in ("--ask=x", "--ask=3601", "--ask=", "--ask=-1"):
        assert run("true", init=(bad,)).status == 100
    assert run("true", init=("--ask", "--egress=audit")).ok(0 if wall == "nft" else 100)
    assert run("true", env={"CODEX_INIT_ASK": "0"}).ok()


def test_nothing_is_held_for_one_who_follows(box, watch, dns):
    """The same lines as for a watcher, but as if nobody watched: unless somebody does."""
    follower = watch(box, word="follow")
    assert follower.next("hello")["ask"] == 300
    assert box.script(f"{CURL} https://new.test/").wait() != 0
    assert dns.asked("new.test") == []
    refused = until(lambda: next((e for e in box.events() if e.get("name") == "new.test"), None))
    follower.next(refused["event"], name="new.test")
    assert not [line for line in follower.seen if line["event"] == "question"]
    watcher = watch(box)
    watcher.next("hello")
    job = box.script(f"{CURL} https://new.test/")
    question = watcher.next("question")
    assert follower.next("question")["id"] == question["id"]
    watcher.say(f"answer {question['id']} allow")
    assert job.ok().out == "200\n"
    assert follower.next("answered", verdict="allow")["id"] == question["id"]
    assert follower.leave() == 0


def test_without_the_option_nobody_is_asked(make, watch, dns):
    box = make(ask="--ask=0")
    watcher = watch(box)
    assert watcher.next("hello")["ask"] == 0
    assert box.script("getent hosts new.test").wait() != 0
    assert until(lambda: box.events("refused-name"))
    assert not [line for line in watcher.rest() if line["event"] == "question"]
