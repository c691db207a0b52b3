"""Behind a corporate proxy (--proxy, CODEX_INIT_PROXY): everything goes by its CONNECT, no name
is asked for outside, and nobody but the gate speaks to it. Judged by what the lab's proxy was
asked."""

import json
import re

import pytest
from conftest import CA_PATH
from internet import GREETING, OPENAI, address_of
from proxy import PORT
from test_codex import EXEC, KEY

NAME = "proxy.corp.test"
PROXY, PRIVATE = address_of(NAME), "10.99.0.7"
URL = f"http://{PROXY}:{PORT}"
PASSWORD = "s3cret-word"
LOGIN = f"http://agent:{PASSWORD}@{PROXY}:{PORT}"
ALLOW = "allowed.test:443,80,22"
pytestmark = pytest.mark.cell


@pytest.fixture
def proxy(internet):
    internet.dns.add(NAME, PROXY)
    return internet.proxy


def curl(*urls):
    return "; ".join(f"curl -sS -m 30 -o /dev/null -w '%{{http_code}}\\n' {url}" for url in urls)


BOTH = curl("https://allowed.test/", "http://allowed.test/")


def events_with(word):
    """Prints the events once that is among them: a line waits for a moment for who asked."""
    file = "/run/codex/events.jsonl"
    return f"for i in {{1..300}}; do grep -q '{word}' {file} && break; sleep 0.1; done; cat {file}"


@pytest.mark.cell("all")
@pytest.mark.parametrize(
    "url, address",
    [(URL, PROXY), (f"http://{NAME}:{PORT}", PROXY), (f"http://{PRIVATE}:{PORT}/", PRIVATE)],
    ids=["address", "name", "private"],
)
def test_everything_goes_by_the_proxy(shell, proxy, sinks, dns, url, address):
    done = shell(BOTH, allow=ALLOW, init=["--proxy", url]).ok()
    assert done.lines() == ["200", "200"], done
    assert proxy.targets() == ["allowed.test:443", "allowed.test:80"]
    assert sinks.seen() == [("tcp", address, PORT)]
    assert {q.name for q in dns.asked()} <= {NAME}
    assert dns.asked("allowed.test") == []


def test_the_same_without_a_proxy(shell, proxy, sinks, dns):
    shell(BOTH, allow=ALLOW).ok()
    assert proxy.asked == [] and dns.asked("allowed.test") != []
    assert sinks.addresses() == {address_of("allowed.test")}


def test_a_name_of_the_proxy_that_is_private(shell, proxy, sinks, dns):
    dns.add(NAME, PRIVATE)
    shell(BOTH, allow=ALLOW, init=["--proxy", f"http://{NAME}:{PORT}"]).ok()
    assert sinks.seen() == [("tcp", PRIVATE, PORT)]


@pytest.mark.cell("all")
@pytest.mark.parametrize("by", ["variable", "option"])
def test_a_login_and_who_sees_it(shell, proxy, by):
    """The proxy gets the password, and nobody inside but PID 1 and the gate ever has it."""
    proxy.require("agent", PASSWORD)
    script = f"""
        {BOTH}
        env; tr '\\0' '\\n' </proc/self/environ
        cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'
        cat /run/codex/events.jsonl /run/codex/status.json /etc/codex/allowed_domains.txt
        curl -sS https://evil.test; curl -sS http://evil.test; true"""
    how = {"env": {"CODEX_INIT_PROXY": LOGIN}} if by == "variable" else {"init": ["--proxy", LOGIN]}
    done = shell(script, allow=ALLOW, **how).ok()
    assert done.lines()[:2] == ["200", "200"], done
    assert proxy.targets() == ["allowed.test:443", "allowed.test:80"]
    assert PASSWORD not in done.said and "YWdlbnQ6" not in done.said, done
    assert "CODEX_INIT_PROXY" not in done.said, done


def test_a_wrong_login_is_told(shell, proxy, sinks):
    proxy.require("agent", "another")
    done = shell(
        f"{BOTH}; curl -sS http://allowed.test; {events_with('unreached')}",
        allow=ALLOW,
        env={"CODEX_INIT_PROXY": LOGIN},
    ).ok()
    assert done.lines()[:2] == ["000", "502"], done
    assert "codex-sandbox: allowed.test: the proxy refused or could not be reached" in done.out
    assert '"event":"unreached","name":"allowed.test"' in done.out
    assert "codex-init: 3 connections to 1 place failed at the proxy:\n" in done.err, done
    assert "  allowed.test     3x   the proxy answered 407 from the proxy: it needs" in done.err
    assert "refused" not in done.err and PASSWORD not in done.said, done
    assert sinks.addresses() == {PROXY}


