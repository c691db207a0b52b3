"""What breaks never leaves a payload without a wall: workers killed, disks full, no resolver,
boots cut short. Each is judged by what left the container meanwhile."""

import pytest
from conftest import FLAGS, UID, at_best, until
from internet import DNS_ADDRESS, address_of

pytestmark = pytest.mark.cell
# Of tests that have a wall of their own.
ONCE = pytest.mark.cell("nft")

KNOCK = """
    for i in $(seq 400); do
        curl -s -m 1 -o /dev/null https://8.8.8.8; curl -s -m 1 -o /dev/null https://example.com
        echo x >/dev/udp/9.9.9.9/53
    done 2>/dev/null"""


def kill_resolver(box):
    pid = until(lambda: box.worker("resolver"))
    # From outside, as an out-of-memory killer would; exec'd root lacks nothing for it.
    box.exec("kill", "-KILL", str(pid)).ok()
    return pid


def ready(box):
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    return box


def test_a_killed_resolver_opens_nothing_and_comes_back(boxes, sinks):
    box = ready(boxes(allow="allowed.test"))
    box.script(KNOCK)
    sinks.mark()
    for _ in range(3):
        old = kill_resolver(box)
        until(lambda: box.worker("resolver") not in (None, old))  # noqa: B023
    until(lambda: box.inside("curl", "-sS", "-o", "/dev/null", "https://allowed.test").status == 0)
    strangers = set(sinks.seen()) - {("tcp", address_of("allowed.test"), 443)}
    assert strangers == set()
    events = box.exec("cat", "/run/codex/events.jsonl").ok().out
    assert "resolver" in events and "started again" in events


def test_a_worker_that_cannot_begin_ends_the_boot(run, sinks):
    done = run("echo", "ran", options=("--ulimit", "nofile=20:20")).ok(111)
    assert done.out == "" and "start the gate: its process has ended" in done.err, done
    assert "nofile" in done.err.rpartition("  hint: ")[2], done
    assert [s for s in sinks.seen() if s[0] != "udp"] == []


def test_a_resolver_that_is_killed_for_good_leaves_the_payload_alone_inside(boxes, sinks):
    """Killed until it stays down: names stop working, and still nothing leaves."""
    box = ready(boxes(allow="allowed.test"))
    for _ in range(12):
        pid = box.worker("resolver")
        if pid:
            box.exec("kill", "-KILL", str(pid))
    sinks.mark()
    box.shell(KNOCK.replace("400", "5"))
    assert set(sinks.seen()) <= {("tcp", address_of("allowed.test"), 443)}
    assert box.inspect(".State.Running") == "true"


def test_pid_1_killed_takes_everything_with_it(start, sinks):
    box = ready(start("bash", "-c", KNOCK))
    box.kill("KILL")
    assert box.wait() == 137
    sinks.mark()
    assert box.exec("true").status != 0
    assert sinks.seen() == []


def test_no_resolver_at_all(run, sinks):
    """An upstream that never answers: the boot ends in time, says so, and the wall stands."""

    def start():
        done = run(
            "bash",
            "-c",
            "curl -sS -m 3 https://api.openai.com; curl -sS -m 3 https://8.8.8.8; echo started",
            options=["--dns", "45.99.99.99"],
        ).ok()
        assert "started" in done.out
        assert "45.99.99.99" in done.err, done
        return done.seconds

    at_best(start, 20)
    assert [f for f in sinks.seen() if f.port != 53] == []


def test_an_empty_resolv_conf(run, sinks, tmp_path):
    empty = tmp_path / "resolv.conf"
    empty.write_text("")
    done = run(
        "bash",
        "-c",
        "curl -sS -m 3 https://api.openai.com; echo started",
        options=["-v", f"{empty}:/etc/resolv.conf:ro"],
    ).ok()
    assert "started" in done.out and "resolv.conf" in done.err, done
    assert sinks.seen(dns=True) == []


def test_no_network_at_all(run):
    done = run(
        "bash", "-c", "curl -sS -m 3 https://api.openai.com; echo started", network="none"
    ).ok()
    assert "started" in done.out


def test_a_full_run_directory(run, sinks):
    """Events and status are lost, the wall isn't."""
    done = run(
        "bash",
        "-c",
        "curl -sS -m 3 https://8.8.8.8; echo started",
        options=["--tmpfs", "/run:size=4k,mode=755"],
    )
    assert "started" in done.out or done.status == 111, done
    assert sinks.seen() == []


def test_a_full_home(run, sinks, tmp_path, wall):
    """What can't be copied stops the boot, with nothing half done; nothing ran."""
    drop_off = tmp_path / "in"
    drop_off.mkdir()
    (drop_off / "config.toml").write_text("x = 1\n" * 4000)
    tmp_path.chmod(0o755)
    done = run(
        "bash",
        "-c",
        "echo started",
        options=[
            "--tmpfs",
            f"/codex_home:size=4k,uid={UID[wall]},gid={UID[wall]},mode=700",
            "-v",
            f"{drop_off}:/run/codex/in:ro",
        ],
    )
    done.ok(111)
    assert "started" not in done.out and "No space left" in done.err, done
    assert sinks.seen() == []


