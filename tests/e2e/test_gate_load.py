"""The gate under what would bring a proxy down: too many, too slow, too long, dead servers, its own
death. Others are served, memory is bounded, and nothing is let through."""

import json

import hello as tls
import pytest
from conftest import at_best, until
from gate_box import ACCESS_DENIED
from internet import address6_of, address_of

pytestmark = pytest.mark.cell

NAME = "allowed.test"
HERE, FOREIGN = address_of(NAME), address_of("other.test")
DEAD, DEAD6 = "45.199.0.1", "2a0f:77:dead::1"
# Its tables as they are when every one of them is in use, and some room: in KB.
RESIDENT = 24 * 1024


def gate(box):
    return box.worker("gate")


def foreign(box):
    """An address that is no allowed.test's."""
    return "api.openai.com" if box.cell else FOREIGN


def resident(box):
    status = box.exec("cat", f"/proc/{gate(box)}/status").ok().out
    return int(status.split("VmHWM:")[1].split()[0])


def others_are_served(box):
    done = box.shell(
        "curl -sS -m 50 -o /dev/null -o /dev/null -w '%{http_code}\\n'"
        " https://allowed.test http://allowed.test"
    )
    assert done.lines() == ["200", "200"], done
    (evil,) = box.knock((NAME, 443, tls.client("evil.test")), seconds=50)
    assert evil.alert == ACCESS_DENIED, evil


# Opens connections from several processes, since one may have 1,024 descriptors, says a little on
# each, and holds them until its standard input ends.
CROWD = """
import os, socket, sys
address, port, number, said = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
made, errors = [], 0
each = 900
children = []
for start in range(0, number, each):
    mine, told = os.pipe()
    if os.fork() == 0:
        for _ in range(min(each, number - start)):
            try:
                s = socket.create_connection((address, port), 60)
                if said:
                    s.sendall(bytes.fromhex(said))
                made.append(s)
            except OSError:
                errors += 1
        os.write(told, b"%d\\n" % len(made))
        os.close(told)
        sys.stdin.read()
        os._exit(0)
    os.close(told)
    children.append(mine)
print("open", sum(int(os.read(c, 100) or 0) for c in children), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "port, said",
    [(443, b""), (443, tls.client("allowed.test")[:200]), (80, b"GET / HTTP/1.1\r\n")],
    ids=["silent", "tls", "http"],
)
def test_ten_thousand_half_open_connections(boxes, sinks, port, said):
    box = boxes(allow="allowed.test", options=("--ulimit", "nofile=20000:20000"))
    script = 'exec "$@" < <(sleep 300)'
    crowd = box.begin(*("bash", "-c", script, "bash", "python3", "-c", CROWD), NAME, port, 10000, said.hex())
    crowd.until_says("open")
    others_are_served(box)
    assert resident(box) < RESIDENT
    assert sinks.addresses() == {HERE}
    opened = int(crowd.out.split()[1])
    assert opened > 5000, opened
    assert box.worker("gate")


def test_a_hello_of_a_megabyte(boxes, sinks):
    """Whether it says its size or goes on and on in records, in heads or in fields."""
    box = boxes(allow="allowed.test")
    size = 1 << 20
    claimed = tls.record(b"\x01" + size.to_bytes(3, "big") + b"\x03\x03" + b"r" * 16000)
    records = tls.record(b"\x01" + size.to_bytes(3, "big") + b"\x03\x03" + b"r" * 1000) * 60
    padded = tls.changed(tls.client("allowed.test"), with_=[(21, b"\0" * 30000)])
    before = resident(box)
    attempts = [
        (NAME, 443, claimed),
        (NAME, 443, records),
        (NAME, 443, tls.over_records(padded, [4000])),
        (NAME, 80, b"GET / HTTP/1.1\r\nHost: allowed.test\r\n" + b"X: y\r\n" * 100000),
        (NAME, 80, b"GET /" + b"x" * size),
        (NAME, 80, b"x" * size),
        *((NAME, 443, records) for _ in range(200)),
    ]

    def longest():
        answers = box.knock(*attempts, seconds=40)
        for answer in answers:
            assert answer.end in ("eof", "reset") and not answer.served, answer
            assert 200 not in answer.statuses
        return max(answer.seconds for answer in answers)

    at_best(longest, 5)
    assert sinks.seen() == []
    assert resident(box) < before + 16 * 1024
    others_are_served(box)


# Asks for a body without an end and reads none of it, so many times over.
DEAF = """
import socket, sys, time
made = []
for _ in range(int(sys.argv[1])):
    s = socket.create_connection(("allowed.test", 80), 60)
    s.sendall(b"GET /endless HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n")
    made.append(s)
