"""Who the payload is, and what PID 1 does for it in a real container: users, signals, terminal,
what is left when it ends. (test_plain_init.py has the finer points, without an engine.)"""

import os
import signal
import uuid

import pytest
from conftest import IMAGE, WALLS, at_best

# What PID 1 is to its command has little to do with the wall, but with the ids of both: in two of the
# cell's forms there is one.
pytestmark = pytest.mark.cell(own_uid=True, seldom=True)
ALL = pytest.mark.cell(seldom=True)


@pytest.mark.parametrize(
    "uid, owner, gid",
    [(1000, 1000, 1000), (1001, 1002, 1002), (501, 20, 20), (70000, 70000, 70000), (1001, 0, 1001)],
)
def test_it_runs_as_the_owner_of_the_workdir(shell, tmp_path, uid, owner, gid):
    """So Codex owns its home and files it makes are the user's. But never root's group: that would
    open what is root's."""
    tmp_path.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    os.chown(work, uid, owner)
    done = shell(
        "id -u; id -g; id -un; touch made; stat -c '%u %U' /codex_home; codex --version",
        options=["-v", f"{work}:/app/work", "-w", "/app/work"],
    ).ok()
    lines = done.lines()
    assert lines[:3] == [str(uid), str(gid), "codex"]
    assert lines[3] == f"{uid} codex" and lines[4].startswith("codex")
    made = (work / "made").stat()
    assert (made.st_uid, made.st_gid) == (uid, gid)


def test_a_workdir_of_roots_is_warned_about_and_it_still_is_not_root(shell, tmp_path):
    tmp_path.chmod(0o755)
    done = shell("id -u", options=["-v", f"{tmp_path}:/app/work", "-w", "/app/work"]).ok()
    assert done.out == "1000\n"
    assert "root" in done.err and "/app/work" in done.err


@pytest.mark.parametrize(
    "user, uid, gid", [("1234", 1234, 1234), ("1234:99", 1234, 99), ("nobody", 65534, 65534),
                       ("1234:0", 1234, 1234), ("65314", 65314, 65314)]
)
def test_user_option(shell, user, uid, gid):
    assert shell("id -u; id -g", init=["--user", user]).ok().lines() == [str(uid), str(gid)]


@pytest.mark.parametrize("user", ["0", "root", "0:0", "no-such-user", "65309", "65310", "65311", "65312", "65313"])
def test_users_it_never_is(run, user):
    assert run("id", init=["--user", user]).out == ""
    assert run("id", init=["--user", user]).status in (100, 111)


def test_workdir_option(run):
    assert run("pwd", init=["--workdir", "/tmp", "--user", "1000"]).ok().out == "/tmp\n"


@pytest.mark.cell("all")
def test_nothing_but_the_standard_descriptors(run):
    done = run("ls", "/proc/self/fd").ok()
    assert set(done.lines()) <= {"0", "1", "2", "3"}  # 3 is ls's own


@ALL
def test_its_output_and_input_are_passed_on(run):
    done = run("cat", options=["-i"], input=b"one\ntwo\n").ok()
    assert done.out == "one\ntwo\n"


@ALL
def test_its_output_can_be_opened_by_name(lab, internet, run, terminal, wall):
    script = "echo out >/dev/stdout; echo err >/dev/stderr; cat </dev/stdin"
    done = run("sh", "-c", script, options=["-i"], input=b"in\n").ok()
    assert (done.out, done.told) == ("out\nin\n", "err\n")
    t = terminal(docker_it(lab, wall, "sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr"))
    assert t.wait() == 0
    assert b"out" in t.output and b"err" in t.output and b"cannot create" not in t.output


READY = "echo ready; while :; do sleep 0.05; done"


@pytest.mark.cell("all")
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1", "QUIT", "WINCH", "RTMIN+3"])
def test_signals_reach_it_once(start, name):
    box = start("bash", "-c", f"trap 'echo got {name}' {name}; {READY}")
    box.until_says("ready")
    box.kill(str(signal.SIGRTMIN + 3) if name.startswith("RT") else name)
    box.until_says(f"got {name}")
    box.kill("KILL")
    assert box.logs().count(f"got {name}") == 1


@ALL
def test_a_signal_that_ends_it_is_the_status(start):
    box = start("bash", "-c", READY)
    box.until_says("ready")
    box.kill("TERM")
    assert box.wait() == 128 + signal.SIGTERM


@pytest.mark.cell("all")
def test_docker_stop_is_quick_and_kind(start):
    def stop():
        box = start("bash", "-c", f"trap 'echo bye; exit 3' TERM; {READY}")
        box.until_says("ready")
        done = box.docker("stop", "-t", "60", box.name).ok()
        assert box.wait() == 3 and "bye" in box.logs()
        return done.seconds

    at_best(stop, 10)


@ALL
def test_stragglers_are_ended(start, tmp_path):
    """What tool commands leave behind, in sessions of their own, gets TERM, then KILL."""
    script = """
        go_on='while :; do sleep 0.05; done'
        setsid bash -c "trap 'echo asked >/out/kind; exit' TERM; touch /out/1; $go_on" &
        setsid bash -c "trap '' TERM; touch /out/2; $go_on" &
        until [ -e /out/1 ] && [ -e /out/2 ]; do sleep 0.02; done; exit 4"""

    def is_asked(number):
        place = tmp_path / str(number)
        place.mkdir()
        place.chmod(0o777)
        box = start("bash", "-c", script, options=["-v", f"{place}:/out"])
        assert box.wait() == 4
        return (place / "kind").exists() and (place / "kind").read_text() == "asked\n"

    # It has two seconds for that, which a machine may stand still; but not three times.
    assert any(is_asked(number) for number in range(3))


