"""The copy of the events on the host: written as they happen, out of the payload's reach, bounded,
and kept for some sessions. And the names in them, by which the end of a session marks a new one."""

import json
import os
import re
import signal
import subprocess

import pytest
from conftest import PATIENCE, until
from events import check_line
from namespaces import command
from stub_project import KNOWN, TRAIL, UID, project  # noqa: F401

STATE = ".local/state/codex-sandbox"
ASK = "getent hosts refused.test; "


def trail(home, number=""):
    (found,) = home.glob(f"{STATE}/codex_*/events{number}.jsonl")
    return found


def events(path):
    return [check_line(line) for line in path.read_text().splitlines()]


@pytest.mark.cell
def test_the_events_are_on_the_host(stub, host_home, workdir):
    stub("--exec", "bash", "-c", ASK + "exit 3").ok(3)
    kept = trail(host_home)
    found = events(kept)
    assert {"refused-name", "boot"} <= {e["event"] for e in found}
    assert {e["workdir"] for e in found} == {f"/app{workdir}"}
    assert [e["count"] for e in found if e["event"] == "payload"] == [3]
    assert kept.stat().st_mode & 0o777 == 0o600
    for place in (kept.parent, kept.parent.parent):
        assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.cell(seldom=True)
def test_a_session_that_is_killed_has_left_its_events(launcher, stub_environment, host_home, workdir, docker):
    process = subprocess.Popen(
        [*launcher, "--exec", "bash", "-c", ASK + "sleep 600"], cwd=workdir,
        env=stub_environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: list(host_home.glob(f"{STATE}/*/events.jsonl")))
        until(lambda: "refused-name" in trail(host_home).read_text())
        name = trail(host_home).parent.name
        docker("kill", name).ok()
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert "refused-name" in {e["event"] for e in events(trail(host_home))}


TRY = """
echo '{"event":"allowed","name":"forged.test","count":1}' >/tmp/forged
cat /tmp/forged >>{0}; cat {0}; rm -f {0}; mv {0} /tmp/x; ln {0} /tmp/y; : >{0}; truncate -s 0 {0}
for fd in /proc/*/fd/*; do cat /tmp/forged >>$fd; done
mount --bind /etc/passwd {0}; chmod 777 /run/codex/host; chmod 777 {0}
""".replace("{0}", TRAIL)


@pytest.mark.attack
@pytest.mark.cell
@pytest.mark.parametrize("uid", [1000, 0], ids=["the owner's own uid", "another owner"])
def test_the_payload_cannot_reach_it(stub, host_home, workdir, uid):
    os.chown(host_home, uid, uid)
    stub("--exec", "bash", "-c", f"({TRY}) >/dev/null 2>&1; {ASK}true").ok()
    found = events(trail(host_home))
    assert found[0]["event"] == "boot"
    assert {"refused-name", "payload"} <= {e["event"] for e in found}
    assert "forged" not in json.dumps(found)


@pytest.mark.cell(seldom=True)
def test_a_disk_that_is_full_stops_nothing(stub, host_home, workdir):
    """Where the trail can't be opened, the session runs, and says so."""
    place = host_home / ".local/state"
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=3", "none", place], check=True)
    try:
        os.chown(place, host_home.stat().st_uid, host_home.stat().st_gid)
        done = stub("--exec", "true").ok()
        assert "isn't saved on this machine" in done.err or "aren't saved" in done.err, done
    finally:
        until(lambda: subprocess.run(["umount", place]).returncode == 0, "the disk to be free")


# ---- Who writes it -----------------------------------------------------------------------------

FIND = "for p in /proc/[0-9]*; do grep -q codex-trail $p/comm && echo ${p#/proc/}; done; true"


