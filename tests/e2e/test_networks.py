"""Networks as people have them: DNS servers on odd addresses, networks that are connected while the
container runs. What the lab's Internet and wire saw decides."""

import re

import pytest
from conftest import until
from internet import DNS_ADDRESS, address_of

GET = "curl -sS -o /dev/null -w '%{http_code}\\n' -m 30 "
UPSTREAM = {"CODEX_INIT_UPSTREAM": DNS_ADDRESS}
SUBNET6 = "fd77:1:{}::/64"


@pytest.fixture
def server(internet):
    """server(address): the lab's DNS server answers there as well."""

    def serve(address):
        internet.answer_dns_at(address)
        return address

    return serve


@pytest.fixture
def resolv_conf(tmp_path):
    """resolv_conf(addresses...): the options that give a container this resolv.conf, word for word."""

    def write(*addresses):
        path = tmp_path / "resolv.conf"
        path.write_text("".join(f"nameserver {address}\n" for address in addresses))
        path.chmod(0o644)
        return ("-v", f"{path}:/etc/resolv.conf:ro")

    return write


def tries(address):
    """A script that tries a server's other ports as the payload, all of which must be refused."""
    return (
        f"for p in 22 853 5353; do timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/'$p && echo in & done;"
        f" echo leaked >/dev/udp/{address}/161 && echo maybe; wait"
    )


# Which walls some places are tried on as well: in the cell an attempt takes three seconds.
def walls(*names):
    return pytest.mark.parametrize("wall", names, indirect=True)


def where_allowed(wall, found):
    """What LOOKUPS found is the name's address; in the cell it is one that stands for it."""
    return found == 2 * [address_of("allowed.test")] if wall == "nft" else (
        found[0] == found[1] and found[0].startswith("127.64."))  # fmt: skip


def others(sinks, address):
    """What reached an address but questions."""
    return [flow for flow in sinks.seen(dns=True) if flow.address == address and flow.port != 53]


# ---- DNS servers in special ranges -------------------------------------------------------------

# Azure's, Amazon's, Alibaba's; a router's.
SPECIAL = ["168.63.129.16", "169.254.169.253", "100.100.2.136", "10.0.0.2"]


@pytest.mark.parametrize(
    "wall, address, own",
    [*(("nft", address, own) for address in SPECIAL for own in (False, True)), ("flagless", SPECIAL[1], False),
     ("no capability", SPECIAL[0], False)],
    indirect=["wall"],
)  # fmt: skip
def test_a_server_in_a_special_range(run, network, server, sinks, address, own):
    done = run(
        *("bash", "-c", f"{GET} https://allowed.test; {tries(address)}"),
        allow="allowed.test",
        options=("--dns", server(address)),
        network=network() if own else None,
    ).ok()
    assert done.lines() == ["200"], done
    seen = sinks.seen(dns=True)
    assert ("udp", address, 53) in seen and ("tcp", address_of("allowed.test"), 443) in seen
    assert others(sinks, address) == []


def test_an_ipv6_server_in_a_special_range(run, network, server, resolv_conf, sinks):
    address = server("fd00:ec2::253")
    done = run(
        *("bash", "-c", f"{GET} https://allowed.test; {tries(address)}"),
        allow="allowed.test",
        options=resolv_conf(address),
        network=network("--ipv6", "--subnet", SUBNET6.format(41)),
    ).ok()
    assert done.lines() == ["200"], done
    assert ("udp", address, 53) in sinks.seen(dns=True)
    assert others(sinks, address) == []


@pytest.mark.parametrize(
    "wall, own", [("nft", False), ("nft", True), ("flagless", False)],
    indirect=["wall"], ids=["bridge", "user network", "flagless"],
)  # fmt: skip
def test_what_is_no_server_stays_prohibited(run, network, server, sinks, own):
    """The opposite: beside a server in such a range, its neighbours are as shut as ever."""
    done = run(
        *("bash", "-c", "; ".join(map(tries, SPECIAL[:3]))),
        options=("--dns", server("10.0.0.2")),
        network=network() if own else None,
    ).ok()
    assert done.out == "", done
    assert not sinks.addresses() & set(SPECIAL[:3])


