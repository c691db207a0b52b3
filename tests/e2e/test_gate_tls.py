"""The gate and TLS: the name in the hello decides, and where it leads is ours to say. Judged by
what reached the lab's servers."""

import json
import random
import struct

import hello as tls
import pytest
from conftest import CA_PATH, at_best, until
from gate_box import ACCESS_DENIED, DECODE_ERROR, begin
from internet import RETRY, address_of

pytestmark = pytest.mark.cell(names=True)

ALLOW = "allowed.test example.com ech.test+ech two.test"
NAME = "allowed.test"
HERE, FOREIGN = address_of(NAME), address_of("other.test")
TWO = ["45.30.0.1", "45.30.0.2"]


def aimed(wall):
    """Where a program goes to whom allowed.test was named before."""
    return HERE if wall == "nft" else "127.64.0.0"


def names(dns):
    # Not asked for again at a moment in which a test has begun and they aren't there yet.
    dns.add("two.test", *TWO, ttl=3600)
    dns.add("ech.test", "45.30.1.1", ttl=3600)


@pytest.fixture(scope="module")
def shared(lab, wall):
    lab.internet.reset()
    names(lab.internet.dns)
    made = begin(lab, wall=wall, allow=ALLOW).ready()
    yield made
    made.remove()


@pytest.fixture
def box(shared, dns, sinks):
    """One container for the file; each test sees what reached the lab since it began."""
    names(dns)
    sinks.mark()
    return shared


def reached(sinks, hello):
    return sinks.carried(tls.random_of(hello))


# ---- Which name, and where it leads ------------------------------------------------------------


def test_one_address_two_names(box, sinks):
    """An address that an allowed name shares with a refused one serves the allowed one alone."""
    good, evil = tls.client("allowed.test"), tls.client("evil.test")
    (taken,) = box.hello((NAME, 443, good))
    (refused,) = box.knock((NAME, 443, evil))
    assert taken.served, taken
    assert refused.alert == ACCESS_DENIED and refused.end == "eof", refused
    assert reached(sinks, good) and not reached(sinks, evil)
    told = box.event(event="refused-tls", name="evil.test")
    assert (told["address"], told["port"]) == (box.address(NAME), 443) and told["reason"] and told["count"] == 1
    assert told["time"]
    at_best(lambda: box.knock((NAME, 443, evil))[0].seconds, 1)


def test_a_foreign_address_is_never_reached(box, sinks):
    """An allowed name with an address that isn't its own: an old one, or a forged one."""
    good = tls.client("allowed.test")
    (answer,) = box.hello((FOREIGN, 443, good), **({"seconds": 3} if box.cell else {}))
    if box.cell:
        assert "timed out" in answer.end and sinks.seen() == [], answer
        # Nor by an address that stands for another name.
        (answer,) = box.hello(("example.com", 443, good))
    assert answer.served and reached(sinks, good), answer
    assert sinks.to(FOREIGN) == [] and sinks.addresses() == {HERE}


def test_the_address_that_was_aimed_at_is_kept_where_it_is_the_names(box, sinks):
    for aim in TWO:
        sinks.mark()
        (answer,) = box.hello(("two.test" if box.cell else aim, 443, tls.client("two.test")))
        assert answer.served and sinks.addresses() <= set(TWO), answer
        assert box.cell or sinks.addresses() == {aim}, answer


@pytest.mark.nft
def test_a_foreign_address_without_the_gate(boxes, sinks):
    """What pins alone can't see, and why they are the weaker mode: only the address counts."""
    box = boxes("--egress=pin", allow="allowed.test")
    evil = tls.client("evil.test")
    shared, foreign = box.hello((NAME, 443, evil), (FOREIGN, 443, evil))
    assert shared.served and reached(sinks, evil), shared
    assert not foreign.served and "refused" in foreign.end, foreign
    assert sinks.to(FOREIGN) == []
    assert box.worker("gate") is None and box.worker("resolver")
    assert "codex-gate" not in box.exec("sh", "-c", "cat /proc/*/comm").out


def test_inside_tls_the_host_is_not_seen(box, internet):
    """The limit of a gate that doesn't break TLS open, as the documents say: what is asked for
    inside an allowed connection is between the client and that server."""
    done = box.shell("curl -sS -H 'Host: other.test' https://allowed.test/inside").ok()
    assert json.loads(done.out)["host"] == "other.test"
    assert ("GET", "other.test", "/inside") in internet.web.requests
    # Its last word has left the gate, before another test sees whether anything does.
    status = lambda: box.exec("codex-egress", "status").ok().out  # noqa: E731
    until(lambda: "\nflows      0 under way" in status(), status)


