"""The launcher while what it looks at is swapped, and when it is killed on the way."""

import base64
import json
import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import until
from stub_project import STUB, UID, project  # noqa: F401
from stub_hostile import Flipper, NAMED, SECRET, SILENT_ENGINE, directory, host  # noqa: F401

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("place", [".codex", ".codex/.environment", "home", "kept/codex"])
def test_a_directory_that_is_swapped_for_a_link(host, place):
    """Four hundred starts while directory and link change places all the time: whatever each comes
    to, it makes nothing in the host's home and shows nothing of it."""
    path = host.trap(place)
    directory(host, path, None)
    if place == "kept/codex":
        (host.work / ".codex").symlink_to("kept/codex")
    other = host.work / "other"
    other.symlink_to(host.keys)
    host.engine(SILENT_ENGINE)
    before, statuses = host.outside(), set()
    with Flipper(path, other):
        for _ in range(400):
            done = host.project.start(*NAMED.get(place, ()), "--exec", "true")
            statuses.add(done.returncode)
            assert SECRET.encode() not in done.stdout + done.stderr
    assert statuses <= {0, 100, 111} and 100 in statuses, statuses
    assert host.outside() == before


def test_a_workdir_that_is_swapped_for_a_link(host):
    """Inside a directory that is hostile as well. WORKSPACE_ROOT_DIR says where it must end."""
    outer, other = host.work / "outer", host.work / "other"
    for path in (outer, outer / "prompts"):
        directory(host, path, None)
    other.symlink_to(host.keys)
    host.engine(SILENT_ENGINE)
    before, statuses = host.outside(), set()
    with Flipper(outer, other):
        for _ in range(400):
            done = host.project.start("--work_dir", "outer/prompts", "--exec", "true",
                                      env={"WORKSPACE_ROOT_DIR": str(host.work)})
            statuses.add(done.returncode)
            assert host.outside() == before, done
    assert statuses == {0, 100} or statuses == {0, 100, 111}, statuses


def test_a_login_that_is_swapped_for_a_link(host):
    path = host.project.write(host.trap("codex/auth.json"), "not json at all")
    other = host.work / "other"
    other.symlink_to(host.keys / "auth.json")
    with Flipper(path, other):
        for _ in range(400):
            done = host.project.start("--dry-run")
            # Were the host's file read in its place, it would be taken for good.
            assert b"auth.json" not in done.stdout, done


def test_a_launcher_that_is_killed_leaves_nothing_that_stops_the_next(host):
    """SIGKILL at every system call that changes something, from the first to the last."""
    calls = "mkdirat,openat2,fchmod,fchown,write"
    host.engine(SILENT_ENGINE)
    environment = {"HOME": str(host.home), "PATH": str(host.project.bin)}
    killed = 0
    for call in calls.split(","):
        for n in range(1, 30):
            subprocess.run(["rm", "-rf", host.work / ".codex"], check=True)
            inject = f"inject={call}:signal=SIGKILL:when={n}"
            done = subprocess.run(
                ["/usr/bin/strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, STUB,
                 "--exec", "true"],
                env=environment, cwd=host.work, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=60)
            if done.returncode == 0:
                break
            killed += done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
            again = host.project.start("--exec", "true")
            assert again.returncode == 0, (call, n, again)
            home = host.work / ".codex/.environment"
            assert (home / ".gitignore").read_text() == "*\n", (call, n)
            for path, mode in ((home, 0o700), (home.parent, 0o755)):
                st = path.stat()
                assert (stat.S_IMODE(st.st_mode), st.st_uid) == (mode, UID), (call, n, path)
    assert killed > 8


