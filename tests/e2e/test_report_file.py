"""The closing report's file on the host: it holds what was told at the end, and the payload can't get
at it. The launcher makes it, outside the workdir, or says why not and goes on."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import STUB, until
from stub_project import REPORT, UID, Project, project, snapshot  # noqa: F401

pytestmark = pytest.mark.cell

REPORTS = ".local/state/codex-sandbox/reports"
REFUSED = "curl -sS https://refused.test; "


def reports(home):
    return sorted((home / REPORTS).glob("*.txt"), key=lambda p: p.stat().st_mtime_ns)


def modes(home):
    parts = Path(REPORTS).parts
    ways = [home.joinpath(*parts[: i + 1]) for i in range(len(parts))]
    return [(p.stat().st_mode & 0o7777, p.stat().st_uid) for p in ways]


# ---- What is in it --------------------------------------------------------------------------


def test_what_is_told_is_kept(stub, host_home, workdir):
    done = stub("--exec", "bash", "-c", REFUSED + "touch .envrc; exit 3")
    assert done.status == 3
    (kept,) = reports(host_home)
    text = kept.read_text()
    assert re.match(r"The session ended at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC with status 3\.\n", text)
    told = done.err[done.err.index("codex-init: refused") :]
    assert told.strip() and text.split("\n", 1)[1] == told
    assert ".envrc" in told and "--allow refused.test" in told
    assert kept.stat().st_mode & 0o777 == 0o600
    assert modes(host_home) == [(0o700, host_home.stat().st_uid)] * 4


def test_where_nothing_is_told(stub, host_home):
    stub("--exec", "true").ok()
    (kept,) = reports(host_home)
    assert kept.read_text().splitlines()[1:] == ["There was nothing to report."]


def test_of_a_failing_init_script(stub, host_home, workdir):
    script = workdir / "setup.sh"
    script.write_text("#!/bin/sh\nexit 7\n")
    os.chown(script, 1000, 1000)
    assert stub("--init_script", script, "--exec", "true").status == 112
    assert "it ended with status 7" in reports(host_home)[0].read_text()


def test_a_terminal_is_told_where(terminal, stub_environment, workdir, host_home):
    """A person; a script's standard error is left alone."""
    t = terminal([STUB, "--exec", "true"], cwd=workdir, env=stub_environment)
    assert t.wait() == 0
    (kept,) = reports(host_home)
    assert f"codex-sandbox: the closing report will be saved in {kept}".encode() in t.output


@pytest.mark.nft
def test_a_script_is_not(stub):
    assert stub("--exec", "true").ok().err == ""


# ---- Who can get at it ----------------------------------------------------------------------

TRY = """
ls /run/codex/host; cat {0}; echo forged >{0}; rm -f {0}; mv {0} /tmp/x; : >/run/codex/host/x
chmod 777 /run/codex/host; ln {0} /tmp/y; mount --bind /etc/passwd {0}
for fd in /proc/*/fd/*; do case $(readlink $fd) in *reports*|*/host*) echo found $fd;; esac; done
ls /proc/1/root/run/codex/host /proc/1/fd; cat /proc/self/mountinfo | grep -c {0}
""".replace("{0}", REPORT)


@pytest.mark.parametrize("uid", [1000, 0], ids=["another owner", "the owner's own uid"])
def test_the_payload_cannot_reach_it(stub, host_home, workdir, uid):
    """Not even where the home directory's owner and Codex's user are one."""
    os.chown(host_home, 1000 if uid == 0 else 4242, 1000)
    done = stub("--exec", "bash", "-c", TRY + REFUSED)
    (kept,) = reports(host_home)
    assert "forged" not in kept.read_text() and "--allow refused.test" in kept.read_text()
    assert done.out.splitlines() == ["1"], done
    assert done.err.count("Permission denied") >= 6, done


def test_a_session_that_joins_cannot_either(stub, host_home, workdir, docker, runner):
    name = None
    process = subprocess.Popen(
        [STUB, "--exec", "sleep", "600"], cwd=workdir, stdin=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(host_home), "DOCKER_HOST": runner.lab.engine.host,
             "CODEX_DOCKER_IMAGE": os.environ.get("CODEX_DOCKER_IMAGE", "codex-sandbox")},
    )  # fmt: skip
    try:
        name = until(lambda: docker("ps", "--format", "{{.Names}}").out.strip())
        until(lambda: docker("exec", name, "test", "-s", "/run/codex/status.json").status == 0)
        done = docker("exec", "-u", "1000", name, "bash", "-c", f"cat {REPORT}; ls /run/codex/host")
        assert done.out == "" and done.err.count("Permission denied") == 2, done
        docker("kill", "-s", "TERM", name).ok()
        assert process.wait(60) == 143
    finally:
        process.kill()
        process.wait()
    assert "with status 143" in reports(host_home)[0].read_text()


# ---- How many -------------------------------------------------------------------------------


def started(project, *arguments, **more):  # noqa: F811
    """The launcher with an engine that does nothing: what it makes beforehand."""
    project.engine()
    done = project.start("--exec", "true", *arguments, **more)
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