# ---- Names that are none -----------------------------------------------------------------------

NOT_NAMES = {
    "none": (tls.client(None), ACCESS_DENIED),
    "an address": (tls.named(HERE.encode()), ACCESS_DENIED),
    "an IPv6 address": (tls.named(b"2a0f:77::1"), ACCESS_DENIED),
    "two trailing dots": (tls.named(b"allowed.test.."), ACCESS_DENIED),
    "a refused one with a dot": (tls.named(b"evil.test."), ACCESS_DENIED),
    "empty": (tls.named(b""), None),
    "an empty list": (tls.named(), None),
    "two": (tls.named(b"allowed.test", b"evil.test"), None),
    "the same twice": (tls.named(b"allowed.test", b"allowed.test"), None),
    "two extensions": (
        tls.changed(tls.client("allowed.test"), with_=[(0, tls.names(b"evil.test"))]),
        None,
    ),
    "not ASCII": (tls.named("allowed.t\u00e9st".encode()), ACCESS_DENIED),
    "NUL": (tls.named(b"allowed.test\0.evil.test"), ACCESS_DENIED),
    "a blank": (tls.named(b"allowed.test "), ACCESS_DENIED),
    "an escape": (tls.named(b"\x1b[31mallowed.test"), ACCESS_DENIED),
    "too long": (tls.named(b"a" * 300), ACCESS_DENIED),
    "a longer list than there is": (
        tls.changed(tls.client("allowed.test"), replace={0: b"\0\xff\0\0\x03abc"}),
        DECODE_ERROR,
    ),
}


def test_what_is_no_name_is_refused(box, sinks):
    answers = box.hello(*((NAME, 443, bytes_) for bytes_, _ in NOT_NAMES.values()))
    for (what, (sent, alert)), answer in zip(NOT_NAMES.items(), answers):
        assert answer.alert in ([alert] if alert else [ACCESS_DENIED, DECODE_ERROR]), (what, answer)
        assert not reached(sinks, sent), what
    assert sinks.seen() == []
    events = lambda: [e for e in box.events("refused-tls") if e["port"] == 443]  # noqa: E731
    until(lambda: any("named no host" in e["reason"] for e in events()), events)
    told = events()
    assert not any("\x1b" in e.get("name", "") for e in told), told


def test_the_same_names_written_as_they_should_be_pass(box, sinks):
    for name in (b"allowed.test", b"ALLOWED.Test", b"allowed.test."):
        (answer,) = box.hello((NAME, 443, tls.named(name)))
        assert answer.served, (name, answer)


# ---- Encrypted Client Hello --------------------------------------------------------------------


@pytest.mark.parametrize(
    "extension",
    [(tls.ENCRYPTED_CLIENT_HELLO, tls.grease_ech()), (tls.ESNI, b"\x13\x01" + b"k" * 64)],
    ids=["ech", "esni"],
)
def test_a_hidden_name_needs_its_suffix(box, sinks, extension):
    closed = tls.changed(tls.client("allowed.test"), with_=[extension])
    opened = tls.changed(tls.client("ech.test"), with_=[extension])
    refused, passed = box.hello((NAME, 443, closed), ("ech.test", 443, opened))
    assert refused.alert == ACCESS_DENIED and not reached(sinks, closed), refused
    assert passed.served and reached(sinks, opened), passed
    why = "Encrypted Client Hello hides the true name"
    assert box.event(event="refused-tls", name="allowed.test", reason=why)


def test_the_suffix_is_for_its_name_alone(box, sinks):
    """+ech for one name doesn't open another by its address."""
    hidden = tls.changed(
        tls.client("evil.test"), with_=[(tls.ENCRYPTED_CLIENT_HELLO, tls.grease_ech())]
    )
    (answer,) = box.hello(("ech.test", 443, hidden))
    assert answer.alert == ACCESS_DENIED and not reached(sinks, hidden)


# ---- However it is cut -------------------------------------------------------------------------