# ---- Whatever resolv.conf names ----------------------------------------------------------------

UNUSED = ["192.168.1.1", "10.0.0.2", "169.254.169.254", "9.9.9.9"]
LOOKUPS = (
    f"{GET} https://allowed.test; getent ahostsv4 allowed.test | head -n 1 | cut -d ' ' -f 1;"
    "dig +short +tcp allowed.test"
)


@pytest.mark.parametrize(
    "wall, address", [*(("nft", a) for a in UNUSED), ("flagless", UNUSED[2])], indirect=["wall"]
)
def test_upstream_beside_a_server_that_is_not_asked(run, sinks, wall, address):
    """In the cell resolv.conf names our resolver, whatever it named before."""
    done = run(
        *("bash", "-c", f"{LOOKUPS}; {tries(address)}"),
        allow="allowed.test",
        env=UPSTREAM,
        options=("--dns", address),
    ).ok()
    code, *found = done.lines()
    assert code == "200" and where_allowed(wall, found), done
    assert [flow for flow in sinks.seen(dns=True) if flow.address == address] == []


@pytest.mark.cell("nft", "flagless", seldom=True)
@pytest.mark.parametrize("servers", [("fd00::53",), ("fd00::53", "10.0.0.2"), ("2600::53",)], ids=",".join)
def test_an_ipv6_server_where_there_is_no_ipv6(run, sinks, wall, servers):
    """On the engine's bridge: no program could send it a question, by itself."""
    dns = [word for server in servers for word in ("--dns", server)]
    done = run("bash", "-c", LOOKUPS, allow="allowed.test", env=UPSTREAM, options=dns).ok()
    code, *found = done.lines()
    assert code == "200" and where_allowed(wall, found), done
    assert [flow for flow in sinks.seen(dns=True) if flow.address in servers] == []


@pytest.mark.cell("nft", "flagless", seldom=True)
def test_a_link_local_server(run, sinks, wall):
    """It is one on the link, and nothing that is sent there comes to lo."""
    done = run(
        *("bash", "-c", LOOKUPS),
        allow="allowed.test",
        env=UPSTREAM,
        options=("--dns", "fe80::1"),
    ).ok()
    code, *found = done.lines()
    assert code == "200" and where_allowed(wall, found), done


@pytest.mark.cell("nft", "flagless")
@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_a_resolv_conf_of_somebodys_stays_as_it_is(run, resolv_conf, tmp_path, mode, wall):
    """It may be the host's own. Only the engine's is written; of another the way out is told. In the
    cell exact names are found all the same."""
    name, place = resolv_conf("fd00::53")
    options = (name, place.removesuffix("ro") + mode)
    done = run("getent", "hosts", "allowed.test", allow="allowed.test", env=UPSTREAM, options=options)
    assert (tmp_path / "resolv.conf").read_text() == "nameserver fd00::53\n"
    if wall != "nft":
        assert done.ok().out.startswith("127.64."), done
        return
    assert done.status == 2, done
    assert "let programs use the resolver: /etc/resolv.conf: " in done.err
    assert "--dns 127.0.0.1" in done.err
    # And that works as typed.
    done = run(
        *("getent", "ahostsv4", "allowed.test"),
        allow="allowed.test",
        env=UPSTREAM,
        options=("--dns", "127.0.0.1"),
    ).ok()
    assert address_of("allowed.test") in done.out
    assert "hint" not in done.err


