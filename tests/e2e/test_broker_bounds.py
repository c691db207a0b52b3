"""What the broker can't be used for, whoever runs it, and what is there without it: nothing."""

import openai
import pytest
from conftest import CA_PATH, WALLS, until
from internet import address_of
from test_broker import EXEC, KEY, OFF, SECRET, credentials, up

# As the gate's client, in the broker's place: what it gets for a name in the hello.
TAKEN = f"""
import socket, ssl, sys
trust = ssl.create_default_context(cafile="{CA_PATH}")
for name in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    address = b"\\0codex-init-broker"
    s.connect(address + bytes(108 - len(address)))
    try:
        trust.wrap_socket(s, server_hostname=name)
        print(name, "reached")
    except OSError as e:
        print(name, "refused")
"""


def test_who_takes_it_over_reaches_its_own_host_alone(start, model, sinks):
    """By its user id, on the broker's way: the gate leads to no other host, not even one that the command
    may reach; and no other way leads to this one."""
    box = start("sleep", "1000", env=KEY, allow="allowed.test")
    up(box)
    names = "api.openai.com", "chatgpt.com", "auth.openai.com", "allowed.test", "example.com"
    told = box.exec("python3", "-c", TAKEN, *names, user="65313").ok().out
    assert told.splitlines() == ["api.openai.com reached", *(f"{n} refused" for n in names[1:])], told
    to = f"api.openai.com:443:{address_of('api.openai.com')}:443"
    done = box.exec("curl", "-sS", "-m", "5", "--connect-to", to, "https://api.openai.com/", user="65313")
    assert done.status not in (0, 22), done
    # The command, for which that is allowed, gets there by its own way; the broker's user doesn't,
    # whatever its source, nor to a server of the command's.
    box.exec("sh", "-c", "cd /tmp && exec python3 -m http.server --bind 127.0.0.1 8099 >log 2>&1 &", user="1000").ok()
    ways = ["https://allowed.test/"], ["--interface", "127.0.0.1", "https://allowed.test/"], ["http://127.0.0.1:8099/"]
    get = lambda uid, way: box.exec("curl", "-sS", "-o", "/dev/null", "-m", "30", *way, user=uid)  # noqa: E731
    until(lambda: get("1000", ways[2]).status == 0, what="the command's server")
    address = f"allowed.test:443:{address_of('allowed.test')}"
    for way in ways:
        assert get("1000", way).status == 0, way
        refused = get("65313", ["--resolve", address, *way])
        assert refused.status == 7, refused
    named = "import socket; socket.getaddrinfo('allowed.test', 443)"
    assert box.exec("python3", "-c", named, user="1000").status == 0
    assert box.exec("python3", "-c", named, user="65313").status == 1


# In haproxy's place: the one network socket that it has, which listens, aimed elsewhere.
AIM = """#!/usr/bin/python3
import ctypes, errno, os, socket, sys
for fd in map(int, os.listdir("/proc/self/fd")):
    try:
        s = socket.socket(fileno=os.dup(fd))
    except OSError:
        continue
    if s.family == socket.AF_INET:
        for to in (("127.0.0.1", 53), ("%s", 443), ("198.51.100.1", 80)):
            ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)  # AF_UNSPEC
            s.settimeout(1)
            for way in (s.connect, lambda to: s.sendto(b"x", socket.MSG_FASTOPEN, to)):
                try:
                    told = way(to)
                except OSError as e:
                    told = errno.errorcode.get(e.errno, e)
                os.write(os.open("/told/told", os.O_WRONLY | os.O_APPEND), f"{told}\\n".encode())
""" % address_of("allowed.test")