def test_a_hello_split_at_every_octet(box, sinks):
    """Each split point a connection; the allowed one passes, the refused one doesn't."""
    good, evil = tls.client("allowed.test"), tls.client("evil.test")
    answers = box.hello(
        *((NAME, 443, good[:i], 0.02, good[i:]) for i in range(1, len(good))), seconds=50
    )
    assert [i for i, a in enumerate(answers, 1) if not a.served] == []
    answers = box.hello(
        *((NAME, 443, evil[:i], 0.02, evil[i:]) for i in range(1, len(evil))), seconds=50
    )
    assert [(i, a) for i, a in enumerate(answers, 1) if a.alert != ACCESS_DENIED] == []
    assert not reached(sinks, evil)
    assert not sinks.carried(b"evil.test")


def test_a_hello_over_many_records(box, sinks):
    good, evil = tls.client("allowed.test"), tls.client("evil.test")
    cuts = [[1], [3], [4, 1, 5], [64], [200], [len(good) - 6]]
    answers = box.hello(*((NAME, 443, tls.over_records(good, cut)) for cut in cuts))
    # OpenSSL itself refuses records of an octet, by an alert of its own: that is the server's say.
    assert answers[-1].served, answers
    for cut, answer in zip(cuts, answers):
        assert answer.served or answer.bytes[:1] == b"\x15", (cut, answer)
        assert answer.alert != ACCESS_DENIED, (cut, answer)
    for answer in box.hello(*((NAME, 443, tls.over_records(evil, cut)) for cut in cuts)):
        assert answer.alert == ACCESS_DENIED, answer
    assert sinks.addresses() == {HERE}


def test_a_hello_one_octet_after_the_other(box, sinks):
    good = tls.client("allowed.test")
    # Each a segment of its own. All must be there in ten seconds, and a busy machine rests longer than it is told.
    octets = [part for i, octet in enumerate(good) for part in (bytes([octet]), *([] if i % 5 else [0.002]))]
    (answer,) = box.hello((NAME, 443, *octets), seconds=30)
    assert answer.served, answer


# ---- A second hello ----------------------------------------------------------------------------


def test_a_second_hello_is_held_to_the_first(box, sinks):
    first = tls.asks_for_a_second("allowed.test")
    same, other = tls.second(first, "allowed.test"), tls.second(first, "evil.test")
    also_allowed = tls.second(first, "example.com")
    unnamed = tls.changed(same, without=(tls.SERVER_NAME,))
    hidden = tls.changed(same, with_=[(tls.ENCRYPTED_CLIENT_HELLO, tls.grease_ech())])
    ccs = tls.record(b"\x01", kind=20, version=0x0303)
    answers = box.knock(
        (NAME, 443, first, "read", ccs + same, "half"),
        (NAME, 443, first, "read", ccs + other),
        (NAME, 443, first, "read", ccs + also_allowed),
        (NAME, 443, first, "read", ccs + unnamed),
        (NAME, 443, first, "read", ccs + hidden),
        (NAME, 443, first, "read", other),
        (NAME, 443, first + ccs + other),
    )
    # The server's own request for a second hello came each time.
    assert all(a.served for a in answers), answers
    # It goes on with the one that may: at least the server's answer to it follows.
    assert len(answers[0].bytes) > len(answers[1].bytes) + 500, answers
    for answer in answers[1:]:
        assert b"\x15\x03\x03\0\x02\x02" in answer.bytes[-7:], answer
    assert sinks.carried(same[43:][-60:])
    assert not sinks.carried(b"evil.test")
    assert not sinks.carried(b"example.com")


def test_real_clients_that_are_asked_for_a_second_hello(boxes, dns, sinks):
    """At that address the lab's server knows one group, which nobody offers a key for at first."""
    dns.add("retry.test", RETRY)
    box = boxes(allow="retry.test")
    for client in ("curl", "python", "node", "git", "java"):
        done = box.shell(f"{CLIENTS[client].replace('evil.test', 'retry.test')}; true")
        assert "denied" not in done.said.lower() and "alert" not in done.said.lower(), done
    done = box.shell(
        f"echo | openssl s_client -connect retry.test:443 -servername retry.test"
        f" -CAfile {CA_PATH} -msg 2>&1"
    )
    assert done.out.count(", ClientHello") == 2, done
    assert "Verify return code: 0" in done.out, done
    assert sinks.addresses() == {RETRY}


# ---- What isn't TLS ----------------------------------------------------------------------------


SSH = (
    "ssh -n -o BatchMode=yes -o ConnectTimeout=50 -o StrictHostKeyChecking=no"
    " -o UserKnownHostsFile=/dev/null git@allowed.test -p "
)


