"""`codex-egress deny`: a rule revoked while the container runs ends its flows, and no others. The
flows are a program's in the container (flows.py)."""

import re
import time

import hello as tls
import pytest
from conftest import ROOT, program, until
from flows import Flows, booted, kinds, refused, refused_by_dns
from gate_box import ACCESS_DENIED
from internet import GREETING, address_of
from proxy import PORT

pytestmark = pytest.mark.cell("all")

INIT = ROOT / "build/codex-init"
BAD, GOOD = address_of("bad.test"), address_of("good.test")
PROXY = address_of("proxy.corp.test")
ALLOW = "bad.test:443,80,2222 good.test:443,80,2222"

@pytest.fixture
def names(dns):
    dns.add("bad.test", BAD)
    dns.add("good.test", GOOD)


@pytest.fixture
def box(boxes, names):
    return booted(boxes(allow=ALLOW))


def deny(box, rule, status=0, **rest):
    return box.exec("codex-egress", "deny", rule, **rest).ok(status)


def status(box):
    return box.exec("codex-egress", "status").ok().out


# ---- Names -------------------------------------------------------------------------------------


def test_a_denied_name_ends_its_flows_and_no_others(box, sinks):
    flows = Flows(box, **kinds("bad.test", "bad"), **kinds("good.test", "good"))
    assert deny(box, "bad.test").out == "bad.test: denied\n"
    # What comes after it is refused at once, and everywhere.
    assert refused_by_dns(box, "bad.test")
    sinks.mark()
    named, http, direct = box.knock(
        (box.at("bad.test"), 443, tls.client("bad.test")),
        (box.at("bad.test"), 80, b"GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n"),
        (box.at("bad.test"), 2222),
    )
    (good,) = box.knock((box.at("good.test"), 2222), enough=len(GREETING))
    assert named.alert == ACCESS_DENIED and http.statuses == [403], (named, http)
    assert refused(box, direct), direct
    assert good.bytes == GREETING, good
    flows.end("bad_tls", "bad_http", "bad_websocket", "bad_plain")
    flows.live("good_tls", "good_http", "good_websocket", "good_plain")
    assert not refused_by_dns(box, "good.test")
    # It is told: as an event, as refusals, and to who asks.
    assert box.event(event="denied", name="bad.test")
    box.event(event="refused-tls", name="bad.test", reason="denied while connected")
    box.event(event="refused-http", name="bad.test", reason="denied while connected")
    assert re.search(r"^rules      1 by codex-egress \(1 of 256 .*\n  --deny bad\.test$", status(box), re.M)
    told = box.exec("codex-egress", "explain", "bad.test").ok(1).out
    assert "deny bad.test (codex-egress deny)" in told


def test_nothing_of_a_denied_flow_reaches_the_wire(box, sinks):
    """Whoever holds such a connection says no more than it had said."""
    flows = Flows(box, bad=("plain", "bad.test", 2222), idle=("plain", "good.test", 2222))
    deny(box, "bad.test")
    sinks.mark()
    flows.end("bad")
    flows.live("idle")
    assert BAD not in sinks.addresses() and GOOD in sinks.addresses()


def test_names_that_share_an_address(boxes, names, dns):
    """The gate tells them apart. The wall can't: it shuts no port that another name opens."""
    dns.add("bad.test", GOOD)
    box = booted(boxes(allow=ALLOW))
    flows = Flows(box, **kinds("bad.test", "bad"), **kinds("good.test", "good"))
    deny(box, "bad.test")
    flows.end("bad_tls", "bad_http", "bad_websocket")
    flows.live("good_tls", "good_http", "good_websocket", "good_plain")
    # In the cell each name has an address of its own, and the gate carries every port.
    flows.end("bad_plain") if box.cell else flows.live("bad_plain")
    assert refused_by_dns(box, "bad.test")


