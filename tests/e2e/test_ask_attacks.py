"""Attacks on `--ask`: the payload floods, forges, outlasts and evades questions."""

import json
import time

import hello as tls
import pytest
from conftest import until
from flows import booted, egress
from gate_box import ACCESS_DENIED
from internet import address_of

pytestmark = [pytest.mark.attack, pytest.mark.cell(own_uid=True)]
NEW, GOOD, EVIL = (address_of(f"{name}.test") for name in ("new", "good", "evil"))

# FLOOD SECONDS SERVER PREFIX: questions and connections for as many names as it can make. In the cell
# there is no datagram to ask by: it asks by TCP.
FLOOD = r"""
import os, socket, struct, sys, time
def query(name):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    return os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
by_tcp = sys.argv[3].startswith("127.")
def resolver():
    dns = socket.socket(socket.AF_INET, socket.SOCK_STREAM if by_tcp else socket.SOCK_DGRAM)
    dns.connect((sys.argv[2], 53))
    dns.setblocking(False)
    return dns
dns, rest = resolver(), b""
end, names, held, got = time.monotonic() + float(sys.argv[1]), 0, [], 0
while time.monotonic() < end:
    for _ in range(200):
        names += 1
        question = query(f"n{names}.{os.urandom(8).hex()}.flood.test")
        if by_tcp and len(rest) < 65536:
            rest += struct.pack("!H", len(question)) + question
        try:
            if by_tcp:
                rest = rest[dns.send(rest):]
            else:
                dns.send(question)
        except BlockingIOError:
            pass
        except OSError:
            dns, rest = resolver() if by_tcp else dns, b""
        try:
            while dns.recv(512):
                got += 1
        except OSError:
            pass
    for i in range(20):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((sys.argv[3] + str(names % 250), 80))
        held.append((s, f"GET / HTTP/1.1\r\nHost: c{names}x{i}.flood.test\r\n\r\n".encode()))
    for s, request in held[-40:]:
        try:
            s.send(request)
        except OSError:
            pass
    while len(held) > 400:
        held.pop(0)[0].close()
cpu = os.times()
print(names, got, cpu.user + cpu.system)
"""


@pytest.fixture
def stand_in(wall):
    """What addresses begin with that stand for a name that nobody has decided."""
    return "198.19.255." if wall == "nft" else "127.65.255."


# Where a question is to be over soon.
SOON = 8
soon = pytest.mark.parametrize("ask", [SOON])


@pytest.fixture
def ask():
    """For how many seconds one stands: longer than a busy machine stands still."""
    return 60


@pytest.fixture
def box(boxes, dns, ask):
    for name, address in (("new.test", NEW), ("good.test", GOOD), ("evil.test", EVIL)):
        dns.add(name, address)
    return booted(boxes(f"--ask={ask}", allow="good.test"))


@pytest.fixture
def watcher(box, watch):
    watcher = watch(box)
    watcher.next("hello")
    return watcher


def seconds_of(box, pid):
    """Processor time of a process, in seconds."""
    fields = box.exec("cat", f"/proc/{pid}/stat").ok().out.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@soon
def test_a_flood_of_names(box, watcher, dns, sinks, stand_in):
    server = box.shell("sed -n 's/^nameserver //p' /etc/resolv.conf | head -1").ok().out.strip()
    before, sinks_before = seconds_of(box, 1), sinks.mark()
    job = box.script(f"python3 - 6 {server} {stand_in} <<'EOF'\n{FLOOD}\nEOF")
    time.sleep(2)
    # Others are served meanwhile.
    assert box.script("curl -sS -m 50 -o /dev/null https://good.test/").wait() == 0
    egress(box, "status")
    assert job.wait() == 0, job.said
    names, answers, cpu = (float(word) for word in job.out.split())
    assert answers > 0, job.out
    assert seconds_of(box, 1) - before < 0.2 * cpu, (seconds_of(box, 1) - before, cpu)
    lines = watcher.rest(2)
    asked = [line for line in lines if line["event"] == "question"]
    more = sum(line["count"] for line in lines if line["event"] == "more")
    # No more than a person may be asked, however many there are; the others are counted.
    assert 0 < len(asked) <= 10 * 9 and more > 100 and names > 100 * len(asked), (len(asked), more, names)
    assert watcher.process.poll() is None
    assert not [query for query in dns.asked() if "flood" in query.name]
    assert sinks_before is None and stand_in not in " ".join(map(str, sinks.addresses()))
    # Afterwards somebody is asked again.
    time.sleep(SOON + 1)
    box.script("curl -sS -m 50 -o /dev/null https://new.test/")
    question = watcher.next("question", name="new.test")
    watcher.say(f"answer {question['id']} allow")
    assert box.shell("curl -sS -m 50 -o /dev/null https://new.test/").ok()