def test_what_takes_the_place_of_the_link_is_not_given_away(host):
    """As root, between making auth.json and giving it to Codex's user."""
    host.engine(SILENT_ENGINE)
    (host.work / "logins").mkdir()
    os.chown(host.work / "logins", UID, UID)
    roots = host.work / "roots"
    roots.write_text(SECRET)
    link = host.work / ".codex/.environment/auth.json"
    slow = ["/usr/bin/strace", "-o", "/dev/null", "-e", "trace=symlinkat",
            "-e", "inject=symlinkat:delay_exit=1000000"]
    with subprocess.Popen(
        [*slow, STUB, "-y", "--auth_dir", "./logins", "--exec", "true"],
        env={"HOME": str(host.home), "PATH": str(host.project.bin)}, cwd=host.work,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as launcher:
        while not link.is_symlink() and launcher.poll() is None:
            time.sleep(0.01)
        roots.rename(link)
        launcher.communicate(timeout=60)
    assert link.read_text() == SECRET and link.stat().st_uid == 0


@pytest.mark.parametrize("links, written", [(1, "*\n"), (2, "")])
def test_an_empty_file_is_filled_in_where_it_is_ours_alone(host, links, written):
    """What a run that was cut short has left is finished; what has a second name is somebody's."""
    host.engine(SILENT_ENGINE)
    home = host.work / ".codex/.environment"
    home.mkdir(parents=True, mode=0o700)
    ignore = home / ".gitignore"
    ignore.touch()
    for path in (home.parent, home, ignore):
        os.chown(path, UID, UID)
    if links == 2:
        os.link(ignore, host.work / "another")
    assert host.project.start("--exec", "true").returncode == 0
    assert ignore.read_text() == written and ignore.stat().st_nlink == links


def test_many_at_once_create_one_home(host):
    """However they meet: one at least starts, the others are told that it is at work, and what they
    all make is made once."""
    host.engine(SILENT_ENGINE)
    for _ in range(10):
        results = []
        subprocess.run(["rm", "-rf", host.work / ".codex"], check=True)
        start = lambda: results.append(host.project.start("--exec", "true"))  # noqa: E731
        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = [r.stderr.decode() for r in results if r.returncode]
        assert len(refused) < 6 and not [r for r in refused if "already running" not in r], refused
    home = host.work / ".codex/.environment"
    assert (home / ".gitignore").read_text() == "*\n"
    assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (UID, 0o700)


def test_a_start_behind_another_that_has_no_container_yet(host):
    """The engine takes its time to create it, and mounts the host's files by their paths: whoever
    comes meanwhile leaves them alone. When the first has ended, the next one starts."""
    host.engine('#!/bin/sh\n[ "$1" != run ] || exec /bin/sleep 600\n')
    state = host.home / ".local/state/codex-sandbox"
    files = lambda: sorted((p, p.stat().st_ino) for p in state.rglob("*.*"))  # noqa: E731
    with subprocess.Popen([STUB, "--exec", "true"], cwd=host.work, stdin=subprocess.DEVNULL,
                          env={"HOME": str(host.home), "PATH": str(host.project.bin)}) as first:
        try:
            is_the_engine = lambda: b"sleep" in Path(f"/proc/{first.pid}/cmdline").read_bytes()  # noqa: E731
            until(is_the_engine, "the engine's start")
            made = files()
            assert len(made) == 2, made
            second = host.project.start("--exec", "true")
            assert second.returncode == 100 and b"already running" in second.stderr, second
            assert files() == made
        finally:
            first.kill()
    host.engine(SILENT_ENGINE)
    assert host.project.start("--exec", "true").returncode == 0


# An engine whose `run` and `exec` don't end, and that has this run's container.
HANGING_ENGINE = """#!/bin/sh
case "$*" in *CODEX_INIT_RUN=*) echo "0123 ours"; exit ;; esac
case "$1" in
run | exec) echo $$ >"$HOME/$1"; exec /bin/sleep 300 ;;
esac
"""


def chatgpt(signature):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 4102444800}).encode()).decode().rstrip("=")
    token = f"e30.{claims}.{signature}"
    return {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "last_refresh": "2026-11-01T00:00:00Z",
            "tokens": {"id_token": token, "access_token": token, "refresh_token": "r", "account_id": "account-1"}}


def test_an_engine_that_hangs_while_it_is_given_a_renewal(host):
    """The follower of the login ends with the session, and the next start isn't kept waiting."""
    host.engine(HANGING_ENGINE)
    auth = host.project.write(host.home / ".codex/auth.json", chatgpt("first-0123456789"), 0o600)
    asked = lambda what: (host.home / what).exists() and (host.home / what).read_text().strip()  # noqa: E731
    with subprocess.Popen([STUB, "--broker=on", "--exec", "true"], cwd=host.work, stdin=subprocess.DEVNULL,
                          env={"HOME": str(host.home), "PATH": str(host.project.bin)}) as client:
        try:
            until(lambda: asked("run"), "the engine's start")
            host.project.write(auth.parent / "new", chatgpt("second-0123456789"), 0o600).rename(auth)
            until(lambda: asked("exec"), "a renewal's delivery")
        finally:
            client.kill()
    until(lambda: not Path(f"/proc/{asked('exec')}").exists(), "the end of who delivers it")
    host.engine(SILENT_ENGINE)
    done = host.project.start("--broker=on", "--exec", "true")
    assert done.returncode == 0, done


REFUSING_ENGINE = """#!/bin/sh
case "$*" in *CODEX_INIT_RUN=*) echo "0123 ours"; exit ;; esac
case "$1" in
run) echo $$ >"$HOME/run"; exec /bin/sleep 300 ;;
exec) echo tried >>"$HOME/exec"; exit 1 ;;
esac
"""


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
def test_only_the_logins_file_wakes_the_follower(host, linked):
    """Codex closes other files in that directory all the time: no reason to try again at once. It renews
    what a link leads to, and leaves the link."""
    host.engine(REFUSING_ENGINE)
    place = host.home / ("login" if linked else ".codex")
    auth = host.project.write(place / "auth.json", chatgpt("first-0123456789"), 0o600)
    if linked:
        (host.home / ".codex").mkdir(exist_ok=True)
        (host.home / ".codex/auth.json").symlink_to(auth)
    tries = lambda: (host.home / "exec").read_text().count("tried") if (host.home / "exec").exists() else 0  # noqa: E731
    with subprocess.Popen([STUB, "--broker=on", "--exec", "true"], cwd=host.work, stdin=subprocess.DEVNULL,
                          env={"HOME": str(host.home), "PATH": str(host.project.bin)}) as client:
        try:
            until(lambda: (host.home / "run").exists(), "the engine's start")
            (auth.parent / "other").write_text("before")
            host.project.write(auth.parent / "new", chatgpt("second-0123456789"), 0o600).rename(auth)
            until(lambda: tries() >= 4, "some tries, each later than the one before")
            before = tries()
            for i in range(100):
                (auth.parent / "other").write_text(str(i))
                time.sleep(0.02)
            assert tries() < before + 30
            before = tries()
            host.project.write(auth.parent / "new", chatgpt("third-0123456789"), 0o600).rename(auth)
            until(lambda: tries() > before + 2, "the next tries")
        finally:
            client.kill()