@pytest.fixture
def flooded(launcher, stub_environment, host_home, workdir, docker):
    """flooded(signal): a session in which the writer gets that signal, from root in the
    container, before 600 names are refused; returns the container's own events, the host's, and
    what the session said."""

    def run(signal):
        script = 'until [ -e go ]; do sleep 0.1; done; \
            for i in {1..600}; do getent hosts n$i.test; sleep 0.015; done; \
            sleep 2; getent hosts last.test; \
            until [ -e end ]; do sleep 0.1; done; exit 3'
        process = subprocess.Popen(
            [*launcher, "--exec", "bash", "-c", script], cwd=workdir, env=stub_environment,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            until(lambda: list(host_home.glob(f"{STATE}/*/events.jsonl")))
            name = trail(host_home).parent.name

            def inside(*command):
                return docker("exec", "-u", "root", name, *command)

            until(lambda: inside("sh", "-c", FIND).out.split())
            (pid,) = inside("sh", "-c", FIND).ok().out.split()
            inside("kill", f"-{signal}", pid).ok()
            (workdir / "go").touch()
            until(lambda: "last.test" in inside("cat", "/run/codex/events.jsonl").out, "the last name", 3 * PATIENCE)
            own = inside("cat", "/run/codex/events.jsonl").ok().out.rpartition("\n")[0]
            status = inside("codex-egress", "status").ok().out
            (workdir / "end").touch()
            said = process.communicate(timeout=2 * PATIENCE)[1].decode()
            assert process.returncode == 3, said
        finally:
            process.kill()
            process.wait()
        return [check_line(line) for line in own.splitlines()], events(trail(host_home)), said, status

    return run


@pytest.mark.cell
def test_a_file_system_that_hangs_costs_that_copy_alone(flooded):
    """Stopped, the writer is like one whose write doesn't return."""
    own, kept, said, status = flooded("STOP")
    assert len([e for e in own if e["event"] == "refused-name"]) > 400
    (told,) = [e for e in own if e["event"] == "worker"]
    assert told["name"] == "trail" and told["reason"].endswith("does not take lines")
    assert 1 < len(kept) < len(own)
    assert "missing from the copy on your machine" in said


@pytest.mark.cell
def test_a_writer_that_is_killed_is_started_again(flooded):
    own, kept, said, status = flooded("KILL")
    assert [e["reason"] for e in own if e["event"] == "worker" and "signal 9" in e["reason"]]
    assert "payload" in {e["event"] for e in kept}
    names = {e.get("name") for e in kept}
    assert "last.test" in names and "trail" in status


@pytest.mark.cell(seldom=True)
def test_nothing_is_missing_otherwise(stub, host_home, workdir):
    script = "for i in {1..50}; do getent hosts n$i.test; sleep 0.02; done; until grep -q n50.test /run/codex/events.jsonl; do sleep 0.1; done; cp /run/codex/events.jsonl ."
    said = stub("--exec", "bash", "-c", script).ok().err
    assert "missing from the copy" not in said
    own, kept = events(workdir / "events.jsonl"), events(trail(host_home))
    assert kept[:len(own)] == own and "n50.test" in {e.get("name") for e in own}


@pytest.mark.attack
@pytest.mark.cell
@pytest.mark.parametrize("uid", [1000, 0], ids=["the owner's own uid", "another owner"])
def test_the_payload_cannot_stop_who_writes_it(stub, host_home, workdir, uid):
    os.chown(host_home, uid, uid)
    # It may take its name a moment after the command has begun.
    found = f"for i in {{1..1000}}; do found=$({FIND}); [ -n \"$found\" ] && break; sleep 0.05; done; "
    script = f"{found}for pid in $found; do kill -STOP $pid; kill -9 $pid; ls /proc/$pid/fd; done; {ASK}true"
    said = stub("--exec", "bash", "-c", script).ok().err
    assert said.count("ermission denied") + said.count("not permitted") == 3, said
    found = events(trail(host_home))
    assert {"refused-name", "payload"} <= {e["event"] for e in found}
    assert not [e for e in found if e["event"] == "worker"]


# ---- The names that earlier sessions had -----------------------------------------------------


@pytest.mark.cell
def test_a_name_that_no_session_before_has_had_is_marked(stub):
    """At the end, whether a rule denies it or none allows it; not in the first session, which has
    nothing to compare with, nor if it has been asked for before."""
    ask = "for n in %s; do curl -sS -m 30 https://$n.test/; done; true"
    options = ("--deny", "denied.test", "--exec", "bash", "-c")
    said = stub(*options, ask % "old").ok().err
    # A lookup is a question or two, and on a slow machine more.
    assert re.search(r"\dx   allow with: --allow old\.test\n", said), said
    said = stub(*options, ask % "old first denied").ok().err
    rows = {line.split()[0]: line.partition("x   ")[2] for line in said.splitlines() if line.startswith("  ")}
    assert rows["old.test"] == "allow with: --allow old.test", said
    assert rows["first.test"] == "new, allow with: --allow first.test", said
    assert rows["denied.test"].startswith("new, denied"), said
    # From then on they are known.
    said = stub(*options, ask % "old first denied").ok().err
    assert "--allow first.test" in said and "new" not in said, said


@pytest.mark.cell(names=True)
def test_without_the_launcher_nothing_is(shell):
    done = shell(ASK * 2)
    assert "--allow refused.test" in done.err and "new" not in done.err, done


@pytest.mark.attack
@pytest.mark.cell
def test_the_payload_cannot_reach_the_names(stub, host_home):
    """Neither to read what other sessions had, nor to have its names called known."""
    stub("--exec", "bash", "-c", ASK + "true").ok()
    script = f"cat {KNOWN}; (echo first.test >>{KNOWN}; mv {KNOWN} /tmp/x; ln {KNOWN} /tmp/y; rm -f {KNOWN}; " \
        f"mount --bind /etc/passwd {KNOWN}; for fd in /proc/*/fd/*; do echo first.test >>$fd; done) 2>/dev/null; " \
        "cat /proc/1/root/run/codex/host/known; curl -sS -m 30 https://first.test/; true"
    done = stub("--exec", "bash", "-c", script).ok()
    assert "refused.test" not in done.out, done
    assert "new, allow with: --allow first.test" in done.err, done
    (known,) = host_home.glob(f"{STATE}/codex_*/known")
    assert "refused.test" in known.read_text().split() and "first.test" not in known.read_text()


# ---- A disk that hangs -------------------------------------------------------------------------


class Remote:
    """What serves the engine the file system of the host's files, as another machine's would be.
    Stopped, nobody gets an answer: to open, to write, to look, nor to close."""

    def __init__(self, there, place):
        self._there, self._place = there, place
        self._server = subprocess.Popen([*there, "bindfs", "-f", "-o", "nonempty", place, place])

    def is_mounted(self):
        return subprocess.run([*self._there, "mountpoint", "-q", self._place]).returncode == 0

    def _stands_still(self, waiting):
        """Stopped with no request in its hands: who waits for the answer to one can't be killed,
        and no container ends before that process."""
        self._server.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._server.pid, os.WSTOPPED)
        look = f"mount -t fusectl none /sys/fs/fuse/connections && cat {waiting}"
        if command("unshare", "--mount", "sh", "-c", look).strip() == "0":
            return True
        self.go_on()
        return False

    def stop(self):
        # fusectl's directory of a connection is named by the device's number.
        device = int(command(*self._there, "stat", "-c", "%d", self._place))
        waiting = f"/sys/fs/fuse/connections/{os.minor(device)}/waiting"
        until(lambda: self._stands_still(waiting), "a moment without requests")

    def go_on(self):
        self._server.send_signal(signal.SIGCONT)

    def close(self):
        self.go_on()
        self._server.terminate()
        self._server.wait(60)


