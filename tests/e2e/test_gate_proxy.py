"""Behind a corporate proxy (--proxy, CODEX_INIT_PROXY): everything goes by its CONNECT, no name
is asked for outside, and nobody but the gate speaks to it. Judged by what the lab's proxy was
asked."""

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


@pytest.fixture
def proxy(internet):
    internet.dns.add(NAME, PROXY)
    return internet.proxy


def curl(*urls):
    return "; ".join(f"curl -sS -m 15 -o /dev/null -w '%{{http_code}}\\n' {url}" for url in urls)


BOTH = curl("https://allowed.test/", "http://allowed.test/")


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
        BOTH + "; curl -sS http://allowed.test; cat /run/codex/events.jsonl",
        allow=ALLOW,
        env={"CODEX_INIT_PROXY": LOGIN},
    ).ok()
    assert done.lines()[:2] == ["000", "502"], done
    assert "codex-sandbox: allowed.test: the proxy refused or could not be reached" in done.out
    assert '"event":"unreached","name":"allowed.test"' in done.out
    assert PASSWORD not in done.said
    assert sinks.addresses() == {PROXY}


def test_what_the_proxy_refuses_is_told(shell, proxy):
    proxy.refuse("allowed.test:443", 502)
    done = shell(BOTH + "; cat /run/codex/events.jsonl", allow=ALLOW, init=["--proxy", URL]).ok()
    assert done.lines()[:2] == ["000", "200"], done
    assert "the proxy refused or could not be reached" in done.out


def test_a_proxy_that_is_not_there(shell, proxy, sinks):
    """The port is TLS's, and whoever listens there resets what it doesn't understand."""
    script = BOTH + "; curl -sS http://allowed.test"
    done = shell(script, allow=ALLOW, init=["--proxy", f"http://{PROXY}:443"]).ok()
    assert done.lines()[:2] == ["000", "502"], done
    assert "the proxy refused or could not be reached" in done.out, done
    assert sinks.addresses() == {PROXY}


def test_other_ports_go_by_it_too(shell, proxy, sinks):
    script = """
        exec 3<>/dev/tcp/allowed.test/22; timeout 3 head -n 1 <&3
        timeout 3 bash -c 'exec 3<>/dev/tcp/allowed.test/23; head -c 1 <&3' || echo no 23"""
    done = shell(script, allow=ALLOW, init=["--proxy", URL]).ok()
    assert done.lines() == [GREETING.decode().strip(), "no 23"], done
    assert proxy.targets() == ["allowed.test:22"]
    assert sinks.seen() == [("tcp", PROXY, PORT)]


def test_the_payload_does_not_reach_the_proxy(shell, proxy, sinks):
    """Neither by its address nor by asking the gate for it: it could ask for anywhere."""
    done = shell(
        f"""
        timeout 3 bash -c 'exec 3<>/dev/tcp/{PROXY}/{PORT}' || echo no address
        timeout 3 bash -c 'exec 3<>/dev/tcp/{NAME}/{PORT}' || echo no name
        curl -sS -m 5 -x {URL} https://evil.test || echo no proxy
        curl -sS -m 5 -x http://{PROXY}:80 https://evil.test || echo no evil
        curl -sS -m 5 -x http://{PROXY}:80 http://{NAME}:{PORT}/ | head -n 1""",
        allow=ALLOW,
        init=["--proxy", f"http://{NAME}:{PORT}"],
    )
    assert done.lines()[:4] == ["no address", "no name", "no proxy", "no evil"], done
    assert "is not allowed" in done.lines()[4], done
    assert f"{PROXY}:{PORT} " in done.err and "the proxy is for the gate alone" in done.err, done
    assert f"--allow {PROXY}" not in done.err
    assert proxy.asked == [] and sinks.seen() == [], proxy.asked


def test_names_are_checked_as_without_it(boxes, proxy, sinks):
    box = boxes("--proxy", URL, allow=ALLOW)
    done = box.shell(
        f"curl -sS --cacert {CA_PATH} --resolve evil.test:443:{PROXY} https://evil.test;"
        f"curl -sS --resolve evil.test:80:{PROXY} http://evil.test; curl -sS https://evil.test"
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


@pytest.mark.parametrize("url", ["https://p.test:1", "http://", f"http://u:{PASSWORD}@p.test:0"])
def test_a_proxy_that_is_none(run, sinks, url):
    done = run("true", init=["--proxy", url]).ok(100)
    assert done.err.startswith("codex-init: ") and PASSWORD not in done.err, done
    assert sinks.seen(dns=True) == []
