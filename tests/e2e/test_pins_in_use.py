"""Resolve once, connect much later, as pools and proxies do: an address that is in use stays open
while its name has it, though nobody asks for the name any more. One that nobody uses, or that the
name has lost, is shut when its time is up. So that nobody has to wait minutes for that, the tests
leave the pins so much of their lives as PID 1 and the resolver need."""

import re
import time

import pytest
from conftest import until
from test_rations import busiest_minute

PORT = 8443
KEPT, LOST, IDLE = "45.120.1.1", "45.120.1.2", "45.120.1.3"
KEPT6 = "2a0f:77:15::1"
LEFT = 50  # seconds: two looks of PID 1's, and some for the answer and for a machine that stands still


def nft(lab, box, words):
    return lab.engine.in_container(box.name, "nft", words)


def life(lab, box, address):
    """Seconds that are left of a pin's life; 0: there is none."""
    name = "pins6" if ":" in address else "pins4"
    listed = nft(lab, box, f"list set inet codex_init {name}")
    found = re.search(re.escape(f"{address} . {PORT}") + r" timeout \S+ expires (?:(\d+)m(?!s))?(?:(\d+)s)?", listed)
    return 1 + int(found[1] or 0) * 60 + int(found[2] or 0) if found else 0


def shorten(lab, box, *addresses):
    for address in addresses:
        name = "pins6" if ":" in address else "pins4"
        pin = f"{address} . {PORT}"
        nft(
            lab,
            box,
            f"delete element inet codex_init {name} {{ {pin} }}; "
            f"add element inet codex_init {name} {{ {pin} timeout {LEFT}s }}",
        )


def connects(box, address):
    script = f"exec 3<>/dev/tcp/{address}/{PORT} && head -1 <&3"
    done = box.exec("timeout", "50", "bash", "-c", script, user="1000")
    return "hello from the lab" in done.out


@pytest.fixture
def box(network, start, dns):
    for name, *addresses in (("kept", KEPT, KEPT6), ("lost", LOST), ("idle", IDLE), ("w.way", KEPT)):
        dns.add(f"{name}.test", *addresses, ttl=5)
    rules = [f"--allow={name}.test:{PORT}" for name in ("kept", "lost", "idle", "*.way")]
    made = start(
        *("sh", "-c", "echo begun; exec sleep 600"),
        init=rules,
        network=network("--ipv6", "--subnet", "fd77:1:15::/64"),
    )
    return made.until_says("begun")


def test_an_address_in_use_stays_open_while_its_name_has_it(lab, box, dns, sinks):
    assert connects(box, KEPT) and connects(box, LOST)
    until(lambda: connects(box, KEPT6))  # once its network has found out that the address is its own
    # The records have run out, as they have in the last minute of a pin's life.
    time.sleep(6)
    dns.add("lost.test", "45.120.9.9", ttl=5)
    dns.queries.clear()
    shorten(lab, box, KEPT, KEPT6, LOST, IDLE)
    until(lambda: life(lab, box, KEPT) > 100 and life(lab, box, KEPT6) > 100, "a renewal")
    until(lambda: dns.asked("lost.test"))
    until(lambda: life(lab, box, LOST) == life(lab, box, IDLE) == 0, "their end")
    assert dns.asked("idle.test") == []
    assert connects(box, KEPT) and connects(box, KEPT6)
    sinks.mark()
    assert not connects(box, LOST) and not connects(box, IDLE)
    assert sinks.to(LOST) == sinks.to(IDLE) == []


def test_what_uses_up_a_ration_is_not_asked_for(lab, box, dns):
    """It is pinned as it was known: no more leaves for a wildcard because its pins are in use."""
    script = "for i in $(seq 150); do getent ahostsv4 n$i.way.test & done >/dev/null 2>&1; wait"
    box.exec("getent", "ahostsv4", "w.way.test", user="1000").ok()
    assert connects(box, KEPT)
    time.sleep(6)
    box.exec("bash", "-c", script, user="1000")
    assert len(dns.asked("way.test")) >= 100 and busiest_minute(dns.asked("way.test")) <= 120
    dns.queries.clear()
    dns.remove("kept.test")
    shorten(lab, box, KEPT)
    until(lambda: life(lab, box, KEPT) > 100, "a renewal")
    assert dns.asked("w.way.test") == []
