"""The resolver beside dnsmasq (with --nftset) and unbound, in the same run.

Each gets namespaces of its own, made up as a container's network is, and one processor; whoever
asks, and the upstream, have the other. Questions go to port 53 as the payload's do: ours are on
their way through the wall's redirection too. The path to a pinned answer is the shipped one:
wildcard rules, fresh names, PID 1 and its netlink transactions; dnsmasq puts the address in a set
of its own, unbound sets no pin and stands there for the price of a cache miss alone.

A miss alone is told twice. With all on one processor it is what the server does. With the server
on a processor of its own most of it is what it takes to wake the other processor, four times: on
a virtual machine some twenty microseconds each, whoever the server is.
"""

import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import time

UPSTREAM = "198.18.0.1"
# Of each wildcard rule the bench asks for 50 names (dns.c); a rule has 120 questions a minute.
ZONE_NAMES = 50
FRESH = 20000
SLOW_FRESH = 6000
LONELY = 1500
EXACT = 100
MANY = 10000
WINDOW = 200
SECONDS = 0.8
SERVER_CPU, CLIENT_CPU = "0", "1"


class Bench:
    def __init__(self, run, line, namespaces, root, place, inside):
        self.run, self.line, self.namespaces = run, line, namespaces
        self.root_directory, self.place, self.inside = root, place, inside
        self.tool = place / "dns"
        self.pinned = (os.cpu_count() or 1) > 1
        self.server_cpu = SERVER_CPU

    def on(self, cpu):
        return ["taskset", "-c", cpu] if self.pinned else []

    def ask(self, address, kind, first, names, count, seconds, window):
        """(answers a second, with an address, without, lost, first decile of microseconds)"""
        text = self.run("ip", "netns", "exec", self.inside, *self.on(CLIENT_CPU), "setpriv",
                        "--reuid=1000", "--regid=1000", "--clear-groups", self.tool, "ask",
                        address, kind, first, names, count, seconds, window)
        return [float(word) for word in text.split()]

    # ---- Who is measured ---------------------------------------------------------------------

    @contextlib.contextmanager
    def codex(self, exact=EXACT):
        root = self.root_directory()
        shutil.copy(self.tool, root / "bin/dns")
        presets = root / "etc/codex/presets.d"
        presets.mkdir()
        rules = [f"n{i}.exact.bench.test" for i in range(exact)]
        rules += [f"*.z{i}.wild.bench.test" for i in
                  range((FRESH + LONELY) // ZONE_NAMES + 1)] if exact == EXACT else []
        words = []
        for i in range(0, len(rules), 2000):
            (presets / f"bench{i}").write_text("\n".join(rules[i:i + 2000]) + "\n")
            words += ["--allow", f"@bench{i}"]
        script = (f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; "
                  f"mount -t tmpfs tmpfs {root}/run; mount -t sysfs -o ro sysfs {root}/sys; "
                  f"exec {self.place}/harness confine {root} /bin/codex-init -q --no-default-rules "
                  f"{' '.join(words)} --workdir /workspace -- /bin/dns hold")
        with self.process("ip", "netns", "exec", self.inside, "unshare", "-m", "-p", "-f",
                          "--kill-child", "sh", "-ec", script) as process:
            assert process.stdout.readline() == "ready\n"
            yield lambda: self.memory("codex-resolver")

    @contextlib.contextmanager
    def dnsmasq(self, exact=EXACT):
        self.run("ip", "netns", "exec", self.inside, "nft", "add table inet bench; add set inet "
                 "bench pins { type ipv4_addr; }")
        with self.process("ip", "netns", "exec", self.inside, "dnsmasq", "-k", "-C", "/dev/null",
                          "-R", "-h", "-u", "root", "-x", "", "-z", "-a", "127.0.0.1", "-S",
                          UPSTREAM, f"-c{MANY}", "--dns-forward-max=4096",
                          "--nftset=/bench.test/4#inet#bench#pins"):
            self.until_it_answers()
            yield lambda: self.memory("dnsmasq")

    @contextlib.contextmanager
    def unbound(self, exact=EXACT):
        (self.place / "unbound.conf").write_text(f"""server:
  interface: 127.0.0.1
  username: ""
  chroot: ""
  directory: "{self.place}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "test." nodefault
  outgoing-range: 4096
  num-queries-per-thread: 2048
  so-reuseport: no
forward-zone:
  name: "."
  forward-addr: {UPSTREAM}
remote-control:
  control-enable: no
""")
        with self.process("ip", "netns", "exec", self.inside, "unbound", "-d", "-c",
                          self.place / "unbound.conf"):
            self.until_it_answers()
            yield lambda: self.memory("unbound")

    @contextlib.contextmanager
    def process(self, *words):
        process = subprocess.Popen([*self.on(self.server_cpu), *map(str, words)], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            # Killed with --kill-child or not, what is in the namespace ends with it.
            for pid in self.members():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)

    def until_it_answers(self):
        deadline = time.monotonic() + 10
        while self.ask("127.0.0.1", "exact", 0, 1, 1, 1, 1)[1] != 1:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)

    def members(self):
        return [int(p) for p in self.run("ip", "netns", "pids", self.inside).split()]

    def memory(self, comm):
        """KB of private memory of the process with that name in the namespace."""
        for pid in self.members():
            proc = pathlib.Path(f"/proc/{pid}")
            if (proc / "comm").read_text().strip() == comm:
                return sum(int(line.split()[1]) for line in
                           (proc / "smaps_rollup").read_text().splitlines()
                           if line.startswith("Private_"))
        raise SystemExit(f"bench: {comm} is not running")

    # ---- What is measured --------------------------------------------------------------------

    def upstream(self):
        return self.namespaces([*self.on(CLIENT_CPU), self.tool, "answer", UPSTREAM])

    def miss(self, first):
        return self.ask("127.0.0.1", "fresh", first, 1, LONELY, 2, 1)[4]

    def one(self, name, fresh):
        got = {}
        with self.upstream():
            got["upstream"] = self.ask(UPSTREAM, "fresh", 10**6, 1, LONELY, 2, 1)[4]
            with getattr(self, name)() as memory:
                self.ask("127.0.0.1", "exact", 0, EXACT, EXACT, 2, 8)
                time.sleep(0.3)
                got["memory"] = memory()
                got["cached"], got["cached_cpu"] = self.rate("exact", 0, EXACT, 10**9, SECONDS,
                                                             WINDOW)
                got["fresh"], got["fresh_cpu"] = self.rate("fresh", 0, 1, fresh, 4, WINDOW)
                got["apart"] = self.miss(fresh) - got["upstream"]
                self.check_pins(name, self.answered)  # a busy machine doesn't come to all of them
        self.server_cpu = CLIENT_CPU
        with self.upstream(), getattr(self, name)():
            self.ask("127.0.0.1", "exact", 0, EXACT, EXACT, 2, 8)
            got["over"] = self.miss(0) - got["upstream"]
            self.check_pins(name, LONELY)
        self.server_cpu = SERVER_CPU
        return got

    def rate(self, *words):
        """Answers a second, and answers a second of the server's own processor time: the second
        says the same whatever else the machine does."""
        before = self.busy()
        rate, good, bad, lost, _ = self.ask("127.0.0.1", *words)
        used = self.busy() - before
        if bad or lost > good // 100:
            raise SystemExit(f"bench: {int(bad)} wrong answers, {int(lost)} lost, of {int(good)}")
        self.answered = int(good)
        return rate, good / used

    def busy(self):
        """Seconds of processor time of all processes in the namespace."""
        return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])
                   for pid in self.members()) / 1e9

    def check_pins(self, name, count):
        """An answer without its pin would be fast, too."""
        what = {"codex": "inet codex_init pins4", "dnsmasq": "inet bench pins"}.get(name)
        if not what:
            return
        text = self.run("ip", "netns", "exec", self.inside, "nft", "-j", "list", "set",
                        *what.split())
        pins = text.count('"45.')
        if pins < count * 99 // 100:
            raise SystemExit(f"bench: {pins} addresses are open, for {count} names")

    def many(self, name):
        with self.upstream():
            with getattr(self, name)(MANY) as memory:
                if name != "codex":
                    self.ask("127.0.0.1", "exact", 0, MANY, MANY, 8, 100)
                else:
                    _, good, *_ = self.ask("127.0.0.1", "exact", 0, MANY, MANY, 8, 100)
                    assert good == MANY, good
                time.sleep(0.5)
                return memory()


