"""Addresses that aren't what they seem: those of NAT64, of fake-IP resolvers, and the host's where an
engine calls it by an address of a special range. A rule can open them; metadata services it can't."""

import json

import pytest
from conftest import until
from internet import Wire, address_of

ALLOWED = address_of("allowed.test")


def nat64(address):
    a, b, c, d = map(int, address.split("."))
    return f"64:ff9b::{a << 8 | b:x}:{c << 8 | d:x}"


@pytest.fixture
def six(network):
    return network("--ipv6", "--subnet", "fd77:1:7a::/64")


def begin_knock(box, address, port):
    return box.begin("timeout", "30", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}")


def knock(box, address, port):
    return begin_knock(box, address, port).wait()


# The cell starts on no user-defined network (test_cell_attacks.py).
def test_nat64_is_judged_by_the_address_inside(six, boxes, dns, sinks, wire):
    names = {
        "public.test": ALLOWED,
        "private.test": "10.1.2.3",
        "open.test": "10.1.2.4",
        "metadata.test": "169.254.169.254",
        "denied.test": "45.9.9.9",
    }
    for name, address in names.items():
        dns.add(name, nat64(address))
    box = boxes(
        *("--deny", "45.9.0.0/16"),
        allow="public.test public.test:8080 private.test open.test:8080+private"
        " metadata.test:80+private denied.test",
        network=six,
    )
    assert "public.test" in box.shell("curl -sS https://public.test").ok().out
    assert knock(box, "public.test", 8080) == 0
    assert knock(box, "open.test", 8080) == 0
    opened = {nat64(ALLOWED), nat64("10.1.2.4")}
    assert sinks.addresses() == opened
    for name in ("private.test", "metadata.test", "denied.test"):
        assert box.shell(f"getent ahosts {name}").status != 0, name
    for address in ("10.1.2.3", "169.254.169.254", "45.9.9.9", "127.0.0.1", Wire.GATEWAY):
        for port in (80, 443, 8080):
            knock(box, nat64(address), port)
    seen = {f.address for f in wire.seen() if f.address.startswith("64:ff9b:")}
    assert seen == opened
    why = {n: box.event(event="dropped-answer", name=f"{n}.test")["reason"] for n in ("private", "metadata", "denied")}
    assert "--allow private.test+private allows it" in why["private"]
    assert "link-local" in why["metadata"] and "no rule can allow it" in why["metadata"]
    assert "a rule denies" in why["denied"]


# The cell has no rules for addresses: they are refused at the start (test_cell.py).
def test_a_rule_for_an_ipv4_network_is_one_for_nat64_too(six, boxes, sinks, wire):
    box = boxes(allow="45.88.0.0/16:8080 10.1.0.0/16:8080+private", network=six)
    assert knock(box, nat64("45.88.1.1"), 8080) == 0
    assert knock(box, nat64("10.1.0.9"), 8080) == 0
    assert knock(box, nat64("45.89.1.1"), 8080) != 0
    assert knock(box, nat64("10.2.0.9"), 8080) != 0
    seen = {f.address for f in wire.seen() if f.address.startswith("64:ff9b:")}
    assert seen == {nat64("45.88.1.1"), nat64("10.1.0.9")}


@pytest.mark.cell
def test_a_fake_ip_resolver(run, dns, sinks):
    """Clash and its like answer every name with an address of 198.18.0.0/15."""
    dns.add("fake.test", "198.18.0.5")
    refused = run("curl", "-sS", "https://fake.test", allow="fake.test", init=["--no-default-rules"])
    assert refused.status != 0
    assert "its address 198.18.0.5 is a fake-IP resolver's" in refused.err
    assert "--allow fake.test+private allows it" in refused.err
    assert "fake-IP resolver (Clash, Surge)" in refused.err
    assert sinks.seen() == []
    opened = run("curl", "-sS", "https://fake.test", allow="fake.test+private").ok()
    assert "fake.test" in opened.out
    assert sinks.addresses() == {"198.18.0.5"}


@pytest.mark.cell
@pytest.mark.parametrize("host, beside", [("0.250.250.254", "0.250.250.253"), ("169.254.1.2", "169.254.1.1")])
def test_the_hosts_address(boxes, dns, wire, wall, host, beside):
    """OrbStack's and pasta's: by name, and by a rule of its own, which the cell has not; nothing
    around it."""
    dns.add("by-name.test", host)
    by_address = f" {host}:8082+private" if wall == "nft" else ""
    box = boxes(allow=f"by-name.test:8081+private{by_address}")
    tried = [(place, port) for port in (8081, 8082, 8083) for place in (host, beside)]
    for job in [begin_knock(box, *place) for place in tried]:
        job.wait()
    knock(box, "by-name.test", 8081)
    places = lambda: {(f.address, f.port) for f in wire.seen() if f.protocol == "tcp"}  # noqa: E731
    opened = {(host, 8081), (host, 8082)} if wall == "nft" else {(host, 8081)}
    until(lambda: places() >= opened, places)  # the gate connects when the client is in
    assert places() == opened


@pytest.mark.cell
def test_without_a_rule_they_are_shut(boxes, dns, wire):
    places = ["0.250.250.254", "169.254.1.2", "198.18.0.5", "198.19.255.254"]
    for i, place in enumerate(places):
        dns.add(f"n{i}.test", place)
    box = boxes(allow=" ".join(f"n{i}.test:8080" for i in range(len(places))))
    for job in [begin_knock(box, place, 8080) for place in places]:
        assert job.wait() != 0
    for i in range(len(places)):
        if box.cell:  # the gate takes the connection, and closes it
            assert "hello" not in box.shell(f"exec 3<>/dev/tcp/n{i}.test/8080; head -n 1 <&3").out
        else:
            assert box.shell(f"getent ahosts n{i}.test").status != 0
    assert {f.address for f in wire.seen()} & set(places) == set()


RULES = {
    "198.18.0.0/15:443": "fake-IP",
    "169.254.1.2:80": "pasta",
    "0.250.250.254:80": "OrbStack",
    "169.254.0.0/16:80+private": "link-local",
    "168.63.129.16:80+private": "Azure",
    "[64:ff9b::a9fe:a9fe]:80+private": "link-local",
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_cannot_work_is_refused_when_it_is_read(run, rule):
    done = run("true", init=["--allow", rule])
    assert done.status == 100
    assert RULES[rule] in done.err and rule in done.err


def test_a_rule_from_a_text_is_told_to_open_nothing(run):
    done = run("true", init=["--allow", "[2001:db8::/32]:443"]).ok()
    assert "allow [2001:db8::/32]:443: this allows nothing" in done.err