@pytest.mark.cell("nft", "flagless")
def test_who_takes_haproxy_over_can_connect_no_socket_that_it_has(run, tmp_path, sinks, wire):
    """Not even to loopback, where a server of the command's could take the key."""
    program, told = tmp_path / "haproxy", tmp_path / "told"
    program.write_text(AIM)
    program.chmod(0o755)
    told.touch()
    told.chmod(0o666)
    tmp_path.chmod(0o755)
    mounts = ["-v", f"{program}:/usr/sbin/haproxy:ro", "-v", f"{tmp_path}:/told"]
    run("true", env=KEY, allow="allowed.test", options=mounts).ok(111)
    each = told.read_text().split()  # time and again, since it is started again
    assert len(each) >= 6 and each == ["EACCES", "EPERM"] * (len(each) // 2)
    told.write_text("")
    listening = f"import os, socket; s = socket.create_server(('127.0.0.1', 0)); os.set_inheritable(s.fileno(), True); os.execv('/usr/sbin/haproxy', ['haproxy'])"
    run("python3", "-c", listening, allow="allowed.test", options=mounts, init=("--egress=off",), flags=()).ok()
    assert "EACCES" not in told.read_text() and "EPERM" not in told.read_text() and told.read_text().split()


@pytest.mark.cell("nft", "flagless")
def test_no_process_with_the_credential_can_make_a_network_socket(start):
    """The filters that each has: the payload's; one more, against such sockets; haproxy yet another."""
    box = start("sleep", "1000", env=KEY)
    up(box)
    script = "for p in $(pgrep -x {}); do grep ^Seccomp_filters: /proc/$p/status; done"
    count = lambda name: [int(n.split()[1]) for n in box.exec("sh", "-c", script.format(name)).ok().lines()]  # noqa: E731
    (payload,) = count("sleep")
    assert count("codex-broker") == [payload + 1] * 4 and count("haproxy") == [payload + 2]


@pytest.mark.cell("nft", "flagless")
@pytest.mark.parametrize("given, limit", [("unlimited", "1"), ("0", "0")])
def test_no_process_with_the_credential_leaves_a_core(start, given, limit):
    """Nor one for a program of the host's, which gets it with a limit of 0 too, but not of 1 (core(5))."""
    number = "-1" if given == "unlimited" else given
    box = start("sleep", "1000", env=KEY, options=["--ulimit", f"core={number}:{number}"])
    up(box)
    script = "for p in $(pgrep -x {}); do grep '^Max core' /proc/$p/limits; done"
    limits = lambda name: [line.split()[4:6] for line in box.exec("sh", "-c", script.format(name)).ok().lines()]  # noqa: E731
    assert limits("sleep") == [[given, given]]
    assert limits("'haproxy|codex-broker'") == [[limit, limit]] * 5


@pytest.mark.parametrize("where", ["off", "no capability", "nft"])
def test_without_it_there_is_nothing(shell, where):
    script = "ps -eo comm= | grep -x -e haproxy -e codex-broker | sort -u; ls /etc/codex | grep -c managed; env | grep -c OPENAI_API_KEY"
    done = shell(script, env=OFF if where == "off" else KEY, flags=WALLS.get(where))
    assert done.out.split() == (["codex-broker", "haproxy", "1", "0"] if where == "nft" else ["0", "1"]), done


def test_a_projects_setting_sends_the_key_nowhere(run, model, tmp_path):
    place = tmp_path / ".codex"
    place.mkdir()
    tmp_path.chmod(0o755)
    (place / "config.toml").write_text('openai_base_url = "https://allowed.test/v1"\nmodel = "gpt-5-lab"\n')
    model.script("echo hello")
    trusted = ("-c", 'projects."/workspace".trust_level="trusted"')
    done = run(*EXEC, *trusted, "do it", env=KEY, options=["-v", f"{tmp_path}:/workspace:ro"], allow="allowed.test").ok()
    assert credentials(model) == {f"Bearer {SECRET}"}, done
    assert {r["host"] for r in model.requests} == {"api.openai.com"}


@pytest.mark.parametrize("env", [KEY, OFF])
def test_the_services_own_answer_is_shown(run, model, env):
    said = "Incorrect API key provided, says the lab"
    model.script("true")
    model.instead = lambda method, path, headers, body: None if headers.get("upgrade") else openai.Reply(
        401, {"error": {"message": said, "code": "invalid_api_key"}})  # fmt: skip
    done = run(*EXEC, "do it", env=env)
    assert done.status == 1 and said in done.said and SECRET not in done.said, done
    assert ("OpenAI refuses it: renew the login, or check the key" in done.err) == (env is KEY), done