def test_a_read_only_root(run, sinks):
    done = run(
        "bash",
        "-c",
        "curl -sS -m 3 https://8.8.8.8; curl -sS -o /dev/null https://api.openai.com && echo fine",
        options=[
            "--read-only",
            "--tmpfs",
            "/run",
            "--tmpfs",
            "/tmp",
            "--tmpfs",
            "/codex_home:uid=1000,gid=1000,mode=700",
        ],
    )
    assert "fine" in done.out or done.status == 111, done
    assert "8.8.8.8" not in sinks.addresses()


@ONCE
@pytest.mark.parametrize("missing", ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"])
def test_without_one_capability_nothing_runs(run, sinks, missing):
    flags = tuple(flag for flag in FLAGS if not flag.endswith(f"={missing}"))
    done = run("echo", "started", flags=flags, init=["--wall=nft"]).ok(111)
    assert done.out == "" and missing in done.err and "hint" in done.err, done


def test_few_processes_allowed(run, sinks):
    """A limit that leaves no room for the workers ends the boot, it doesn't leave the wall out."""
    done = run(
        "bash", "-c", "curl -sS -m 3 https://8.8.8.8; echo started", options=["--pids-limit", "2"]
    )
    assert done.status, done
    assert sinks.seen() == []


@ONCE
def test_more_capabilities_than_needed_are_given_up(shell):
    done = shell(
        "grep -E 'Cap(Eff|Bnd)' /proc/self/status /proc/1/status",
        flags=(*FLAGS, "--cap-add=NET_RAW", "--cap-add=SYS_PTRACE", "--cap-add=DAC_OVERRIDE"),
    ).ok()
    values = [int(line.split()[-1], 16) for line in done.lines()]
    assert values[:2] == [0, 0]
    assert all(value & (1 << 13 | 1 << 19 | 1 << 1) == 0 for value in values[2:])


def test_no_new_privileges_of_the_engines_changes_nothing(shell, wall):
    done = shell(
        "id -u; grep NoNewPrivs /proc/self/status", options=["--security-opt", "no-new-privileges"]
    ).ok()
    assert done.lines()[0] == str(UID[wall]) and done.lines()[1].split()[-1] == "1"


def test_setuid_programs_give_nothing(shell):
    done = shell(
        "find / -xdev -perm -4000 -type f 2>/dev/null | head;"
        "su -c id root </dev/null; passwd -S root; true"
    ).ok()
    assert "uid=0" not in done.said


def test_a_container_started_twice_is_walled_both_times(start, docker, sinks):
    """`docker start` of a stopped container boots anew, in a namespace of its own."""
    box = start(
        "bash",
        "-c",
        "curl -s -m 2 https://8.8.8.8; curl -sS -o /dev/null https://api.openai.com && echo fine",
    )
    assert box.wait() == 0
    docker("start", box.name).ok()
    assert box.wait() == 0
    assert box.logs().count("fine") == 2
    assert "8.8.8.8" not in sinks.addresses()


def test_a_flood_of_questions_keeps_others_served(boxes, wall):
    box = ready(boxes(allow="allowed.test"))
    way = "udp" if wall == "nft" else "tcp"  # in the cell there are no datagrams
    flood = box.script(f"while :; do echo -n x$RANDOM >/dev/{way}/127.0.0.1/53; done 2>/dev/null")
    box.inside("curl", "-sS", "-m", "100", "-o", "/dev/null", "https://allowed.test").ok()
    assert not flood.ended()


def test_malformed_questions_do_not_hurt(shell, sinks, wall):
    done = shell(
        r"""python3 - <<'E'
import os, random, socket
random.seed(7)
server = (os.environ["SERVER"], 53)
datagrams = server[0] == "8.8.8.8"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if datagrams else None
if s: s.connect(server)
for size in list(range(0, 64)) * 20 + [512, 1500, 9000, 65000]:
    try:
        question = random.randbytes(size)
        if not s:
            with socket.create_connection(server, 3) as t: t.send(size.to_bytes(2, "big") + question)
        else: s.send(question)
    except OSError:
        pass
t = socket.create_connection(server, 30)
t.send(b"\xff\xff" + random.randbytes(5000))
t.close()
E
        test $? = 0 && curl -sS -o /dev/null https://api.openai.com && echo fine""",
        # In the cell there are no datagrams, and no server but the one on loopback.
        env={"SERVER": "8.8.8.8" if wall == "nft" else "127.0.0.1"},
    ).ok()
    assert "fine" in done.out
    assert sinks.addresses() == {address_of("api.openai.com")}
    assert DNS_ADDRESS not in sinks.addresses()
