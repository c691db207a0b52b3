"""HTTP through the gate: CONNECT, and switching protocols."""

import base64
import json

import pytest
import hello as tls
from gate_box import ACCESS_DENIED
from internet import GREETING
from gate_http import HERE, LAST, NAME, READ, asked, box, connect, get, shared  # noqa: F401

pytestmark = pytest.mark.cell


def test_connect(box, sinks, asked):
    """Whatever address of port 80 is taken for a proxy, it is the gate that answers."""
    good, evil = tls.client("allowed.test"), tls.client("evil.test")
    web, inner, raw, name, port, nested, at_once, plain, evil_plain = box.knock(
        (*box.proxy, connect("allowed.test:443"), "read", good, "half"),
        (*box.proxy, connect("allowed.test:443"), "read", evil),
        (*box.proxy, connect("allowed.test:22"), "read", 0.3, b"raw bytes", "half"),
        (*box.proxy, connect("evil.test:443")),
        (*box.proxy, connect("allowed.test:8443")),
        (*box.proxy, connect("allowed.test:80"), "read", connect("allowed.test:22")),
        (*box.proxy, connect("allowed.test:443") + evil),
        (*box.proxy, connect("allowed.test:80"), "read", get("allowed.test", "/in", LAST)),
        (*box.proxy, connect("allowed.test:80"), "read", get("evil.test", "/out")),
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
    through = "curl -sS -m 30 -x http://%s:%d" % box.proxy
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


KEY = base64.b64encode(b"sixteen octets!!").decode()
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}")
UPGRADE += ("Sec-WebSocket-Version: 13",)


def frame(data, code=1):
    return bytes([0x80 | code, 0x80 | len(data)]) + b"\0\0\0\0" + data


def test_a_websocket_works_both_ways(box, asked):
    (answer,) = box.knock(
        (
            *(NAME, 80, get("allowed.test", "/websocket", *UPGRADE), "read"),
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
    done = box.inside("python3", "-c", KEPT).ok()
    assert done.out == "idled\n"


def test_an_upgrade_that_is_not_granted_leaves_http(box, asked, sinks):
    """What follows a request for a websocket is read as requests unless the server agrees."""
    ask = get("allowed.test", "/no-websocket", *UPGRADE)
    refused, good, at_once = box.knock(
        (NAME, 80, ask, "read", get("evil.test", "/smuggled")),
        (NAME, 80, ask, "read", get("allowed.test", "/next", LAST)),
        (NAME, 80, ask + get("evil.test", "/smuggled")),
    )
    assert refused.statuses == [200, 403], refused
    assert good.statuses == [200, 200], good
    assert at_once.statuses == [200, 403], at_once
    assert not sinks.carried(b"/smuggled")
    # Later on a connection nobody is asked for one, and HTTP goes on.
    (later,) = box.knock(
        (
            *(NAME, 80, get("allowed.test", "/1"), "read"),
            *(get("allowed.test", "/websocket", *UPGRADE), "read", get("evil.test", "/smuggled")),
        )
    )
    assert later.statuses == [200, 200, 403], later
    assert not sinks.carried(b"/smuggled")


def test_h2c_is_not_offered_to_the_server(box, sinks, asked):
    ask = get("allowed.test", "/h2c", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings")
    (answer,) = box.knock((NAME, 80, ask, "read", get("evil.test", "/smuggled")))
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
