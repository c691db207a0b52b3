"""Files that Codex creates in the workdir belong to the workdir's owner, on the host."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from conftest import STUB, program, until
from git_host import Git

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)
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


@pytest.mark.parametrize(
    "wall, uid, gid",
    [("nft", 1000, 1000), ("nft", 1001, 1002), ("nft", 501, 20), ("flagless", 1001, 1002)],
    indirect=["wall"],
)
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


@pytest.fixture
def beside(lab, stub_environment, workdir, wall):
    """beside(arguments...): the launcher where the engine is. A mount that is made here would not be
    seen in the lab's own mount namespace."""
    child = pathlib.Path(f"/proc/{lab.engine._process.pid}/task/{lab.engine._process.pid}/children")
    enter = ("nsenter", "-t", child.read_text().split()[0], "-m", "-p")

    def call(*arguments, env=None, **more):
        cell = ["--wall=cell"] if wall != "nft" else []
        command = [*enter, STUB, *cell, "--work_dir", workdir, *arguments]
        return program(command, env={**stub_environment, **(env or {})}, **more)

    call.mounts = lambda: program([*enter, "cat", "/proc/self/mounts"]).out
    return call


@pytest.fixture
def roots(workdir, host_home):
    """A workdir of root's, as on a fresh machine, with a login that root alone may read."""
    (workdir / "given").write_text("root's text")
    (workdir / "given").chmod(0o600)
    (workdir / "closed").mkdir(mode=0o700)
    (host_home / ".gitconfig").write_text("[user]\nname = Root\nemail = root@example.com\n")
    (host_home / ".codex").mkdir(mode=0o700)
    (host_home / ".codex/auth.json").write_text('{"OPENAI_API_KEY": "k"}')
    (host_home / ".codex/auth.json").chmod(0o600)
    for path in (workdir, host_home):
        subprocess.run(["chown", "-R", "0:0", path], check=True)
    return workdir


def gone(beside, *options):
    """The views are taken down a moment after the engine's client has ended: this session's. On the same
    machine other tests have some of their own."""
    name = re.search(r"--name (\S+)", beside(*options, "--dry-run").ok().out)[1]
    until(lambda: f"codex-sandbox/{name}/" not in beside.mounts(), "their end")
    until(lambda: not list(pathlib.Path("/run/codex-sandbox").glob(f"{name}*")), "their places' end")


@pytest.mark.cell(own_uid=True)
def test_a_workdir_of_roots_is_worked_in(beside, roots):
    """Codex never runs as root, and is shown root's files as its own."""
    script = """
        id -u; stat -c %u . given /codex_home; cat given; cat /codex_home/auth.json
        echo more >>given; echo new >made; mkdir dir; touch dir/f closed/f; mv made moved
        git init -q; git add moved; git commit -qm 'by root?'; git status --porcelain -uno
        echo x >$CODEX_HOME/note
        """
    done = beside("--exec", "bash", "-ec", script).ok()
    assert done.lines()[:4] == ["1000"] * 4, done
    assert "root's text" in done.out and "OPENAI_API_KEY" in done.out and "belongs to root" not in done.err, done
    assert (roots / "given").read_text() == "root's textmore\n"
    assert set(owners(roots)) == {(0, 0)}, owners(roots)
    assert (roots / ".codex/.environment/note").exists()
    gone(beside)
    again = beside("--exec", "bash", "-ec", "cat moved $CODEX_HOME/note; git log --format=%s").ok()
    assert again.lines() == ["new", "x", "by root?"], again


def test_a_worktree_of_roots(beside, roots, host_home, tmp_path):
    """Its repository, which lies elsewhere, is root's as well."""
    git = Git(host_home, roots)
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "begin")
    git("worktree", "add", "-q", tmp_path / "tree")
    script = "git status --porcelain; git commit -q --allow-empty -m inside; git branch -m tree leaf; git worktree list"
    done = beside("--work_dir", tmp_path / "tree", "--exec", "bash", "-ec", script).ok()
    assert "prunable" not in done.out and "undone" not in done.err, done
    assert git("log", "-1", "--format=%s %an", at=tmp_path / "tree") == "inside Root"
    assert git("status", "-sb", at=tmp_path / "tree").splitlines()[0] == "## leaf"
    assert set(owners(roots / ".git")) == {(0, 0)}, owners(roots / ".git")
    git("fsck")
    gone(beside, "--work_dir", tmp_path / "tree")


def test_the_same_without_the_view(stub, roots):
    """The opposite: this engine doesn't see the views, since they are in another mount namespace. No
    other directory takes their place."""
    done = stub("--exec", "touch", "made")
    assert done.status in (111, 125) and not (roots / "made").exists(), done