@walls("flagless")
@pytest.mark.parametrize("whole", [False, True], ids=["file", "and its directory"])
def test_a_hosts_file_of_somebodys_stays_as_it_is(run, tmp_path, whole):
    """Nor is a file in a directory of the host's the container's own."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "hosts").write_text("10.0.0.1 mine\n")
    options = ["-v", f"{etc}/hosts:/etc/hosts", "-v", f"{etc}/hosts:/etc/resolv.conf"]
    if not whole:
        (tmp_path / "gai.conf").write_text("label ::1/128 0\n")
        options += ["-v", f"{tmp_path}/gai.conf:/etc/gai.conf"]
    if whole:
        (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        options += ["-v", f"{etc}:/etc"]
    done = run("getent", "hosts", "allowed.test", allow="allowed.test", env=UPSTREAM, options=options)
    assert done.status == 2 and "/etc/hosts can't be written" in done.err, done
    assert (etc / "hosts").read_text() == "10.0.0.1 mine\n"
    assert not (etc / "gai.conf").exists()
    assert whole or (tmp_path / "gai.conf").read_text() == "label ::1/128 0\n"


# In the cell it names our own resolver.
def test_a_resolv_conf_that_is_fine_stays_as_it_is(run):
    said = [
        run("cat", "/etc/resolv.conf", init=init, options=("--dns", DNS_ADDRESS, "--dns-search", "corp.test")).ok()
        for init in ([], ["--egress=off"])
    ]
    assert said[0].out == said[1].out and "corp.test" in said[0].out


def test_upstream_beside_an_ipv6_server_that_is_not_asked(run, network, resolv_conf, sinks, wall):
    done = run(
        *("bash", "-c", f"{LOOKUPS}; {tries('fd00::53')}"),
        allow="allowed.test",
        env=UPSTREAM,
        options=resolv_conf("fd00::53"),
        network=network("--ipv6", "--subnet", SUBNET6.format(42)),
    ).ok()
    code, *found = done.lines()
    assert code == "200" and where_allowed(wall, found), done
    assert [flow for flow in sinks.seen(dns=True) if flow.address == "fd00::53"] == []


NOBODY = ["192.168.1.1", "169.254.169.254", "9.9.9.9", "8.8.8.8"]


@pytest.mark.cell("all")
def test_what_is_no_question_gets_no_further_on_that_port(run, sinks, wire, wall):
    """Whatever is sent to port 53 comes to our resolver, and its sender learns nothing of elsewhere."""
    def said(seconds):
        say = f"echo leaked-words | timeout {seconds} bash -c 'cat >/dev/{{}}/{{}}/53' &"
        return " ".join(say.format(kind, to) for kind in ("udp", "tcp") for to in NOBODY) + " wait"

    run("bash", "-c", said(2), env=UPSTREAM).ok()
    assert sinks.seen() == [] and not sinks.carried(b"leaked-words")
    assert not {flow.address for flow in wire.seen()} & set(NOBODY)
    if wall != "nft":
        return
    # The opposite: it does leave a plain init.
    run("bash", "-c", said(30), env=UPSTREAM, init=["--egress=off"]).ok()
    assert sinks.carried(b"leaked-words")


# ---- Networks connected later ------------------------------------------------------------------

SERVE = """
import socketserver
class Told(socketserver.StreamRequestHandler):
    def handle(self):
        print("told", self.rfile.readline().decode().strip(), flush=True)
        self.wfile.write(b"hello\\n")
