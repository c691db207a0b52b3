"""The gate and HTTP: each request is held against the policy, and none is smuggled past it. Judged
by the requests that reached the lab's servers."""

import pytest
from conftest import at_best
from gate_http import FOREIGN, HERE, LAST, NAME, asked, box, get, shared  # noqa: F401

pytestmark = pytest.mark.cell("all")


def test_one_address_two_names(box, asked, sinks):
    good, evil = box.knock(
        (NAME, 80, get("allowed.test", "/good", LAST)), (NAME, 80, get("evil.test", "/evil"))
    )
    assert good.statuses == [200] and asked() == [("allowed.test", "/good")], good
    assert evil.statuses == [403] and evil.end == "eof", evil
    body = evil.text.split("\r\n\r\n")[1]
    assert (
        body == "codex-sandbox: evil.test is not allowed; allow it with: --allow evil.test\n"
    ), evil
    assert not sinks.carried(b"evil.test")
    told = box.event(event="refused-http", name="evil.test")
    assert (told["address"], told["port"], told["count"]) == (box.address(NAME), 80, 1) and told["reason"]
    at_best(lambda: box.knock((NAME, 80, get("evil.test", "/evil")))[0].seconds, 1)


def test_a_foreign_address_is_never_reached(box, asked, sinks):
    (answer,) = box.knock((FOREIGN, 80, get("allowed.test", "/found", LAST)), **({"seconds": 3} if box.cell else {}))
    if box.cell:
        assert "timed out" in answer.end and sinks.seen() == [], answer
        # Nor by an address that stands for another name.
        (answer,) = box.knock(("example.com", 80, get("allowed.test", "/found", LAST)))
    assert answer.statuses == [200] and asked() == [("allowed.test", "/found")], answer
    assert sinks.addresses() == {HERE}


def test_the_refusal_is_what_curl_shows(box, sinks):
    at = box.address(NAME)
    done = box.shell(f"curl -sS --resolve evil.test:80:{at} http://evil.test/x").ok()
    assert done.out == (
        "codex-sandbox: evil.test is not allowed; allow it with: --allow evil.test\n"
    )
    assert sinks.seen() == []


REFUSED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "HTTP/1.0 without a host": (b"GET / HTTP/1.0\r\n\r\n", 400),
    "two hosts": (get("allowed.test", "/", "Host: evil.test"), 400),
    "two hosts, the bad one first": (get("evil.test", "/", "Host: allowed.test"), 400),
    "the same host twice": (get("allowed.test", "/", "host: allowed.test"), 400),
    "another in the target": (get("allowed.test", "http://evil.test/"), 400),
    "another in the field": (get("evil.test", "http://allowed.test/"), 400),
    "a refused one in both": (get("evil.test", "http://evil.test/"), 403),
    "another scheme": (get("allowed.test", "https://allowed.test/"), 400),
    "user information": (get("user@allowed.test"), 400),
    "user information in the target": (get("allowed.test", "http://a@allowed.test/"), 400),
    "another port": (get("allowed.test:8080"), 400),
    "no number for a port": (get("allowed.test:x"), 400),
    "an address": (get(HERE), 400),
    "an IPv6 address": (get("[2a0f:77::1]"), 400),
    "two trailing dots": (get("allowed.test.."), 400),
    "a dot behind a refused name": (get("evil.test."), 403),
    "a list of hosts": (get("allowed.test, evil.test"), 400),
    "a folded line": (get("allowed.test", "/", "X: a\r\n b"), 400),
    "a folded host": (b"GET / HTTP/1.1\r\nHost:\r\n evil.test\r\nHost: allowed.test\r\n\r\n", 400),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nHost : allowed.test\r\n\r\n", 400),
    "a bare LF": (b"GET / HTTP/1.1\nHost: allowed.test\n\n", 400),
    "a bare LF in a field": (get("allowed.test", "/", "X: a\nHost: evil.test"), 400),
    "a bare CR": (get("allowed.test", "/", "X: a\rHost: evil.test"), 400),
    "NUL": (get("allowed.test", "/", "X: a\0b"), 400),
    "length and coding": (
        get("allowed.test", "/", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST")
        + b"0\r\n\r\n",
        400,
    ),
    "two lengths": (
        get("allowed.test", "/", "Content-Length: 5", "Content-Length: 6", method="POST"),
        400,
    ),
    "a list of lengths": (get("allowed.test", "/", "Content-Length: 5, 5", method="POST"), 400),
    "a signed length": (get("allowed.test", "/", "Content-Length: +5", method="POST"), 400),
    "a length with zeros before it": (
        get("allowed.test", "/", "Content-Length: 00", method="POST"),
        400,
    ),
    "a length that no file has": (
        get("allowed.test", "/", "Content-Length: 17592186044417", method="POST"),
        400,
    ),
    "a length by another name": (
        get("allowed.test", "/", "Content_Length: 5", method="POST"),
        400,
    ),
    "a coding besides": (
        get("allowed.test", "/", "Transfer-Encoding: gzip, chunked", method="POST"),
        400,
    ),
    "chunked by another name": (
        get("allowed.test", "/", "Transfer-Encoding: xchunked", method="POST"),
        400,
    ),
    "a coding in HTTP/1.0": (
        get("allowed.test", "/", "Transfer-Encoding: chunked", method="POST", version="1.0"),
        400,
    ),
    "the host taken away": (get("allowed.test", "/", "Connection: Host"), 400),
    "HTTP/2 at once": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/3.0": (get("allowed.test", version="3.0"), 400),
    "no method": (b" / HTTP/1.1\r\nHost: allowed.test\r\n\r\n", 400),
    "blank lines first": (b"\r\n\r\n" + get("allowed.test"), 400),
    "a long head": (get("allowed.test", "/" + "x" * 20000), 400),
    "many fields": (get("allowed.test", "/", *(f"X{i}: 1" for i in range(400))), 400),
}