@pytest.fixture
def remote(lab, host_home):
    place = host_home / ".local/state"
    place.mkdir(parents=True)
    made = Remote(lab.engine.among_its_mounts(), place)
    try:
        until(made.is_mounted, "the mount")
        yield made
    finally:
        made.close()


@pytest.mark.cell
def test_a_disk_that_hangs_does_not_hold_up_the_end(remote, launcher, stub_environment, workdir):
    """Neither who writes there, nor whoever has a file there open when it ends."""
    script = f"touch begun; until [ -e go ]; do sleep 0.1; done; {ASK}exit 3"
    process = subprocess.Popen(
        [*launcher, "--exec", "bash", "-c", script], cwd=workdir, env=stub_environment,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        until((workdir / "begun").exists)
        remote.stop()
        (workdir / "go").touch()
        said = process.communicate(timeout=2 * PATIENCE)[1].decode()
    finally:
        remote.go_on()
        process.kill()
        process.wait()
    assert process.returncode == 3, said
    assert "--allow refused.test" in said
    assert "keep the closing report: write to your machine's disk: it takes too long" in said
    assert "missing from the copy on your machine" in said


@pytest.mark.cell(seldom=True)
def test_a_remote_disk_that_answers_has_it_all(remote, stub, host_home):
    said = stub("--exec", "bash", "-c", ASK + "exit 3").ok(3).err
    assert {"refused-name", "payload"} <= {e["event"] for e in events(trail(host_home))}
    (report,) = host_home.glob(f"{STATE}/reports/*.txt")
    assert "--allow refused.test" in report.read_text() and "too long" not in said


# ---- What the launcher does -----------------------------------------------------------------


def started(project, *arguments, **more):  # noqa: F811
    """With an engine that does nothing: what is made beforehand."""
    project.engine()
    done = project.start("--exec", "true", *arguments, **more)
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


def test_ten_sessions_are_kept(project):  # noqa: F811
    started(project)
    for i in range(15):
        # An empty one is of a session that never began: it takes no place.
        started(project)
        kept = trail(project.home)
        assert kept.read_bytes() == b"" and kept.stat().st_uid == UID
        kept.write_text(f"session {i}\n")
    names = sorted(p.name for p in kept.parent.iterdir())
    assert names == sorted(["known", "lock", "events.jsonl", *(f"events.{i}.jsonl" for i in range(1, 10))])
    assert [trail(project.home, f".{i}").read_text() for i in (1, 9)] == ["session 13\n", "session 5\n"]


def test_the_names_are_handed_over(project):  # noqa: F811
    """Each once, the last session's first, none of a rule's or a worker's; and within a bound."""
    def line(event, name, more=""):
        return f'{{"time":"2026-03-01T09:15:02.402913Z","event":"{event}","name":"{name}"{more},"count":1}}\n'

    started(project)
    known = trail(project.home).parent / "known"
    assert known.read_bytes() == b"" and known.stat().st_mode & 0o777 == 0o644
    trail(project.home).write_text(line("refused-name", "one.test") + line("used", "two.test"))
    started(project)
    assert known.read_text() == "one.test\ntwo.test\n"
    trail(project.home).write_text(line("refused-tls", "three.test") + line("refused-name", "one.test")
                                   + line("allowed", "rule.test", ',"by":"you"') + line("worker", "gate")
                                   + line("boot", "wall") + "broken\n")
    started(project)
    assert known.read_text() == "three.test\none.test\ntwo.test\n"
    trail(project.home).write_text("".join(line("refused-name", f"{i:0100}.test") for i in range(3000)))
    started(project)
    assert 250_000 < known.stat().st_size <= 256 * 1024 and known.read_text().startswith(f"{0:0100}.test\n")
    assert known.stat().st_uid == UID
    # Whatever is there in its place is replaced, not written to.
    known.unlink()
    planted = project.work / "planted"
    planted.write_text("untouched")
    known.symlink_to(planted)
    started(project)
    assert planted.read_text() == "untouched" and not known.is_symlink()


def test_dry_run_names_it_and_makes_nothing(project):  # noqa: F811
    command = project.dry()
    assert command.known == (f"{project.home}/{STATE}/{command.value('--name')}/known", "ro")
    assert command.trail == f"{project.home}/{STATE}/{command.value('--name')}/events.jsonl"
    assert not (project.home / ".local").exists()


def test_the_place_can_be_chosen(project):  # noqa: F811
    state = project.root / "state"
    state.mkdir()
    os.chown(state, UID, UID)
    command = project.dry(env={"XDG_STATE_HOME": str(state)})
    assert command.trail.startswith(f"{state}/codex-sandbox/codex_")
    assert command.report.startswith(f"{state}/codex-sandbox/reports/")
    started(project, env={"XDG_STATE_HOME": str(state)})
    assert list(state.glob("codex-sandbox/codex_*/events.jsonl"))
    assert not (project.home / ".local").exists()
    # A relative one doesn't count.
    assert project.dry(env={"XDG_STATE_HOME": "state"}).trail.startswith(f"{project.home}/")


@pytest.mark.parametrize("what", ["the home", "the state"])
def test_never_where_the_sandbox_writes(project, what):  # noqa: F811
    env = {}
    if what == "the state":
        env["XDG_STATE_HOME"] = str(project.work)
    else:
        os.chown(project.root, UID, UID)
    work = project.home if what == "the home" else project.work
    assert project.dry("--work_dir", work, env=env).trail is None
    assert "can be reached from the sandbox" in project.warnings


@pytest.mark.parametrize("kind", ["link", "stranger"])
def test_a_place_that_is_another(project, kind):  # noqa: F811
    name = project.dry().value("--name")
    place = project.home / STATE / name
    place.parent.mkdir(parents=True)
    for path in (place.parent, place.parent.parent, place.parent.parent.parent):
        os.chown(path, UID, UID)
    target = project.work / "planted"
    target.mkdir()
    if kind == "link":
        place.symlink_to(target)
    else:
        place.mkdir()
        os.chown(place, 4242, 4242)
    command = project.dry()
    assert command.trail is None and command.report
    assert "the events aren't saved on this machine: ~/" in project.warnings
    started(project)
    assert list(target.iterdir()) == []
