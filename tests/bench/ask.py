"""Asking's part of make bench: how soon a question is there, what a held connection costs once it
is allowed, beside one to a name that was allowed before, and how long a rule takes. In the gate's
namespaces, with the shipped codex-init and codex-egress; the person answers at once. And how soon
it is on that person's screen, by `codex-sandbox watch` at a terminal."""

import json
import os
import statistics
import subprocess
import time

import host
from bench import HARNESS, PLACE, line, root_directory, run
from gate import OUTSIDE, UID, WALLED, Processes, build, find, namespaces, wait_for, within

ALLOWED = "*.known.bench.example.com"
# For each name on standard input, when its connection began and when TLS had been agreed on.
CLIENT = r"""
import os, socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def resolve(name):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.sendto(os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1", ("198.18.0.1", 53))
        return socket.inet_ntoa(s.recv(512)[-4:])
for name in map(str.strip, sys.stdin):
    began = time.monotonic()
    with socket.create_connection((resolve(name), 443), 20) as s:
        with context.wrap_socket(s, server_hostname=name):
            print(began, time.monotonic(), flush=True)
"""


def start(processes, root):
    script = (f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; "
              f"mount -t tmpfs tmpfs {root}/run; mount -t sysfs -o ro sysfs {root}/sys; "
              f"exec {HARNESS} confine {root} /bin/codex-init -q --ask --workdir /workspace -- "
              "/bin/harness answer 5353")
    processes.start(*within(WALLED, "unshare", "-m", "-p", "-f", "--kill-child", "sh", "-ec",
                            script),
                    env={"PATH": os.environ["PATH"], "OPENAI_ALLOWED_DOMAINS": ALLOWED})
    wait_for(lambda: find(WALLED, "harness"))
    return find(WALLED, "codex-init")


def talk(words, **options):
    return subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, bufsize=1, **options)


def say(process, text):
    process.stdin.write(text + "\n")
    process.stdin.flush()


def until(watcher, event):
    while True:
        found = json.loads(watcher.stdout.readline())
        if found["event"] == event:
            return found


def measure_round(client, watcher, screen, n, figures):
    say(client, f"tls.n{n}.asked.bench.example.com")
    question = until(watcher, "question")
    there = time.monotonic()
    say(watcher, f"answer {question['id']} allow")
    began, ended = map(float, client.stdout.readline().split())
    until(watcher, "reply")
    figures["question"].append(1000 * (there - began))
    shown = screen.wait(lambda s: s.seen.get(f"tls.n{n}.asked.bench.example.com"))
    figures["screen"].append(1000 * (shown - began))
    figures["held"].append(1000 * (ended - there))
    say(client, f"tls.n{n}.known.bench.example.com")
    began, ended = map(float, client.stdout.readline().split())
    figures["known"].append(1000 * (ended - began))
    began = time.monotonic()
    say(watcher, f"allow n{n}.rule.bench.example.com")
    until(watcher, "reply")
    figures["rule"].append(1000 * (time.monotonic() - began))


def tell(figures, rounds):
    median = {name: statistics.median(values) for name, values in figures.items()}
    print(f"\nAsking: milliseconds, median of {rounds} (slowest)")
    for name, what, ratio, goal in (
            ("question", "from the lookup to the question", "", "goal: under 50"),
            ("screen", "from the lookup to the person's screen", "", "goal: under 50"),
            ("held", "from the answer to TLS, held", f"x{median['held'] / median['known']:.2f}",
             "goal: a round trip more"),
            ("known", "from the lookup to TLS, allowed before", "", ""),
            ("rule", "a rule, until it is in force", "", "goal: under 5")):
        line(what, f"{median[name]:.2f}", f"({max(figures[name]):.2f})", ratio, goal)


def measure(rounds):
    build()
    root = root_directory()
    (root / "bin/codex-egress").symlink_to("codex-init")
    processes = Processes()
    with namespaces(clients=(WALLED,)):
        # Below the workers' ports, from which nobody else may ask.
        run(*within(WALLED, "sysctl", "-qw", "net.ipv4.ip_local_port_range=10000 60999"))
        try:
            processes.start(*within(OUTSIDE, HARNESS, "answer", 53), ready="ready")
            processes.start(*within(OUTSIDE, PLACE / "flow_server", 443, PLACE / "cert.pem",
                                    PLACE / "key.pem"), ready="ready")
            pid = start(processes, root)
            enter = ["nsenter", "-t", pid, "-m", "-p", "-n", "chroot", root]
            watcher = talk([*enter, "/bin/codex-egress", "watch"])
            screen = host.Screen(host.Host(enter))
            screen.wait(lambda s: b"the sandbox asks" in s.text)
            client = talk(within(WALLED, "setpriv", f"--reuid={UID}", f"--regid={UID}",
                                 "--clear-groups", "/usr/bin/python3", "-c", CLIENT))
            until(watcher, "hello")
            figures = {name: [] for name in ("question", "screen", "held", "known", "rule")}
            for n in range(rounds):
                measure_round(client, watcher, screen, n, figures)
                time.sleep(0.15)  # no more than ten questions a second
            tell(figures, rounds)
            screen.close()
            for one in (client, watcher):
                one.stdin.close()
                one.wait(10)
        finally:
            processes.end()


if __name__ == "__main__":
    measure(int(os.environ.get("BENCH_ASK", 30)))
