"""What the tests of the gate's HTTP share."""

import base64

import pytest
from gate_box import begin
from internet import address_of

ALLOW = "allowed.test:443,80,22 example.com"
NAME = "allowed.test"
HERE, FOREIGN = address_of(NAME), address_of("other.test")
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


@pytest.fixture(scope="module")
def shared(lab, wall):
    """One container for the file."""
    lab.internet.reset()
    made = begin(lab, wall=wall, allow=ALLOW).ready()
    yield made
    made.remove()


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
