"""Names in real programs: tools, search domains, resolv.conf, names that are allowed twice."""

import pytest
from conftest import until
from internet import DNS_ADDRESS, address_of
from names import GET, WEB, WEB_REFUSED, knock, reached  # noqa: F401

pytestmark = pytest.mark.cell(names=True)


def test_upstream_option_asks_that_server(run, dns, sinks, wire):
    """resolv.conf's server is left alone when another is named."""
    run(
        "curl",
        "-sS",
        "https://api.openai.com/",
        init=["--upstream", DNS_ADDRESS],
        options=["--dns", "45.99.99.99"],
    ).ok()
    assert wire.to("45.99.99.99") == []


def test_a_dead_upstream_is_no_end_where_there_is_another(run, sinks):
    run(
        "curl",
        "-sS",
        "https://api.openai.com/",
        options=["--dns", "45.99.99.99", "--dns", DNS_ADDRESS],
    ).ok()
    assert address_of("api.openai.com") in sinks.addresses()


@pytest.mark.parametrize(
    "tool",
    [
        "curl -sS https://allowed.test/ -o /dev/null",
        "python3 -c 'import urllib.request as u; u.urlopen(\"https://allowed.test/\").read()'",
        "node -e 'fetch(\"https://allowed.test/\").then(r => process.exit(r.ok ? 0 : 1))'",
        'node -e \'require("https").get("https://allowed.test/", r => process.exit(0))\'',
    ],
)
def test_real_tools_reach_allowed_names(shell, sinks, tool):
    shell(tool, allow="allowed.test").ok()
    assert reached(sinks) == {("tcp", address_of("allowed.test"), 443)}


def test_an_international_name(shell, sinks, dns):
    dns.add("xn--bcher-kva.test", "45.14.0.1")
    shell(f"{GET} https://xn--bcher-kva.test", allow="Bücher.test").ok()
    assert sinks.addresses() == {"45.14.0.1"}


def test_answers_are_kept(shell, dns):
    """Codex asks dozens of times a turn and remembers nothing itself."""
    dns.add("allowed.test", address_of("allowed.test"), ttl=300)
    shell("for i in $(seq 30); do getent ahosts allowed.test; done", allow="allowed.test").ok()
    # Thirty times two questions; at the start each of the two may go out again.
    assert len(dns.asked("allowed.test")) <= 8


@pytest.mark.nft
def test_a_name_outlives_its_servers_for_a_while(start, dns):
    """RFC 8767: what was known is still answered while upstream is down."""
    dns.add("allowed.test", address_of("allowed.test"), ttl=1)
    box = start("sleep", "600", allow="allowed.test")
    ask = ("dig", "+short", "+time=30", "allowed.test")
    until(lambda: box.exec(*ask, user="1000").out.strip() == address_of("allowed.test"))
    dns.drop("*")
    asked = len(dns.asked("allowed.test"))
    # Polled until the cache has had to ask again, in vain.
    until(lambda: box.exec(*ask, user="1000") and len(dns.asked("allowed.test")) > asked)
    assert box.exec(*ask, user="1000").out.strip() == address_of("allowed.test")


def test_search_domains(shell, dns, sinks):
    dns.add("build.corp.test", "45.22.0.1")
    done = shell(
        f"exec 3<>/dev/tcp/build/8080 && {GET} http://nobody",
        allow="build.corp.test:8080",
        options=["--dns-search", "corp.test"],
    )
    assert done.status == 6, done
    assert sinks.addresses() == {"45.22.0.1"}
    assert dns.asked("nobody.corp.test") == []


@pytest.mark.nft
def test_what_libc_asks_beside_an_allowed_name_is_no_refusal_of_its_own(shell, dns, sinks):
    """ndots as Kubernetes has it: each name goes with every search domain first."""
    done = shell(
        "getent ahosts allowed.test; getent ahosts evil.test; dig +short _http._tcp.allowed.test SRV",
        allow="allowed.test",
        options=["--dns-search", "corp.test", "--dns-opt", "ndots:5"],
    ).ok()
    assert address_of("allowed.test") in done.out
    summary = done.err[done.err.index("codex-init: refused") :]
    assert "allowed.test" not in summary, summary
    assert "--allow evil.test\n" in summary and "--allow evil.test.corp.test\n" in summary
    assert dns.asked("allowed.test.corp.test") == []


def test_a_short_name_is_completed_by_the_gate_too(shell, dns, sinks, internet):
    """On the web's ports the client says what it was given, which DNS completed before."""
    dns.add("build.corp.test", "45.22.0.1")
    done = shell(
        f"{GET} -w '%{{http_code}}\\n' http://build; curl -sS -H 'Host: other' http://build",
        allow="build.corp.test",
        options=["--dns-search", "corp.test"],
    ).ok()
    assert done.lines() == [
        "200",
        "codex-sandbox: other is not allowed; allow it with: --allow other+private",
    ], done
    assert sinks.addresses() == {"45.22.0.1"}
    assert internet.web.hosts() == {"build"}


@pytest.mark.nft
def test_resolv_conf_does_not_matter(shell, dns, sinks):
    """Whatever server a tool thinks it asks, it is ours that answers."""
    done = shell(
        "dig +short @192.168.1.1 allowed.test; dig +short +tcp @1.1.1.1 allowed.test;"
        "dig +short @127.0.0.1 allowed.test; dig +short @127.0.0.11 allowed.test || true",
        allow="allowed.test",
    ).ok()
    assert done.lines().count(address_of("allowed.test")) >= 3, done
    assert sinks.seen() == []


def test_a_name_that_is_allowed_twice_has_both_ports(shell, sinks):
    done = shell(
        f"{knock(22, 8443)}; {WEB}",
        allow="allowed.test:22",
        init=["--allow", "allowed.test:8443"],
    ).ok()
    assert done.lines() == ["0", "0", *WEB_REFUSED], done


def test_a_denied_port_of_an_allowed_name(shell, sinks):
    done = shell(
        f"{GET} https://allowed.test; echo $?; {GET} -f http://allowed.test; echo $?",
        allow="allowed.test",
        init=["--deny", "allowed.test:80"],
    ).ok()
    assert done.lines() == ["0", "22"], done
    assert reached(sinks) == {("tcp", address_of("allowed.test"), 443)}


def test_a_denied_network_takes_an_allowed_name_with_it(shell, sinks, dns):
    dns.add("allowed.test", "45.23.1.1")
    done = shell(
        f"{GET} https://allowed.test", allow="allowed.test", init=["--deny", "45.23.0.0/16"]
    )
    assert done.status != 0
    assert sinks.seen() == []


def test_the_same_address_behind_a_refused_name_gains_nothing(shell, sinks, dns):
    """Two names on one address: the allowed one opens it, and the other still has no address."""
    dns.add("shared.attacker.test", address_of("allowed.test"))
    done = shell(
        f"{GET} https://allowed.test; {GET} https://shared.attacker.test", allow="allowed.test"
    )
    assert done.status == 6, done
    assert dns.asked("attacker.test") == []
