"""The cell's part of make bench: what it costs beside the nft wall, in turn, round by round.

A socket, and calls that are none; a boot; and connections through the gate, whose client is here the
payload itself, behind either wall.
"""

import os
import statistics
import subprocess
import sys

import gate
from bench import HARNESS, PLACE, boot, inside, line, root_directory, run, two_namespaces

WALLS = ("nft", "cell")
# A supervisor that hands sockets out and does nothing else: the kernel's own share (harness.c).
LEAST = "the least"
SUBJECTS = ("--egress=off", "--wall=nft", LEAST, "--wall=cell")
SOCKETS, CALLS = 50_000, 500_000
PLACES = tuple(f"cxcell-{wall}-{os.getpid()}" for wall in WALLS)
MOUNTS = ("mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; "
          "mount -t tmpfs tmpfs {root}/run; mount -t sysfs -o ro sysfs {root}/sys; ")


def repeated(root, subject, what, count, pinned):
    """Microseconds for one of the payload's calls."""
    on = "taskset -c 0" if pinned else ""
    option, what = ("--egress=off", "brokered") if subject == LEAST else (subject, what)
    with two_namespaces():
        return int(inside(MOUNTS.format(root=root) +
                          f"exec {on} {HARNESS} confine {root} /bin/codex-init -q {option} "
                          f"--workdir /workspace -- /bin/harness {what} {count}",
                          env={"PATH": os.environ["PATH"]})) / 1000


def tell(what, times, base, goal="", digits=2):
    """times: by name; the last of them is the cell's."""
    ours = statistics.median(times[base])
    for name, taken in times.items():
        median = statistics.median(taken)
        line(f"{what}, {name}", f"{median:.{digits}f}", f"({min(taken):.{digits}f})",
             f"x{median / ours:.2f}", goal if name == list(times)[-1] else "")


def calls(rounds):
    root = root_directory()
    kinds = {"a socket on one processor": ("sockets", SOCKETS, True, f"goal: x1.50 of {LEAST}'s"),
             "a socket": ("sockets", SOCKETS, False, ""),
             "no socket": ("calls", CALLS, True, "goal: that of nft")}
    times = {kind: {subject: [] for subject in SUBJECTS if kind != "no socket" or subject != LEAST}
             for kind in kinds}
    for _ in range(rounds):
        for kind, (what, count, pinned, _) in kinds.items():
            for subject, taken in times[kind].items():
                taken.append(repeated(root, subject, what, count, pinned))
    print(f"\nThe cell: microseconds for a call, median of {rounds} (fastest)")
    for kind, (*_, goal) in kinds.items():
        tell(kind, times[kind], "--egress=off", goal)


def boots(rounds):
    walls = {wall: [] for wall in WALLS}
    for _ in range(rounds):
        for wall, taken in walls.items():
            root = root_directory()
            with two_namespaces():
                taken.append(boot(root, [], wall))
    print(f"\nThe cell: milliseconds for a boot, median of {rounds} (fastest)")
    tell("a boot", walls, "nft", "goal: x1.00 or less", 1)


# ---- Connections -----------------------------------------------------------------------------


class Payload(gate.Subject):
    """A client that the payload starts: a shell that reads command lines."""

    NAMES = {"bulk": "bulk", "tls": "tls", "sequence": "echo", "latency": "echo"}

    def __init__(self, processes, wall, namespace):
        super().__init__(wall, namespace, gate.SERVER, 443, None)
        self.root = self.directory()
        # As engines set it.
        run(*gate.within(namespace, "sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0"))
        script = MOUNTS.format(root=self.root) + (
            f"mount --rbind /usr {self.root}/usr; "
            f"exec {HARNESS} confine {self.root} /bin/codex-init -q --wall {wall} --workdir "
            "/workspace -- /usr/bin/sh -c 'echo ready; while read -r line; do $line || exit; done'")
        self.shell = processes.start(
            *gate.within(namespace, "unshare", "-m", "-p", "-f", "--kill-child", "sh", "-ec", script),
            ready="ready", stdin=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "OPENAI_ALLOWED_DOMAINS": " ".join(gate.NAMES)})

    def directory(self):
        """A root with what the client needs; its own, since codex-init writes to it."""
        kept = PLACE / f"root-{self.name}"
        subprocess.run(["rm", "-rf", kept], check=True)
        root_directory().rename(kept)
        (kept / "usr").mkdir()
        (kept / "etc/resolv.conf").write_text(f"nameserver 198.18.{WALLS.index(self.name)}.1\n")
        for name in ("lib", "lib64"):
            (kept / name).symlink_to(f"usr/{name}")
        run("cp", PLACE / "flow_client", kept / "bin")
        return kept

    def address_for(self, mode):
        """As the payload finds it: in the cell, in its hosts file."""
        for row in (self.root / "etc/hosts").read_text().splitlines():
            if row.endswith(f" {self.NAMES[mode]}.bench.example.com"):
                return row.split()[0]
        return self.address

    def ask(self, mode, *words):
        said = " ".join(str(w) for w in ("/bin/flow_client", mode, self.address_for(mode),
                                         self.port, *words))
        self.shell.stdin.write(said + "\n")
        self.shell.stdin.flush()
        return [float(n) for n in self.shell.stdout.readline().split()] or sys.exit("bench: no answer")

    def pids(self):
        return [int(pid) for pid in run("ip", "netns", "pids", self.namespace).split()]


def connections(rounds):
    gate.build()
    processes = gate.Processes()
    with gate.namespaces(PLACES):
        try:
            processes.start(*gate.within(gate.OUTSIDE, HARNESS, "answer", 53), ready="ready")
            server = processes.start(*gate.within(gate.OUTSIDE, PLACE / "flow_server", 443,
                                                  PLACE / "cert.pem", PLACE / "key.pem"),
                                     ready="ready")
            subjects = [Payload(processes, wall, place) for wall, place in zip(WALLS, PLACES)]
            for _ in range(rounds):
                gate.measure_round(subjects, server)
        finally:
            processes.end()
    print(f"\nThe cell: through the gate, median of {rounds} (best); x: of the nft wall's")
    nft = subjects[0]
    for what, name, best in (("bulk 1", "raw bulk, Gbit/s", max), ("bulk 8", "the same, 8 at a time", max),
                             ("tls 1", "TLS bulk, Gbit/s", max), ("tls 8", "the same, 8 at a time", max),
                             ("a second", "connections a second", max),
                             ("first", "connect to first octet, us", min),
                             ("turn", "to and fro, us", min)):
        for s in subjects:
            line(f"{name}, {s.name}", f"{s.median(what):.1f}", f"({best(s.figures[what]):.1f})",
                 f"x{s.median(what) / nft.median(what):.2f}",
                 f"goal: x{0.95 if best is max else 1.05}" if s is not nft else "")


def measure(rounds):
    calls(rounds)
    boots(rounds)
    connections(rounds)