@pytest.mark.cell("all")
def test_orphans_are_reaped(shell):
    done = shell(
        """
        for i in $(seq 20); do (setsid sh -c 'echo $$ >>/tmp/orphans' &) ; done
        for i in $(seq 1000); do [ "$(cat /tmp/orphans | wc -l)" = 20 ] && break; sleep 0.05; done
        # A zombie is still listed.
        for pid in $(cat /tmp/orphans); do
            for i in $(seq 1000); do [ -e /proc/$pid ] || continue 2; sleep 0.05; done
            echo $pid
        done; wc -l </tmp/orphans >&2"""
    ).ok()
    assert done.err.split()[-1] == "20", done
    assert done.out == ""


def docker_it(lab, wall, *command):
    name = f"tty-{uuid.uuid4().hex[:8]}"
    return [
        "docker",
        "-H",
        lab.engine.host,
        "run",
        "--rm",
        "-it",
        "--name",
        name,
        *WALLS[wall],
        IMAGE,
        "--",
        *command,
    ]


@ALL
def test_it_has_the_terminal(lab, internet, terminal, wall):
    script = "tty; exec 3</dev/tty && echo controlling; read x; echo got $x"
    t = terminal(docker_it(lab, wall, "bash", "-c", script))
    t.until_says(b"controlling")
    t.type(b"words\n")
    t.until_says(b"got words")
    assert t.wait() == 0
    assert b"/dev/pts/0" in t.output or b"/dev/console" in t.output


@ALL
def test_ctrl_c_interrupts_it(lab, internet, terminal, wall):
    t = terminal(
        docker_it(
            lab,
            wall,
            "bash",
            "-c",
            "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done",
        )
    )
    t.until_says(b"ready")
    t.type(b"\x03")
    assert t.wait() == 9
    assert b"interrupted" in t.output


def test_nothing_is_printed_while_it_owns_the_terminal(lab, internet, terminal, wall):
    script = (
        "echo BEGIN; curl -s https://example.com; curl -s https://example.org; sleep 0.3; echo END"
    )
    t = terminal(docker_it(lab, wall, "bash", "-c", script))
    t.wait()
    between = t.output.split(b"BEGIN")[1].split(b"END")[0]
    assert between.strip() == b""
    assert b"--allow example.com" in t.output.split(b"END")[1]


@ALL
def test_terminal_modes_are_put_back_after_a_signal(lab, internet, terminal, wall):
    """Codex traps neither TERM nor HUP and dies with the alternate screen on."""
    t = terminal(
        docker_it(
            lab, wall, "bash", "-c", r"printf '\e[?1049h\e[?2004h\e[?1000h'; echo ready; kill -TERM $$"
        )
    )
    assert t.wait() == 128 + signal.SIGTERM
    after = t.output.split(b"ready")[1]
    for mode in (b"\x1b[?1049l", b"\x1b[?2004l", b"\x1b[?1000l"):
        assert mode in after


FORBIDDEN = r"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare": (272, 0x10000000), "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0),
         "ptrace": (101, 16, 1, 0, 0), "bpf": (321, 0, 0, 0),
         "perf_event_open": (298, 0, 0, -1, -1, 0), "io_uring_setup": (425, 1, 0),
         "add_key": (248, b"user", b"x", b"y", 1, -3), "keyctl": (250, 0, -3, 0),
         "userfaultfd": (323, 0), "open_by_handle_at": (304, 0, 0, 0),
         "init_module": (175, 0, 0, b""), "setns": (308, 0, 0), "reboot": (169, 0, 0, 0, 0),
         "pivot_root": (155, b"/", b"/"), "chroot": (161, b"/tmp")}
for name, (number, *arguments) in calls.items():
    result = libc.syscall(number, *arguments)
    print(name, "allowed" if result >= 0 else os.strerror(ctypes.get_errno()))
"""


@pytest.mark.cell("all")
def test_system_calls_that_no_tool_needs_fail(run):
    results = dict(line.split(" ", 1) for line in run("python3", "-c", FORBIDDEN).ok().lines())
    assert len(results) == 15
    assert [name for name, said in results.items() if said == "allowed"] == []


def test_pid_1_and_the_payload_have_filters_of_their_own(run, wall):
    """Without the engine's, which would hide that ours is missing."""
    fields = ("grep", "-hE", "^(NoNewPrivs|Seccomp|Seccomp_filters):", "/proc/1/status")
    done = run(*fields, "/proc/self/status", options=["--security-opt", "seccomp=unconfined"]).ok()
    assert [line.split() for line in done.lines()] == 2 * [
        ["NoNewPrivs:", "1"],
        ["Seccomp:", "2"],
        ["Seccomp_filters:", "1"],
    ], done


@pytest.mark.cell("nft", "flagless")
def test_what_tools_need_works(shell):
    """The filter bars a list of calls; ordinary work goes on: JIT, threads, sqlite, git, Java."""
    shell(
        """set -e
        node -e 'const {Worker} = require("worker_threads");
            new Worker("process.exit(0)", {eval: true})'
        python3 - <<'E'
import multiprocessing, sqlite3, threading
sqlite3.connect("/tmp/x").execute("create table t(a)")
thread = threading.Thread(target=print)
thread.start()
thread.join()
with multiprocessing.Pool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]
E
        git init -q /tmp/r
        git -C /tmp/r -c user.name=a -c user.email=a@b.test commit -q --allow-empty -m x
        java -version"""
    ).ok()
