"""The gate and HTTP: each request is held against the policy, and none is smuggled past it. Judged
by the requests that reached the lab's servers."""

import base64
import hashlib
import json

import hello as tls
import pytest
from conftest import CA_PATH, until
from gate_box import ACCESS_DENIED, begin
from internet import GREETING, address_of

ALLOW = "allowed.test:443,80,22 example.com"
HERE, FOREIGN = address_of("allowed.test"), address_of("other.test")
OTHER = address_of("example.com")


# What two programs inside the box begin with.
READ = """
import socket, time
def read(s, end):
    got = b""
    while not got.endswith(end):
        data = s.recv(4096)
        assert data, got
        got += data
    return got
"""

# Websockets, in the clear and in TLS, that stand for as long as is said, and then still work.
WEBSOCKETS = READ + """
import base64, os, ssl
made = []
for port in (80, 443):
    s = socket.create_connection(("allowed.test", port), 30)
    if port == 443:
        context = ssl.create_default_context(cafile="%s")
        s = context.wrap_socket(s, server_hostname="allowed.test")
    key = base64.b64encode(os.urandom(16)).decode()
    s.sendall(("GET /websocket HTTP/1.1\\r\\nHost: allowed.test\\r\\nUpgrade: websocket\\r\\n"
        "Connection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
        "Sec-WebSocket-Key: " + key + "\\r\\n\\r\\n").encode())
    assert b" 101 " in read(s, b"\\r\\n\\r\\n")
    made.append(s)
print("they stand", flush=True)
time.sleep(%d)
for s in made:
    s.sendall(bytes([0x81, 0x84, 0, 0, 0, 0]) + b"late")
    assert read(s, b"late") == b"\\x81\\x04late"
print("they work")
""" % (CA_PATH, 125)


@pytest.fixture(scope="module")
def shared(lab):
    """With websockets that stand beside all the tests; the last one looks after them."""
    lab.internet.reset()
    made = begin(lab, allow=ALLOW).ready()
    made.docker(
        *("exec", "-d", "-u", "1000", made.name, "bash", "-c"),
        'exec "$@" >/tmp/websockets 2>&1',
        *("bash", "python3", "-c", WEBSOCKETS),
    ).ok()
    until(lambda: "stand" in made.exec("cat", "/tmp/websockets").out, 20, "two websockets")
    yield made
    made.docker("rm", "-f", made.name)


@pytest.fixture
def box(shared, internet):
    return shared


@pytest.fixture
def asked(internet):
    """What the lab's web servers were asked for so far, as [(host, path)]."""
    return lambda: [(host, path) for _, host, path in internet.web.requests]