def test_one_port_of_a_name(box):
    flows = Flows(box, **kinds("bad.test", "bad"))
    deny(box, "bad.test:2222,80")
    flows.end("bad_plain", "bad_http", "bad_websocket")
    flows.live("bad_tls")
    assert not refused_by_dns(box, "bad.test")


def test_names_below_a_wildcard(boxes, dns, sinks, wall):
    for i, name in enumerate(("a", "b", "c.deep")):
        dns.add(f"{name}.wild.test", f"45.4.0.{i + 1}")
    # In the cell a wildcard has no other ports.
    kind, port = ("plain", 2222) if wall == "nft" else ("http", 80)
    box = booted(boxes(allow=f"*.wild.test:443,{port}"))
    flows = Flows(
        box,
        a=(kind, "a.wild.test", port),
        b=(kind, "b.wild.test", port),
        deep=(kind, "c.deep.wild.test", port),
        tls=("tls", "c.deep.wild.test", 443),
    )
    deny(box, "a.wild.test")
    flows.end("a")
    flows.live("b", "deep", "tls")
    deny(box, "*.deep.wild.test")
    flows.end("deep", "tls")
    flows.live("b")
    assert refused_by_dns(box, "c.deep.wild.test") and refused_by_dns(box, "new.deep.wild.test")
    assert not refused_by_dns(box, "b.wild.test")


def test_an_address_that_another_name_gets_later(boxes, names, dns, wall):
    """What was shut for one name is opened when it becomes another's."""
    kind, port = ("plain", 2222) if wall == "nft" else ("http", 80)
    box = booted(boxes(allow=f"{ALLOW} *.wild.test:{port}"))
    deny(box, "bad.test")
    dns.add("late.wild.test", BAD)
    flow = Flows(box, late=(kind, "late.wild.test", port))
    flow.live("late")


def test_addresses_that_a_name_no_longer_has(boxes, dns):
    """A flow outlives its name's address, and its pin; the rule finds it all the same."""
    dns.rotate("bad.test", [f"45.4.1.{i}" for i in range(1, 6)])
    box = booted(boxes(allow=ALLOW))
    flows = [Flows(box, **{f"bad{i}": ("plain", "bad.test", 2222)}) for i in range(2)]
    time.sleep(6)
    flows += [Flows(box, late=("plain", "bad.test", 2222))]
    deny(box, "bad.test")
    for label, flow in zip(("bad0", "bad1", "late"), flows):
        flow.end(label)


def test_names_of_etc_hosts(boxes):
    """They are answered as they stand, as after a start with that rule, and lead nowhere."""
    hosts = ("--add-host", "hosted.test:45.7.0.1", "--add-host", "other.test:45.7.0.2")
    box = booted(boxes(allow="hosted.test:443,2222 other.test:2222", options=hosts))
    flows = Flows(
        box,
        bad=("plain", "hosted.test", 2222),
        tls=("tls", "hosted.test", 443),
        good=("plain", "other.test", 2222),
    )
    deny(box, "hosted.test")
    flows.end("bad", "tls")
    flows.live("good")
    for _ in range(2):
        assert box.shell("dig +tcp +short hosted.test").ok().out == "45.7.0.1\n"
        told = box.knock(("45.7.0.1", 2222), seconds=3)[0]
        assert "timed out" in told.end if box.cell else refused(box, told), told


@pytest.mark.nft
def test_with_pins_alone(boxes, names):
    box = booted(boxes("--egress=pin", allow=ALLOW))
    flows = Flows(box, **kinds("bad.test", "bad"), **kinds("good.test", "good"))
    deny(box, "bad.test")
    flows.end("bad_tls", "bad_http", "bad_websocket", "bad_plain")
    flows.live("good_tls", "good_http", "good_websocket", "good_plain")


@pytest.mark.nft
def test_audit_lets_it_through_and_records(boxes, names):
    box = booted(boxes("--egress=audit", allow=ALLOW))
    flows = Flows(box, **kinds("bad.test", "bad"))
    deny(box, "bad.test")
    flows.live("bad_tls", "bad_http", "bad_websocket", "bad_plain")
    box.shell("getent hosts bad.test").ok()
    assert box.event(event="refused-name", name="bad.test", reason="denied by a rule")


