"""What a socket may not be told: options that put another's source, a route or a header on what is
sent, or that hand the kernel keys, filters and state. The payload's filter refuses them; what a
filter can't see, control messages, leaves nothing on the wire."""

import json

import pytest

# Each option as a program would set it, on a socket of its kind; prints what came of it.
SET = r"""
import errno, json, socket, struct
V4, V6, TCP, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
ON = struct.pack("i", 1)
SEGMENTS = bytes([0, 4, 4, 1, 1, 0, 0, 0]) + 2 * socket.inet_pton(V6, "2001:4860:4860::8888")
RETURN = struct.pack("HHI", 6, 0, 0xffff)
options = {
    "IP_FREEBIND": (V4, UDP, 0, 15, ON), "IPV6_FREEBIND": (V6, UDP, 41, 78, ON),
    "IP_OPTIONS": (V4, TCP, 0, 4, bytes([7, 7, 4, 8, 8, 8, 8, 0])),
    "IP_RETOPTS": (V4, UDP, 0, 7, ON), "IPV6_RTHDR": (V6, TCP, 41, 57, SEGMENTS),
    "IPV6_2292PKTOPTIONS": (V6, TCP, 41, 6, struct.pack("@Lii", 56, 41, 57) + SEGMENTS),
    "IPV6_FLOWLABEL_MGR": (V6, UDP, 41, 32, bytes(32)), "IPV6_ADDRFORM": (V6, UDP, 41, 1, b"\2\0\0\0"),
    "UDP_ENCAP": (V4, UDP, 17, 100, b"\5\0\0\0"),
    "SO_ATTACH_FILTER": (V4, UDP, 1, 26, None), "SO_ATTACH_FILTER of TCP": (V4, TCP, 1, 26, None),
    "IP_TRANSPARENT": (V4, UDP, 0, 19, ON), "IPV6_TRANSPARENT": (V6, UDP, 41, 75, ON),
    "IPV6_HOPOPTS": (V6, UDP, 41, 54, bytes(8)), "TCP_REPAIR": (V4, TCP, 6, 19, ON),
    "SO_MARK": (V4, UDP, 1, 36, ON),
    "SO_REUSEADDR": (V4, TCP, 1, 2, ON), "SO_KEEPALIVE": (V6, TCP, 1, 9, ON),
    "TCP_NODELAY": (V4, TCP, 6, 1, ON), "TCP_USER_TIMEOUT": (V4, TCP, 6, 18, ON),
    "TCP_FASTOPEN_CONNECT": (V4, TCP, 6, 30, ON), "IP_PKTINFO": (V4, UDP, 0, 8, ON),
    "IPV6_RECVPKTINFO": (V6, UDP, 41, 49, ON), "IPV6_V6ONLY": (V6, TCP, 41, 26, ON),
    "IP_BIND_ADDRESS_NO_PORT": (V4, TCP, 0, 24, ON), "IP_MTU_DISCOVER": (V4, UDP, 0, 10, ON),
    "IP_TOS": (V4, TCP, 0, 1, ON), "UDP_SEGMENT": (V4, UDP, 17, 103, ON),
    "SO_REUSEPORT": (V4, UDP, 1, 15, ON), "IPV6_TCLASS": (V6, TCP, 41, 67, ON),
    "IPV6_FLOWINFO_SEND": (V6, TCP, 41, 33, ON),
}
said = {}
for name, (family, kind, level, option, value) in options.items():
    if value is None:
        import ctypes
        program = ctypes.create_string_buffer(RETURN)
        value = struct.pack("HP", 1, ctypes.addressof(program))
    try:
        with socket.socket(family, kind) as s:
            s.setsockopt(level, option, value)
            said[name] = "done"
    except OSError as e:
        said[name] = errno.errorcode[e.errno]
print(json.dumps(said))
"""
# The kernel asks no privilege for these: the filter alone stands in the way.
UNPRIVILEGED = {
    *("IP_FREEBIND", "IPV6_FREEBIND", "IP_OPTIONS", "IP_RETOPTS", "IPV6_RTHDR"),
    "SO_ATTACH_FILTER",
}
# For these it does, or it may have been built without.
OTHERS = {
    *("IP_TRANSPARENT", "IPV6_TRANSPARENT", "IPV6_HOPOPTS", "TCP_REPAIR", "SO_MARK"),
    *("SO_ATTACH_FILTER of TCP", "IPV6_2292PKTOPTIONS", "IPV6_ADDRFORM", "IPV6_FLOWLABEL_MGR", "UDP_ENCAP"),
}


@pytest.mark.cell("all")
def test_no_option_that_forges_packets(run, network, wall):
    """What tools set goes on working; without the filter the rest would, too. In the cell there is
    no socket but IPv4 TCP's that it could be set on."""
    name = network("--ipv6", "--subnet", "fd77:1:41::/64") if wall == "nft" else None
    said = json.loads(run("python3", "-c", SET, network=name).ok().out)
    refused = UNPRIVILEGED | OTHERS
    if wall != "nft":
        missing = {n for n in said if said[n] in ("EACCES", "EAFNOSUPPORT")}
        assert missing >= {"IP_FREEBIND", "IPV6_FREEBIND", "IPV6_RTHDR", "UDP_ENCAP", "IP_PKTINFO"}
        assert not missing & {"IP_OPTIONS", "TCP_REPAIR", "TCP_NODELAY", "SO_REUSEADDR"}, said
        said = {n: said[n] for n in said if n not in missing}
        refused -= missing
    assert {n for n in said if said[n] == "EPERM"} == refused, said
    assert {n for n in said if said[n] == "done"} == set(said) - refused, said
    if wall != "nft":
        return
    plain = run(
        *("python3", "-c", SET), network=name, flags=("--cap-drop=ALL",), init=["--egress=off"]
    )
    said = json.loads(plain.ok().out)
    assert {n for n in UNPRIVILEGED if said[n] != "done"} == set(), said


# A record of the route (it may be written full beforehand) and a flow label, by control messages,
# which need no privilege, to a host that a rule allows.
SEND = r"""
import errno, socket, struct, sys
V4, V6 = socket.AF_INET, socket.AF_INET6
for address, family, level, kind, data in (
    (sys.argv[1], V4, 0, 7, bytes([7, 7, 8]) + b"data" + bytes(1)),
    (sys.argv[2], V6, 41, 11, struct.pack("!I", 0x12345)),
):
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.sendmsg([b"leaked-bytes"], [(level, kind, data)], 0, (address, 443))
            print("sent")
    except OSError as e:
        print(errno.errorcode[e.errno])
"""


@pytest.mark.cell("all")
def test_no_header_by_control_messages(run, network, dns, wire, wall):
    """A filter can't see them. TCP takes none, and of UDP the wall lets nothing out, nor the cell in."""
    hosts = ("93.184.216.99", "2a0f:77:41::1")
    dns.add("host.test", *hosts)
    name = network("--ipv6", "--subnet", "fd77:1:42::/64") if wall == "nft" else None
    send = ("python3", "-c", SEND, *hosts)
    done = run(*send, allow="host.test", network=name).ok()
    assert "sent" not in done.out and not wire.carried(b"leaked-bytes"), done
    if wall != "nft":
        assert done.lines() == ["EACCES", "EAFNOSUPPORT"], done
        return
    wire.mark()
    done = run(*send, network=name, flags=("--cap-drop=ALL",), init=["--egress=off"]).ok()
    assert done.lines() == ["sent"] * 2
    sent = [p for p in wire.packets() if b"leaked-bytes" in p.data]
    assert {p.address for p in sent} >= set(hosts)
