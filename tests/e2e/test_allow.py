"""`codex-egress allow` and `undo`: a rule given while the container runs is in force when the
command has ended, and its flows end when it is taken back. And that the payload can do neither."""

import json
import re
import time

import hello as tls
import pytest
from conftest import SHARED, at_best, until
from flows import Flows, booted, egress, kinds, refused, refused_by_dns
from gate_box import ACCESS_DENIED
from internet import GREETING, address_of
from proxy import PORT

pytestmark = pytest.mark.cell(own_uid=True)

NEW, GOOD = address_of("new.test"), address_of("good.test")
PROXY = address_of("proxy.corp.test")
CONTROL = "/run/codex/control"


@pytest.fixture
def names(dns):
    dns.add("new.test", NEW)
    dns.add("good.test", GOOD)


@pytest.fixture
def box(boxes, names):
    return booted(boxes(allow="good.test:443,80,2222"))


def curl(box, url, *options):
    return box.inside("curl", "-sS", "-m", "30", *options, url)


def allow(box, rule, status=0, **rest):
    return egress(box, "allow", rule, status=status, **rest)


def undo(box, rule, status=0):
    return egress(box, "undo", rule, status=status)


def greeted(box, address, port):
    """A server there says what it says to everybody."""
    return box.knock((address, port), enough=len(GREETING))[0].bytes == GREETING


# ---- What is allowed ---------------------------------------------------------------------------


def test_a_name_is_allowed_from_the_moment_the_command_ends(box, sinks):
    assert curl(box, "https://new.test/").status != 0
    assert refused_by_dns(box, "new.test", "not allowed")
    assert allow(box, "new.test").out == "new.test: allowed\n"
    assert curl(box, "https://new.test/").ok() and curl(box, "http://new.test/").ok()
    # That name and those ports.
    sinks.mark()
    assert refused_by_dns(box, "sub.new.test", "not allowed")
    assert refused(box, box.knock((box.at("new.test"), 2222))[0])
    assert box.hello((box.at("new.test"), 443, tls.client("other.test")))[0].alert == ACCESS_DENIED
    assert not [a for a in sinks.addresses() if a == NEW]
    assert allow(box, "new.test").out == "new.test: allowed already\n"


def test_whose_word_it_is_is_told(box):
    egress(box, "--by", "alice@desk", "allow", "new.test")
    egress(box, "deny", "bad.test")
    egress(box, "--by", "bob", "undo", "bad.test")
    given = [(e["event"], e["name"], e["by"]) for e in box.events() if "by" in e]
    assert given == [
        ("allowed", "new.test", "alice@desk"),
        ("denied", "bad.test", "root"),
        ("undone", "bad.test", "bob"),
    ]
    for event in box.events("allowed"):
        assert event["pid"] > 1 and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", event["time"])
    told = egress(box, "explain", "new.test").out
    assert "new.test: allowed" in told and "(codex-egress allow)" in told
    rules = egress(box, "rules").lines()
    assert re.fullmatch(r"new\.test +# codex-egress", rules[0]), rules
    assert any(re.fullmatch(r"api\.openai\.com +# default", line) for line in rules)
    assert not any("bad.test" in line for line in rules)
    # The file that the agent may read says the same.
    listed = box.inside("cat", "/etc/codex/allowed_domains.txt").ok().lines()
    assert sorted(listed) == sorted(rules)
    status = egress(box, "status").out
    assert re.search(r"^rules      1 by codex-egress \(2 of 256 .*\n  --allow new\.test$", status, re.M)


@pytest.mark.parametrize("who", ("", "two words", "x" * 64, "line\nbreak", "\x1b[2J"))
def test_who_is_a_word(box, who):
    told = egress(box, "--by", who, "allow", "new.test", status=100)
    assert "printable" in told.err and "\x1b" not in told.said
    assert refused_by_dns(box, "new.test", "not allowed")


@pytest.mark.nft
def test_other_ports(box):
    allow(box, "new.test:2222")
    box.shell("getent hosts new.test").ok()
    assert greeted(box, box.at("new.test"), 2222)
    assert box.hello((box.at("new.test"), 443, tls.client("new.test")))[0].alert == ACCESS_DENIED
    # One more of a name that has some: what was known of it is opened for that, too.
    allow(box, "good.test:8443")
    box.shell("getent hosts good.test").ok()
    assert greeted(box, box.at("good.test"), 8443)


def test_wildcards_and_presets(box, dns):
    dns.add("a.wild.test", "45.4.0.1")
    allow(box, "*.wild.test")
    aim = "a.wild.test" if box.cell else "45.4.0.1"
    assert box.hello((aim, 443, tls.client("a.wild.test")))[0].served
    assert refused_by_dns(box, "wild.test", "not allowed")
    assert allow(box, "@pypi").out == "@pypi: allowed\n"
    assert "pypi.org" in egress(box, "rules").out
    undo(box, "@pypi")
    assert "pypi.org" not in egress(box, "rules").out


