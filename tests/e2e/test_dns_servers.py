"""Which DNS server is asked, and what becomes of odd ones: the order of resolv.conf, silence, EDNS,
answers of all sizes. What each of the lab's two servers was asked, and the sinks, decide."""

import json
import time

import pytest
from conftest import at_best, until
from internet import DNS_ADDRESS, DNS_ADDRESS2, NAMES, address_of

BOTH = ["--dns", DNS_ADDRESS, "--dns", DNS_ADDRESS2]
NOWHERE = "45.99.99.99"


@pytest.mark.cell("nft", "flagless", names=True)
def test_only_the_first_server_hears_of_a_name_however_slow_it_is(run, dns, dns2, sinks):
    """A VPN's server before a public one, which knows no internal names and is to hear of none."""
    dns.add("git.corp.test", "45.33.0.1")
    dns.delay("git.corp.test", 2.5)
    run("curl", "-sS", "https://git.corp.test/", allow="git.corp.test", options=BOTH).ok()
    assert sinks.addresses() == {"45.33.0.1"}
    assert dns2.asked() == []


@pytest.mark.cell("nft", "flagless", names=True)
def test_nor_when_it_says_that_there_is_no_such_name(run, dns, dns2, sinks, wall):
    """In the cell the name has a stand-in, and the gate nowhere to connect to."""
    dns2.add("git.corp.test", "45.33.0.2")
    done = run("curl", "-sS", "https://git.corp.test/", allow="git.corp.test", options=BOTH)
    assert done.status == (6 if wall == "nft" else 35) and sinks.seen() == []
    assert dns2.asked() == []


def test_nor_at_run_time_with_nothing_else_to_ask(start, dns, dns2):
    dns.add("slow.corp.test", "45.33.0.1")
    dns.delay("slow.corp.test", 3)
    box = start("sleep", "600", allow="*.corp.test", options=BOTH)
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    done = box.exec("dig", "+short", "+time=30", "slow.corp.test", user="1000").ok()
    assert done.out == "45.33.0.1\n" and dns2.asked() == []


@pytest.mark.cell("nft", "flagless", names=True, seldom=True)
def test_a_second_server_that_knows_nothing_does_not_win(run, dns, dns2, sinks):
    """The first is so slow at the start that the second is asked, too. What that denies isn't so."""
    dns.delay("*", 2)
    run("curl", "-sS", "https://allowed.test/", allow="allowed.test", options=BOTH).ok()
    assert sinks.addresses() == {address_of("allowed.test")}


def test_the_second_server_stands_in_and_the_first_comes_back(start, dns, dns2, sinks):
    for i in range(40):
        for server, address in ((dns, f"45.33.1.{i}"), (dns2, f"45.33.2.{i}")):
            server.add(f"n{i}.corp.test", address)
    dns2.add("allowed.test", address_of("allowed.test"))
    dns.drop("*")
    box = start("sleep", "600", allow="allowed.test *.corp.test", options=BOTH)
    look_up = lambda name: box.exec("dig", "+short", name, user="1000").out.strip()  # noqa: E731
    until(lambda: look_up("n0.corp.test") == "45.33.2.0")
    dns.drop("*", times=0)
    for i in range(1, 39):
        if look_up(f"n{i}.corp.test") == f"45.33.1.{i}":
            break
        time.sleep(0.5)
    # From then on it alone is asked.
    assert look_up("n39.corp.test") == "45.33.1.39" and dns2.asked("n39.corp.test") == []


@pytest.mark.cell("nft", "flagless", names=True)
def test_a_server_that_cannot_tell_is_no_end(run, dns, dns2, sinks):
    dns.fail("allowed.test")
    dns2.add("allowed.test", "45.33.3.1")
    run("curl", "-sS", "https://allowed.test/", allow="allowed.test", options=BOTH).ok()
    assert sinks.addresses() == {"45.33.3.1"}
    assert {q.name for q in dns2.asked()} == {"allowed.test"}


@pytest.mark.cell("nft", "flagless", names=True, seldom=True)
def test_a_server_that_drops_edns(run, dns, sinks):
    dns.drop("*", edns=True)
    run("curl", "-sS", "https://allowed.test/", allow="allowed.test").ok()
    assert sinks.addresses() == {address_of("allowed.test")}


@pytest.mark.cell("nft", "flagless", names=True, seldom=True)
def test_a_server_that_takes_edns_is_asked_with_it(run, dns):
    run("true", allow="allowed.test").ok()
    assert all(q.wire[11] == 1 for q in dns.asked()) and dns.asked()


@pytest.mark.cell("nft", "flagless", names=True)
def test_an_answer_longer_than_was_asked_for(run, dns, sinks):
    """1,800 octets by UDP."""
    addresses = [f"45.33.4.{i}" for i in range(110)]
    dns.add("big.test", *addresses)
    run("curl", "-sS", "https://big.test/", allow="big.test").ok()
    assert sinks.seen() and sinks.addresses() <= set(addresses)
    assert any(q.tcp for q in dns.asked("big.test"))


def test_a_server_that_never_answers_aaaa(start, dns, sinks):
    """A client waits a moment for it, once; the A is there."""
    dns.add("lame.wild.test", "45.33.5.1")
    dns.drop("lame.wild.test", kind="AAAA")
    box = start("sleep", "600", allow="*.wild.test")
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    dig = ("dig", "+time=3", "+tries=1", "lame.wild.test")
    assert "45.33.5.1" in box.exec(*dig, user="1000").ok().out
    for _ in range(3):
        done = box.exec(*dig, "AAAA", user="1000").ok()
        assert "status: NOERROR" in done.out and "ANSWER: 0" in done.out, done
    # One question, tried again as any is; and not another for each who wants it.
    asked = lambda: len([q for q in dns.asked("lame.wild.test") if q.type == "AAAA"])  # noqa: E731
    assert asked() <= 4


@pytest.mark.cell("nft", "flagless", names=True, seldom=True)
def test_no_server_answers(run, dns):
    """One line that names the servers, and Codex starts soon."""
    options = ["--dns", NOWHERE, "--dns", "45.99.99.98"]

    def boot():
        done = run("cat", "/run/codex/events.jsonl", options=options).ok()
        told = [line for line in done.err.splitlines() if "resolve" in line]
        assert len(told) == 1 and NOWHERE in told[0] and "45.99.99.98" in told[0], done
        assert "no DNS server answered, so no allowed name has an address" in told[0]
        assert "--upstream ADDR, or CODEX_INIT_UPSTREAM=ADDR\n" in done.err  # the launcher's way, too
        stages = [json.loads(line) for line in done.lines() if '"boot"' in line]
        took = sum(e.get("count", 0) for e in stages) / 1e6
        assert took > 0, stages
        return took

    at_best(boot, 4.5)
    done = run("echo", "started", options=options, init=["--require-names"]).ok(111)
    assert done.out == "" and NOWHERE in done.err


@pytest.mark.cell
def test_names_that_do_not_exist_are_told_one_by_one(run, dns):
    for name in NAMES:
        dns.remove(name)
    done = run("true", allow="a.none.test b.none.test").ok()
    assert all(f"resolve: {name}.none.test: the name does not exist" in done.err for name in "ab")
    assert DNS_ADDRESS in done.err
