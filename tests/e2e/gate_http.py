"""What the tests of the gate's HTTP share."""

import base64

import pytest
from conftest import CA_PATH, until
from gate_box import begin
from internet import address_of

ALLOW = "allowed.test:443,80,22 example.com"
HERE, FOREIGN = address_of("allowed.test"), address_of("other.test")
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


def connect(target, *fields, version="1.1"):
    lines = [f"CONNECT {target} HTTP/{version}", f"Host: {target}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"