time.sleep(1.5)
print("deaf", flush=True)
time.sleep(20)
"""


def test_clients_that_never_read(boxes):
    box = boxes(allow="allowed.test")
    box.begin("python3", "-c", DEAF, "100").until_says("deaf")
    others_are_served(box)
    assert resident(box) < RESIDENT


# Thousands of connections one after the other, many at a time, to servers that end them by a reset.
BUSY = """
import collections, concurrent.futures, socket, sys
ways = [(address, port) for address in sys.argv[1:] for port in (80, 443)]
def one(i):
    try:
        with socket.create_connection(ways[i % len(ways)], 20) as s:
            s.sendall(b"GET /reset HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n")
            s.recv(100)
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        pass
    return "taken"
with concurrent.futures.ThreadPoolExecutor(200) as pool:
    print(dict(collections.Counter(pool.map(one, range(6000)))))
"""


def test_a_port_that_the_gate_has_left_is_the_payloads(boxes, sinks):
    """What netfilter remembers of the gate's own connections must not be taken for a client's."""
    box = boxes(allow="allowed.test")
    places = [box.address(NAME)] if box.cell else [HERE, FOREIGN, DEAD]
    done = box.inside("python3", "-c", BUSY, *places, timeout=300).ok()
    assert done.out == "{'taken': 6000}\n", done
    assert sinks.addresses() == {HERE}
    status = json.loads(box.exec("cat", "/run/codex/status.json").ok().out)
    assert status.get("refused", 0) == 0, status


# ---- Dead servers ------------------------------------------------------------------------------


def test_a_dead_address_does_not_hold_up_a_live_one(boxes, dns, sinks):
    """Happy Eyeballs: the client aims at the dead one, and the gate finds the other."""
    dns.add("allowed.test", DEAD, HERE)
    box = boxes(allow="allowed.test")
    aim = NAME if box.cell else DEAD

    def served():
        (answer,) = box.hello((aim, 443, tls.client("allowed.test")), seconds=30)
        assert answer.served, answer
        return answer.seconds

    at_best(served, 2)
    assert {DEAD, HERE} <= sinks.addresses()
    done = box.shell(f"curl -sS -m 30 --resolve allowed.test:80:{box.address(aim)} http://allowed.test/").ok()
    assert json.loads(done.out)["host"] == "allowed.test"


def test_ten_seconds_and_no_more(boxes, dns, sinks):
    """For a hello or a head, however alive its sender looks, and for servers that are not."""
    dns.add("dead.test", DEAD)
    box = boxes(allow="allowed.test dead.test")
    dead = "dead.test" if box.cell else DEAD
    slowly = [item for octet in tls.client("allowed.test")[:12] for item in (bytes([octet]), 1)]
    head = [item for octet in b"GET / HTTP/1" for item in (bytes([octet]), 1)]

    def longest():
        *slow, web, plain = box.knock(
            (NAME, 443, *slowly),
            (NAME, 80, *head),
            (NAME, 443, 12),
            (dead, 443, tls.client("dead.test")),
            (dead, 80, b"GET / HTTP/1.1\r\nHost: dead.test\r\n\r\n"),
            seconds=50,
        )
        for answer in slow:
            assert not answer.served and answer.statuses in ([], [400]), answer
        assert web.end == "reset" and web.bytes == b"", web
        assert plain.statuses == [502] and "no address accepted" in plain.text, plain
        return max(answer.seconds for answer in (*slow, web))

    at_best(longest, 14)
    assert sinks.addresses() == {DEAD}
    box.event(event="refused-tls", reason="too slow", port=443)
    box.event(event="refused-http", reason="too slow", port=80)
    box.event(event="unreached", name="dead.test")
    others_are_served(box)


@pytest.mark.nft  # the cell starts on no such network (test_cell_attacks.py)
@pytest.mark.parametrize("live", [4, 6])
def test_one_family_is_dead(boxes, network, dns, sinks, live):
    six = address6_of("allowed.test")
    addresses = [HERE, DEAD6] if live == 4 else [DEAD, six]
    dns.add("allowed.test", *addresses)
    name = network("--ipv6", "--subnet", f"fd77:1:{live + 10}::/64")
    box = boxes(allow="allowed.test", network=name)

    def served():
        took = 0
        for aim in addresses:
            (answer,) = box.hello((aim, 443, tls.client("allowed.test")), seconds=30)
            assert answer.served, (aim, answer)
            took += answer.seconds
        return took

    at_best(served, 8)
    assert (HERE if live == 4 else six) in sinks.addresses()
    (evil,) = box.hello((addresses[1], 443, tls.client("evil.test")))
    assert evil.alert == ACCESS_DENIED, evil


# ---- Its own death -----------------------------------------------------------------------------

HELD = """
import socket, ssl, time
context = ssl.create_default_context()
s = socket.create_connection(("allowed.test", 443))
s = context.wrap_socket(s, server_hostname="allowed.test")
print("held", flush=True)
try:
    print("got", s.recv(100), flush=True)
