"""The gate's part of make bench: the shipped codex-init, wall and all, beside other proxies that
read the name in a TLS hello, a proxy that looks at nothing, and no proxy at all.

Network namespaces that lead nowhere else: one in which codex-init has built its wall; one in which
the other proxies run; one where the bare proxy sits inside codex-init's wall in the gate's place, by
which the gate is told from the wall; and one that is the server of all.
A client connects to the proxy by loopback, the proxy to the server by veth. All take turns, round
by round, so that whatever else the machine does meets all of them.
"""

import contextlib
import os
import re
import resource
import statistics
import subprocess
import time
from pathlib import Path

from bench import HARNESS, PLACE, ROOT, line, root_directory, run

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 3))
SECONDS = float(os.environ.get("BENCH_SECONDS", 1))
SEQUENCE, LATENCY, IDLE = 4000, 1000, 5000
SERVER = "45.33.7.7"  # with all of 45.33/16; the names' addresses are there, too
UID = 1000
GATE, TABLE = 65312, 121  # init/lib/limits.h, init/route/divert.c
WALLED, PLAIN, COPIED, OUTSIDE = (f"cxgate-{name}-{os.getpid()}"
                                      for name in ("in", "plain", "copy", "out"))
NAMES = [f"{name}.bench.example.com" for name in ("bulk", "tls", "echo")]

HAPROXY = """
global
  maxconn 6500
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
{splice}
frontend in
  bind 127.0.0.1:{port}
  maxconn 6500
  tcp-request inspect-delay 5s
  tcp-request content accept if {{ req.ssl_sni -m end .bench.example.com }}
  tcp-request content reject
  default_backend out
backend out
  server s {server}:443
"""
SPLICE = "  option splice-request\n  option splice-response"
NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {place}/nginx.pid;
error_log {place}/nginx.log;
events {{ worker_connections 16000; }}
stream {{
  map $ssl_preread_server_name $to {{
    hostnames;
    *.bench.example.com {server}:443;
  }}
  server {{
    listen 127.0.0.1:{port};
    ssl_preread on;
    proxy_timeout 1h;
    proxy_pass $to;
  }}
}}
"""
SNIPROXY = """
user nobody
pidfile {place}/sniproxy.pid
error_log {{
  filename {place}/sniproxy.log
}}
listener 127.0.0.1:{port} {{
  proto tls
}}
table {{
  .*\\.bench\\.example\\.com {server}:443
}}
"""


def build():
    for name, libraries in (("flow_server", ["-lssl", "-lcrypto", "-lpthread"]),
                            ("flow_client", ["-lssl", "-lcrypto", "-lpthread"]),
                            ("flow_splice", [])):
        run("gcc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-o", PLACE / name,
            ROOT / f"tests/bench/{name}.c", *libraries)
    if not (PLACE / "key.pem").exists():
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "3650", "-subj", "/CN=bench", "-keyout", PLACE / "key.pem",
            "-out", PLACE / "cert.pem")


# ---- The place -------------------------------------------------------------------------------


def within(namespace, *words):
    return ["ip", "netns", "exec", namespace, *(str(w) for w in words)]


@contextlib.contextmanager
def namespaces(clients=(WALLED, PLAIN, COPIED)):
    all_of_them = *clients, OUTSIDE
    try:
        for name in all_of_them:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            # BBR, where it is the default, stands still on veth; cubic may be barred here. And a port is soon used again:
            # connections one after another use up more than there are.
            run(*within(name, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno",
                        "net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=10000 65000"))
        for i, name in enumerate(clients):
            run("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name",
                f"eth{i}", "netns", OUTSIDE)
            for place, device, host in ((name, "eth0", 2), (OUTSIDE, f"eth{i}", 1)):
                run("ip", "-n", place, "address", "add", f"198.18.{i}.{host}/24", "dev", device)
                run("ip", "-n", place, "link", "set", device, "up")
            run("ip", "-n", name, "route", "add", "default", "via", f"198.18.{i}.1")
        run("ip", "-n", OUTSIDE, "route", "add", "local", "45.33.0.0/16", "dev", "lo")
        yield
    finally:
        for name in all_of_them:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class Processes:
    """What has been started, by pid; all of it ends with the measurement."""

    def __init__(self):
        self.started = []

    def start(self, *words, ready=None, **options):
        pipe = subprocess.PIPE if ready else subprocess.DEVNULL
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen([str(w) for w in words], stdout=pipe, text=True,
                                   start_new_session=True, **options)
        self.started.append(process)
        if ready:
            assert process.stdout.readline().strip() == ready, words
        return process

    def end(self):
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def family(pid):
    """A process and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(p for child in children for p in family(int(child)))]