def test_behind_a_proxy(boxes, internet):
    """There the gate carries every port, and knows each flow by its name."""
    box = booted(boxes("--proxy", f"http://{PROXY}:{PORT}", allow=ALLOW))
    flows = Flows(box, **kinds("bad.test", "bad"), **kinds("good.test", "good"))
    deny(box, "bad.test")
    flows.end("bad_tls", "bad_http", "bad_websocket", "bad_plain")
    flows.live("good_tls", "good_http", "good_websocket", "good_plain")
    assert refused_by_dns(box, "bad.test") and not refused_by_dns(box, "good.test")


# ---- Networks ----------------------------------------------------------------------------------


@pytest.mark.nft
def test_a_denied_network(boxes, dns, sinks):
    dns.add("inside.test", "45.5.1.1")
    dns.add("both.test", "45.5.1.2", "45.5.2.2")
    box = booted(boxes(allow="45.5.0.0/16:5432 inside.test:443,2222 both.test"))
    flows = Flows(
        box,
        bad=("plain", "45.5.1.9", 5432),
        good=("plain", "45.5.2.9", 5432),
        named=("plain", "inside.test", 2222),
        tls=("tls", "inside.test", 443),
    )
    deny(box, "45.5.1.0/24")
    sinks.mark()
    (new,) = box.knock(("45.5.1.9", 5432))
    (other,) = box.knock(("45.5.2.9", 5432), enough=len(GREETING))
    assert "refused" in new.end and other.bytes == GREETING, (new, other)
    flows.end("bad", "named", "tls")
    flows.live("good")
    # An allowed name is reached by what is left of its addresses.
    gone, left = box.hello(*((a, 443, tls.client("both.test")) for a in ("45.5.1.2", "45.5.2.2")))
    assert left.served and (gone.served or "refused" in gone.end), (gone, left)
    assert box.shell("dig +short both.test").ok().out == "45.5.2.2\n"
    assert "45.5.1.9" not in sinks.addresses() and "45.5.1.2" not in sinks.addresses()


@pytest.mark.nft
def test_networks_within_networks(boxes):
    box = booted(boxes(allow="45.6.0.0/16:5432,6000"))
    flows = Flows(
        box, one=("plain", "45.6.1.1", 5432), other=("plain", "45.6.1.1", 6000),
        next=("plain", "45.6.1.2", 6000), far=("plain", "45.6.9.1", 6000)
    )
    deny(box, "45.6.1.1:5432")
    flows.end("one")
    flows.live("other", "next", "far")
    deny(box, "45.6.1.1")
    flows.end("other")
    flows.live("next", "far")
    deny(box, "45.6.1.0/24:6000")
    deny(box, "45.6.1.0/24")
    deny(box, "45.6.1.0/24:22")
    flows.end("next")
    flows.live("far")
    deny(box, "45.6.0.0/16:6000")
    flows.end("far")


# ---- What goes wrong ---------------------------------------------------------------------------


def test_the_place_of_a_mistake_is_told_and_nothing_is_changed(box):
    before = re.sub(r"^up .*|^pins(.|\n)*", "", status(box), flags=re.M)
    for rule in ("bad..test", "1.2.3.4:0", "@nope", "*", "bad.test:80+private", "bad test"):
        told = deny(box, rule, 100)
        boot = program([INIT, "--deny", rule, "--check"]).ok(100)
        why = re.search(r": (at character \d+: .*)", boot.err)[1]
        assert told.out == "" and f'"{rule}"' in told.err and why in told.err, (told, boot)
    assert re.sub(r"^up .*|^pins(.|\n)*", "", status(box), flags=re.M) == before
    assert "??[2J" in deny(box, "\x01\x1b[2J", 100).err
    assert box.events("denied") == []
    assert box.hello((box.at("bad.test"), 443, tls.client("bad.test")))[0].served