def test_what_the_proxy_refuses_is_told(shell, proxy):
    """As it said it, to the client of HTTP too, but for what a terminal would obey, and no more."""
    proxy.refuse("allowed.test:443", 503, "\x1b[31mno \x07\xff" + "a" * 500)
    proxy.refuse("allowed.test:80", 403, "Forbidden by policy")
    script = f"{BOTH}; curl -sS http://allowed.test; {events_with('403 Forbidden')}"
    done = shell(script, allow=ALLOW, init=["--proxy", URL]).ok()
    assert done.lines()[:2] == ["000", "502"], done
    assert "could not be reached (403 Forbidden by policy)" in done.lines()[2], done
    assert '"reason":"the proxy answered 403 Forbidden by policy"' in done.out, done
    assert "codex-init: 3 connections to 1 place failed at the proxy:\n" in done.err, done
    (told,) = [line for line in done.err.splitlines() if line.startswith("  allowed.test")]
    assert "the proxy answered 503 ?[31mno ??aaa" in told and len(told) < 160, done


def test_what_it_lets_through_is_not_told(shell, proxy):
    done = shell(BOTH, allow=ALLOW, init=["--proxy", URL]).ok()
    assert done.lines() == ["200", "200"] and "failed at the proxy" not in done.err, done


def test_a_proxy_that_is_not_there(shell, proxy, sinks):
    """The port is TLS's, and whoever listens there resets what it doesn't understand."""
    script = BOTH + "; curl -sS http://allowed.test"
    done = shell(script, allow=ALLOW, init=["--proxy", f"http://{PROXY}:443"]).ok()
    assert done.lines()[:2] == ["000", "502"], done
    assert "the proxy refused or could not be reached" in done.out, done
    assert "codex-init: 3 connections to 1 place failed at the proxy:\n" in done.err, done
    assert sinks.addresses() == {PROXY}


@pytest.mark.cell("nft", "flagless")
def test_other_ports_go_by_it_too(shell, proxy, sinks):
    script = """
        exec 3<>/dev/tcp/allowed.test/22; timeout 30 head -n 1 <&3
        timeout 3 bash -c 'exec 3<>/dev/tcp/allowed.test/23; head -c 1 <&3' || echo no 23"""
    done = shell(script, allow=ALLOW, init=["--proxy", URL]).ok()
    assert done.lines() == [GREETING.decode().strip(), "no 23"], done
    assert proxy.targets() == ["allowed.test:22"]
    assert sinks.seen() == [("tcp", PROXY, PORT)]


def test_the_payload_does_not_reach_the_proxy(shell, proxy, sinks, wall):
    """Neither by its address nor by asking the gate for it: it could ask for anywhere. The cell tells
    nobody of an address that is tried."""
    gate = f"${{HTTP_PROXY:-http://{PROXY}:80}}"
    done = shell(
        f"""
        timeout 3 bash -c 'exec 3<>/dev/tcp/{PROXY}/{PORT}' || echo no address
        timeout 3 bash -c 'exec 3<>/dev/tcp/{NAME}/{PORT}' || echo no name
        curl -sS -m 5 -x {URL} https://evil.test || echo no proxy
        curl -sS -m 5 -x {gate} https://evil.test || echo no evil
        curl -sS -m 50 -x {gate} http://{NAME}:{PORT}/ | head -n 1""",
        allow=ALLOW,
        init=["--proxy", f"http://{NAME}:{PORT}"],
    )
    assert done.lines()[:4] == ["no address", "no name", "no proxy", "no evil"], done
    assert "is not allowed" in done.lines()[4], done
    told = f"{PROXY}:{PORT} " in done.err and "the proxy is for the gate only" in done.err
    assert told == (wall == "nft"), done
    assert f"--allow {PROXY}" not in done.err
    assert proxy.asked == [] and sinks.seen() == [], proxy.asked


def test_names_are_checked_as_without_it(boxes, proxy, sinks):
    box = boxes("--proxy", URL, allow=ALLOW)
    gate = box.address("allowed.test") if box.cell else PROXY
    done = box.shell(
        f"curl -sS --cacert {CA_PATH} --resolve evil.test:443:{gate} https://evil.test;"
        f"curl -sS --resolve evil.test:80:{gate} http://evil.test; curl -sS https://evil.test"
    )
    assert "alert" in done.err and "resolve" in done.err and "is not allowed" in done.out, done
    assert proxy.asked == [] and sinks.seen() == []
    assert box.event(event="refused-tls", name="evil.test")