def find(namespace, name):
    """The pid of the process of that name in a namespace."""
    inside = run("ip", "netns", "pids", namespace).split()
    for pid in inside:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return int(pid)
    return None


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit("bench: a proxy did not start in time")


def listening(namespace, port):
    return run(*within(namespace, "ss", "-Htln", f"sport = :{port}")).strip()


# ---- Those that are compared -----------------------------------------------------------------


class Subject:
    def __init__(self, name, namespace, address, port, pid):
        self.name, self.namespace, self.address, self.port, self.pid = (
            name, namespace, address, port, pid)
        self.figures = {}

    def client(self, mode, *words):
        return within(self.namespace, "setpriv", f"--reuid={UID}", f"--regid={UID}",
                      "--clear-groups", PLACE / "flow_client", mode, self.address, self.port,
                      *words)

    def ask(self, mode, *words):
        """The numbers that a client prints."""
        return [float(n) for n in run(*self.client(mode, *words)).split()]

    def pids(self):
        return family(self.pid) if self.pid else []

    def cpu(self):
        """Seconds of processor time, of all its threads; utime + stime, but to the nanosecond."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory(self, what):
        """Megabytes, of all its processes."""
        total = 0
        for pid in self.pids():
            for row in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if row.startswith(what + ":"):
                    total += int(row.split()[1])
        return total / 1024

    def note(self, what, value):
        self.figures.setdefault(what, []).append(value)

    def median(self, what):
        return statistics.median(self.figures[what])


def codex_init(processes, root, program="codex-init", namespace=WALLED):
    script = (f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; "
              f"mount -t tmpfs tmpfs {root}/run; mount -t sysfs -o ro sysfs {root}/sys; "
              f"exec {HARNESS} confine {root} /bin/{program} -q --workdir /workspace -- "
              "/bin/harness answer 5353")  # a payload that stays
    processes.start(*within(namespace, "unshare", "-m", "-p", "-f", "--kill-child", "sh", "-ec",
                            script),
                    env={"PATH": os.environ["PATH"], "OPENAI_ALLOWED_DOMAINS": " ".join(NAMES)})
    wait_for(lambda: find(namespace, "harness"))
    return Subject(program, namespace, SERVER, 443, find(namespace, "codex-gate"))


def peers(processes):
    for port, name, words, configuration in (
            (2001, "bare splice", [PLACE / "flow_splice", 2001, SERVER, 443], None),
            (2002, "haproxy", ["haproxy", "-db", "-f"], HAPROXY.replace("{splice}", "")),
            (2003, "haproxy, splice forced", ["haproxy", "-db", "-f"],
             HAPROXY.replace("{splice}", SPLICE)),
            (2004, "nginx", ["nginx", "-c"], NGINX),
            (2005, "sniproxy", ["sniproxy", "-f", "-c"], SNIPROXY)):
        if configuration:
            file = PLACE / f"proxy-{port}.conf"
            file.write_text(configuration.format(port=port, server=SERVER, place=PLACE))
            words = [*words, file]
        process = processes.start(*within(PLAIN, *words), stderr=subprocess.DEVNULL)
        wait_for(lambda port=port: listening(PLAIN, port))
        yield Subject(name, PLAIN, "127.0.0.1", port, process.pid)


def walled(processes):
    """The bare proxy in the gate's place: the same wall, as nft lists it, and the same routing."""
    wall = run(*within(WALLED, "nft", "list", "table", "inet", "codex_init"))
    for ours, copied in ((r"(tproxy ip6? to) :\d+", r"\1 :2001"), ("@nh,128,32", "ip daddr"),
                         ("@nh,192,128", "ip6 daddr")):  # as nft lists it, and as it reads it
        wall = re.sub(ours, copied, wall)
    run(*within(COPIED, "nft", "-f", "-"), input=wall)
    run(*within(COPIED, "nft", "add", "element", "inet", "codex_init", "pins4",
                f"{{ {SERVER} . 443 }}"))
    rules = (f"from 127.0.0.1 ipproto tcp dport 443 lookup {TABLE}", "uidrange 0-0 lookup main",
             f"uidrange {GATE}-{GATE} lookup main", f"ipproto tcp dport 443 lookup {TABLE}")
    for preference, rule in enumerate(rules, 120):
        run("ip", "-n", COPIED, "rule", "add", "pref", str(preference), *rule.split())
    run("ip", "-n", COPIED, "route", "add", "local", "default", "dev", "lo", "src", "127.0.0.1",
        "table", str(TABLE))
    process = processes.start(*within(COPIED, "setpriv", f"--reuid={GATE}", f"--regid={GATE}",
                                      "--clear-groups", "--inh-caps=+net_admin",
                                      "--ambient-caps=+net_admin", PLACE / "flow_splice", 2001,
                                      SERVER, 443))
    wait_for(lambda: listening(COPIED, 2001))
    return Subject("bare splice, same wall", COPIED, SERVER, 443, process.pid)