def test_the_one_before_is_moved_aside(project):  # noqa: F811
    assert started(project) == ""
    (kept,) = reports(project.home)
    kept.write_text("of the first session")
    os.utime(kept, (0, 86400))
    started(project)
    assert reports(project.home)[0].name == kept.name.removesuffix(".txt") + ".19700102-000000.txt"
    assert reports(project.home)[0].read_text() == "of the first session"
    assert kept.read_bytes() == b"" and kept.stat().st_uid == UID
    # An empty one is of a session that never came to its end: it isn't kept.
    started(project)
    assert len(reports(project.home)) == 2


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", place], check=True)
    yield place
    # What was started here may take a moment to let go of it.
    until(lambda: subprocess.run(["umount", place]).returncode == 0, "the disk to be free")


def test_a_full_disk_leaves_room_for_it(small_disk):
    """What fills the project's disk fills the home's, too, where they are one."""
    project = Project(small_disk)  # noqa: F811
    started(project)
    (kept,) = reports(project.home)
    with open(project.work / "fill", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(1 << 20))
    with pytest.raises(OSError):
        for i in range(1000):
            (project.work / f"fill{i}").write_text("x" * 4096)
    with open(kept, "ab") as file:
        file.write(bytes(60_000))
        file.flush()
        os.fsync(file.fileno())


def test_only_so_many_are_kept(project):  # noqa: F811
    started(project)
    place = project.home / REPORTS
    for i in range(250):
        (place / f"codex_other_{i:08}.txt").write_text("x")
        os.utime(place / f"codex_other_{i:08}.txt", (i, i))
    (place / "notes").write_text("not ours")
    started(project)
    kept = reports(project.home)
    assert len(kept) == 200 and kept[0].name == "codex_other_00000051.txt"
    assert (place / "notes").exists()


# ---- Where there is none --------------------------------------------------------------------


def test_dry_run_names_it_and_makes_nothing(project):  # noqa: F811
    command = project.dry()
    assert command.report == f"{project.home}/{REPORTS}/{command.value('--name')}.txt"
    assert not (project.home / ".local").exists()


def without(project, why, *arguments, **more):  # noqa: F811
    """No such mount, and the reason said, in a dry run and in a real one."""
    assert project.dry(*arguments, **more).report is None
    assert f"the closing report isn't saved on this machine: {why}" in project.warnings
    assert why in started(project, *arguments, **more)


def test_without_a_home(project):  # noqa: F811
    without(project, "HOME isn't set", env={"HOME": ""})
    assert project.dry(env={"HOME": "relative"}).report is None


def test_a_home_that_is_not_there(project):  # noqa: F811
    without(project, "/nowhere: No such file", env={"HOME": "/nowhere"})


@pytest.mark.parametrize("what", ["the home", "something around it"])
def test_a_workdir_that_holds_it(project, what):  # noqa: F811
    work = project.home if what == "the home" else project.root
    os.chown(project.root, UID, UID)
    assert project.dry("--work_dir", work).report is None
    assert "can be reached from the sandbox" in project.warnings


def test_a_home_of_codexs_that_holds_it(project):  # noqa: F811
    """What is writable for the sandbox counts, not the workdir alone."""
    state = project.home / ".local/state"
    state.mkdir(parents=True)
    for path in (state, state.parent):
        os.chown(path, UID, UID)
    assert project.dry("-y", "--codex-home", state).report is None
    assert "can be reached from the sandbox" in project.warnings


@pytest.mark.parametrize("part", [".local", ".local/state", ".local/state/codex-sandbox", REPORTS])
@pytest.mark.parametrize("kind", ["link", "file", "stranger"])
def test_a_way_that_is_another(project, part, kind):  # noqa: F811
    """Nothing is followed, and nothing of a stranger's used."""
    place = project.home / part
    place.parent.mkdir(parents=True, exist_ok=True)
    for path in [project.home.joinpath(*Path(part).parts[:i]) for i in range(1, 4)]:
        if path.exists():
            os.chown(path, UID, UID)
    target = project.work / "planted"
    target.mkdir()
    if kind == "link":
        place.symlink_to(target)
    elif kind == "file":
        place.write_text("")
    else:
        place.mkdir()
        os.chown(place, 4242, 4242)
    said = {"link": f"~/{part} is a symbolic link", "file": "Not a directory", "stranger": "another user's"}
    before = snapshot(project.home, but=project.work)
    assert project.dry().report is None
    assert said[kind] in project.warnings
    started(project)
    assert snapshot(project.home, but=project.work) == before
    assert list(target.iterdir()) == []


def test_a_home_that_cannot_be_written(project):  # noqa: F811
    """A read-only file system: a warning, and the session runs."""
    project.engine()
    script = f"""mount --bind {project.home} {project.home}
        mount --bind {project.work} {project.work}
        mount -o remount,bind,ro {project.home}
        cd {project.work} && PATH={project.bin} exec {STUB} --exec true"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=60,
        env={**os.environ, "HOME": str(project.home), "ENGINE_LOG": str(project.log)},
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "your home directory can't be written to: Read-only file system" in done.stderr
    assert not any(REPORT in " ".join(words) for words in project.asked())


def test_a_file_that_cannot_be_made(project):  # noqa: F811
    """Found out late: it is told, and the engine isn't told of it."""
    started(project)
    (kept,) = reports(project.home)
    kept.unlink()
    kept.mkdir()
    (kept / "x").write_text("")
    place = kept.parent / (kept.name.removesuffix(".txt") + ".19700101-000000.txt")
    place.mkdir()
    (place / "y").write_text("")
    os.utime(kept, (0, 0))
    said = started(project)
    assert "the closing report isn't saved on this machine" in said
    assert REPORT not in " ".join(project.asked()[-1])


def test_a_plain_container_has_none(run):
    assert run("ls", "/run/codex/host").status == 2