@pytest.mark.nft
def test_names_in_private_networks(box, dns):
    dns.add("db.corp.test", "10.77.0.9")
    allow(box, "db.corp.test:5432")
    told = box.shell("dig +noall +comments db.corp.test").ok().out
    assert "10.77.0.9" in told and "+private" in told
    undo(box, "db.corp.test:5432")
    allow(box, "db.corp.test:5432+private")
    assert box.shell("dig +short db.corp.test").ok().out == "10.77.0.9\n"
    assert greeted(box, "10.77.0.9", 5432)
    assert box.knock(("10.77.0.10", 5432), seconds=2)[0].bytes == b""


@pytest.mark.nft
def test_names_of_etc_hosts(boxes, names):
    hosts = ("--add-host", "hosted.test:45.7.0.1", "--add-host", "inner.test:10.77.0.8")
    box = booted(boxes(allow="good.test", options=hosts))
    assert "refused" in box.knock(("45.7.0.1", 2222))[0].end
    allow(box, "hosted.test:2222")
    assert box.shell("dig +short hosted.test").ok().out == "45.7.0.1\n"
    assert greeted(box, "45.7.0.1", 2222)
    for rule in ("inner.test:2222", "inner.test:2222+private"):
        allow(box, rule)
        assert box.shell("dig +short inner.test").ok().out == "10.77.0.8\n"
    assert greeted(box, "10.77.0.8", 2222)


@pytest.mark.nft
def test_networks(box, sinks):
    assert "refused" in box.knock(("45.5.1.9", 5432))[0].end
    allow(box, "45.5.0.0/16:5432")
    assert greeted(box, "45.5.1.9", 5432)
    flows = Flows(box, gone=("plain", "45.5.1.9", 5432), good=("plain", "good.test", 2222))
    undo(box, "45.5.0.0/16:5432")
    flows.end("gone")
    flows.live("good")
    sinks.mark()
    assert "refused" in box.knock(("45.5.1.9", 5432))[0].end
    assert "45.5.1.9" not in sinks.addresses()


@pytest.mark.nft
def test_networks_on_the_ports_of_the_web(box, sinks):
    """These go past the gate, in which names are checked."""
    hello = tls.client("any.name.test")
    assert box.hello(("45.5.1.9", 443, hello))[0].alert == ACCESS_DENIED
    allow(box, "45.5.0.0/16:443")
    assert box.hello(("45.5.1.9", 443, hello))[0].served
    undo(box, "45.5.0.0/16:443")
    assert box.hello(("45.5.1.9", 443, hello))[0].alert == ACCESS_DENIED


@pytest.mark.nft
def test_private_networks(box):
    """Both fences open, and shut again."""
    assert box.knock(("10.77.1.9", 5432), seconds=2)[0].bytes == b""
    allow(box, "10.77.1.0/24:5432+private")
    assert greeted(box, "10.77.1.9", 5432)
    assert box.knock(("10.77.2.9", 5432), seconds=2)[0].bytes == b""
    assert "10.77.1.0/24" in box.exec("ip", "rule").ok().out
    undo(box, "10.77.1.0/24:5432")
    assert box.knock(("10.77.1.9", 5432), seconds=2)[0].bytes == b""
    assert "10.77.1.0/24" not in box.exec("ip", "rule").ok().out


def test_what_no_rule_opens_is_opened_by_none(box, sinks):
    for rule, why in (
        ("169.254.169.254:80", "no rule can allow these"),
        ("10.0.0.0/8:22", "it needs +private"),
        ("127.0.0.1:80", "loopback needs no rule"),
        ("*.com", "too wide"),
        ("a..test", "at character 3"),
        ("@nope", "there is no preset nope"),
        ("https://new.test/x", "a scheme isn't part of a rule"),
    ):
        told = allow(box, rule, 100)
        assert why in told.err and f'"{rule}"' in told.err and told.out == "", told
    allow(box, "0.0.0.0/0:80+private", 1 if box.cell else 0)
    sinks.mark()
    assert box.knock(("169.254.169.254", 80, b"GET / HTTP/1.0\r\n\r\n"), seconds=2)[0].bytes == b""
    assert "169.254.169.254" not in sinks.addresses()