except OSError as e:
    print("got", e, flush=True)
"""


def kill_gate(box):
    pid = until(lambda: gate(box))
    box.exec("kill", "-KILL", str(pid)).ok()
    return pid


def test_a_killed_gate_opens_nothing_and_comes_back(boxes, sinks):
    box = boxes(allow="allowed.test")
    held = box.begin("python3", "-c", HELD).until_says("held")
    sinks.mark()
    for _ in range(3):
        old = kill_gate(box)
        answers = box.hello(
            (NAME, 443, tls.client("evil.test")),
            (foreign(box), 443, tls.client("evil.test")),
            (foreign(box), 443, b"anything\r\n\r\n"),
            (foreign(box), 80, b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"),
        )
        assert not any(a.served or 200 in a.statuses for a in answers), answers
        until(lambda: gate(box) not in (None, old))
    held.until_says("got")
    until(lambda: box.hello((NAME, 443, tls.client("allowed.test")))[0].served)
    assert sinks.addresses() <= {HERE} and not sinks.carried(b"evil.test")
    told = [e["reason"] for e in box.events("worker") if e["name"] == "gate"]
    assert len(told) == 3 and "by signal 9 and is started again" in told[0], told


def test_a_gate_that_is_killed_for_good_leaves_the_payload_alone_inside(boxes, sinks):
    box = boxes(allow="allowed.test")

    def down():
        if pid := gate(box):
            box.exec("kill", "-KILL", str(pid))
        return any("stays down" in e["reason"] for e in box.events("worker"))

    until(down)
    sinks.mark()
    answers = box.hello(
        *((NAME, 443, tls.client(name)) for name in ("allowed.test", "evil.test")),
        *((foreign(box), 443, tls.client(name)) for name in ("allowed.test", "evil.test")),
        (NAME, 80, b"GET / HTTP/1.0\r\nHost: allowed.test\r\n\r\n"),
    )
    assert [a.bytes for a in answers] == [b""] * 5, answers
    assert all("refused" in a.end or a.end == "reset" for a in answers), answers
    assert sinks.seen() == []
    assert box.inspect(".State.Running") == "true"
