"""What passes the broker as it is: bodies that it can't read, and streams that pause. One of those
stands beside the other tests; the last one looks after it."""

import base64
import hashlib
import json
import random
import subprocess
import time

import openai
import pytest
from conftest import CA_PATH, FLAGS, IMAGE, TRUST, until
from test_broker import KEY, PORT, SECRET

PAUSE = 40  # longer than any time that haproxy gives what has not begun
CLIENT = r"""
import base64, os, re, socket, sys, threading, time
port = int(re.search(r"(\d+)/v1", open("/etc/codex/managed_config.toml").read())[1])
def ask(text, body=b""):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall((text + f"\r\nHost: 127.0.0.1:{port}\r\n").encode() + body)
    return s
def until(s, end):
    got = b""
    while end not in got:
        data = s.recv(65536)
        assert data, got
        got += data
    return got
asked = time.monotonic()
stream = ask("POST /v1/responses HTTP/1.1", b"Content-Length: 2\r\n\r\n{}")
until(stream, b"first")
key = base64.b64encode(os.urandom(16)).decode()
ws = ask("GET /v1/responses HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}", b"\r\n")
assert b" 101 " in until(ws, b"\r\n\r\n")
print("they stand", flush=True)
began = time.monotonic()
until(stream, b"last")
assert time.monotonic() > asked + 30
time.sleep(max(0, began + 31 - time.monotonic()))  # the WebSocket may have begun much later than the stream
ws.sendall(bytes([0x81, 0x84, 0, 0, 0, 0]) + b"late")
until(ws, b"echo late")
print("they work")
"""


def parts():
    yield b"data: first\n\n"
    time.sleep(PAUSE)
    yield b"data: last\n\n"


def streaming(method, path, headers, body):
    reply = openai.Reply(101 if headers.get("upgrade") else 200, kind="text/event-stream")
    reply.parts, reply.converse = parts(), (lambda text: [b"echo " + text]) if reply.status == 101 else None
    return reply


@pytest.fixture(scope="module")
def standing(lab):
    lab.internet.reset()
    lab.internet.openai.instead = streaming
    words = ["-v", f"{lab.ca}:{CA_PATH}:ro", "-e", f"OPENAI_API_KEY={SECRET}"]
    words += [word for name in TRUST for word in ("-e", f"{name}={CA_PATH}")]
    docker = ["docker", "-H", lab.engine.host]
    begun = [*docker, "run", "-d", "--pull=never", *FLAGS, *words, IMAGE, "--", "python3", "-c", CLIENT]
    box = subprocess.run(begun, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    logs = lambda: subprocess.run([*docker, "logs", box], capture_output=True, check=True, text=True).stdout
    until(lambda: "they stand" in logs(), "a stream and a WebSocket")
    yield logs
    subprocess.run([*docker, "rm", "-f", box], capture_output=True, check=True)


SEND = r"""
import base64, hashlib, http.client, re, sys
port = int(re.search(r"(\d+)/v1", open("/etc/codex/managed_config.toml").read())[1])
body = base64.b64decode(sys.stdin.read())
c = http.client.HTTPConnection("127.0.0.1", port)
c.request("POST", "/v1/responses", body, {"Content-Encoding": "zstd", "Content-Type":
    "application/json", "Accept-Encoding": "zstd"})
answer = c.getresponse()
print(answer.status, answer.getheader("content-encoding"), hashlib.sha256(answer.read()).hexdigest())
"""


def test_a_zstd_body_arrives_and_comes_back_octet_by_octet(standing, shell, model):
    """Larger than haproxy's buffers. (In chunks it is refused: test_broker_requests.py.)"""
    text = json.dumps({"input": random.Random(16).choices(range(1000), k=200000)})
    body = subprocess.run(["zstd", "-c"], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    assert len(body) > 4 * 32768
    arrived = []

    def echo(method, path, headers, received):
        arrived.append((headers.get("content-encoding"), headers["authorization"], received))
        return openai.Reply(200, received, headers=[("Content-Encoding", "zstd")])

    model.instead = echo
    script = f"cat >/tmp/send.py <<'P'\n{SEND}\nP\npython3 /tmp/send.py <<'B'\n{base64.b64encode(body).decode()}\nB\n"
    done = shell("bash -s", env=KEY, options=["-i"], input=script.encode()).ok()
    told = f"200 zstd {hashlib.sha256(body).hexdigest()}"
    assert done.lines() == [told], done
    assert arrived == [("zstd", f"Bearer {SECRET}", body)]
    assert json.loads(openai.decoded(arrived[0][2], "zstd")) == json.loads(text)


def test_octets_of_a_stream_come_at_once(standing, shell, model):
    """Each event when the server sends it, not when a buffer is full: the server waits until the
    client has said that it has the one before."""
    def events(method, path, headers, received):
        reply = openai.Reply(200, kind="text/event-stream")
        if path.endswith("/compact"):
            seen.append(received)
            return openai.Reply(200, b"")

        def one_by_one():
            for i in range(3):
                yield b"data: %d\n\n" % i
                until(lambda: len(seen) > i, "word of the client's")
        reply.parts = one_by_one()
        return reply

    seen = []
    model.instead = events
    script = PORT + r"""
at=http://127.0.0.1:$port/v1/responses
curl -sSN -d '{}' $at | while read -r word number; do
  [ -z "$word" ] || curl -sS -d "$number" $at/compact
done"""
    shell(script, env=KEY).ok()
    assert seen == [b"0", b"1", b"2"]


# A client that takes a chunk for whole when its end is there (RFC 9112, 7.1), as Python's and many do.
CHUNKS = r"""
import http.client, re
port = int(re.search(r"(\d+)/v1", open("/etc/codex/managed_config.toml").read())[1])
def ask(path, body):
    c = http.client.HTTPConnection("127.0.0.1", port)
    c.request("POST", path, body)
    return c.getresponse()
stream, event = ask("/v1/responses", "{}"), b""
f = stream.fp
while size := int(f.readline(), 16):
    event, end = event + f.read(size), f.readline()
    if event.endswith(b"\n\n"):
        ask("/v1/responses/compact", event.split()[1])
        event = b""
"""


def test_the_end_of_a_chunk_does_not_wait_for_the_next(standing, shell, model):
    """Events larger than a TLS record: the server sends the next one when the client has the whole of
    the one before."""
    seen = []

    def events(method, path, headers, received):
        reply = openai.Reply(200, kind="text/event-stream")
        if path.endswith("/compact"):
            seen.append(int(received))
            return openai.Reply(200, b"")

        def one_by_one():
            for i in range(60):
                yield b"data: %d %s\n\n" % (i, b"x" * 20000)
                until(lambda: len(seen) > i, "word of the client's")
        reply.parts = one_by_one()
        return reply

    model.instead = events
    shell(f"python3 - <<'P'\n{CHUNKS}\nP", env=KEY).ok()
    assert seen == list(range(60))


def test_a_stream_and_a_websocket_that_pause(standing):
    until(lambda: "they work" in standing(), standing, patience=PAUSE + 100)