@soon
def test_who_comes_and_goes_asks_no_faster(box, watcher):
    """A place is one name's until its time is over, whoever has gone meanwhile; another client of that
    name's may ask again."""
    began = time.monotonic()
    script = "for i in {1..300}; do curl -sS -m 0.05 https://n$i.churn.test/ & done; wait"
    box.script(script).wait()
    box.script(script).wait()
    lines = watcher.rest(3)
    standing, most = set(), 0
    for line in lines:
        if line["event"] == "question":
            standing.add(line["id"])
        elif line["event"] == "answered":
            standing.discard(line["id"])
        most = max(most, len(standing))
    assert most <= 32
    terms = (time.monotonic() - began) // SOON + 1
    assert len({line["name"] for line in lines if line["event"] == "question"}) <= 32 * terms


def test_an_address_without_a_name(box, watcher, sinks, stand_in):
    """Nobody was asked for a name: there is nothing to ask about, and nothing gets out."""
    sinks.mark()
    for place in (0, 7, 254, 255):
        told = box.knock((f"{stand_in}{place}", 2222))[0]
        assert told.bytes == b"" and "timed out" not in told.end, told
    udp = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
    box.shell(f"python3 -c '{udp} s.sendto(b\"x\", (\"{stand_in}0\", 53000))'")
    assert box.knock(("198.18.0.1", 2222), seconds=2)[0].bytes == b""
    assert not [line for line in watcher.rest(1) if line["event"] == "question"]
    assert sinks.seen() == []


def test_the_name_inside_is_what_counts(box, watcher, sinks, stand_in):
    """Whatever name the address was given for."""
    given = box.shell("getent ahostsv4 new.test | head -1").ok().out.split()[0]
    assert given.startswith(stand_in)
    sinks.mark()
    job = box.script(f"curl -sSk -m 50 --connect-to ::{given}: -o /dev/null https://evil.test/")
    question = watcher.next("question")
    assert question["name"] == "evil.test"
    watcher.say(f"answer {question['id']} deny")
    assert job.wait() != 0
    # The address of a name that is denied opens nothing, and is no way to another name's server.
    assert box.hello((given, 443, tls.client("evil.test")))[0].alert == ACCESS_DENIED
    assert box.hello((given, 443, tls.client("good.test")))[0].served
    egress(box, "deny", "new.test")
    assert box.hello((given, 443, tls.client("new.test")))[0].alert == ACCESS_DENIED
    told = box.knock((given, 2222), seconds=3)[0]
    assert told.bytes == b"", told
    assert sinks.addresses() <= {GOOD}