@pytest.mark.parametrize("port", [443, 80])
def test_ssh_is_refused_at_once_and_told_what_helps(box, sinks, port):
    """What a real ssh prints is the sandbox's word and a rule that works; the summary has none."""
    done = box.shell(f"{SSH} {port}")
    assert done.status == 255 and sinks.seen() == [], done
    told = f"codex-sandbox: ssh names no host that could be checked on port {port}"
    helps = "--allow NAME:22" if box.cell else f"--allow {HERE}:{port}"
    assert told in done.err and helps in done.err, done
    # Not that it was too slow.
    why = "ssh names no host: use port 22"
    box.event(address=box.address(NAME), port=port, reason=why)


@pytest.mark.nft
def test_a_rule_for_the_address_lets_ssh_pass(boxes, sinks):
    """By the wall, beside the gate; and everything else that is there, as the refusal says."""
    box = boxes(allow=f"allowed.test {HERE}/32:443")
    evil = tls.client("evil.test")
    box.knock((NAME, 443, b"SSH-2.0-passes\r\n", "half"), (NAME, 443, evil, "half"))
    assert sinks.carried(b"SSH-2.0-passes") and reached(sinks, evil)
    assert sinks.seen() == [("tcp", HERE, 443)]
    (there,) = box.knock((address_of("other.test"), 443, b"SSH-2.0-not\r\n", "half"))
    assert there.bytes.startswith(b"SSH-2.0-codex-sandbox") and not sinks.carried(b"SSH-2.0-not")


def test_what_is_not_tls_is_refused(box, sinks):
    noise = random.Random(7)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
    ssl2 = bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0")
    ssl2 += b"c" * 16
    rest = tls.client("allowed.test")
    sent = {
        "HTTP/2": preface,
        "SSLv2": ssl2,
        "an alert": bytes.fromhex("15030100020228"),
        "application data": bytes.fromhex("1703030010") + b"a" * 16,
        "handshake of another kind": tls.record(b"\x02" + (100).to_bytes(3, "big") + b"x" * 100),
        "an empty record": tls.record(b"") + rest,
        "another type between": tls.over_records(rest, [40])[:45] + bytes.fromhex("150303000201ff"),
        "octets behind it": tls.record(rest[5:] + b"more"),
        "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
        "a TLS version of old": struct.pack("!BHH", 22, 0x0002, len(rest) - 5) + rest[5:],
        **{f"noise {i}": noise.randbytes(600) for i in range(20)},
        **{f"noise in a record {i}": tls.record(noise.randbytes(600)) for i in range(20)},
    }

    def longest():
        answers = box.knock(*((NAME, 443, bytes_, "half") for bytes_ in sent.values()), seconds=30)
        for what, answer in zip(sent, answers):
            assert not answer.served, (what, answer)
            assert answer.end in ("eof", "reset"), (what, answer)
        return max(answer.seconds for answer in answers)

    at_best(longest, 3)
    assert [f for f in sinks.seen() if f.port == 443] == []


# ---- What clients say --------------------------------------------------------------------------

JAVA = """
import java.net.*; import java.net.http.*;
class T { public static void main(String[] a) throws Exception {
  try { HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create("https://evil.test/"))
    .build(), HttpResponse.BodyHandlers.ofString()); System.out.println("BROKEN"); }
  catch (Exception e) { System.out.println(e); }
} }"""
CLIENTS = {
    "curl": "curl -sS -m 30 https://evil.test/",
    "openssl": "echo | openssl s_client -connect evil.test:443 -servername evil.test",
    "node": "node -e 'fetch(\"https://evil.test/\").then(r => console.log(\"BROKEN\"),"
    " e => console.log(e.cause))'",
    "python": "python3 -c 'import urllib.request as u; u.urlopen(\"https://evil.test/\")'",
    "git": "git ls-remote https://evil.test/x.git",
    "java": f"cat >/tmp/T.java <<'E'\n{JAVA}\nE\njava /tmp/T.java",
}


@pytest.fixture(scope="module")
def believer(lab, wall):
    """A container in which evil.test has the address of an allowed name, as a cache may have it."""
    lab.internet.reset()
    hosts = ("--add-host", f"evil.test:{aimed(wall)}")
    made = begin(lab, wall=wall, allow="allowed.test", options=hosts).ready()
    yield made
    made.remove()


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_see_an_alert(believer, sinks, client):
    done = believer.shell(f"{{ {CLIENTS[client]}; }} 2>&1; true")
    assert "denied" in done.out.lower(), done
    # GnuTLS has its own words for it.
    assert "alert" in done.out.lower() or "Access was denied" in done.out, done
    assert "BROKEN" not in done.out
    assert sinks.seen() == []


