"""Whose name a packet goes by. The payload sends as itself and as nobody else: not as the engine's
resolver, not as an upstream, not as a stranger, on loopback as on the wire; and nothing that it has
sent is in the way of the workers' own questions. The scripts run beside the payload, as its user but
without its seccomp filter, so that it is the wall that says no. In the cell that is none of it: its
command has no UDP, and its TCP doesn't get off loopback whatever it is bound to (test_cell_attacks.py)."""

import json

import pytest
from conftest import WALLS, until
from internet import DNS_ADDRESS, DNS_ADDRESS6, address_of

FOREIGN = "2a0f:77:f00::1"
SIX = "2a0f:77:6::6"
FORGED = "45.66.66.66"
COUNT = 12
MODES = [(), ("--egress=pin",), ("--egress=audit",)]
MODE_NAMES = ["strict", "pin", "audit"]


def python(box, script, *arguments, timeout=120):
    done = box.docker(
        *("exec", "-u", "1000", box.name, "python3", "-c", script, *arguments), timeout=timeout
    ).ok()
    return [json.loads(line) for line in done.lines()]


def names(dns):
    made = [f"n{i}.many.test" for i in range(COUNT)]
    for name in made:
        dns.add(name, address_of(name))
    return made


# Asks for each name, wherever resolv.conf or the caller says, and prints the addresses.
ASK = """
def ask(name, server="8.8.8.8"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(30)
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    s.sendto(b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels + b"\\0\\0\\1\\0\\1", (server, 53))
    try:
        answer = s.recv(1500)
        return socket.inet_ntoa(answer[-4:]) if answer[7] else answer[3] & 15
    except OSError as e:
        return str(e)
"""

# Becomes 127.0.0.11:53, says a word to every port that the resolver may ask from, and waits to be
# asked; what it is asked it answers with FORGED.
BECOME = (
    "import json, socket, struct, sys, threading\n"
    + ASK
    + """
asked, sent = [], 0
thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
thief.bind(("127.0.0.11", 53))
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.11", 53))
listener.listen()

def steal():
    while True:
        data, peer = thief.recvfrom(2048)
        asked.append(data.hex())
        i = 12
        while data[i]:
            i += data[i] + 1
        kind = struct.unpack(">H", data[i + 1:i + 3])[0]
        record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\x0e\\x10\\0\\4" + socket.inet_aton(sys.argv[1])
        answer = record if kind == 1 else b""
        thief.sendto(data[:2] + b"\\x81\\x80" + struct.pack(">4H", 1, bool(answer), 0, 0)
                     + data[12:i + 5] + answer, peer)

def accept():
    while True:
        listener.accept()
        asked.append("tcp")

threading.Thread(target=steal, daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
for port in range(60000, 65536):
    try:
        thief.sendto(b"\\0", ("127.0.0.1", port))
        sent += 1
    except OSError:
        pass
print(json.dumps([ask(name) for name in sys.argv[2:]]))
print(json.dumps([sent, asked]))
"""
)


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_the_payload_does_not_become_the_engines_resolver(network, boxes, dns, sinks, mode):
    wanted = names(dns)
    box = boxes(*mode, allow="*.many.test", network=network())
    answers, (sent, asked) = python(box, BECOME, FORGED, *wanted)
    assert (sent, asked) == (0, [])
    assert answers == [address_of(name) for name in wanted]
    curl = f"curl -sS -o /dev/null -w '%{{remote_ip}} %{{http_code}}' http://{wanted[0]}/"
    box.shell(curl + f"; curl -sSk -m 3 --resolve {wanted[1]}:443:{FORGED} https://{wanted[1]}/")
    if mode != ("--egress=audit",):
        assert sinks.to(FORGED) == []


# In the cell by TCP alone, and on the default network: at the address that the engine's resolver has
# elsewhere, and wherever else it may listen.
LISTEN = """
import socket, sys, threading, urllib.request
asked = []
def accept(listener):
    while True:
        asked.append(listener.accept()[1])
for address in ("127.0.0.11", "0.0.0.0", "127.64.0.1"):
    s = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        s.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        s.bind((address, 53))
        s.listen()
    except OSError:
        continue
    threading.Thread(target=accept, args=(s,), daemon=True).start()
print(threading.active_count() > 1)
for name in sys.argv[1:]:
    urllib.request.urlopen(f"http://{name}/").read()
print(asked)
"""


@pytest.mark.parametrize("wall", [name for name in WALLS if name != "nft"], indirect=True)
def test_nor_in_the_cell(run, dns, sinks):
    """Whose answers are too long for UDP, so that our resolver asks by TCP."""
    wanted = names(dns)
    for name in wanted:
        dns.truncate(name)
    done = run("python3", "-c", LISTEN, *wanted, allow="*.many.test").ok()
    assert done.lines() == ["True", "[]"], done
    assert all(any(q.tcp for q in dns.asked(name)) for name in wanted)
    assert sinks.addresses() == {address_of(name) for name in wanted}