def get(host, path="/", *fields, version="1.1", method="GET"):
    lines = [f"{method} {path} HTTP/{version}", f"Host: {host}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


LAST = "Connection: close"


# ---- One request -------------------------------------------------------------------------------


def test_one_address_two_names(box, asked, sinks):
    good, evil = box.knock(
        (HERE, 80, get("allowed.test", "/good", LAST)), (HERE, 80, get("evil.test", "/evil"))
    )
    assert good.statuses == [200] and asked() == [("allowed.test", "/good")], good
    assert evil.statuses == [403] and evil.end == "eof" and evil.seconds < 1, evil
    body = evil.text.split("\r\n\r\n")[1]
    assert (
        body == "codex-sandbox: evil.test is not allowed; allow it with: --allow evil.test\n"
    ), evil
    assert not sinks.carried(b"evil.test")
    told = box.event(event="refused-http", name="evil.test")
    assert (told["address"], told["port"], told["count"]) == (HERE, 80, 1) and told["reason"]


def test_a_foreign_address_is_never_reached(box, asked, sinks):
    (answer,) = box.knock((FOREIGN, 80, get("allowed.test", "/found", LAST)))
    assert answer.statuses == [200] and asked() == [("allowed.test", "/found")], answer
    assert sinks.addresses() == {HERE}


def test_the_refusal_is_what_curl_shows(box, sinks):
    done = box.shell(f"curl -sS --resolve evil.test:80:{HERE} http://evil.test/x").ok()
    assert done.out == (
        "codex-sandbox: evil.test is not allowed; allow it with: --allow evil.test\n"
    )
    assert sinks.seen() == []


REFUSED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "HTTP/1.0 without a host": (b"GET / HTTP/1.0\r\n\r\n", 400),
    "two hosts": (get("allowed.test", "/", "Host: evil.test"), 400),
    "two hosts, the bad one first": (get("evil.test", "/", "Host: allowed.test"), 400),
    "the same host twice": (get("allowed.test", "/", "host: allowed.test"), 400),
    "another in the target": (get("allowed.test", "http://evil.test/"), 400),
    "another in the field": (get("evil.test", "http://allowed.test/"), 400),
    "a refused one in both": (get("evil.test", "http://evil.test/"), 403),
    "another scheme": (get("allowed.test", "https://allowed.test/"), 400),
    "user information": (get("user@allowed.test"), 400),
    "user information in the target": (get("allowed.test", "http://a@allowed.test/"), 400),
    "another port": (get("allowed.test:8080"), 400),
    "no number for a port": (get("allowed.test:x"), 400),
    "an address": (get(HERE), 400),
    "an IPv6 address": (get("[2a0f:77::1]"), 400),
    "two trailing dots": (get("allowed.test.."), 400),
    "a dot behind a refused name": (get("evil.test."), 403),
    "a list of hosts": (get("allowed.test, evil.test"), 400),
    "a folded line": (get("allowed.test", "/", "X: a\r\n b"), 400),
    "a folded host": (b"GET / HTTP/1.1\r\nHost:\r\n evil.test\r\nHost: allowed.test\r\n\r\n", 400),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nHost : allowed.test\r\n\r\n", 400),
    "a bare LF": (b"GET / HTTP/1.1\nHost: allowed.test\n\n", 400),
    "a bare LF in a field": (get("allowed.test", "/", "X: a\nHost: evil.test"), 400),
    "a bare CR": (get("allowed.test", "/", "X: a\rHost: evil.test"), 400),
    "NUL": (get("allowed.test", "/", "X: a\0b"), 400),
    "length and coding": (
        get("allowed.test", "/", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST")
        + b"0\r\n\r\n",
        400,
    ),
    "two lengths": (
        get("allowed.test", "/", "Content-Length: 5", "Content-Length: 6", method="POST"),
        400,
    ),
    "a list of lengths": (get("allowed.test", "/", "Content-Length: 5, 5", method="POST"), 400),
    "a signed length": (get("allowed.test", "/", "Content-Length: +5", method="POST"), 400),
    "a length with zeros before it": (
        get("allowed.test", "/", "Content-Length: 00", method="POST"),
        400,
    ),
    "a length that no file has": (
        get("allowed.test", "/", "Content-Length: 17592186044417", method="POST"),
        400,
    ),
    "a length by another name": (
        get("allowed.test", "/", "Content_Length: 5", method="POST"),
        400,
    ),
    "a coding besides": (
        get("allowed.test", "/", "Transfer-Encoding: gzip, chunked", method="POST"),
        400,
    ),
    "chunked by another name": (
        get("allowed.test", "/", "Transfer-Encoding: xchunked", method="POST"),
        400,
    ),
    "a coding in HTTP/1.0": (
        get("allowed.test", "/", "Transfer-Encoding: chunked", method="POST", version="1.0"),
        400,
    ),
    "the host taken away": (get("allowed.test", "/", "Connection: Host"), 400),
    "HTTP/2 at once": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/3.0": (get("allowed.test", version="3.0"), 400),
    "no method": (b" / HTTP/1.1\r\nHost: allowed.test\r\n\r\n", 400),
    "blank lines first": (b"\r\n\r\n" + get("allowed.test"), 400),
    "a long head": (get("allowed.test", "/" + "x" * 20000), 400),
    "many fields": (get("allowed.test", "/", *(f"X{i}: 1" for i in range(400))), 400),
}


def test_what_can_be_read_in_two_ways_is_refused(box, asked, sinks):
    answers = box.knock(*((HERE, 80, sent) for sent, _ in REFUSED.values()))
    for (what, (_, status)), answer in zip(REFUSED.items(), answers):
        assert answer.statuses == [status] and answer.end == "eof", (what, answer)
        assert answer.text.split("\r\n\r\n")[1].startswith("codex-sandbox: "), (what, answer)
        assert answer.text.count("\n", answer.text.index("\r\n\r\n") + 4) == 1, (what, answer)
    assert asked() == [] and sinks.seen() == []


def test_what_can_be_read_in_one_way_passes(box, asked):
    sent = {
        "/port": get("allowed.test:80", "/port", LAST),
        "/upper": get("ALLOWED.Test", "/upper", LAST),
        "/dot": get("allowed.test.", "/dot", LAST),
        "/dots": get("allowed.test.", "http://allowed.test/dots", LAST),
        "/absolute": get("allowed.test", "http://allowed.test/absolute", LAST),
        "/old": get("allowed.test", "/old", version="1.0"),
        "/query": get("allowed.test", "/query?u=http://evil.test/", LAST),
        "/spaces": b"GET /spaces HTTP/1.1\r\nHost:  allowed.test \t\r\nConnection: close\r\n\r\n",
    }
    for path, answer in zip(sent, box.knock(*((HERE, 80, bytes_) for bytes_ in sent.values()))):
        # Python's server is one of HTTP/1.1 even to a client of HTTP/1.0.
        assert answer.statuses == [200], (path, answer)
    hosts = {host.strip().rstrip(".") for host, _ in asked()}
    assert hosts == {"allowed.test"} and len(asked()) == len(sent)


def test_a_request_split_at_every_octet(box, asked):
    good, evil = get("allowed.test", "/split", LAST), get("evil.test", "/split")
    answers = box.knock(*((HERE, 80, good[:i], 0.02, good[i:]) for i in range(1, len(good))))
    assert [(i, a) for i, a in enumerate(answers, 1) if a.statuses != [200]] == []
    answers = box.knock(*((HERE, 80, evil[:i], 0.02, evil[i:]) for i in range(1, len(evil))))
    assert [(i, a) for i, a in enumerate(answers, 1) if a.statuses != [403]] == []
    assert set(asked()) == {("allowed.test", "/split")}


# ---- The next one on the connection ------------------------------------------------------------


def test_every_request_of_a_connection_is_checked(box, asked, sinks):
    first = get("allowed.test", "/1")
    kept, refused, other, piped, waited = box.knock(
        (
            *(HERE, 80, first, "read", get("allowed.test", "/2"), "read"),
            get("allowed.test", "/3", LAST),
        ),
        (HERE, 80, first, "read", get("evil.test", "/evil")),
        (HERE, 80, first, "read", get("example.com", "/other")),
        (HERE, 80, first + get("allowed.test", "/2") + get("evil.test", "/evil")),
        (HERE, 80, first + get("evil.test", "/evil")[:20], 0.3, get("evil.test", "/evil")[20:]),
    )
    assert kept.statuses == [200, 200, 200], kept
    assert refused.statuses == [200, 403] and refused.end == "eof", refused
    # An allowed one, but this connection isn't that host's.
    assert other.statuses == [200, 400] and "several hosts" in other.text, other
    assert piped.statuses == [200, 200, 403] and piped.end == "eof", piped
    assert waited.statuses == [200, 403], waited
    assert {host for host, _ in asked()} == {"allowed.test"}
    assert not sinks.carried(b"/evil") and not sinks.carried(b"/other")


def test_pipelined_requests_come_in_order(box, asked):
    sent = b"".join(get("allowed.test", f"/{i}") for i in range(40))
    (answer,) = box.knock((HERE, 80, sent + get("allowed.test", "/last", LAST)))
    assert answer.statuses == [200] * 41, answer
    assert asked() == [("allowed.test", f"/{i}") for i in [*range(40), "last"]]


def test_a_body_hides_no_request(box, asked, sinks):
    """The octets of a body are a body's, whatever they look like; behind it a request is one."""
    inner = get("evil.test", "/inner")
    length = get("allowed.test", "/l", f"Content-Length: {len(inner)}", method="POST")
    chunked = get("allowed.test", "/c", "Transfer-Encoding: chunked", method="POST")
    chunk = f"{len(inner):x}\r\n".encode() + inner + b"\r\n"
    rest = get("evil.test", "/smuggled")
    answers = box.knock(
        (HERE, 80, length + inner + get("allowed.test", "/end", LAST)),
        (HERE, 80, chunked + chunk + b"0\r\n\r\n" + get("allowed.test", "/end", LAST)),
        (HERE, 80, length + inner + rest),
        (HERE, 80, chunked + chunk + b"0\r\n\r\n" + rest),
        (HERE, 80, chunked + chunk + b"0;ext=1\r\nTrailer: x\r\n\r\n" + rest),
    )
    assert [a.statuses for a in answers] == [[200, 200]] * 2 + [[200, 403]] * 3, answers
    assert not sinks.carried(b"/smuggled")
    assert {path for _, path in asked()} == {"/l", "/c", "/end"}


def test_malformed_chunks_end_the_connection(box, asked, sinks):
    head = get("allowed.test", "/c", "Transfer-Encoding: chunked", method="POST")
    smuggled = get("evil.test", "/smuggled")
    bad = [
        b"x\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
        # What counts in 32 bits reads 5, less than nothing, or, of eight digits, none.
        b"100000005\r\nhello\r\n0\r\n\r\n",
        b"80000005\r\nhello\r\n0\r\n\r\n",
        b"000000005\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"x" * 4000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"0\r\nX: a\n\r\n",
    ]
    for sent, answer in zip(bad, box.knock(*((HERE, 80, head + b + smuggled) for b in bad))):
        assert answer.statuses in ([400], []) and answer.end in ("eof", "reset"), (sent, answer)
        assert answer.seconds < 4, (sent, answer)
    assert not sinks.carried(b"smuggled")


def test_bodies_pass(box, internet, asked):
    """A length, chunks, and a client that asks first, as curl and its kind send them."""
    done = box.shell(
        """
        head -c 300000 /dev/urandom >/tmp/body
        for with in "" "Transfer-Encoding: chunked" "Expect: 100-continue"; do
            curl -sS -m 20 -H "$with" --data-binary @/tmp/body http://allowed.test/digest
        done
        sha256sum </tmp/body"""
    ).ok()
    *told, sum_ = done.lines()
    assert told == [f"300000 {sum_.split()[0]}"] * 3, done
    assert [path for _, path in asked()] == ["/digest"] * 3


# ---- CONNECT -----------------------------------------------------------------------------------


def connect(target, *fields, version="1.1"):
    lines = [f"CONNECT {target} HTTP/{version}", f"Host: {target}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_connect(box, sinks, asked):
    """Whatever address of port 80 is taken for a proxy, it is the gate that answers."""
    good, evil = tls.client("allowed.test"), tls.client("evil.test")
    web, inner, raw, name, port, nested, at_once, plain, evil_plain = box.knock(
        (FOREIGN, 80, connect("allowed.test:443"), "read", good),
        (FOREIGN, 80, connect("allowed.test:443"), "read", evil),
        (FOREIGN, 80, connect("allowed.test:22"), "read", 0.3, b"raw bytes"),
        (FOREIGN, 80, connect("evil.test:443")),
        (FOREIGN, 80, connect("allowed.test:8443")),
        (FOREIGN, 80, connect("allowed.test:80"), "read", connect("allowed.test:22")),
        (FOREIGN, 80, connect("allowed.test:443") + evil),
        (FOREIGN, 80, connect("allowed.test:80"), "read", get("allowed.test", "/in", LAST)),
        (FOREIGN, 80, connect("allowed.test:80"), "read", get("evil.test", "/out")),
        seconds=3,
    )
    assert web.statuses == [200] and b"\x16\x03\x03" in web.bytes, web
    assert inner.statuses == [200] and inner.bytes[-7:-2] == b"\x15\x03\x03\0\x02", inner
    assert inner.bytes[-1] == ACCESS_DENIED
    assert raw.statuses == [200] and GREETING in raw.bytes, raw
    assert name.statuses == [403] and "--allow evil.test\n" in name.text, name
    assert port.statuses == [403] and "--allow allowed.test:8443\n" in port.text, port
    assert nested.statuses == [200, 400], nested
    assert at_once.bytes[-1] == ACCESS_DENIED, at_once
    assert plain.statuses == [200, 200] and evil_plain.statuses == [200, 403]
    assert sinks.addresses() == {HERE}
    assert not sinks.carried(b"evil.test") and asked() == [("allowed.test", "/in")]


def test_curl_takes_the_gate_for_its_proxy(box, sinks):
    through = f"curl -sS -m 9 -x http://{FOREIGN}:80"
    done = box.shell(f"{through} https://allowed.test/a; {through} http://allowed.test/b").ok()
    paths = [json.loads(part + "}")["path"] for part in done.out.split("}")[:2]]
    assert paths == ["/a", "http://allowed.test/b"]
    refused = box.shell(f"{through} https://evil.test/")
    assert refused.status == 56 and "403" in refused.err, refused
    assert sinks.addresses() == {HERE}


def test_the_gates_own_port_is_no_way_around_it(box, sinks):
    """A payload can find it. Who wasn't redirected there may ask for what is allowed, no more."""
    table = box.exec("cat", "/proc/net/tcp").ok().lines()[1:]
    rows = [line.split() for line in table]
    # uid 0 made it, before the worker was born; the other listener of 127.0.0.1 is DNS's.
    ports = {int(row[1][9:], 16) for row in rows if row[1][:8] == "0100007F" and row[3] == "0A"}
    assert 1 <= len(ports) <= 3, table
    for port in ports:
        answers = box.knock(
            ("127.0.0.1", port, connect("evil.test:443"), "half"),
            ("127.0.0.1", port, get("evil.test"), "half"),
            ("127.0.0.1", port, get("allowed.test"), "half"),
            ("127.0.0.1", port, tls.client("evil.test"), "half"),
            ("127.0.0.1", port, tls.client("allowed.test"), "half"),
            ("127.0.0.1", port, connect("allowed.test:8443"), "half"),
            ("127.0.0.1", port, get("127.0.0.1", f"http://127.0.0.1:{port}/"), "half"),
        )
        assert not any(200 in a.statuses or a.served for a in answers), answers
        assert not any(a.end == "open" for a in answers), answers
    assert sinks.seen() == []


# ---- Switching protocols -----------------------------------------------------------------------

KEY = base64.b64encode(b"sixteen octets!!").decode()
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}")
UPGRADE += ("Sec-WebSocket-Version: 13",)


def frame(data, code=1):
    return bytes([0x80 | code, 0x80 | len(data)]) + b"\0\0\0\0" + data


def test_a_websocket_works_both_ways(box, asked):
    (answer,) = box.knock(
        (
            *(HERE, 80, get("allowed.test", "/websocket", *UPGRADE), "read"),
            *(frame(b"first"), "read", 0.5, frame(b"second"), "read", frame(b"", 8)),
        )
    )
    assert answer.text.startswith("HTTP/1.1 101 "), answer
    assert answer.bytes.endswith(b"\x81\x05first\x81\x06second\x88\x00"), answer
    assert answer.end == "eof" and asked() == [("allowed.test", "/websocket")]


# A connection that is kept for the next request.
KEPT = READ + """
kept = socket.create_connection(("allowed.test", 80), 30)
kept.sendall(b"GET /kept HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n")
read(kept, b"}")
time.sleep(13)
kept.sendall(b"GET /kept HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n")
assert b" 200 " in read(kept, b"}")
print("idled")
"""


def test_what_idles_stays(box):
    """Longer than the ten seconds that a head, a hello or a connection may take."""
    done = box.docker("exec", "-u", "1000", box.name, "python3", "-c", KEPT).ok()
    assert done.out == "idled\n"


def test_an_upgrade_that_is_not_granted_leaves_http(box, asked, sinks):
    """What follows a request for a websocket is read as requests unless the server agrees."""
    ask = get("allowed.test", "/no-websocket", *UPGRADE)
    refused, good, at_once = box.knock(
        (HERE, 80, ask, "read", get("evil.test", "/smuggled")),
        (HERE, 80, ask, "read", get("allowed.test", "/next", LAST)),
        (HERE, 80, ask + get("evil.test", "/smuggled")),
    )
    assert refused.statuses == [200, 403], refused
    assert good.statuses == [200, 200], good
    assert at_once.statuses == [200, 403], at_once
    assert not sinks.carried(b"/smuggled")
    # Later on a connection nobody is asked for one, and HTTP goes on.
    (later,) = box.knock(
        (
            *(HERE, 80, get("allowed.test", "/1"), "read"),
            *(get("allowed.test", "/websocket", *UPGRADE), "read", get("evil.test", "/smuggled")),
        )
    )
    assert later.statuses == [200, 200, 403], later
    assert not sinks.carried(b"/smuggled")


def test_h2c_is_not_offered_to_the_server(box, sinks, asked):
    ask = get("allowed.test", "/h2c", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings")
    (answer,) = box.knock((HERE, 80, ask, "read", get("evil.test", "/smuggled")))
    assert answer.statuses == [200, 403], answer
    assert asked() == [("allowed.test", "/h2c")]
    assert not sinks.carried(b"Upgrade: h2c") and not sinks.carried(b"/smuggled")


JAVA = """
import java.net.URI; import java.net.http.*;
class H { public static void main(String[] a) throws Exception {
  var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
  for (int i = 0; i < 2; i++)
    System.out.println(client.send(HttpRequest.newBuilder(URI.create("http://allowed.test/java"))
      .build(), HttpResponse.BodyHandlers.ofString()).statusCode());
} }"""


def test_java_which_asks_for_h2c_gets_on(box, asked, sinks):
    done = box.shell(f"cat >/tmp/H.java <<'E'\n{JAVA}\nE\njava /tmp/H.java").ok()
    assert done.lines() == ["200", "200"]
    assert asked() == [("allowed.test", "/java")] * 2
    assert not sinks.carried(b"Upgrade: h2c")


# ---- Halves ------------------------------------------------------------------------------------


def test_a_client_that_has_said_all(box, asked, internet):
    """It ends its half and still gets its answer; and the server gets to know of it."""
    raw, old, tunnel = box.knock(
        (FOREIGN, 80, connect("allowed.test:22"), "read", b"all of it", "half"),
        (HERE, 80, get("allowed.test", "/half", version="1.0"), "half"),
        (HERE, 80, get("allowed.test", "/half", LAST), "half"),
        seconds=4,
    )
    assert GREETING in raw.bytes and raw.end == "eof", raw
    assert b"all of it" in b"".join(internet.ports.told)
    assert old.statuses == [200] and old.end == "eof", old
    assert tunnel.statuses == [200] and tunnel.end == "eof", tunnel


HALF = f"""
import socket, time
s = socket.create_connection(("{FOREIGN}", 80), 9)
s.sendall(b"CONNECT allowed.test:22 HTTP/1.1\\r\\nHost: allowed.test:22\\r\\n\\r\\n")
got = b""
while b"lab\\n" not in got:
    got += s.recv(100)
s.sendall(b"one")
time.sleep(0.5)
s.sendall(b"two")
s.shutdown(socket.SHUT_WR)
print(s.recv(100))
"""


def test_octets_of_a_tunnel_go_at_once(box, internet):
    done = box.docker("exec", "-u", "1000", box.name, "python3", "-c", HALF).ok()
    assert done.out == "b''\n"
    assert internet.ports.told[-2:] == [b"one", b"two"]


def test_servers_that_break(box):
    reset, silent = box.knock(
        (HERE, 80, get("allowed.test", "/reset")),
        (HERE, 80, get("allowed.test", "/silence")),
        seconds=2,
    )
    assert reset.bytes == b"" and reset.end == "reset", reset
    assert silent.bytes == b"" and silent.end == "open", silent


# ---- Amounts -----------------------------------------------------------------------------------

SIZE = 20 * 1000 * 1000


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_twenty_megabytes_up_and_down(box, internet, scheme):
    data = hashlib.shake_256(scheme.encode()).digest(SIZE)
    internet.web.pages["allowed.test", "/big"] = data
    done = box.shell(
        f"curl -sS -m 50 -o /tmp/big {scheme}://allowed.test/big && sha256sum </tmp/big;"
        f"curl -sS -m 50 --data-binary @/tmp/big {scheme}://allowed.test/digest",
    ).ok()
    digest = hashlib.sha256(data).hexdigest()
    assert done.lines() == [f"{digest}  -", f"{SIZE} {digest}"], done


def test_two_hundred_at_a_time(box, asked):
    script = (
        "curl -sS -m 50 -Z --parallel-immediate --parallel-max 200 -o /dev/null"
        " -w '%{http_code} %{errormsg}\\n' "
    )
    done = box.shell(f"{script} 'http://allowed.test/many[1-200]'").ok()
    assert done.lines() == ["200 "] * 200, [line for line in done.lines() if line != "200 "]
    assert {path for _, path in asked()} == {f"/many{i}" for i in range(1, 201)}
    done = box.shell(f"{script} --http1.1 'https://allowed.test/tls[1-200]'").ok()
    assert done.lines() == ["200 "] * 200, [line for line in done.lines() if line != "200 "]


def test_websockets_stand_for_minutes(shared):
    def said():
        return shared.exec("cat", "/tmp/websockets").out

    until(lambda: "they work" in said(), 140, said)
