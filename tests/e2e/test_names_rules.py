"""Names and rules: what a rule allows and denies, presets, ports."""

import uuid

import pytest
from internet import address_of
from names import GET, WEB, WEB_REFUSED, knock, reached  # noqa: F401

pytestmark = pytest.mark.cell(names=True)


def test_a_name_is_443_and_80_and_nothing_below_it(shell, sinks, dns):
    dns.add("sub.allowed.test", "45.3.3.3")
    done = shell(
        f"{GET} https://allowed.test; {GET} http://allowed.test; {GET} https://sub.allowed.test",
        allow="allowed.test",
    )
    assert done.status == 6, done
    address = address_of("allowed.test")
    assert reached(sinks) == {("tcp", address, 443), ("tcp", address, 80)}
    assert dns.asked("sub.allowed.test") == []


def test_a_wildcard_is_every_sub_name_and_not_the_name(shell, sinks, dns):
    dns.add("a.wild.test", "45.3.0.1")
    dns.add("b.c.wild.test", "45.3.0.2")
    dns.add("wild.test", "45.3.0.3")
    dns.add("notwild.test", "45.3.0.4")
    done = shell(
        f"for n in a.wild b.c.wild wild notwild; do {GET} https://$n.test; echo $?; done",
        allow="*.wild.test",
    ).ok()
    assert done.lines() == ["0", "0", "6", "6"], done
    assert sinks.addresses() == {"45.3.0.1", "45.3.0.2"}


def test_ports_of_a_rule(shell, sinks):
    done = shell(
        f"{knock(22, 8443)}; {WEB}",
        allow="allowed.test:22,8443",
    ).ok()
    assert done.lines() == ["0", "0", *WEB_REFUSED], done
    address = address_of("allowed.test")
    assert reached(sinks) == {("tcp", address, 22), ("tcp", address, 8443)}


def test_deny_wins_over_allow(shell, sinks, dns):
    dns.add("good.wild.test", "45.4.0.1")
    dns.add("bad.wild.test", "45.4.0.2")
    done = shell(
        f"{GET} https://good.wild.test && {GET} https://bad.wild.test",
        allow="*.wild.test",
        env={"CODEX_INIT_DENY": "bad.wild.test"},
    )
    assert done.status == 6
    assert sinks.addresses() == {"45.4.0.1"}
    assert dns.asked("bad.wild.test") == []


def test_a_final_dot_is_the_same_name(shell, internet, sinks, dns):
    """In rules of either kind, DNS, Host, a hello and CONNECT; two dots are no name anywhere."""
    dns.add("denied.test", "45.4.0.3")
    tried = {
        "http://allowed.test./a": "200",
        "https://allowed.test./b": "200",
        "-p -x http://allowed.test.:80 http://allowed.test.:80/c": "200",
        "-H 'Host: allowed.test.' http://allowed.test/d": "200",
        "http://denied.test./e": "000",
        "-k https://denied.test./f": "000",
        "-H 'Host: denied.test.' http://allowed.test/g": "403",
        "-H 'Host: allowed.test..' http://allowed.test/h": "400",
    }
    done = shell(
        "\n".join(f"curl -sS -m 30 -o /dev/null -w '%{{http_code}}\\n' {what}" for what in tried)
        + "\ntrue",
        allow="ALLOWED.test. denied.test",
        env={"CODEX_INIT_DENY": "denied.test."},
    ).ok()
    assert done.lines() == list(tried.values()), done
    assert sinks.addresses() == {address_of("allowed.test")} and dns.asked("denied.test") == []
    assert [path for _, _, path in internet.web.requests] == ["/a", "/b", "/c", "/d"]


def test_names_with_underscores(shell, internet, sinks, dns):
    """As people give them to buckets: in a rule, below a wildcard, in TLS and in HTTP."""
    dns.add("my_bucket.s3.test", "45.4.1.1")
    dns.add("a_b.wild.test", "45.4.1.2")
    dns.add("denied_.wild.test", "45.4.1.3")
    done = shell(
        f"for n in my_bucket.s3 a_b.wild denied_.wild my-bucket.s3; do"
        f" {GET} http://$n.test/h; echo $?; {GET} https://$n.test/t; echo $?; done",
        allow="my_bucket.s3.test *.wild.test",
        env={"CODEX_INIT_DENY": "denied_.wild.test"},
    ).ok()
    assert done.lines() == ["0"] * 4 + ["6"] * 4, done
    assert sinks.addresses() == {"45.4.1.1", "45.4.1.2"}
    asked = {(host, path) for _, host, path in internet.web.requests}
    assert asked == {(n, p) for n in ("my_bucket.s3.test", "a_b.wild.test") for p in ("/h", "/t")}