def test_what_can_be_read_in_two_ways_is_refused(box, asked, sinks):
    answers = box.knock(*((NAME, 80, sent) for sent, _ in REFUSED.values()))
    for (what, (_, status)), answer in zip(REFUSED.items(), answers):
        assert answer.statuses == [status] and answer.end == "eof", (what, answer)
        assert answer.text.split("\r\n\r\n")[1].startswith("codex-sandbox: "), (what, answer)
        assert answer.text.count("\n", answer.text.index("\r\n\r\n") + 4) == 1, (what, answer)
    assert asked() == [] and sinks.seen() == []


def test_what_can_be_read_in_one_way_passes(box, asked):
    sent = {
        "/port": get("allowed.test:80", "/port", LAST),
        "/upper": get("ALLOWED.Test", "/upper", LAST),
        "/dot": get("allowed.test.", "/dot", LAST),
        "/dots": get("allowed.test.", "http://allowed.test/dots", LAST),
        "/absolute": get("allowed.test", "http://allowed.test/absolute", LAST),
        "/old": get("allowed.test", "/old", version="1.0"),
        "/query": get("allowed.test", "/query?u=http://evil.test/", LAST),
        "/spaces": b"GET /spaces HTTP/1.1\r\nHost:  allowed.test \t\r\nConnection: close\r\n\r\n",
    }
    for path, answer in zip(sent, box.knock(*((NAME, 80, bytes_) for bytes_ in sent.values()))):
        # Python's server is one of HTTP/1.1 even to a client of HTTP/1.0.
        assert answer.statuses == [200], (path, answer)
    hosts = {host.strip().rstrip(".") for host, _ in asked()}
    assert hosts == {"allowed.test"} and len(asked()) == len(sent)


def test_a_request_split_at_every_octet(box, asked):
    good, evil = get("allowed.test", "/split", LAST), get("evil.test", "/split")
    answers = box.knock(*((NAME, 80, good[:i], 0.02, good[i:]) for i in range(1, len(good))))
    assert [(i, a) for i, a in enumerate(answers, 1) if a.statuses != [200]] == []
    answers = box.knock(*((NAME, 80, evil[:i], 0.02, evil[i:]) for i in range(1, len(evil))))
    assert [(i, a) for i, a in enumerate(answers, 1) if a.statuses != [403]] == []
    assert set(asked()) == {("allowed.test", "/split")}