def test_the_same_clients_reach_an_allowed_name(believer):
    for client in ("curl", "python", "node"):
        script = CLIENTS[client].replace("evil.test", "allowed.test").replace("BROKEN", "reached")
        done = believer.shell(f"{script} && echo status 0")
        assert "status 0" in done.out, done
        assert "alert" not in done.said.lower(), done


# ---- Modes, and what is told -------------------------------------------------------------------


@pytest.mark.nft
def test_audit_lets_through_and_records(boxes, sinks):
    box = boxes("--egress=audit", allow="allowed.test")
    evil, none = tls.client("evil.test"), tls.client(None)
    seen, unnamed = box.hello((FOREIGN, 443, evil), (FOREIGN, 443, none))
    assert seen.served and reached(sinks, evil), seen
    assert unnamed.served and reached(sinks, none), unnamed
    (page,) = box.knock((FOREIGN, 80, b"GET /audit HTTP/1.0\r\nHost: evil.test\r\n\r\n"))
    assert page.statuses == [] and "200 OK" in page.text or page.statuses == [200], page
    assert box.event(event="refused-tls", name="evil.test")["address"] == FOREIGN
    assert box.event(event="refused-http", name="evil.test")


def test_a_flood_of_refusals_loses_no_count(boxes):
    box = boxes()
    many = [("api.openai.com", 443, tls.client(f"n{i % 400}.evil.test")) for i in range(1200)]
    answers = box.hello(*many, seconds=50)
    assert [a for a in answers if a.alert != ACCESS_DENIED] == []
    told = until(
        lambda: sum(e["count"] for e in box.events("refused-tls")) >= 1200
        and box.events("refused-tls"),
    )
    assert sum(e["count"] for e in told) == 1200
    # Rationed: no more than a hundred lines in any second.
    seconds = [e["time"][:19] for e in told]
    assert max(seconds.count(second) for second in seconds) <= 200
    status = json.loads(box.exec("cat", "/run/codex/status.json").ok().out)
    assert status, status


def test_the_summary_names_each_once_with_the_rule_that_would_permit_it(run, sinks, wall):
    here = aimed(wall)
    script = "; ".join(
        f"curl -sS -m 30 --resolve {n}:443:{here} https://{n}/"
        for n in ("one.test", "one.test", "two.evil.test", "one.test")
    )
    script += f"; curl -sS -m 30 --resolve web.test:80:{here} http://web.test/"
    done = run("bash", "-c", script, allow="allowed.test")
    summary = done.err[done.err.index("codex-init: refused") :]
    assert summary.count("--allow one.test\n") == 1 and "3x" in summary, summary
    assert "--allow two.evil.test\n" in summary and "--allow web.test\n" in summary
    assert "codex-sandbox: web.test is not allowed; allow it with: --allow web.test" in done.out
    assert sinks.seen() == []


def test_no_rule_for_an_address_is_advised_for_what_the_gate_refused(run, sinks, wall):
    """On a shared address it would open every site there; so would one that a payload provokes."""
    here = aimed(wall)
    script = f"""
        curl -sS -m 30 -k https://{here}/; curl -sS -m 30 http://{here}/
        curl -sS -m 30 -H 'Host: a_b$c' http://{here}/
        timeout 3 bash -c 'exec 3<>/dev/tcp/{here}/443; printf "\\x16\\x03\\x01\\x00\\x05\\x01\\x00" >&3; cat <&3'
        timeout 3 bash -c 'exec 3<>/dev/tcp/{here}/80; echo nonsense >&3; cat <&3'
        timeout 3 bash -c 'exec 3<>/dev/tcp/{here}/443; echo SSH-2.0-x >&3; cat <&3'
        timeout 3 bash -c 'exec 3<>/dev/tcp/{here}/8443'; true"""
    done = run("bash", "-c", script, allow="allowed.test").ok()
    summary = done.err[done.err.index("codex-init: refused") :]
    # No gate stands before that port; in the cell nobody does, and it isn't noticed.
    advised = "allow with: --allow allowed.test:8443\n" in summary
    assert (advised, summary.count("--allow")) == ((True, 1) if wall == "nft" else (False, 0)), summary
    for words in ("the client named no host", "not a host name", "malformed"):
        assert words in summary, summary
    assert sinks.seen() == []