# Asks for one name from every port that a worker may have, then for the others from anywhere.
OCCUPY = (
    "import json, socket, sys\n"
    + ASK
    + """
query = bytes.fromhex("567801000001000000000000") + b"\\3one\\4many\\4test\\0\\0\\1\\0\\1"
refused = 0
for port in range(60000, 65536):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        if kind == socket.SOCK_STREAM and port % 16:
            continue
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        s.settimeout(1)
        try:
            s.bind(("0.0.0.0", port))
            s.connect((sys.argv[1], 53))
            s.send(query)
        except OSError:
            refused += port >= 61000
        s.close()
print(refused)
print(json.dumps([ask(name, sys.argv[1]) for name in sys.argv[2:]]))
"""
)


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize("server", ["127.0.0.11", DNS_ADDRESS])
def test_the_resolvers_questions_go_out_whatever_the_payload_asked(network, boxes, dns, server, mode):
    wanted = names(dns)
    net = network() if server == "127.0.0.11" else None
    box = boxes(*mode, allow="*.many.test", network=net)
    refused, answers = python(box, OCCUPY, server, *wanted)
    assert refused > 4000
    assert answers == [address_of(name) for name in wanted]


# Sends from each source to each destination, by UDP and TCP, and prints what it could.
SEND = """
import errno, json, socket, sys
IPV6_FREEBIND = 78
told = []
for source, port in json.loads(sys.argv[1]):
    for to, to_port in json.loads(sys.argv[2]):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            s = socket.socket(socket.AF_INET6, kind)
            s.settimeout(0.2)
            try:
                s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
                s.bind((source, port))
                s.connect((to, to_port))
                s.send(b"forged by the payload")
                told.append([source, to, kind])
            except OSError:
                pass
            s.close()
print(json.dumps(told))
"""


def six_box(lab, boxes, network, dns, subnet, *init):
    """Where IPv6 works: without its link-local address the kernel doesn't find its gateway in a
    stranger's name."""
    dns.add("six.test", SIX)
    name = network("--ipv6", "--subnet", f"{subnet}/64")
    box = boxes(*init, allow="six.test:8080,443", network=name)
    until(lambda: "tentative" not in lab.engine.in_container(box.name, "ip", "-6", "address"))
    return box


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_no_foreign_source_leaves(lab, network, boxes, dns, sinks, mode):
    """Not to allowed hosts either, nor to loopback."""
    box = six_box(lab, boxes, network, dns, "fd77:1:5a::", *mode)
    box.shell("getent ahosts six.test").ok()
    sources = [(FOREIGN, 0), (DNS_ADDRESS6, 53), ("fd77:1:5a::1", 0)]
    places = [(SIX, 8080), (SIX, 443), (DNS_ADDRESS6, 53), ("::1", 9), ("fd77:1:5a::2", 9)]
    assert python(box, SEND, json.dumps(sources), json.dumps(places)) == [[]]
    # Loopback's own is nothing for the wire.
    python(box, SEND, json.dumps([("::1", 0)]), json.dumps([(SIX, 8080)]))
    assert not sinks.carried(b"forged by the payload")
    assert {p.source for p in sinks.to(SIX)} == set()
    # By its own name it may.
    box.shell("exec 3<>/dev/tcp/six.test/8080 && head -1 <&3").ok()
    assert {p.source for p in sinks.to(SIX)} == {"fd77:1:5a::2"}


def test_without_the_wall_it_does(lab, network, boxes, dns, sinks):
    box = six_box(lab, boxes, network, dns, "fd77:1:5b::")
    lab.engine.in_container(box.name, "nft", "flush", "ruleset")
    python(box, SEND, json.dumps([(FOREIGN, 0)]), json.dumps([(SIX, 8080)]))
    until(lambda: {p.protocol for p in sinks.to(SIX) if p.source == FOREIGN} == {"udp", "tcp"})


# Says something as the upstream to each of the resolver's ports, again and again.
ANSWER = """
import json, socket, sys
upstream, tries = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, 78, 1)
s.bind((upstream, 53))
sent, ports = 0, set()
for _ in range(tries):
    for line in open("/proc/net/udp6").read().splitlines()[1:]:
        local, remote, uid = line.split()[1], line.split()[2], line.split()[7]
        if uid == "65311" and remote.endswith(":0035"):
            words = bytes.fromhex(local[:32])
            address = b"".join(words[i:i + 4][::-1] for i in range(0, 16, 4))
            place = (socket.inet_ntop(socket.AF_INET6, address), int(local[33:], 16))
            ports.add(place)
            try:
                s.sendto(bytes.fromhex("123481800001000100000000"), place)
                sent += 1
            except OSError:
                pass
print(json.dumps([sent, len(ports)]))
"""


def test_nobody_answers_in_an_upstreams_name(network, boxes, dns):
    wanted = names(dns)
    name = network("--ipv6", "--subnet", "fd77:1:5c::/64")
    box = boxes("--upstream", f"[{DNS_ADDRESS6}]:53", allow=" ".join(wanted), network=name)
    sent, ports = python(box, ANSWER, DNS_ADDRESS6, "100")[0]
    assert ports > 0 and sent == 0
    assert box.shell("getent ahosts n3.many.test").ok().out.split()[0] == address_of("n3.many.test")