def test_a_turn_of_codex_by_the_proxy(run, internet, proxy, sinks, dns):
    proxy.require("agent", PASSWORD)
    internet.openai.script("env; curl -sS -o /dev/null -w 'got %{http_code}' https://allowed.test")
    done = run(*EXEC, "do it", env={**KEY, "CODEX_INIT_PROXY": LOGIN}, allow=ALLOW).ok()
    told = "".join(internet.openai.outputs())
    assert "got 200" in told and PASSWORD not in told, done
    assert {"api.openai.com:443", "allowed.test:443"} <= set(proxy.targets())
    assert set(proxy.targets()) <= {f"{name}:443" for name in (*OPENAI, "allowed.test")}
    assert sinks.seen() == [("tcp", PROXY, PORT)] and dns.asked() == []


@pytest.mark.nft  # the cell refuses --egress=audit (test_cell.py)
def test_audit_lets_through_by_the_proxy(shell, proxy, sinks, dns):
    """The way out is the proxy for what strict would refuse as well."""
    script = curl("https://other.test/", "http://other.test/") + "; " + BOTH
    done = shell(script, allow=ALLOW, init=["--proxy", URL, "--egress=audit"]).ok()
    assert done.lines() == ["200"] * 4, done
    assert {"other.test:443", "other.test:80"} <= set(proxy.targets())
    assert sinks.addresses() == {PROXY} and dns.asked() == []
    assert "would have refused" in done.err and "--allow other.test" in done.err, done


# ---- Whom it is not for --------------------------------------------------------------------------

DIRECT = {"inner.corp.test": "10.99.1.5", "direct.test": "45.8.0.1", "sub.direct.test": "45.8.0.2"}
MIXED = f"{ALLOW} inner.corp.test+private direct.test:443,80,22 sub.direct.test"
THERE = curl(*(f"{scheme}://{name}/" for name in DIRECT for scheme in ("https", "http")))
GREETED = "exec 3<>/dev/tcp/direct.test/22; timeout 30 head -n 1 <&3"


@pytest.fixture
def direct(dns):
    for name, address in DIRECT.items():
        dns.add(name, address)


@pytest.mark.cell("nft", "flagless")
@pytest.mark.parametrize("how", ["option", "variable", "NO_PROXY", "no_proxy"])
def test_names_that_are_reached_without_it(shell, proxy, direct, sinks, dns, how):
    """Excepted ones, all below them, and those of +private rules: by DNS and by their address."""
    init, env = ["--proxy", URL], {}
    if how == "option":
        init += ["--no-proxy", "10.0.0.0/8,.direct.test"]
    else:
        env["CODEX_INIT_NO_PROXY" if how == "variable" else how] = "10.0.0.0/8, direct.test:443"
    done = shell(f"{THERE}; {GREETED}; {BOTH}", allow=MIXED, init=init, env=env).ok()
    assert done.lines() == ["200"] * 6 + [GREETING.decode().strip()] + ["200"] * 2, done
    assert proxy.targets() == ["allowed.test:443", "allowed.test:80"]
    assert sinks.addresses() == {PROXY, *DIRECT.values()}
    assert dns.asked("allowed.test") == [] and all(dns.asked(name) for name in DIRECT)


@pytest.mark.cell("nft", "flagless")
def test_the_same_names_by_it(shell, proxy, direct, sinks, dns):
    """But for the private one, which a rule allows for the address that it has here."""
    done = shell(f"{THERE}; {GREETED}", allow=MIXED, init=["--proxy", URL]).ok()
    assert done.lines() == ["200"] * 6 + [GREETING.decode().strip()], done
    names = ("direct.test", "sub.direct.test")
    assert set(proxy.targets()) == {
        "direct.test:22", *(f"{name}:{port}" for name in names for port in (443, 80))
    }
    assert sinks.addresses() == {PROXY, DIRECT["inner.corp.test"]}
    assert {q.name for q in dns.asked()} == {"inner.corp.test"}


