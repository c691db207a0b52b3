"""HTTP through the gate: the next request on a connection, bodies, pipelines."""

import pytest
from conftest import at_best
from gate_http import LAST, NAME, asked, box, get, shared  # noqa: F401

pytestmark = pytest.mark.cell


def test_every_request_of_a_connection_is_checked(box, asked, sinks):
    first = get("allowed.test", "/1")
    kept, refused, other, piped, waited = box.knock(
        (
            *(NAME, 80, first, "read", get("allowed.test", "/2"), "read"),
            get("allowed.test", "/3", LAST),
        ),
        (NAME, 80, first, "read", get("evil.test", "/evil")),
        (NAME, 80, first, "read", get("example.com", "/other")),
        (NAME, 80, first + get("allowed.test", "/2") + get("evil.test", "/evil")),
        (NAME, 80, first + get("evil.test", "/evil")[:20], 0.3, get("evil.test", "/evil")[20:]),
    )
    assert kept.statuses == [200, 200, 200], kept
    assert refused.statuses == [200, 403] and refused.end == "eof", refused
    # An allowed one, but this connection isn't that host's.
    assert other.statuses == [200, 400] and "several hosts" in other.text, other
    assert piped.statuses == [200, 200, 403] and piped.end == "eof", piped
    assert waited.statuses == [200, 403], waited
    assert {host for host, _ in asked()} == {"allowed.test"}
    assert not sinks.carried(b"/evil") and not sinks.carried(b"/other")


def test_pipelined_requests_come_in_order(box, asked):
    sent = b"".join(get("allowed.test", f"/{i}") for i in range(40))
    (answer,) = box.knock((NAME, 80, sent + get("allowed.test", "/last", LAST)))
    assert answer.statuses == [200] * 41, answer
    assert asked() == [("allowed.test", f"/{i}") for i in [*range(40), "last"]]


def test_a_body_hides_no_request(box, asked, sinks):
    """The octets of a body are a body's, whatever they look like; behind it a request is one."""
    inner = get("evil.test", "/inner")
    length = get("allowed.test", "/l", f"Content-Length: {len(inner)}", method="POST")
    chunked = get("allowed.test", "/c", "Transfer-Encoding: chunked", method="POST")
    chunk = f"{len(inner):x}\r\n".encode() + inner + b"\r\n"
    rest = get("evil.test", "/smuggled")
    answers = box.knock(
        (NAME, 80, length + inner + get("allowed.test", "/end", LAST)),
        (NAME, 80, chunked + chunk + b"0\r\n\r\n" + get("allowed.test", "/end", LAST)),
        (NAME, 80, length + inner + rest),
        (NAME, 80, chunked + chunk + b"0\r\n\r\n" + rest),
        (NAME, 80, chunked + chunk + b"0;ext=1\r\nTrailer: x\r\n\r\n" + rest),
    )
    assert [a.statuses for a in answers] == [[200, 200]] * 2 + [[200, 403]] * 3, answers
    assert not sinks.carried(b"/smuggled")
    assert {path for _, path in asked()} == {"/l", "/c", "/end"}


def test_malformed_chunks_end_the_connection(box, asked, sinks):
    head = get("allowed.test", "/c", "Transfer-Encoding: chunked", method="POST")
    smuggled = get("evil.test", "/smuggled")
    bad = [
        b"x\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
        # What counts in 32 bits reads 5, less than nothing, or, of eight digits, none.
        b"100000005\r\nhello\r\n0\r\n\r\n",
        b"80000005\r\nhello\r\n0\r\n\r\n",
        b"000000005\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"x" * 4000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"0\r\nX: a\n\r\n",
    ]

    def longest():
        answers = box.knock(*((NAME, 80, head + b + smuggled) for b in bad), seconds=30)
        for sent, answer in zip(bad, answers):
            assert answer.statuses in ([400], []) and answer.end in ("eof", "reset"), (sent, answer)
        return max(answer.seconds for answer in answers)

    at_best(longest, 4)
    assert not sinks.carried(b"smuggled")


def test_bodies_pass(box, internet, asked):
    """A length, chunks, and a client that asks first, as curl and its kind send them."""
    done = box.shell(
        """
        head -c 300000 /dev/urandom >/tmp/body
        for with in "" "Transfer-Encoding: chunked" "Expect: 100-continue"; do
            curl -sS -m 50 -H "$with" --data-binary @/tmp/body http://allowed.test/digest
        done
        sha256sum </tmp/body"""
    ).ok()
    *told, sum_ = done.lines()
    assert told == [f"300000 {sum_.split()[0]}"] * 3, done
    assert [path for _, path in asked()] == ["/digest"] * 3