def measure(rounds, **with_these):
    bench = Bench(**with_these)
    servers = [name for name in ("codex", "dnsmasq", "unbound")
               if name == "codex" or shutil.which(name)]
    got = {name: [] for name in servers}
    for _ in range(rounds):
        for name in servers:
            got[name].append(bench.one(name, SLOW_FRESH if name == "dnsmasq" else FRESH))
    best = {name: {**{key: max(g[key] for g in all_)
                      for key in ("cached", "cached_cpu", "fresh", "fresh_cpu")},
                   **{key: min(g[key] for g in all_) for key in ("over", "apart")},
                   "memory": statistics.median(g["memory"] for g in all_),
                   "many": bench.many(name)} for name, all_ in got.items()}
    upstream = min(g["upstream"] for all_ in got.values() for g in all_)
    ours, line = best["codex"], bench.line
    titles = {"codex": "codex-init", "dnsmasq": "dnsmasq --nftset", "unbound": "unbound (no pin)"}
    print(f"\nDNS: best of {rounds}, each server on one processor of its own; against ours")
    for key, what, form, goal in (
            ("cached", "cached answers a second", "{:.0f}", "goal: twice dnsmasq, near unbound"),
            ("cached_cpu", "the same, a second of the server's processor time", "{:.0f}", ""),
            ("fresh", "new names pinned, then answered, a second", "{:.0f}", "goal: 60000 or more"),
            ("fresh_cpu", "the same, a second of the server's processor time", "{:.0f}",
             "goal: 60000 or more"),
            ("over", f"a pinned miss alone, us over the upstream's {upstream:.0f} (first decile)",
             "{:.1f}", "goal: half of dnsmasq's"),
            ("apart", "the same, the server on a processor of its own", "{:.1f}", ""),
            ("memory", f"private KB when idle, {EXACT} names", "{:.0f}", "goal: under 400"),
            ("many", f"private KB when idle, {MANY} names", "{:.0f}", "goal: under 6144")):
        print(f"  {what}")
        for name in servers:
            line(f"  {titles[name]}", form.format(best[name][key]), "",
                 "" if name == "codex" else f"x{ours[key] / best[name][key]:.2f}",
                 goal if name == "codex" else "")