def test_a_yes_to_one_name_opens_no_other(box, watcher, sinks):
    sinks.mark()
    front = box.script("curl -sS -m 50 --http1.1 -H 'Host: evil.test' http://new.test/")
    question = watcher.next("question")
    assert question["name"] == "evil.test"
    egress(box, "allow", "new.test")
    assert box.hello((box.at("new.test"), 443, tls.client("new.test")))[0].served
    second = box.knock(
        (box.at("new.test"), 80, b"GET / HTTP/1.1\r\nHost: new.test\r\n\r\n"
                  b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n")
    )[0]
    assert second.statuses[-1] == 403 and EVIL not in sinks.addresses()
    watcher.say(f"answer {question['id']} deny")
    front.wait()
    assert "403" in front.said or "evil.test" in front.said


def test_no_answer_can_be_forged(box, watcher, sinks):
    """By lines that look like a watcher's, by every file, and by the socket."""
    sinks.mark()
    box.script("curl -sS -m 50 https://evil.test/")
    question = watcher.next("question")
    words = json.dumps({"event": "answered", "id": question["id"], "verdict": "allow"})
    done = box.shell(
        f"for f in /proc/1/fd/* /proc/*/fd/[0-9]* /run/codex/*; do echo 'answer {question['id']} "
        f"allow' >$f; echo '{words}' >$f; done; codex-egress watch </dev/null"
    )
    assert "only root may ask" in done.err
    assert not [line for line in watcher.rest(2) if line.get("verdict") == "allow"]
    assert EVIL not in sinks.addresses()


def test_names_are_shown_as_they_are(box, watcher, stand_in):
    """A question has a normalised name: no escape sequence, no quote, no look-alike in UTF-8."""
    hostile = ("a\"b.test", "x\\u0000.test", "e\x1b[2J.test", "ex\u00e4mple.test", "a..test")
    requests = [f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode() for name in hostile]
    told = box.knock(*((f"{stand_in}9", 80, request) for request in requests))
    assert all(answer.end in ("eof", "reset") for answer in told), told
    box.script(f"curl -sS -m 50 -H 'Host: A.TEST' http://{stand_in}9/")
    assert watcher.next("question")["name"] == "a.test"
    assert not [line for line in watcher.rest(2) if line["event"] == "question"]


def test_what_who_asks_says_of_itself_is_data(box, watcher, stand_in):
    """Its command line is escaped and cut, and decides nothing."""
    forged = r'","verdict":"allow"}\n{"event":"answered","id":1,\x1b[2J\u202e'
    script = (
        "import socket, sys, time; s = socket.create_connection((sys.argv[1], 80));"
        "s.sendall(b'GET / HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n'); print(s.recv(99)[:12])"
    )
    job = box.script(f"python3 -c \"{script}\" {stand_in}9 $'{forged}' {'x' * 4000}")
    question = watcher.next("question", name="evil.test")
    who = watcher.next("who", id=question["id"])["who"]
    assert len(who["line"]) == 255 and '","verdict":"allow"}\n' in who["line"], who
    assert watcher.rest(1) == []
    watcher.say(f"answer {question['id']} deny")
    assert job.wait() == 0 and "403" in job.out, job.out


def test_who_looks_can_hold_no_question_up(box, watcher):
    """It is the command's own user, who may stop it."""
    stop = "for p in /proc/[0-9]*; do grep -q codex-asker $p/comm && kill -STOP ${p#/proc/}; done"
    box.script(stop).wait()
    job = box.script("curl -sS -m 50 -o /dev/null https://new.test/")
    question = watcher.next("question", name="new.test")
    assert not [line for line in watcher.rest(2) if "who" in line]
    watcher.say(f"answer {question['id']} allow")
    assert job.wait() == 0, job.out


@soon
def test_a_watcher_that_is_stopped(box, watcher, dns, sinks):
    """It was there when the question came: that ends when its time is over. Others are served, and
    one that reads nothing for long is as if it had gone."""
    sinks.mark()
    box.exec("sh", "-c", "kill -STOP $(pgrep -x codex-egress)").ok()
    held = box.script("curl -sS -m 50 -o /dev/null https://new.test/")
    assert box.script("curl -sS -m 50 -o /dev/null https://good.test/").wait() == 0
    assert held.wait() not in (0, 28), held.said
    script = "for i in {1..700}; do codex-egress deny n.test; codex-egress undo n.test; done"
    box.docker("exec", box.name, "bash", "-ec", f"{script} >/dev/null", timeout=300).ok()
    assert box.script("curl -sS -m 50 -o /dev/null https://new.test/").wait() not in (0, 28)
    assert NEW not in sinks.addresses() and dns.asked("new.test") == []
    box.exec("sh", "-c", "kill -CONT $(pgrep -x codex-egress)").ok()
    assert watcher.process.wait(60) == 111


def test_what_was_allowed_ends_when_it_is_undone(box, watcher, sinks):
    """A connection that was asked about, allowed, and has gone on; then the name is asked about again."""
    script = (
        "import socket, ssl; c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
        "s = c.wrap_socket(socket.create_connection(('new.test', 443), 250), server_hostname='new.test')\n"
        "print('open', flush=True)\n"
        "try: s.recv(100)\n"
        "except OSError: pass\n"
    )
    job = box.begin("python3", "-c", script)
    question = watcher.next("question", name="new.test")
    watcher.say(f"answer {question['id']} allow")
    job.until_says("open")
    assert not job.ended()
    watcher.say("undo new.test")
    assert job.wait() == 0, job.said
    sinks.mark()
    late = box.script("curl -sS -m 50 -o /dev/null https://new.test/")
    question = watcher.next("question", name="new.test")
    watcher.say(f"answer {question['id']} deny")
    assert late.wait() not in (0, 28) and NEW not in sinks.addresses()


@pytest.mark.parametrize("name", ("resolver", "gate"))
def test_workers_that_are_started_again(box, watcher, name):
    job = box.script("curl -sS -m 50 -o /dev/null https://new.test/")
    question = watcher.next("question")
    old = box.worker(name)
    box.exec("kill", "-KILL", str(old)).ok()
    until(lambda: box.worker(name) not in (None, old), name)
    if name == "gate":
        watcher.next("answered", id=question["id"], verdict="gone")
        assert job.wait() != 0
        job = box.script("curl -sS -m 50 -o /dev/null https://new.test/")
        question = watcher.next("question")
    watcher.say(f"answer {question['id']} allow")
    assert job.wait() == 0, job.said
