"""make bench: times and sizes, side by side in one run, as ratios.

A time by itself says more about the machine than about the program; what is asserted anywhere
is a ratio. Nothing here fails because it is slow. No packet leaves: the boot runs in a network
namespace whose only neighbour is another one.
"""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import resolvers

ROOT = Path(__file__).resolve().parents[2]
INIT = ROOT / "build/codex-init"
STUB = ROOT / "build/codex-sandbox"
PLACE = ROOT / "build/bench"
HARNESS = PLACE / "harness"
NAMES = 100
INSIDE, OUTSIDE = f"cxbench-in-{os.getpid()}", f"cxbench-out-{os.getpid()}"


def run(*words, **options):
    done = subprocess.run([str(w) for w in words], text=True, capture_output=True, **options)
    if done.returncode != 0:
        sys.exit(f"bench: {words[0]} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def line(what, value, other="", ratio="", goal=""):
    print(f"  {what:<44} {value:>12} {other:>14} {ratio:>9}  {goal}".rstrip())


def build():
    PLACE.mkdir(parents=True, exist_ok=True)
    compiler = "musl-gcc" if shutil.which("musl-gcc") else "gcc"
    headers = ROOT / "build/sysroot/usr/include"
    for name in ("harness", "dns"):
        run(compiler, "-O2", "-static", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra",
            "-idirafter", headers, "-idirafter", headers / run("gcc", "-print-multiarch").strip(),
            "-o", PLACE / name, ROOT / f"tests/bench/{name}.c")


# ---- A plain init ----------------------------------------------------------------------------


def plain(rounds):
    """What an init adds to a program that does nothing: all of them in turn, in one loop."""
    nothing = PLACE / "nothing"
    source = PLACE / "nothing.c"
    source.write_text("int main(void) { return 0; }\n")
    run("musl-gcc" if shutil.which("musl-gcc") else "gcc", "-O2", "-static", "-o", nothing, source)
    commands = {"true": [nothing], "codex-init --egress=off": [INIT, "--egress=off", "--", nothing]}
    for name, words in {"tini": ["tini", "-s"], "dumb-init": ["dumb-init"],
                        "catatonit": ["catatonit"]}.items():
        if shutil.which(name):
            commands[name] = [*words, "--", nothing]
    words = []
    for each in commands.values():
        words += (["--", "--"] if words else []) + each
    print(f"\nA plain init: microseconds from spawn to end, median of {rounds} (fastest)")
    times = dict(zip(commands, ([float(n) for n in row.split()]
                                for row in run(HARNESS, "spawn", rounds, *words).splitlines())))
    base = times["codex-init --egress=off"][0]
    for name, (median, fastest) in times.items():
        line(name, f"{median:.0f}", f"({fastest:.0f})", f"x{median / base:.2f}")
    if "tini" in times:
        line("codex-init against tini", f"{base:.0f}", f"{times['tini'][0]:.0f}",
             f"x{base / times['tini'][0]:.2f}", "goal: x1.00 or less")


# ---- A boot with names -----------------------------------------------------------------------


@contextlib.contextmanager
def two_namespaces(upstream=(HARNESS, "answer", "53")):
    """INSIDE has one neighbour, 198.18.0.1, which answers DNS; there is no other way out. New
    ones each time, as a container's are: codex-init's wall stays as long as they do."""
    server = None
    try:
        for name in (INSIDE, OUTSIDE):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", INSIDE, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0",
            "netns", OUTSIDE)
        for name, host in ((INSIDE, 2), (OUTSIDE, 1)):
            run("ip", "-n", name, "address", "add", f"198.18.0.{host}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", INSIDE, "route", "add", "default", "via", "198.18.0.1")
        server = subprocess.Popen(["ip", "netns", "exec", OUTSIDE, *upstream],
                                  stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "ready\n"
        yield
    finally:
        if server:
            server.kill()
            server.wait()
        for name in (INSIDE, OUTSIDE):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def root_directory():
    """What a container has, as far as codex-init looks: a directory tree of our own."""
    root = PLACE / "root"
    shutil.rmtree(root, ignore_errors=True)
    for directory in ("bin", "dev", "etc/codex", "proc", "run", "sys", "tmp", "workspace"):
        (root / directory).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                     "codex:x:1000:1000:Codex:/codex_home:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\ncodex:x:1000:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/resolv.conf").write_text("nameserver 198.18.0.1\n")
    shutil.copy(INIT, root / "bin/codex-init")
    shutil.copy(HARNESS, root / "bin/harness")
    (root / "codex_home").mkdir(mode=0o700)
    for directory in ("codex_home", "workspace"):
        os.chown(root / directory, 1000, 1000)
    return root


WITHIN = ("ip", "netns", "exec", INSIDE, "unshare", "-m", "-p", "-f", "--kill-child", "sh", "-ec")


def inside(script, **options):
    return run(*WITHIN, script, **options)