class Both(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
print("serving", flush=True)
Both(("0.0.0.0", 5432), Told).serve_forever()
"""
SERVE6 = SERVE.replace('Both(("0.0.0.0"', 'Both.address_family = 10\nBoth(("::"')


def neighbour(start, name, server, network):
    made = start("python3", "-u", "-c", server, init=["--egress=off"], network=network, name=name)
    return made.until_says("serving")


def address_on(box, network, field="IPAddress"):
    return box.inspect(f'(index .NetworkSettings.Networks "{network}").{field}')


def ask(box, name, word, seconds=5):
    """What a program of the payload's gets from a neighbour's server, or ""; nothing comes of a packet
    that the engine drops."""
    script = f"exec 3<>/dev/tcp/{name}/5432 && echo {word} >&3 && head -n 1 <&3"
    return box.inside("timeout", str(seconds), "bash", "-c", script).out.strip()


def connected(box, network):
    return f'"{network}"' in box.docker("inspect", box.name).out


# The cell: test_cell_attacks.py
@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_a_network_connected_while_it_runs(network, start, boxes, docker, dns, wire, own, six):
    ipv6 = ("--ipv6", "--subnet", SUBNET6.format(43)) if six else ()
    other = network(*ipv6)
    db, cache = (
        neighbour(start, f"{kind}-{other}", SERVE6 if six else SERVE, other) for kind in ("db", "cache")
    )
    field = "GlobalIPv6Address" if six else "IPAddress"
    places = {"db.test": address_on(db, other, field), "cache.test": address_on(cache, other, field)}
    for name, address in places.items():
        dns.add(name, address)
    box = boxes(
        allow="allowed.test db.test:5432+private",
        network=network(*(("--ipv6", "--subnet", SUBNET6.format(44)) if six else ())) if own else None,
    )
    wire.mark()

    def only_db(word):
        assert ask(box, "db.test", word, 50) == "hello"
        assert ask(box, places["cache.test"], word) == ""
        assert ask(box, "cache.test", word) == ""
        db.until_says(f"told {word}")
        assert f"told {word}" not in cache.logs()
        assert wire.to(places["cache.test"]) == []
        assert box.shell(f"{GET} https://allowed.test").ok().lines() == ["200"]

    def nobody(word):
        # This engine keeps IPv6 networks apart by nothing: an allowed name is then reached by way
        # of the host, too.
        if not (own and six):
            assert ask(box, "db.test", word) == "" and word not in db.logs()
        assert ask(box, places["cache.test"], word) == "" and word not in cache.logs()

    nobody("before")
    docker("network", "connect", other, box.name).ok()
    only_db("connected")
    # The network's gateway is the host's, and shut like any other.
    gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", other).ok()
    assert ask(box, gateway.out.strip(), "gateway") == ""

    docker("network", "disconnect", other, box.name).ok()
    nobody("disconnected")
    assert box.shell(f"{GET} https://allowed.test").ok().lines() == ["200"]
    docker("network", "connect", other, box.name).ok()
    only_db("again")


def test_the_first_network_may_go(network, start, boxes, docker, dns):
    """With it goes the default route; the engine gives another."""
    first, other = network(), network()
    db = neighbour(start, f"db-{other}", SERVE, other)
    dns.add("db.test", address_on(db, other))
    box = boxes(allow="allowed.test db.test:5432+private", network=first)
    docker("network", "connect", other, box.name).ok()
    docker("network", "disconnect", first, box.name).ok()
    # codex-init follows what it sees of that.
    until(lambda: box.shell(f"{GET} https://allowed.test").lines() == ["200"], "a way out")
    assert ask(box, "db.test", "alone", 50) == "hello"
    assert ask(box, address_on(db, other).rsplit(".", 1)[0] + ".1", "gateway") == ""


def test_names_of_the_engine_on_a_network_connected_later(network, start, boxes, docker):
    """Its resolver knows the containers of both, where the first is a user-defined network, too."""
    first, other = network(), network()
    db = neighbour(start, f"db-{other}", SERVE, other)
    box = boxes(allow=f"{db.name}:5432+private", network=first)
    docker("network", "connect", other, box.name).ok()
    # A name that wasn't there a moment ago is remembered as such for a while.
    until(lambda: ask(box, db.name, "named") == "hello", "an answer by the engine's name")


def test_what_is_private_there_is_shut_without_the_wall_too(network, boxes, lab, docker, wire):
    """The second fence doesn't know the network, and holds all the same."""
    other = network()
    box = boxes()
    docker("network", "connect", other, box.name).ok()
    lab.engine.in_container(box.name, "nft", "flush", "ruleset")
    subnet = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", other).ok().out
    wire.mark()
    beyond = re.sub(r"\.0/\d+\s*$", ".77", subnet)
    box.shell(f"timeout 3 bash -c 'exec 3<>/dev/tcp/{beyond}/22'; echo x >/dev/udp/{beyond}/161; true").ok()
    assert wire.to(beyond) == []
