"""Files that Codex creates in the workdir belong to the workdir's owner, on the host."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from conftest import STUB

SCRIPT = "echo by the tool >made; mkdir -p dir/deep; touch dir/deep/f; id -u; cat made"


@pytest.fixture
def turn(stub, lab, internet):
    """A whole turn of the real Codex, whose model runs `command`."""

    def call(command, **more):
        internet.openai.script(command)
        trust = ("--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}", "-e", "CODEX_API_KEY")
        done = stub(*trust, "--", "exec", "--skip-git-repo-check", "do it",
                    env={"CODEX_API_KEY": "sk-lab"}, **more)  # fmt: skip
        return done, "".join(internet.openai.outputs())

    return call


def owners(directory):
    """(uid, gid) of everything in a directory, and of it itself, with one path for each."""
    found = {}
    for path in [directory, *directory.rglob("*")]:
        st = path.lstat()
        found.setdefault((st.st_uid, st.st_gid), str(path))
    return found


@pytest.mark.parametrize("uid, gid", [(1000, 1000), (1001, 1002), (501, 20)])
def test_everything_belongs_to_the_workdirs_owner(turn, workdir, uid, gid):
    os.chown(workdir, uid, gid)
    done, told = turn(SCRIPT)
    done.ok()
    assert f"{uid}\nby the tool" in told, done
    assert (workdir / "dir/deep/f").exists()
    assert list((workdir / ".codex/.environment/sessions").rglob("*.jsonl"))
    assert set(owners(workdir)) == {(uid, gid)}, owners(workdir)
    # A second session finds a home that is its own.
    assert turn("echo again >>made; cat made")[0].ok()
    assert set(owners(workdir)) == {(uid, gid)}, owners(workdir)


def test_a_workdir_of_roots_is_read_and_not_changed(turn, workdir):
    """Codex never runs as root: it works as uid 1000 there, and may do what everybody may."""
    os.chown(workdir, 0, 0)
    (workdir / "given").write_text("root's text")
    done, told = turn("id -u; cat given; touch made || echo refused; echo x >>given || echo kept")
    done.ok()
    assert "1000\nroot's text" in told and "refused" in told and "kept" in told, done
    assert f"{workdir} belongs to root" in done.err and "uid 1000" in done.err, done
    assert not (workdir / "made").exists() and (workdir / "given").read_text() == "root's text"
    home = workdir / ".codex/.environment"
    assert set(owners(home)) == {(1000, 1000)}
    assert list((home / "sessions").rglob("*.jsonl")), "the session is kept all the same"


def test_a_workdir_of_roots_that_is_open_to_all(turn, workdir):
    os.chown(workdir, 0, 0)
    workdir.chmod(0o777)
    done, _ = turn(SCRIPT)
    done.ok()
    assert (workdir / "made").stat().st_uid == 1000


@pytest.fixture
def users_own(lab):
    """A home of uid 1001's with a project in it, where that user may start the launcher."""
    place = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp", prefix="codex-owner-"))
    project = place / "project"
    project.mkdir()
    for path in (place, project):
        os.chown(path, 1001, 1002)
    socket = lab.engine.host.removeprefix("unix://")
    mode = os.stat(socket).st_mode & 0o777
    os.chmod(socket, 0o666)
    yield project
    os.chmod(socket, mode)
    shutil.rmtree(place)


def test_started_by_the_owner(users_own, stub_environment):
    """Not by root, as in the tests above: what root gives away is the user's own already. By a copy
    of the launcher: the clone may lie in a directory that only root may enter."""
    launcher = shutil.copy(STUB, users_own.parent)
    done = subprocess.run(
        [launcher, "--exec", "sh", "-c", SCRIPT], cwd=users_own, user=1001, group=1002, extra_groups=[],
        env={**stub_environment, "HOME": str(users_own.parent)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "1001\nby the tool\n"), done
    assert set(owners(users_own)) == {(1001, 1002)}, owners(users_own)
