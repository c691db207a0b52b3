"""What names under a wildcard, and questions for exact ones, can carry out is bounded, whatever the
servers answer."""

import json
import re
import time

import pytest
from conftest import until
from internet import DNS_ADDRESS, DNS_ADDRESS2


@pytest.mark.cell(names=True)
def test_a_wildcard_is_bounded_and_says_so(start, dns, by):
    """Under *.x a name carries data to x's servers: so many names a minute, and no long ones."""
    for i in range(150):
        dns.add(f"n{i}.wild.test", f"45.32.0.{i + 1}")
    box = start(
        "bash",
        "-c",
        f"dig {by} +short $(printf 'n%d.wild.test ' $(seq 0 149)) >/dev/null;"
        f"dig {by} +short {'0123456789abcdef' * 3}.wild.test; dig {by} +short n0.wild.test; sleep 600",
        allow="*.wild.test",
    )
    box.until_says("45.32.0.1" if by == "+notcp" else "127.64.")
    assert "0123456789abcdef" not in " ".join(q.name for q in dns.asked("wild.test"))
    assert busiest_minute(dns.asked("wild.test")) <= 120

    def told():
        events = map(json.loads, box.exec("cat", "/run/codex/events.jsonl").ok().lines())
        return [e["reason"] for e in events if e["event"] == "refused-name"]

    until(lambda: any("too many questions in a minute" in reason for reason in told()), told)


# An alphabet of names under each wildcard, asked for again and again, for so long at most or until it
# is told that it is enough; then one that is known, and one that isn't.
CHANNEL = r"""
import os, socket, struct, subprocess, sys, time

zones, seconds = sys.argv[2:], float(sys.argv[1])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("9.9.9.9", 53))
end = time.monotonic() + seconds
while time.monotonic() < end and not os.path.exists('/tmp/enough'):
    for zone in zones:
        for i in range(60):
            name = b"".join(bytes([len(x)]) + x.encode() for x in f"n{i}.{zone}".split("."))
            for kind in (1, 28):
                head = struct.pack("!6H", 7, 256, 1, 0, 0, 0)
                s.send(head + name + struct.pack("!BHH", 0, kind, 1))
                time.sleep(0.002)  # a server loses what comes faster than it reads
    time.sleep(1.2)
for name in ("n0.ttl0.test", "unheard.ttl0.test"):
    print(subprocess.run(["dig", "+noall", "+comments", "+answer", name], capture_output=True,
                         text=True).stdout)
"""


def unreadable(_, packet):
    return [packet[:6] + b"\0\xc8" + packet[8:]]

CHANNELS = {
    "ttl0": lambda dns, name: dns.add(name, "45.32.1.1", "2a0f:77:32::1", ttl=0),
    "ttl5": lambda dns, name: dns.add(name, "45.32.1.1", "2a0f:77:32::1", ttl=5),
    "nx": lambda dns, name: None,
    "servfail": lambda dns, name: dns.fail(name, "SERVFAIL"),
    "refused": lambda dns, name: dns.fail(name, "REFUSED"),
    "empty": lambda dns, name: dns.add(name, "unused", type="TXT"),
    "unreadable": lambda dns, name: (dns.add(name, "45.32.1.1"), dns.forge(name, unreadable)),
    "silent": lambda dns, name: dns.drop(name),
}


def busiest_minute(queries):
    """The most of them in any minute, less what they may take on their way: the servers are threads of a
    process that others may keep from reading."""
    times = [q.time for q in queries]
    return max((sum(1 for u in times if t <= u < t + 55) for t in times), default=0)


def test_a_wildcards_questions_are_rationed_whatever_is_answered(start, dns):
    """At most 120 leave in any minute, retries and renewals among them, and most of these arrive.
    What is known is answered all the same."""
    for zone, prepare in CHANNELS.items():
        for i in range(60):
            prepare(dns, f"n{i}.{zone}.test")
    zones = [f"{zone}.test" for zone in CHANNELS]
    box = start(
        *("bash", "-c", 'python3 "$@"; sleep 600', "-", "-c", CHANNEL, "180", *zones),
        allow=" ".join(f"*.{zone}" for zone in zones),
    )
    begun = time.monotonic()
    # Looked at seldom: the servers are threads of this process.
    while min(len(dns.asked(zone)) for zone in zones) < 100 and time.monotonic() < begun + 180:
        time.sleep(1)
    time.sleep(max(0, begun + 40 - time.monotonic()))
    box.exec("touch", "/tmp/enough").ok()
    box.until_says("status: NXDOMAIN", patience=90)
    asked = {zone: busiest_minute(dns.asked(zone)) for zone in zones}
    assert all(60 <= count <= 120 for count in asked.values()), asked
    answered = r"n0\.ttl0\.test\.\s+\d+\s+IN\s+A\s+45\.32\.1\.1"
    assert re.search(answered, box.logs()), box.logs()
    assert "more than 120 questions for names under *.ttl0.test" in box.logs()

    def told():
        events = map(json.loads, box.exec("cat", "/run/codex/events.jsonl").ok().lines())
        return [e["reason"] for e in events if e["event"] == "refused-name" and e.get("name") == "unheard.ttl0.test"]

    until(lambda: any("too many" in reason for reason in told()), told)


def test_questions_to_a_second_server_count_too(run, dns, dns2):
    """One that is silent, one that refuses: all that leaves for the rule is counted together."""
    for i in range(60):
        dns.drop(f"n{i}.wild.test")
        dns2.fail(f"n{i}.wild.test", "REFUSED")
    servers = ["--dns", DNS_ADDRESS, "--dns", DNS_ADDRESS2]
    run("python3", "-c", CHANNEL, "15", "wild.test", allow="*.wild.test", options=servers).ok()
    asked = dns.asked("wild.test") + dns2.asked("wild.test")
    assert len(asked) >= 100 and busiest_minute(asked) <= 120


def test_a_names_own_questions_are_rationed(shell, dns, dns2):
    """Twice a second, for one that both servers fail. What is renewed for a client that uses it fits
    in."""
    for server in (dns, dns2):
        server.fail("often.test")
    dns.add("used.test", "45.32.1.2", "2a0f:77:32::2", ttl=0)
    done = shell(
        "for i in $(seq 80); do getent ahosts often.test; getent ahosts used.test || echo lost;"
        " sleep 0.5; done",
        allow="often.test used.test",
        options=["--dns", DNS_ADDRESS, "--dns", DNS_ADDRESS2],
    ).ok()
    often, used = dns.asked("often.test") + dns2.asked("often.test"), dns.asked("used.test")
    assert len(often) >= 50 and busiest_minute(often) <= 60
    assert "lost" not in done.out and len(used) >= 10 and busiest_minute(used) <= 60