@pytest.mark.nft
@pytest.mark.parametrize("mode", ("pin", "audit"))
def test_other_modes(boxes, names, mode):
    box = booted(boxes(f"--egress={mode}", allow="good.test:443"))
    allow(box, "new.test:443,2222")
    box.shell("getent hosts new.test").ok()
    assert greeted(box, box.at("new.test"), 2222)
    assert box.hello((box.at("new.test"), 443, tls.client("new.test")))[0].served
    undo(box, "new.test:443,2222")
    refused = refused_by_dns(box, "new.test", "not allowed")
    if mode == "pin":
        assert refused and "refused" in box.knock((box.at("new.test"), 2222))[0].end
    else:
        assert not refused
        box.event(event="refused-name", name="new.test", reason="no rule allows it")


def test_behind_a_proxy(boxes, internet):
    box = booted(boxes("--proxy", f"http://{PROXY}:{PORT}", allow="good.test:443"))
    assert curl(box, "https://new.test/").status != 0
    allow(box, "new.test")
    assert curl(box, "https://new.test/").ok()
    flows = Flows(box, gone=("tls", "new.test", 443), good=("tls", "good.test", 443))
    undo(box, "new.test")
    flows.end("gone")
    flows.live("good")


# ---- What is taken back ------------------------------------------------------------------------


def test_an_allow_that_is_undone_ends_its_flows_and_no_others(box, sinks):
    # In the cell the other ports are those of the start.
    rule, new = "new.test:443,80,2222", kinds("new.test", "new")
    if box.cell:
        rule = "new.test:443,80"
        del new["new_plain"]
    allow(box, rule)
    flows = Flows(box, **new, **kinds("good.test", "good"))
    given = box.address("new.test")
    assert undo(box, rule).out == f"{rule}: undone\n"
    assert refused_by_dns(box, "new.test", "not allowed")
    sinks.mark()
    named, direct = box.knock((given, 443, tls.client("new.test")), (given, 2222))
    assert named.alert == ACCESS_DENIED and refused(box, direct), (named, direct)
    flows.end(*new)
    flows.live("good_tls", "good_http", "good_websocket", "good_plain")
    assert NEW not in sinks.addresses()


def test_a_deny_that_is_undone_is_as_if_it_had_not_been(box):
    flows = Flows(box, good=("plain", "good.test", 2222))
    egress(box, "deny", "good.test")
    flows.end("good")
    undo(box, "good.test")
    again = Flows(box, **{f"again_{k}": v for k, v in kinds("good.test", "g").items()})
    again.live(*again.labels)
    assert undo(box, "good.test", 1).out.startswith("good.test: nothing to undo")
    # A rule of the start is none of codex-egress's.
    again.live(*again.labels)


def test_the_last_word_about_a_thing_counts(box):
    allow(box, "new.test")
    egress(box, "deny", "new.test")
    assert refused_by_dns(box, "new.test")
    allow(box, "new.test")
    assert curl(box, "https://new.test/").ok()
    # But no allow undoes a deny of another wording, nor one of the start.
    undo(box, "new.test")
    egress(box, "deny", "*.test")
    lost = allow(box, "new.test", 1).out
    assert lost.splitlines() == [
        "new.test: not allowed: a deny wins over every allow: *.test",
        "  hint: codex-egress undo '*.test'",
    ]
    undo(box, "*.test")
    allow(box, "new.test")
    assert curl(box, "https://new.test/").ok()


def test_a_deny_of_the_start_stands(boxes, names):
    box = booted(boxes("--deny", "new.test", allow="good.test"))
    lost = allow(box, "new.test", 1).out
    assert "new.test: not allowed" in lost and "given at the start" in lost
    assert refused_by_dns(box, "new.test")
    assert box.events("allowed") == []


def test_names_that_share_an_address(boxes, dns):
    dns.add("new.test", GOOD)
    dns.add("good.test", GOOD)
    box = booted(boxes(allow="good.test:443,2222"))
    rule = "new.test:443" if box.cell else "new.test:443,2222"
    allow(box, rule)
    flows = Flows(
        box, new=("tls", "new.test", 443), good=("tls", "good.test", 443),
        plain=("plain", "good.test", 2222),
    )
    undo(box, rule)
    flows.end("new")
    flows.live("good", "plain")


def test_workers_that_are_started_again_go_by_it(box):
    allow(box, "new.test")
    egress(box, "deny", "good.test")
    for name in ("resolver", "gate"):
        old = box.worker(name)
        box.exec("kill", "-KILL", str(old)).ok()
        until(lambda: box.worker(name) not in (None, old), name)  # noqa: B023
    until(lambda: box.hello((box.at("new.test"), 443, tls.client("new.test")))[0].served)
    assert box.hello((box.at("good.test"), 443, tls.client("good.test")))[0].alert == ACCESS_DENIED


def test_the_closing_report_has_what_to_paste(box):
    rule = "*.new.test" if box.cell else "*.new.test:8443"
    allow(box, rule)
    allow(box, "gone.test")
    undo(box, "gone.test")
    egress(box, "deny", "good.test")
    box.end()
    assert (
        "codex-init: codex-egress gave these rules for this session:\n"
        f"  --allow '{rule}'\n  --deny good.test\n"
    ) in box.logs()
    assert "gone.test" not in box.logs()


