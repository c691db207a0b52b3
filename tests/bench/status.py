"""How long `codex-egress status` takes where much has happened: a thousand refusals, 200 names; and
`codex-sandbox status` on the host, with ten such sessions kept. What an engine's client takes for
itself is told beside it, where there is one with the image."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time

import host
from bench import HARNESS, INIT, INSIDE, PLACE, line, root_directory, run, two_namespaces

NAMES, REFUSED = 200, 1000
# As the payload's user, in its network: the questions come to the resolver whatever they aim at.
ASK = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(("198.18.0.1", 53))
for i in range(%d):
    name = b"r%%04d" %% i
    s.send(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + bytes([len(name)]) + name + b"\\7example\\0\\0\\1\\0\\1")
    s.recv(512)
""" % REFUSED


def start(root):
    """codex-init with a payload that waits. Returns the process and codex-init's pid."""
    source = PLACE / "pause.c"
    source.write_text("#include <unistd.h>\nint main(void) { pause(); }\n")
    run("musl-gcc" if shutil.which("musl-gcc") else "gcc", "-O2", "-static", "-o", root / "bin/pause", source)
    shutil.copy(INIT, root / "bin/codex-egress")
    script = (f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; mount -t tmpfs tmpfs {root}/run; "
              f"mount -t sysfs -o ro sysfs {root}/sys; exec {HARNESS} confine {root} "
              "/bin/codex-init -q --workdir /workspace -- /bin/pause")
    names = " ".join(f"host-{i}.bench.example.com" for i in range(NAMES))
    process = subprocess.Popen(
        ["ip", "netns", "exec", INSIDE, "unshare", "-m", "-p", "-f", "--kill-child", "sh", "-ec", script],
        env={"PATH": os.environ["PATH"], "OPENAI_ALLOWED_DOMAINS": names}, stdin=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for pid in run("ip", "netns", "pids", INSIDE).split():
            try:
                words = open(f"/proc/{pid}/cmdline").read().split("\0")
                inner = open(f"/proc/{pid}/status").read().split("NSpid:")[1].split("\n")[0].split()
            except OSError:
                continue
            if words[0] == "/bin/codex-init" and inner[-1] == "1" and os.path.exists(f"/proc/{pid}/root/run/codex/control"):
                return process, pid
        time.sleep(0.05)
    sys.exit("bench: codex-init didn't start")


def session(number):
    """A session's events, as the host keeps them: each has names that those before had not."""
    made = []
    for i in range(REFUSED + NAMES):
        name = f"r{i:04}.example" if i < REFUSED else f"host-{i}.s{number}.bench.example.com"
        made.append({"time": "2026-03-01T09:15:02.402913Z", "event": "refused-name" if i < REFUSED else "pin",
                     "name": name, "reason": "no rule allows it", "count": 1, "container": "codex-sandbox-1f0c2d",
                     "workdir": "/app/bench", "schema": 1})
    return "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in made)


def on_the_host(rounds, enter):
    made = host.Host(enter)
    made.keep([session(number) for number in range(10)])
    times = {"status": [], "client": []}
    for _ in range(rounds):
        taken, text = made.time(host.STUB, "status")
        if f"refused    {REFUSED}" not in text or "no session before" not in text:
            sys.exit("bench: codex-sandbox status said:\n" + text[:800])
        times["status"].append(taken)
        times["client"].append(made.time(made.client, "container")[0] +
                               made.time(made.client, "/sbin/codex-egress", "status")[0])
    return times


def of_the_engine(rounds):
    """What `docker container inspect` and `docker exec` of nothing take; None without the image."""
    image = os.environ.get("CODEX_DOCKER_IMAGE", "codex-sandbox")
    if not shutil.which("docker") or subprocess.run(["docker", "image", "inspect", image],
                                                    capture_output=True).returncode:
        return None
    name = f"codex-bench-{os.getpid()}"
    run("docker", "run", "-d", "--rm", "--network=none", "--name", name, "--entrypoint=sleep", image, "600")
    try:
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            run("docker", "container", "inspect", name)
            run("docker", "exec", "--user=0:0", name, "true")
            times.append(1000 * (time.perf_counter() - began))
        return times
    finally:
        run("docker", "kill", name)


def measure(rounds):
    root = root_directory()
    with two_namespaces():
        process, pid = start(root)
        try:
            run("ip", "netns", "exec", INSIDE, "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups",
                "/usr/bin/python3", "-c", ASK)
            status = ["nsenter", "-t", pid, "-m", "-p", "-n", "-r", "/bin/codex-egress", "status"]
            nothing = [*status[:-2], "/bin/codex-egress", "--help"]
            until = time.monotonic() + 10
            while f"refused    {REFUSED}" not in run(*status) and time.monotonic() < until:
                time.sleep(0.2)  # repetitions are told a second later
            times = {"status": [], "nothing": []}
            for _ in range(rounds):
                for name, words in (("status", status), ("nothing", nothing)):
                    began = time.perf_counter()
                    text = run(*words)
                    times[name].append(1000 * (time.perf_counter() - began))
                    if name == "status" and f"refused    {REFUSED}" not in text:
                        sys.exit("bench: not all refusals were counted:\n" + text[:800])
            hosts = on_the_host(rounds, status[:-2])
        finally:
            process.kill()
            process.wait()
    print(f"\ncodex-egress status: milliseconds, median of {rounds} (slowest), against starting it for nothing")
    line(f"{REFUSED} refusals, {NAMES} names", f"{statistics.median(times['status']):.1f}",
         f"({max(times['status']):.1f})", f"{statistics.median(times['nothing']):.1f}", "goal: under 50")
    median = {name: statistics.median(values) for name, values in hosts.items()}
    line("codex-sandbox status, ten sessions kept", f"{median['status']:.1f}", f"({max(hosts['status']):.1f})", "",
         "goal: under 50")
    line("  of it, the client's two starts", f"{median['client']:.1f}", f"({max(hosts['client']):.1f})")
    engine = of_the_engine(max(rounds // 4, 3))
    if engine:
        line("  docker's own inspect and exec, of nothing", f"{statistics.median(engine):.1f}", f"({max(engine):.1f})")