def test_an_exception_opens_nothing(boxes, proxy, direct, sinks):
    """Names that no rule allows are refused, and an excepted one's addresses are its own."""
    box = boxes("--proxy", URL, "--no-proxy", "evil.test,direct.test", allow="direct.test")
    there = box.address("direct.test")
    elsewhere = there if box.cell else "45.9.9.9"
    done = box.shell(
        f"curl -sS --resolve evil.test:80:{there} http://evil.test;"
        f"curl -sSk --resolve evil.test:443:{there} https://evil.test;"
        f"curl -sS -m 50 --resolve direct.test:80:{elsewhere} http://direct.test/ >/dev/null && echo ok"
    )
    assert "evil.test is not allowed" in done.out and done.lines()[-1] == "ok", done
    assert sinks.seen() == [("tcp", DIRECT["direct.test"], 80)] and proxy.asked == []


def test_with_a_star_it_is_nobodys(shell, proxy, sinks):
    done = shell(BOTH, allow=ALLOW, init=["--proxy", URL, "--no-proxy", "*"]).ok()
    assert done.lines() == ["200", "200"] and proxy.asked == [], done
    assert sinks.addresses() == {address_of("allowed.test")}


# ---- The engine's own ----------------------------------------------------------------------------

BOTH_CASES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
SHOWN = "env | grep -i _proxy; cat /proc/self/environ | tr '\\0' '\\n' | grep -i _proxy; true"
# The cell's own, which name the gate.
GATES = r"(?i)((https?|all)_proxy=http://127\.0\.0\.1:\d+|no_proxy=localhost,127\.0\.0\.1,.*)"


def seen(done, wall):
    """What a script has printed, without what the cell adds to each environment."""
    return [line for line in done.lines() if wall == "nft" or not re.fullmatch(GATES, line)]