# ---- How fast ----------------------------------------------------------------------------------


def test_many_rules_cost_little(box):
    """The answer to a question doesn't wait for as many rules as there may be."""
    box.exec("bash", "-ec", "for i in {1..255}; do codex-egress allow n$i.test; done >/dev/null").ok()

    def one_more():
        began = time.monotonic()
        allow(box, "new.test")
        curl(box, "https://new.test/").ok()
        return time.monotonic() - began

    at_best(one_more, 5)
    assert "256 different rules" in allow(box, "@pypi", 100).err


# ---- Attacks -----------------------------------------------------------------------------------

# Tries to speak to PID 1 as codex-egress does, by every way that a program of the payload's has.
REACH = r"""
import os, socket, struct
def request(type, rule):
    return struct.pack("<IIHBBI16s64s520s", 0x43584335, type, 0, 0, 0, 0, b"", b"payload", rule)
for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_DGRAM):
    try:
        s = socket.socket(socket.AF_UNIX, kind)
        s.connect("/run/codex/control")
        for type in range(12):
            s.send(request(type, b"new.test"))
        print("REACHED", kind)
    except OSError as error:
        print("no:", error.strerror)
for path in ("/run/codex/control", "/etc/codex/allowed_domains.txt", "/run/codex/status.json",
             "/proc/1/mem", "/proc/1/map_files", "/proc/1/fd", "/proc/1/root/run/codex/control"):
    for how in (os.unlink, lambda p: os.rename(p, p + "x"), lambda p: os.open(p, os.O_WRONLY),
                lambda p: os.chmod(p, 0o666), os.listdir):
        try:
            how(path)
            print("REACHED", path, how)
        except (OSError, NotImplementedError):
            pass
"""


def test_the_payload_gives_no_rule(box, sinks):
    sinks.mark()
    told = box.shell(f"python3 - <<'EOF'\n{REACH}\nEOF").ok().out
    assert "REACHED" not in told and told.count("no:") == 3, told
    for words in ("allow new.test", "undo good.test", "deny good.test", "rules",
                  "--by root allow new.test"):
        done = box.inside("codex-egress", *words.split())
        assert done.status == 111 and "only root may ask" in done.err, done
    box.shell("for i in 1 2 3; do curl -sS -m 2 https://new.test; curl -sS -m 2 http://new.test;"
              f" curl -sS -m 2 --connect-to ::{NEW}: https://new.test; dig +short new.test; done")
    assert NEW not in sinks.addresses()
    assert [e for e in box.events() if "by" in e] == []
    assert curl(box, "https://good.test/").ok()


@pytest.mark.cell(*SHARED)
def test_where_all_have_one_user_id_nothing_is_opened(box, sinks):
    """Nobody can tell there who asks: whoever may, root too, restricts and no more."""
    egress(box, "deny", "good.test:80")
    sinks.mark()
    for words in ("allow new.test", "undo good.test:80", "--by root allow new.test"):
        for done in (box.exec("codex-egress", *words.split()), box.inside("codex-egress", *words.split())):
            assert done.status == 1 and "nothing can be opened" in done.out, done
    box.shell(f"python3 - <<'EOF'\n{REACH}\nEOF").ok()
    for url in ("https://new.test/", "http://new.test/", "http://good.test/"):
        curl(box, url)
    assert sinks.addresses() == set()
    assert box.events("allowed") == box.events("undone") == []
    assert curl(box, "https://good.test/").ok()


def test_a_flood_of_refusals_holds_no_rule_up(box):
    """The payload keeps everybody busy; the rule is there all the same, and soon."""
    box.script("for j in 1 2 3; do (while :; do getent hosts x$RANDOM.flood.test; done) & done; wait")
    time.sleep(1)
    for _ in range(3):
        allow(box, "new.test")
        assert curl(box, "https://new.test/").ok()
        undo(box, "new.test")
        assert refused_by_dns(box, "new.test", "not allowed")
    assert len([e for e in box.events() if e.get("by") == "root"]) == 6


def test_a_rule_says_nothing_but_what_root_wrote(box):
    """No text of a rule makes a second line, in the events or on the terminal."""
    for rule in ('new.test"\n{"event":"allowed"}', "new.test\x1b[2J", "a" * 512):
        told = box.exec("codex-egress", "allow", rule)
        assert told.status == 100 and "\x1b" not in told.said, told
    assert box.events("allowed") == []
    lines = box.exec("cat", "/run/codex/events.jsonl").ok().lines()
    assert all(json.loads(line)["event"] for line in lines)