def test_only_root_denies(box):
    done = box.inside("codex-egress", "deny", "bad.test")
    if box.shared:  # nobody is told from root, and everybody may narrow
        done.ok()
        assert box.hello((box.at("bad.test"), 443, tls.client("bad.test")))[0].alert == ACCESS_DENIED
        return
    done.ok(111)
    assert done.out == "" and "only root may ask" in done.err
    assert box.hello((box.at("bad.test"), 443, tls.client("bad.test")))[0].served


def test_no_more_than_there_is_room_for(box):
    box.exec("bash", "-ec", "for i in {1..255}; do codex-egress deny n$i.test; done >/dev/null").ok()
    # All of a preset or nothing of it; what stands there already takes no room.
    full = deny(box, "@pypi", 100)
    assert "there is room for 1 more of the 256 different rules of a session" in full.err
    assert deny(box, "n7.test").out == "n7.test: denied already\n"
    deny(box, "bad.test")
    assert "room for 0 more" in deny(box, "good.test", 100).err
    assert refused_by_dns(box, "bad.test") and not refused_by_dns(box, "good.test")
    assert "256 of 256" in status(box) and "  and 192 more\n" in status(box)


def test_workers_that_are_started_again_deny_it_too(box):
    deny(box, "bad.test")
    for name in ("resolver", "gate"):
        old = box.worker(name)
        box.exec("kill", "-KILL", str(old)).ok()
        until(lambda: box.worker(name) not in (None, old), name)  # noqa: B023
    until(lambda: box.hello((box.at("good.test"), 443, tls.client("good.test")))[0].served)
    assert refused_by_dns(box, "bad.test")
    assert box.hello((box.at("bad.test"), 443, tls.client("bad.test")))[0].alert == ACCESS_DENIED


def test_a_worker_that_is_down_is_no_way_around(box):
    """It comes back with the rule."""
    box.exec("bash", "-c", f"kill -KILL {box.worker('gate')}; codex-egress deny bad.test").ok()
    until(lambda: box.hello((box.at("good.test"), 443, tls.client("good.test")))[0].served)
    assert box.hello((box.at("bad.test"), 443, tls.client("bad.test")))[0].alert == ACCESS_DENIED


def test_a_gate_that_does_not_answer_is_ended(box):
    flows = Flows(box, **kinds("bad.test", "bad"))
    stuck = box.worker("gate")
    box.exec("kill", "-STOP", str(stuck)).ok()
    # Where the command could stop it, it is continued at once.
    done = deny(box, "bad.test", 0 if box.shared else 1)
    flows.end(*kinds("bad.test", "bad"))
    if not box.shared:
        assert "the gate did not answer and was killed" in done.out
        until(lambda: box.worker("gate") not in (None, stuck), "another gate")
    assert box.hello((box.at("bad.test"), 443, tls.client("bad.test")))[0].alert == ACCESS_DENIED


def test_many_flows_and_many_rules(box):
    """Rules that come one upon the other, with forty connections to look at each time."""
    flows = Flows(
        box,
        **{f"good{i}": ("websocket", "good.test", 80) for i in range(20)},
        **{f"bad{i}": ("websocket", "bad.test", 80) for i in range(20)},
    )
    box.exec("bash", "-ec",
             "for i in {1..30}; do codex-egress deny n$i.test; done; codex-egress deny bad.test").ok()
    flows.end(*(f"bad{i}" for i in range(20)))
    flows.live(*(f"good{i}" for i in range(20)))


def test_the_closing_report_tells_of_it(box):
    deny(box, "bad.test")
    box.inside("curl", "-sS", "-m", "5", "https://bad.test")
    box.end()
    told = box.logs()
    assert "codex-init: codex-egress gave these rules for this session:\n  --deny bad.test\n" in told
    assert re.search(r"^  bad\.test +\d+x   denied by a rule$", told, re.M), told