# ---- Measuring -------------------------------------------------------------------------------


def one_processor(pids, only):
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), only)


def measure_round(subjects, server):
    for streams in (1, 8):
        for mode in ("bulk", "tls"):
            for s in subjects:
                s.note(f"{mode} {streams}", s.ask(mode, streams, SECONDS)[0])
    for s in subjects:
        before = s.cpu()
        s.note("a second", s.ask("sequence", SEQUENCE)[0])
        s.note("cpu", (s.cpu() - before) / SEQUENCE * 1e6)
    every = os.sched_getaffinity(0)
    one = {min(every)}
    for s in subjects:
        everybody = [os.getpid(), server.pid, *s.pids()]
        one_processor(everybody, one)
        try:
            first, turn = s.ask("latency", LATENCY)
        finally:
            one_processor(everybody, every)
        s.note("first", first)
        s.note("turn", turn)


def measure_idle(s):
    s.note("resident at rest", s.memory("Rss"))
    client = subprocess.Popen(s.client("idle", IDLE), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        assert client.stdout.readline() == "ready\n", f"{s.name}: {IDLE} connections"
        s.note("resident", s.memory("Rss"))
        s.note("share", s.memory("Pss"))
    finally:
        client.stdin.close()
        client.wait()


# ---- Telling ---------------------------------------------------------------------------------


def table(title, subjects, what, base, goal="", digits=1, best=max):
    """Medians, the best round, and how many times ours it is: above 1, more than ours."""
    ours = base.median(what)
    print(f"\n{title}")
    for s in subjects:
        if what not in s.figures:
            continue
        value = s.median(what)
        line(s.name, f"{value:.{digits}f}", f"({best(s.figures[what]):.{digits}f})",
             f"x{value / ours:.2f}", goal if s is base else "")


def tell(subjects, base):
    by_name = {s.name: s for s in subjects}
    bare, walled_bare = by_name["bare splice"], by_name["bare splice, same wall"]
    print(f"\nThe gate: median of {ROUNDS} (best), and how many times codex-init's that is")
    for streams in (1, 8):
        what = f"bulk {streams}"
        table(f"Raw bulk, {streams} at a time: Gbit/s", subjects, what, base,
              "goal: 0.88 of bare splice, and ahead of haproxy")
        for other in (bare, walled_bare):
            line(f"codex-init's part of {other.name}", "", "",
                 f"x{base.median(what) / other.median(what):.2f}")
    for streams in (1, 8):
        table(f"TLS bulk, {streams} at a time: Gbit/s", subjects, f"tls {streams}", base,
              "goal: ahead of every proxy")
    table("One connection after another: a second", subjects, "a second", base, digits=0)
    proxies = [s for s in subjects if s.pid]
    table("Processor time for a connection: microseconds", proxies, "cpu", base,
          "goal: 50 or less", best=min)
    table("From connect to the first octet, on one processor: microseconds", subjects, "first",
          base, "goal: less than sniproxy", best=min)
    table("To and fro on a connection that stands, on one processor: microseconds", subjects,
          "turn", base, "goal: 50 or less", best=min)
    table(f"Resident with {IDLE} idle connections: MB", proxies, "resident", base,
          "goal: 3 or less", best=min)
    table("Of that, with what is shared divided: MB", proxies, "share", base, best=min)
    print("\nResident at rest: MB; and with what is shared divided")
    for name in ("codex-init", "codex-resolver", "codex-gate"):
        s = Subject(name, WALLED, "", 0, find(WALLED, name))
        pid = s.pid
        s.pids = lambda pid=pid: [pid]
        line(name, f"{s.memory('Rss'):.2f}", f"{s.memory('Pss'):.2f}")


def measure():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    build()
    processes = Processes()
    with namespaces():
        try:
            processes.start(*within(OUTSIDE, HARNESS, "answer", 53), ready="ready")
            server = processes.start(*within(OUTSIDE, PLACE / "flow_server", 443,
                                             PLACE / "cert.pem", PLACE / "key.pem"),
                                     ready="ready")
            ours = codex_init(processes, root_directory())
            subjects = [Subject("direct", PLAIN, SERVER, 443, None), ours, walled(processes),
                        *peers(processes)]
            for _ in range(ROUNDS):
                measure_round(subjects, server)
            for s in subjects:
                if s.pid:
                    measure_idle(s)
            tell(subjects, ours)
        finally:
            processes.end()


if __name__ == "__main__":
    measure()
