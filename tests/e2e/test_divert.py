"""The way to the gate: by routing for public addresses, by NAT for what only the wall's sets know.
Neither may be seen by whoever connects, serves, or goes away in the middle. In the cell there is none:
names lead to the gate itself."""

import re

import pytest
from conftest import until
from internet import address_of

HERE = address_of("allowed.test")


@pytest.fixture
def box(boxes):
    return boxes(allow="allowed.test")


def flows(box):
    status = box.exec("codex-egress", "status").ok().out
    return int(re.search(r"^flows +(\d+) under way", status, re.M).group(1))


def test_public_addresses_are_routed_to_the_gate(boxes, dns, sinks):
    dns.add("inner.test", "10.1.2.9")
    box = boxes(allow="allowed.test inner.test+private")
    told = "-o /dev/null -w '%{local_ip} %{remote_ip} %{http_code}\\n'"
    done = box.shell(
        f"curl -sS {told} http://allowed.test; curl -sS {told} http://inner.test; hostname -i"
    ).ok()
    public, private, own = done.lines()
    assert public == f"127.0.0.1 {HERE} 200"
    assert private == f"{own} 10.1.2.9 200"
    assert sinks.addresses() == {HERE, "10.1.2.9"}


@pytest.mark.cell
def test_a_client_that_binds_its_own_address(box):
    done = box.shell(
        "curl -sS -o /dev/null -w '%{local_ip} %{http_code}\\n' --interface $(hostname -i)"
        " https://allowed.test; hostname -i"
    ).ok()
    answer, own = done.lines()
    assert answer == f"{own} 200"


SERVE = "nohup python3 -m http.server 80 --directory /lab >/tmp/served 2>&1 & "


def test_the_payloads_own_web_server(box, sinks):
    """On the very port that the gate's clients speak to; it gets its own and no other's."""
    done = box.shell(
        SERVE + "until curl -s -o /dev/null http://127.0.0.1/knock.py; do sleep 0.1; done;"
        " curl -sS http://$(hostname -i)/knock.py | head -c 20; echo;"
        " curl -sS -o /dev/null -w '%{http_code}\\n' http://allowed.test/knock.py;"
        " curl -sS -m 50 -o /dev/null -w '%{http_code}\\n' -H 'Host: evil.test'"
        f" http://{HERE}/knock.py; kill %1; cat /tmp/served"
    ).ok()
    own, allowed, evil, *served = done.lines()
    assert own.startswith('"""Run inside')
    assert (allowed, evil) == ("200", "403")
    assert len([line for line in served if "GET /knock.py" in line]) == 2, served
    assert sinks.addresses() == {HERE}


# Asks for a body without an end, and leaves: with octets unread, or after saying that it is done.
LEAVE = """
import socket, sys
for i in range(40):
    s = socket.create_connection(("allowed.test", 80), 60)
    s.sendall(b"GET /endless HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n")
    if i % 2:
        s.recv(1)
    s.close()
"""


@pytest.mark.cell
def test_clients_that_leave_leave_nothing_behind(box):
    """The kernel speaks for them, and not in the payload's name: the gate hears it all the same."""
    box.inside("python3", "-c", LEAVE).ok()
    until(lambda: flows(box) == 0, lambda: f"an end of {flows(box)} flows")


def test_strict_reverse_paths(boxes, sinks):
    """Answers of servers come by a way that the rules for the payload must not be asked about."""
    box = boxes(
        allow="allowed.test",
        options=("--sysctl", "net.ipv4.conf.all.rp_filter=1"),
    )
    box.shell("curl -sS -o /dev/null https://allowed.test http://allowed.test").ok()
    assert sinks.addresses() == {HERE}


def test_without_a_gate_nothing_is_routed(boxes, sinks):
    box = boxes("--egress=pin", allow="allowed.test")
    done = box.shell(
        "curl -sS -o /dev/null -w '%{local_ip}\\n' https://allowed.test; hostname -i"
    ).ok()
    assert len(set(done.lines())) == 1, done
    assert sinks.addresses() == {HERE}
