"""HTTP through the gate: halves of connections, amounts, and what stands for minutes."""

import hashlib

import pytest
import hello as tls
from conftest import CA_PATH, until
from gate_box import begin
from internet import GREETING
from gate_http import ALLOW, LAST, NAME, READ, asked, box, connect, get, shared  # noqa: F401

pytestmark = pytest.mark.cell


# Websockets, in the clear and in TLS, that stand for some minutes, and then still work.
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


@pytest.fixture(scope="module", autouse=True)
def websockets(lab):
    """They stand beside all the tests, behind both walls; the last one looks after them."""
    lab.internet.reset()
    boxes = [begin(lab, wall=wall, allow=ALLOW).ready() for wall in ("nft", "flagless")]
    yield [box.begin("python3", "-c", WEBSOCKETS).until_says("they stand") for box in boxes]
    for box in boxes:
        box.remove()


def test_a_client_that_has_said_all(box, asked, internet):
    """It ends its half and still gets its answer; and the server gets to know of it."""
    raw, old, tunnel = box.knock(
        (*box.proxy, connect("allowed.test:22"), "read", b"all of it", "half"),
        (NAME, 80, get("allowed.test", "/half", version="1.0"), "half"),
        (NAME, 80, get("allowed.test", "/half", LAST), "half"),
    )
    assert GREETING in raw.bytes and raw.end == "eof", raw
    assert b"all of it" in b"".join(internet.ports.told)
    assert old.statuses == [200] and old.end == "eof", old
    assert tunnel.statuses == [200] and tunnel.end == "eof", tunnel


HALF = """
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
s.sendall(b"CONNECT allowed.test:22 HTTP/1.1\\r\\nHost: allowed.test:22\\r\\n\\r\\n")
got = b""
while b"lab\\n" not in got:
    got += s.recv(100)
s.sendall(b"one")
while not os.path.exists("/tmp/go"):
    time.sleep(0.05)
s.sendall(b"two")
s.shutdown(socket.SHUT_WR)
print(s.recv(100))
"""


def test_octets_of_a_tunnel_go_at_once(box, internet):
    job = box.begin("python3", "-c", HALF, *map(str, box.proxy))
    until(lambda: internet.ports.told[-1:] == [b"one"], lambda: f"the first among {internet.ports.told}")
    box.exec("touch", "/tmp/go").ok()
    assert job.result().ok().out == "b''\n"
    assert internet.ports.told[-2:] == [b"one", b"two"]


def test_servers_that_break(box):
    (reset,) = box.knock((NAME, 80, get("allowed.test", "/reset")))
    (silent,) = box.knock((NAME, 80, get("allowed.test", "/silence")), seconds=5)
    assert reset.bytes == b"" and reset.end == "reset", reset
    assert silent.bytes == b"" and silent.end == "open", silent


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


def test_websockets_stand_for_minutes(websockets):
    for job in websockets:
        job.until_says("they work", patience=140)