def boot(root, names, wall="nft"):
    """Milliseconds from the exec of codex-init to the payload's first instruction. While the
    payload waits the wall is looked at, which codex-init takes down at its end."""
    script = (f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; "
              f"mount -t tmpfs tmpfs {root}/run; mount -t sysfs -o ro sysfs {root}/sys; "
              f"exec {HARNESS} confine {root} /bin/harness stamp /bin/codex-init -q "
              "--workdir /workspace -- /bin/harness stamp /bin/harness hold")
    env = {"PATH": os.environ["PATH"], "OPENAI_ALLOWED_DOMAINS": " ".join(names),
           "CODEX_INIT_WALL": wall}
    with subprocess.Popen([*WITHIN, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, env=env) as process:
        begun, ended = (int(process.stdout.readline()) for _ in range(2))
        if wall == "nft":
            check_pins(len(names))
    return (ended - begun) / 1e6


def check_pins(count):
    """A boot that opened nothing would be fast, too."""
    table = run("ip", "netns", "exec", INSIDE, "nft", "list", "table", "inet", "codex_init")
    pinned = len(set(re.findall(r"45[.]33[.][0-9]+[.][0-9]+", table)))
    if pinned < count * 9 // 10:
        sys.exit(f"bench: {pinned} addresses are open, for {count} names")


def shell_loop(names):
    """The way it is usually scripted: one name after the other, dig and ipset."""
    (PLACE / "names").write_text("\n".join(names) + "\n")
    begun = time.monotonic()
    inside(f"""ipset create allowed hash:ip
while read -r name; do
  for address in $(dig +short A "$name" @198.18.0.1; dig +short AAAA "$name" @198.18.0.1); do
    ipset add -exist allowed "$address"
  done
done <{PLACE}/names
[ "$(ipset list allowed | grep -c '^45[.]33[.]')" -gt {NAMES * 9 // 10} ]
ipset destroy allowed""")
    return (time.monotonic() - begun) * 1000


def boots(rounds):
    names = [f"host-{i}.bench.example.com" for i in range(NAMES)]
    root = root_directory()
    none, ours = [], []
    for _ in range(rounds):
        for times, allowed in ((none, []), (ours, names)):
            with two_namespaces():
                times.append(boot(root, allowed))
    with two_namespaces():
        loop = shell_loop(names)
    print(f"\nA boot: milliseconds from exec to payload, median of {rounds} (fastest); the "
          "upstream answers at once")
    median = statistics.median(ours)
    line("the default names only", f"{statistics.median(none):.1f}", f"({min(none):.1f})")
    line(f"{NAMES} names more", f"{median:.1f}", f"({min(ours):.1f})", "", "goal: under 25")
    line(f"a shell loop of dig and ipset, {NAMES} names", f"{loop:.0f}", "",
         f"x{loop / median:.0f}", "goal: x100 or more")


# ---- The launcher ----------------------------------------------------------------------------

# Answers a question as slowly as a real engine's client, and runs nothing.
CLIENT = "#!/bin/sh\n[ $1 = run ] && exit\n[ $1 = container ] && status=1\nsleep 0.05\nexit $status\n"


def launcher(rounds):
    """What the launcher adds to the engine's own `run`, in questions to the engine."""
    place = PLACE / "launcher"
    shutil.rmtree(place, ignore_errors=True)
    (place / "project").mkdir(parents=True)
    client = place / "docker"
    client.write_text(CLIENT)
    client.chmod(0o755)
    env = {"HOME": str(place), "PATH": f"{place}:/usr/bin:/bin"}
    commands = {"launcher": [STUB, "--exec", "true"], "question": [client, "image"],
                "run": [client, "run"]}
    times = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            began = time.perf_counter()
            run(*words, env=env, cwd=place / "project", stdin=subprocess.DEVNULL)
            times[name].append(1000 * (time.perf_counter() - began))
    median = {name: statistics.median(values) for name, values in times.items()}
    added = median["launcher"] - median["run"]
    print(f"\nThe launcher: milliseconds, median of {rounds}; a client that answers in 50")
    line("launcher, against one question to the engine", f"{added:.0f}", f"{median['question']:.0f}",
         f"x{added / median['question']:.2f}", "goal: x1.20 or less")


# ---- Sizes -----------------------------------------------------------------------------------


def sizes():
    print("\nSize: bytes of the file")
    for path, goal in ((INIT, "goal: 409600 or less (bound: 524288)"), (STUB, "")):
        line(path.name, path.stat().st_size, "", "", goal)
    for name in ("tini", "dumb-init", "catatonit"):
        if shutil.which(name):
            line(name, Path(shutil.which(name)).resolve().stat().st_size)


def main():
    if os.geteuid() != 0:
        sys.exit("bench: network namespaces need root")
    build()
    sizes()
    plain(int(os.environ.get("BENCH_SPAWNS", 1000)))
    launcher(int(os.environ.get("BENCH_LAUNCHES", 20)))
    boots(int(os.environ.get("BENCH_BOOTS", 20)))
    resolvers.measure(int(os.environ.get("BENCH_DNS", 3)), run=run, line=line, root=root_directory,
                      namespaces=two_namespaces, place=PLACE, inside=INSIDE)
    import ask  # these take their tools from here
    import broker
    import cell
    import gate
    import status
    status.measure(int(os.environ.get("BENCH_STATUS", 20)))
    ask.measure(int(os.environ.get("BENCH_ASK", 30)))
    broker.measure(int(os.environ.get("BENCH_BROKER", 20)))
    cell.measure(int(os.environ.get("BENCH_CELL", 5)))
    gate.measure()


if __name__ == "__main__":
    main()