# One exchange each way between a client at one address and a server at another.
TALK = """
import json, socket, sys, threading
def talk(kind, client, server):
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    l, s = socket.socket(family, kind), socket.socket(family, kind)
    for one in (l, s):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        one.settimeout(30)
    try:
        l.bind(server)
        if kind == socket.SOCK_STREAM:
            l.listen()
        if client:
            s.bind(client)
        s.connect(server)
        s.send(b"question")
        if kind == socket.SOCK_STREAM:
            c, _ = l.accept()
            c.settimeout(30)
            got = c.recv(100)
            c.send(b"answer")
        else:
            got, peer = l.recvfrom(100)
            l.sendto(b"answer", peer)
        return [got.decode(), s.recv(100).decode()]
    except OSError as e:
        return str(e)
for client, server in json.loads(sys.argv[1]):
    for kind in json.loads(sys.argv[2]):
        got = talk(kind, client and tuple(client), tuple(server))
        if got != ["question", "answer"]:
            print(json.dumps([client, server, kind, got]))
"""


BOTH_KINDS, TCP = "[2, 1]", "[1]"


@pytest.mark.cell("all")
def test_servers_of_the_payloads_own(lab, network, boxes, wall):
    """On every address of the container's, from every one, also from ports that are the workers'. In
    the cell all of them are on loopback, and there is IPv4's TCP alone."""
    subnet = "fd77:1:5d::"
    box = boxes(network=network("--ipv6", "--subnet", f"{subnet}/64") if wall == "nft" else None)
    until(lambda: "tentative" not in lab.engine.in_container(box.name, "ip", "-6", "address"))
    own = box.shell("hostname -i").out.split()
    own4, own6 = (next((a for a in own if (":" in a) == six), "::1") for six in (False, True))
    pairs = [
        (None, ("127.0.0.1", 4000)),
        (None, ("127.0.0.1", 53535)),
        (("127.0.0.1", 0), ("127.0.0.1", 4000)),
        (("127.0.0.9", 0), ("127.0.0.1", 4000)),
        (("127.0.0.1", 61500), ("127.0.0.1", 65000)),
        ((own4, 0), (own4, 4000)),
        ((own4, 62000), ("127.0.0.1", 4000)),
        (("127.0.0.1", 0), (own4, 62000)),
        (None, ("::1", 4000)),
        (("::1", 61500), ("::1", 65000)),
        ((own6, 0), ("::1", 4000)),
        (("::1", 0), (own6, 4000)),
        ((own6, 0), (own6, 62000)),
    ]
    if box.cell:
        pairs = [(client, server) for client, server in pairs if ":" not in server[0]]
        assert box.inside("python3", "-c", TALK, json.dumps(pairs), TCP).ok().out == ""
    else:
        assert python(box, TALK, json.dumps(pairs), BOTH_KINDS) == []


def test_addresses_that_the_container_gets_later(lab, boxes, wire):
    """As by `docker network connect`: they are the payload's to use as well."""
    later = "172.29.77.7"
    box = boxes(allow="allowed.test:8080")
    target = address_of("allowed.test")
    connect = f"import socket; socket.create_connection(('{target}', 8080), 1, ('{later}', 0))"
    lab.engine.in_container(box.name, "ip", "address", "add", f"{later}/32", "dev", "eth0")
    pairs = [((later, 0), (later, 4000)), ((later, 0), ("127.0.0.1", 4000))]
    assert python(box, TALK, json.dumps(pairs), BOTH_KINDS) == []
    box.exec("python3", "-c", connect, user="1000")  # nobody answers there
    assert {p.source for p in wire.to(target)} == {later}


CURL = "curl -sS -o /dev/null -w '%{http_code}\\n'"


def test_the_gates_clients_are_answered_by_those_they_aimed_at(boxes, dns, sinks):
    """SYN-ACKs and all that follows come from foreign addresses there, routed and by NAT."""
    dns.add("inner.test", "10.1.2.9")
    box = boxes(allow="allowed.test inner.test+private")
    places = ("http://allowed.test", "https://allowed.test", "http://inner.test")
    script = "; ".join(f"{CURL} {place}" for place in places)
    done = box.shell(f"for i in $(seq 10); do {script}; done").ok()
    assert done.lines() == ["200"] * 30
    assert sinks.addresses() == {address_of("allowed.test"), "10.1.2.9"}


@pytest.mark.parametrize("ports, told", [("1024 65535", True), ("1024 61000", True), ("1024 60999", False)])
def test_ports_that_overlap_with_the_workers_are_told(run, ports, told):
    range_of = "net.ipv4.ip_local_port_range"
    done = run("true", options=["--sysctl", f"{range_of}={ports}"]).ok()
    assert ("those from 61000 up are codex-init's" in done.err) == told
    assert (f"--sysctl {range_of}='1024 60999'" in done.err) == told
