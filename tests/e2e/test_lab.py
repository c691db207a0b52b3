"""The laboratory itself: without these, a test that finds the sinks empty would prove nothing."""

import socket

from conftest import IMAGE, until
from internet import DNS_ADDRESS, GREETING, address_of

# A plain container: no codex-init, so nothing stands between it and the Internet.
OPEN = ("--entrypoint", "bash", "--cap-add=NET_RAW")


def bare(docker, lab, script, *options):
    made = ("-v", f"{lab.ca}:/ca.pem:ro", "-e", "SSL_CERT_FILE=/ca.pem")
    return docker("run", "--rm", "--pull=never", *OPEN, *made, *options, IMAGE, "-c", script)


def test_whatever_leaves_a_container_arrives_in_the_sinks(docker, lab, sinks):
    bare(
        docker,
        lab,
        """
        curl -sS https://example.com https://api.openai.com http://example.org
        echo x >/dev/udp/8.8.8.8/443
        echo secret-words >/dev/tcp/93.184.216.34/4444
        python3 -c 'import socket as s
for kind in (1, 47):
    s.socket(2, 3, kind).sendto(bytes([8, 0, 247, 255, 0, 0, 0, 0]), ("1.1.1.1", 0))'
        curl -sS -m 2 http://169.254.169.254/ http://10.9.9.9/ http://192.168.44.4/ || true
        """,
    ).ok()
    seen = set(sinks.seen())
    assert {
        ("tcp", address_of("example.com"), 443),
        ("tcp", address_of("api.openai.com"), 443),
        ("tcp", address_of("example.org"), 80),
        ("udp", "8.8.8.8", 443),
        ("tcp", "93.184.216.34", 4444),
        ("icmp", "1.1.1.1", 8),
        ("ip47", "1.1.1.1", 0),
        ("tcp", "169.254.169.254", 80),
        ("tcp", "10.9.9.9", 80),
        ("tcp", "192.168.44.4", 80),
    } <= seen
    assert sinks.carried(b"secret-words")
    assert not sinks.carried(b"words-nobody-sent")


def test_ipv6_arrives_too(docker, lab, sinks, network):
    name = network("--ipv6", "--subnet", "fd77:1:1::/64")
    bare(docker, lab, "curl -sS -g -m 30 'http://[2a0f:99::9]/'", "--network", name).ok()
    assert ("tcp", "2a0f:99::9", 80) in sinks.seen()


def test_no_client_waits_for_a_key_to_be_made(docker, lab):
    """A busy machine takes seconds for one, and clients give up: each certificate has the same."""
    ask = "openssl s_client -connect 9.9.9.9:443 -servername $name 2>&1 </dev/null"
    show = "openssl x509 -noout -pubkey -ext subjectAltName"
    said = bare(docker, lab, f"for name in one.test two.test; do {ask} | {show}; done").ok().out
    assert "DNS:one.test" in said and "DNS:two.test" in said
    first, second = [key.partition("-----END")[0] for key in said.split("BEGIN PUBLIC KEY")[1:]]
    assert first == second


def test_every_port_answers_and_keeps_what_it_is_told(docker, lab, internet):
    said = bare(docker, lab, "exec 3<>/dev/tcp/9.9.9.9/22; head -1 <&3; echo tell-me >&3").ok()
    assert said.out.encode() == GREETING
    until(lambda: b"tell-me\n" in b"".join(internet.ports.told))


def test_names_are_what_a_test_makes_them(docker, lab, dns):
    dns.add("two.test", "45.1.1.1", "45.1.1.2")
    dns.alias("alias.test", "two.test")
    dns.add("cut.test", *[f"45.2.2.{i}" for i in range(1, 100)])
    dns.truncate("cut.test")
    dns.fail("broken.test")
    said = bare(
        docker,
        lab,
        "dig +short two.test; dig +short alias.test; dig +short cut.test | wc -l;"
        "dig broken.test nowhere.test | grep status",
    ).ok()
    lines = said.lines()
    assert set(lines[:2]) == {"45.1.1.1", "45.1.1.2"}
    assert lines[2] == "two.test." and set(lines[3:5]) == {"45.1.1.1", "45.1.1.2"}
    assert lines[5] == "99"
    assert "SERVFAIL" in lines[6] and "NXDOMAIN" in lines[7]
    # By UDP, by which a slow one is asked again, and then by TCP.
    assert list(dict.fromkeys(q.tcp for q in dns.asked("cut.test"))) == [False, True]
    assert dns.asked("never-asked.test") == []


def test_nothing_leads_out(lab):
    """The machine itself isn't reachable from a container, nor is its network."""
    listener = socket.create_server(("0.0.0.0", 0))
    listener.setblocking(False)
    port = listener.getsockname()[1]
    addresses = {i[4][0] for i in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses | {"127.0.0.1"}:
        lab._namespaces[0].run("bash", "-c", f"exec 3<>/dev/tcp/{address}/{port} || true")
    try:
        listener.accept()
        raise AssertionError("the machine was reached from the lab")
    except BlockingIOError:
        pass
    for namespace, link in zip(lab._namespaces, ("up0", "in0")):
        routes = namespace.ip("route", "show", "default")
        assert all(link in line for line in routes.splitlines())
    assert DNS_ADDRESS not in addresses
