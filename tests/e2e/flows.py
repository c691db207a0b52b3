"""What the tests of rules that are given later share: a container's flows, which tell how far they
got, and codex-egress."""

import re

from conftest import CA_PATH, until

# FLOWS LABEL KIND HOST PORT...: keeps a connection of each kind busy, and prints a line with its label
# for each step that got through, and when it has ended.
FLOWS = r"""
import base64, os, socket, ssl, sys, threading, time

def connect(host, port):
    s = socket.create_connection((host, int(port)), 60)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # an end isn't far behind in it
    return s

def secure(s, host):
    return ssl.create_default_context(cafile="%s").wrap_socket(s, server_hostname=host)

def ask(s, host, path, *fields):
    s.sendall("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode())

def download(s, host):
    ask(s, host, "/endless")
    while True:
        assert s.recv(65536)
        yield
        time.sleep(0.02)

def tls(host, port):
    yield from download(secure(connect(host, port), host), host)

def http(host, port):
    yield from download(connect(host, port), host)

def websocket(host, port):
    s = connect(host, port)
    key = base64.b64encode(os.urandom(16)).decode()
    ask(s, host, "/websocket", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key)
    assert b" 101 " in s.recv(4096)
    while True:
        s.sendall(bytes([0x81, 0x84, 0, 0, 0, 0]) + b"tick")
        assert s.recv(4096).endswith(b"tick")
        yield
        time.sleep(0.05)

def plain(host, port):
    s = connect(host, port)
    assert s.recv(4096)
    while True:
        s.sendall(b"tick\n")
        yield
        time.sleep(0.05)

def keep(label, kind, host, port):
    try:
        for _ in globals()[kind](host, port):
            os.write(1, f"{label} step\n".encode())
    except BaseException as error:
        os.write(1, f"{label} ended {error!r}\n".encode())

words = sys.argv[1:]
for i in range(0, len(words), 4):
    threading.Thread(target=keep, args=words[i : i + 4]).start()
""" % CA_PATH


class Flows:
    """Some flows in a box: {label: (kind, host, port)}."""

    def __init__(self, box, **flows):
        self.labels = list(flows)
        words = [str(word) for label, flow in flows.items() for word in (label, *flow)]
        self.job = box.begin("python3", "-c", FLOWS, *words)
        until(lambda: all(self.steps(label) > 2 for label in flows), self.said)

    def said(self, label=None):
        lines = self.job.said.splitlines()
        return "\n".join(line for line in lines if not label or line.split()[0] == label)

    def steps(self, label):
        return self.said(label).count("step")

    def ended(self, label):
        return "ended" in self.said(label)

    def end(self, *labels):
        """They have ended, or do with the next packet."""
        for label in labels:
            until(lambda: self.ended(label), f"the end of {label}")  # noqa: B023

    def live(self, *labels):
        """They get on."""
        before = {label: self.steps(label) for label in labels}
        for label in labels:
            until(lambda: self.steps(label) > before[label] + 3, label)  # noqa: B023
            assert not self.ended(label), self.said(label)


def kinds(name, prefix):
    """One flow of each kind to a name."""
    return {
        f"{prefix}_tls": ("tls", name, 443),
        f"{prefix}_http": ("http", name, 80),
        f"{prefix}_websocket": ("websocket", name, 80),
        f"{prefix}_plain": ("plain", name, 2222),
    }


def booted(box):
    until(lambda: box.exec("test", "-S", "/run/codex/control").status == 0)
    return box


def egress(box, *words, status=0, **rest):
    return box.exec("codex-egress", *words, **rest).ok(status)


def refused(box, answer):
    """A connection that came to nothing, at once; in the cell it is the gate that ends it."""
    ends = ("reset", "eof") if box.cell else ()
    return answer.bytes == b"" and ("refused" in answer.end or answer.end in ends)


def refused_by_dns(box, name, why="denied"):
    by = "+tcp" if box.cell else "+notcp"
    done = box.shell(f"dig {by} +time=30 +noall +comments {name}").ok()
    return "NXDOMAIN" in done.out and re.search(
        rf"EDE: 15.*{re.escape(name)} is {why}", done.out
    )
