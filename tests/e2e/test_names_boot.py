"""Names at the start: those that don't resolve, hosts, many, aliases."""

import re

import pytest
from conftest import at_best, until
from internet import DNS_ADDRESS, NAMES, address_of
from names import GET, reached  # noqa: F401

pytestmark = pytest.mark.cell("all", names=True)


def test_a_name_that_does_not_resolve_is_a_warning(run, sinks, dns):
    done = run("curl", "-sS", "https://api.openai.com/", allow="no-such-name.test").ok()
    assert re.search(r"codex-init: resolver: .*no-such-name\.test", done.err), done
    assert sinks.addresses() == {address_of("api.openai.com")}


def test_a_name_that_comes_to_life_later_is_found(start, dns, sinks):
    box = start("sleep", "600", allow="late.test")
    box.until_says("late.test")
    dns.add("late.test", "45.6.6.6")
    get = ("curl", "-sS", "-m", "30", "https://late.test/")
    until(lambda: box.exec(*get, user="1000").status == 0, "late.test's coming to life")
    assert ("tcp", "45.6.6.6", 443) in reached(sinks)


def test_all_names_failing_names_the_upstreams_and_codex_still_starts(run, dns):
    for name in NAMES:
        dns.fail(name, "REFUSED")
    done = run("echo", "started").ok()
    assert done.out == "started\n"
    assert DNS_ADDRESS in done.err and "hint" in done.err, done


def test_require_names_makes_that_fatal(run, dns):
    for name in NAMES:
        dns.fail(name, "REFUSED")
    done = run("echo", "started", init=["--require-names"]).ok(111)
    assert done.out == "" and DNS_ADDRESS in done.err


def test_require_names_is_content_with_working_ones(run):
    run("true", init=["--require-names"]).ok()


@pytest.mark.nft
def test_add_host_is_honoured(shell, sinks, dns):
    done = shell(
        f"{GET} https://allowed.test && grep 45.7.7.7 /etc/hosts",
        allow="allowed.test",
        options=["--add-host", "allowed.test:45.7.7.7"],
    ).ok()
    assert "45.7.7.7" in done.out
    assert reached(sinks) == {("tcp", "45.7.7.7", 443)}


@pytest.mark.nft
def test_add_host_does_not_allow_what_no_rule_does(run, sinks):
    done = run(
        "curl",
        "-sS",
        "-m",
        "30",
        "https://other.test",
        options=["--add-host", "other.test:45.7.7.8"],
    )
    assert done.status not in (0, 28), done
    assert sinks.seen() == []


def test_many_names_are_asked_at_once(run, dns):
    """A hundred names, every answer two seconds late: each question has left before the first answer
    can have come, and PID 1 is through after about one such wait."""
    names = [f"n{i}.many.test" for i in range(100)]
    for i, name in enumerate(names):
        dns.add(name, f"45.8.0.{i + 1}")
        dns.delay(name, 2)

    def between_first_and_last():
        dns.queries.clear()
        run("true", allow=" ".join(names)).ok()
        first = {}
        for query in dns.asked("many.test"):
            first.setdefault((query.name, query.type), query.time)
        assert {(name, kind) for name in names for kind in ("A", "AAAA")} == set(first)
        return max(first.values()) - min(first.values())

    at_best(between_first_and_last, 2)


def test_a_lost_question_is_asked_again(run, dns, sinks):
    dns.drop("allowed.test", times=2)
    run("curl", "-sS", "https://allowed.test/", allow="allowed.test").ok()
    assert reached(sinks) == {("tcp", address_of("allowed.test"), 443)}


def test_a_truncated_answer_is_fetched_by_tcp(run, dns, sinks):
    dns.add("big.test", *[f"45.9.0.{i}" for i in range(1, 9)])
    dns.truncate("big.test")
    run("curl", "-sS", "https://big.test/", allow="big.test").ok()
    assert any(q.tcp for q in dns.asked("big.test"))
    assert sinks.addresses() <= {f"45.9.0.{i}" for i in range(1, 9)} and sinks.seen()


def test_an_alias_chain_is_followed(run, dns, sinks):
    for i in range(5):
        dns.alias(f"c{i}.chain.test" if i else "first.test", f"c{i + 1}.chain.test")
    dns.add("c5.chain.test", "45.10.0.1")
    run("curl", "-sS", "https://first.test/", allow="first.test").ok()
    assert reached(sinks) == {("tcp", "45.10.0.1", 443)}


def test_an_alias_does_not_allow_its_target(shell, dns, sinks):
    dns.alias("first.test", "cdn.elsewhere.test")
    dns.add("cdn.elsewhere.test", "45.10.0.2")
    done = shell(
        f"{GET} https://first.test && {GET} https://cdn.elsewhere.test", allow="first.test"
    )
    assert done.status == 6, done


@pytest.mark.nft
def test_an_alias_that_bites_its_tail_ends(run, dns):
    dns.alias("loop.test", "pool.test")
    dns.alias("pool.test", "loop.test")
    done = run("curl", "-sS", "-m", "30", "https://loop.test/", allow="loop.test")
    assert done.status == 6, done


def test_addresses_that_rotate_stay_reachable(shell, dns, sinks):
    """Ten requests, each with its own address of one second's life: none is ever refused."""
    addresses = [f"45.11.0.{i}" for i in range(1, 51)]
    dns.rotate("moving.test", addresses, ttl=1)
    done = shell(
        f"for i in $(seq 10); do {GET} https://moving.test || echo failed; sleep 0.3; done",
        allow="moving.test",
    ).ok()
    assert "failed" not in done.out, done
    assert sinks.addresses() <= set(addresses)


@pytest.mark.nft
def test_ipv4_only_names_answer_empty_for_ipv6(shell):
    """musl gives up on a name whose AAAA question ends in anything but "no such record"."""
    done = shell("dig +noall +comments api.openai.com AAAA; dig +short api.openai.com AAAA").ok()
    assert "NOERROR" in done.out and "ANSWER: 0" in done.out