@pytest.fixture
def injected(runner, tmp_path):
    """injected(proxies, script, ...): a container of an engine's client that is set up so."""

    def run(proxies, script, allow=ALLOW, env=None, init=()):
        (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
        command = ["bash", "-c", script]
        made = runner.arguments(command, allow, env, (), None, None, list(init), True)
        return runner.docker(
            "--config", str(tmp_path), "run", "--rm", "--pull=never", *made, timeout=120
        )

    return run


@pytest.mark.cell("nft", "flagless")
def test_the_engines_proxy_is_used_and_kept_from_the_command(injected, proxy, direct, sinks, dns, wall):
    """As Docker's client injects it, with a password and exceptions, in both spellings."""
    proxy.require("agent", PASSWORD)
    settings = {"httpProxy": LOGIN, "httpsProxy": LOGIN, "noProxy": "localhost,*.direct.test"}
    script = f"{BOTH}; {THERE}; {SHOWN}; tr '\\0' '\\n' </proc/1/cmdline; cat /run/codex/*.json*"
    done = injected(settings, script, allow=MIXED).ok()
    assert done.lines()[:8] == ["200"] * 8, done
    assert proxy.targets() == ["allowed.test:443", "allowed.test:80"]
    assert sinks.addresses() == {PROXY, *DIRECT.values()} and dns.asked("allowed.test") == []
    told = f"codex-init: config: HTTPS_PROXY: everything goes through the proxy {PROXY} port {PORT}"
    assert done.err.count("HTTPS_PROXY") == 1 and told in done.err, done
    assert not any(name in line for name in BOTH_CASES for line in seen(done, wall)), done
    assert PASSWORD not in done.said and "YWdlbnQ6" not in done.said, done


@pytest.mark.cell("nft", "flagless")
def test_without_one_nothing_is_told(injected, proxy, sinks):
    done = injected({}, BOTH).ok()
    assert done.lines() == ["200", "200"] and "proxy" not in done.said.lower(), done
    assert proxy.asked == [] and sinks.addresses() == {address_of("allowed.test")}


@pytest.mark.parametrize(
    "env",
    [
        {"HTTPS_PROXY": URL, "HTTP_PROXY": "http://45.9.9.9:1"},
        {"https_proxy": URL + "/"},
        {"HTTP_PROXY": URL},
        {"http_proxy": f"{PROXY}:{PORT}"},
        {"ALL_PROXY": URL, "HTTP_PROXY": "http://45.9.9.9:1"},
        {"https_proxy": f"http://{NAME}:{PORT}", "ftp_proxy": "x"},
    ],
    ids=["https first", "small", "http", "no scheme", "all", "name"],
)
def test_however_it_is_spelt(shell, proxy, sinks, wall, env):
    done = shell(f"{BOTH}; {SHOWN}", allow=ALLOW, env=env).ok()
    assert seen(done, wall) == ["200", "200"], done
    assert proxy.targets() == ["allowed.test:443", "allowed.test:80"]
    assert sinks.addresses() == {PROXY}


def test_the_one_that_is_given_wins(shell, proxy, sinks, wall):
    env = {"HTTPS_PROXY": "http://45.9.9.9:3128", "http_proxy": "socks5://45.9.9.9:1"}
    done = shell(f"{BOTH}; {SHOWN}", allow=ALLOW, init=["--proxy", URL], env=env).ok()
    assert seen(done, wall) == ["200", "200"] and "45.9.9.9" not in done.said, done
    assert sinks.addresses() == {PROXY}


def test_off_does_without(shell, proxy, sinks, wall):
    """As the hint advises it for a proxy that can't be used: no program tries that one either."""
    env = {"HTTPS_PROXY": "socks5://45.9.9.9:1", "http_proxy": URL, "CODEX_INIT_PROXY": "off"}
    done = shell(f"{BOTH}; {SHOWN}", allow=ALLOW, env=env).ok()
    assert seen(done, wall) == ["200", "200"], done
    assert sinks.addresses() == {address_of("allowed.test")} and proxy.asked == []


UNUSABLE = {
    "socks": "socks5h://45.9.9.9:1080",
    "by TLS": f"https://{PROXY}:{PORT}",
    "loopback": f"http://u:{PASSWORD}@127.0.0.1:3128",
    "localhost": f"u:{PASSWORD}@localhost:3128",
    "IPv6 loopback": "http://[::1]:3128",
    "metadata": "http://169.254.169.254:80",
    "none": "http://",
}


@pytest.mark.nft  # decided before there is a wall
@pytest.mark.parametrize("value", UNUSABLE.values(), ids=UNUSABLE)
def test_one_that_cannot_be_used_stops_the_start(shell, sinks, value):
    """Without it, what it was to hide would be shown; the hint says how to do that all the same."""
    done = shell("echo ran", allow=ALLOW, env={"https_proxy": value}).ok(100)
    assert "ran" not in done.out and PASSWORD not in done.said, done
    assert done.err.startswith("codex-init: config: use the proxy in the environment: https_proxy:")
    assert "CODEX_INIT_PROXY=off" in done.err and sinks.seen(dns=True) == [], done


@pytest.mark.nft  # decided before there is a wall
def test_a_proxy_of_the_containers_own_address(network, shell, sinks):
    """Any program in it could be the proxy, and be given the password."""
    net = network("--subnet", "172.29.77.0/24")
    for address in ("172.29.77.2", "[::ffff:172.29.77.2]"):
        given = {"CODEX_INIT_PROXY": f"http://u:{PASSWORD}@{address}:3128"}
        done = shell("echo ran", allow=ALLOW, env=given, network=net).ok(100)
        assert "inside the container" in done.err and PASSWORD not in done.said, done
    beside = {"CODEX_INIT_PROXY": f"http://u:{PASSWORD}@172.29.77.9:3128"}
    assert "ran" in shell("echo ran", allow=ALLOW, env=beside, network=net).ok().out


@pytest.mark.nft  # the cell refuses --egress=pin (test_cell.py)
@pytest.mark.parametrize("egress", ["off", "pin"])
def test_without_a_gate_it_is_the_commands_own_affair(shell, egress):
    done = shell("env", env={"HTTPS_PROXY": URL}, init=[f"--egress={egress}"]).ok()
    assert f"HTTPS_PROXY={URL}" in done.lines(), done
    assert ("HTTPS_PROXY is left to the command" in done.err) == (egress == "pin"), done


def test_a_turn_of_codex_by_the_engines_proxy(run, internet, proxy, sinks, dns):
    internet.openai.script("curl -sS -o /dev/null -w 'got %{http_code}' https://allowed.test")
    env = {**KEY, **{name: URL for name in BOTH_CASES if "NO" not in name.upper()}}
    done = run(*EXEC, "do it", env=env, allow=ALLOW).ok()
    assert "got 200" in "".join(internet.openai.outputs()), done
    assert {"api.openai.com:443", "allowed.test:443"} <= set(proxy.targets())
    assert sinks.seen() == [("tcp", PROXY, PORT)] and dns.asked() == []


@pytest.mark.nft  # decided before there is a wall
@pytest.mark.parametrize("url", ["https://p.test:1", "http://", f"http://u:{PASSWORD}@p.test:0"])
def test_a_proxy_that_is_none(run, sinks, url):
    done = run("true", init=["--proxy", url]).ok(100)
    assert done.err.startswith("codex-init: ") and PASSWORD not in done.err, done
    assert sinks.seen(dns=True) == []
