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
stream = ask("POST /v1/responses HTTP/1.1", b"Content-Length: 2\r\n\r\n{}")
until(stream, b"first")
key = base64.b64encode(os.urandom(16)).decode()
ws = ask("GET /v1/responses HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}", b"\r\n")
assert b" 101 " in until(ws, b"\r\n\r\n")
print("they stand", flush=True)
began = time.monotonic()
until(stream, b"last")
assert time.monotonic() > began + 30
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
    until(lambda: "they stand" in logs(), 30, "a stream and a WebSocket")
    yield logs
    subprocess.run([*docker, "rm", "-f", box], capture_output=True, check=True)


SEND = r"""
import base64, hashlib, http.client, re, sys
port = int(re.search(r"(\d+)/v1", open("/etc/codex/managed_config.toml").read())[1])
body = base64.b64decode(sys.stdin.read())
for chunked in (False, True):
    c = http.client.HTTPConnection("127.0.0.1", port)
    sent = iter([body[:70000], body[70000:]]) if chunked else body
    c.request("POST", "/v1/responses", sent, {"Content-Encoding": "zstd", "Content-Type":
        "application/json", "Accept-Encoding": "zstd"}, encode_chunked=chunked)
    answer = c.getresponse()
    print(answer.status, answer.getheader("content-encoding"), hashlib.sha256(answer.read()).hexdigest())
"""


def test_a_zstd_body_arrives_and_comes_back_octet_by_octet(standing, shell, model):
    """Larger than haproxy's buffers, by its length and in chunks."""
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
    assert done.lines() == [told, told], done
    assert arrived == [("zstd", f"Bearer {SECRET}", body)] * 2
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
                until(lambda: len(seen) > i, 20, "word of the client's")
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


def test_a_stream_and_a_websocket_that_pause(standing):
    until(lambda: "they work" in standing(), PAUSE + 40, standing)