@pytest.mark.parametrize("program", [
    "touch x; chmod {0} x", "install -m {0} /bin/true x", "python3 -c 'import os; os.open(\"x\", 65, 0o{0})'",
    "python3 -c 'import os; os.mknod(\"x\", 0o10{0})'", "cp /bin/true x; python3 -c 'import os; "
    "os.fchmod(os.open(\"x\", 0), 0o{0})'", "umask 0; tar -C /tmp -cf t.tar --mode={0} --owner=0 -P /bin/true; "
    "tar -xpf t.tar",
])  # fmt: skip
@pytest.mark.parametrize(
    "wall, mode", [("nft", "4755"), ("nft", "2755"), ("nft", "6777"), ("flagless", "6777")], indirect=["wall"]
)
def test_no_program_of_roots_becomes_set_user_id(beside, roots, program, mode):
    """One that is root's and set-user-ID makes root of everybody who can reach it."""
    beside("--exec", "bash", "-c", program.format(mode))
    for path in roots.rglob("*"):
        assert path.is_symlink() or path.is_dir() or not path.stat().st_mode & 0o6000, path


def test_where_files_are_the_users_such_modes_are_left(stub, workdir):
    """The opposite: they say nothing there that the user couldn't say."""
    stub("--exec", "bash", "-c", "mkdir d; chmod 2775 d; touch x; chmod 4755 x").ok()
    assert (workdir / "d").stat().st_mode & 0o2000 and (workdir / "x").stat().st_mode & 0o4000


def test_other_users_files_stay_theirs(beside, roots):
    for uid in (1000, 1001):
        path = roots / f"of{uid}"
        path.write_text("x")
        path.chmod(0o644)
        os.chown(path, uid, uid)
    done = beside("--exec", "bash", "-c", "stat -c %u of1000 of1001; echo y >>of1000; echo y >>of1001")
    assert done.lines() == ["0", "1001"] and done.err.count("Permission denied") == 2, done


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_the_view_goes_when_the_launcher_is_killed(beside, roots, lab, stub_environment, signal):
    child = pathlib.Path(f"/proc/{lab.engine._process.pid}/task/{lab.engine._process.pid}/children")
    command = ["nsenter", "-t", child.read_text().split()[0], "-m", "-p", "--no-fork",
               STUB, "--work_dir", roots, "--exec", "sh", "-c", "echo >up; sleep 600"]  # fmt: skip
    process = subprocess.Popen([str(c) for c in command if c != "--no-fork"], env=stub_environment,
                               stdin=subprocess.DEVNULL)  # fmt: skip
    until((roots / "up").exists, what="the start")
    assert "codex-sandbox/codex_" in beside.mounts()
    launcher = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
    subprocess.run(["kill", f"-{signal}", launcher], check=True)
    process.wait()
    gone(beside)


def test_what_was_left_behind_is_taken_down(beside, roots):
    """As after a reset of the process that would have done it."""
    stale = pathlib.Path("/run/codex-sandbox/codex_gone_00000000")
    (stale / "0").mkdir(parents=True)
    stale.parent.chmod(0o700)
    beside("--exec", "true").ok()
    assert not stale.exists()
    gone(beside)


def test_a_home_from_before_is_told(beside, roots):
    home = roots / ".codex/.environment"
    home.mkdir(parents=True)
    os.chown(home, 1000, 1000)
    done = beside("--exec", "true").ok(100)
    assert f"chown -R 0:0 {home}" in done.err, done


def test_somebody_else_in_a_workdir_of_roots(users_own, stub_environment):
    """Who isn't root can't have such a view: it ends before the start, with what helps."""
    launcher = shutil.copy(STUB, users_own.parent)
    os.chown(users_own, 0, 0)
    call = lambda *options: subprocess.run(  # noqa: E731
        [launcher, *options, "--exec", "id", "-u"], cwd=users_own, user=1001, group=1002, extra_groups=[],
        env={**stub_environment, "HOME": str(users_own.parent)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    done = call()
    assert done.returncode == 100 and not list(users_own.iterdir()), done
    assert f"sudo chown -R 1001:1002 {users_own}" in done.stderr, done
    subprocess.run(["chown", "-R", "1001:1002", users_own], check=True)
    assert call().stdout == "1001\n", "what it says helps"
    # Whoever stands in a directory of the machine's isn't told to take it.
    done = call("--work_dir", "/etc")
    assert done.returncode == 100 and "chown" not in done.stderr and "--work_dir DIR" in done.stderr, done


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