def test_long_names_under_a_wildcard(shell, internet, dns):
    """As people give them, in DNS and at the gate alike; not what is data by its look."""
    long = "prod-ap-southeast-1-starport-layer-bucket"
    for name in (f"{long}.s3.test", f"{'0123456789abcdef' * 3}.s3.test"):
        dns.add(name, address_of(name))
    done = shell(
        f"{GET} https://{long}.s3.test; echo $?; {GET} https://{'0123456789abcdef' * 3}.s3.test; echo $?",
        allow="*.s3.test",
    ).ok()
    assert done.lines() == ["0", "6"], done
    assert {q.name for q in dns.asked("s3.test")} == {f"{long}.s3.test"}
    assert internet.web.hosts() == {f"{long}.s3.test"}


@pytest.mark.nft  # the cell starts on no such network (test_cell_attacks.py)
def test_a_container_whose_name_has_an_underscore(start, run, network):
    """Engines allow [a-zA-Z0-9_.-] there, and compose makes such names."""
    name, net = f"postgres_{uuid.uuid4().hex[:8]}_db", network()
    serve = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=5432)"
    start("python3", "-c", serve, network=net, init=["--egress=off"], name=name)
    get = ("curl", "-sS", "-o", "/dev/null", f"http://{name}:5432/")
    assert run(*get, network=net, allow="allowed.test").status == 6
    again = ("--retry-connrefused", "--retry", "60", "--retry-delay", "1")  # until it serves
    run(*get, *again, network=net, allow=f"{name}:5432+private").ok()


def test_deny_takes_a_default_name_away(run, sinks):
    assert run("curl", "-sS", "https://chatgpt.com", init=["--deny", "chatgpt.com"]).status == 6
    assert sinks.seen() == []


@pytest.mark.cell("all")
def test_options_add_to_the_environment(shell, sinks):
    shell(
        f"{GET} https://allowed.test && {GET} https://other.test && {GET} https://example.org",
        allow="allowed.test",
        init=["--allow", "other.test", "--allow=example.org"],
    ).ok()
    assert sinks.addresses() == {
        address_of(n) for n in ("allowed.test", "other.test", "example.org")
    }


def test_no_default_rules(shell, sinks):
    done = shell(
        f"{GET} https://allowed.test; {GET} https://api.openai.com",
        allow="allowed.test",
        init=["--no-default-rules"],
    )
    assert done.status == 6
    assert sinks.addresses() == {address_of("allowed.test")}


def test_a_private_address_for_a_public_name_is_not_believed(shell, sinks, dns, wire):
    """Rebinding: the name is allowed, what it points to isn't."""
    for i, address in enumerate(
        (
            "10.1.2.3",
            "192.168.7.7",
            "169.254.169.254",
            "127.0.0.1",
            "100.64.1.1",
            "172.30.0.1",
            "0.0.0.0",
            "224.0.0.1",
        )
    ):
        dns.add(f"n{i}.inside.test", address)
    dns.add("n8.inside.test", "fd00::5", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1")
    done = shell(
        f"for i in 0 1 2 3 4 5 6 7 8; do {GET} http://n$i.inside.test; echo $?; done",
        allow="*.inside.test",
    ).ok()
    assert "0" not in done.lines(), done
    assert sinks.seen() == []
    assert wire.to("172.30.0.1") == []
    assert "inside.test" in done.err, done


def test_private_suffix_lets_that_rule_reach_inside(shell, sinks, dns):
    dns.add("registry.corp.test", "10.1.2.3")
    dns.add("wiki.corp.test", "10.1.2.4")
    done = shell(
        f"{GET} https://registry.corp.test; echo $?; {GET} https://wiki.corp.test; echo $?;"
        f"{GET} -m 3 -k https://10.1.2.3:8443; echo $?",
        allow="registry.corp.test+private wiki.corp.test",
    ).ok()
    assert done.lines()[0] == "0" and "0" not in done.lines()[1:], done
    assert reached(sinks) == {("tcp", "10.1.2.3", 443)}


def test_a_mixed_answer_gives_only_its_public_half(shell, sinks, dns):
    dns.add("mixed.test", "10.0.0.7", "45.5.5.5")
    shell(f"{GET} https://mixed.test; getent ahostsv4 mixed.test", allow="mixed.test").ok()
    assert reached(sinks) == {("tcp", "45.5.5.5", 443)}


def test_presets(shell, sinks, dns):
    for name in ("pypi.org", "files.pythonhosted.org"):
        dns.add(name, address_of(name))
    done = shell(
        f"{GET} https://pypi.org && {GET} https://files.pythonhosted.org && "
        f"{GET} https://crates.io",
        allow="@pypi",
    )
    assert done.status == 6, done
    assert sinks.addresses() == {address_of(n) for n in ("pypi.org", "files.pythonhosted.org")}
