"""codex-sandbox in a workdir that somebody has laid traps in.

Each plant is something that an earlier Codex, or whoever else may write to the project, could leave
there. The judge is the host's home: not a byte, mode or time of it may have changed, nothing in it
may have been opened, no secret of it may be shown or handed to the engine. What the launcher itself
changes is read off strace, and has to be in WORK_DIR/.codex/.environment.
"""

import os
import re
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from stub_project import GOOD, STUB, UID, open_project, project, snapshot  # noqa: F401
from stub_trace import traced

pytestmark = pytest.mark.attack
SECRET = "secret-of-the-host"
REPORTS = "state/codex-sandbox/reports"
FAST_ENGINE = """#!/bin/sh
printf '%s\\0' docker "$@" >>"$ENGINE_LOG"
echo >>"$ENGINE_LOG"
"""
SILENT_ENGINE = "#!/bin/true\n"
# Traps by the place they are laid in, with what makes the launcher look there, and what is
# expected in that place.
NAMED = {
    "setup.sh": ("--init_script", "./setup.sh"),
    "conf": ("--config", "./conf"),
    "conf.toml": ("--config", "./conf.toml"),
    "login.json": ("--auth_file", "./login.json"),
    "logins": ("-y", "--auth_dir", "./logins"),
    "sessions": ("-y", "--sessions-path", "./sessions"),
    "home": ("-y", "--codex-home", "./home"),
    "vendor": ("-y", "--read-only", "./vendor"),
}
FILES = (
    ".codex/auth.json",
    ".codex/config.toml",
    ".codex/.environment/auth.json",
    ".codex/.environment/config.toml",
    ".codex/.environment/init.sh",
    "codex/auth.json",
    "codex/config.toml",
    "setup.sh",
    "conf.toml",
    "login.json",
    ".codex/AGENTS.md",
    "codex/AGENTS.md",
)
DIRECTORIES = (
    ".codex",
    ".codex/.environment",
    ".codex/.environment/sessions",
    ".codex/.environment/prompts",
    ".codex/prompts",
    "codex",
    "codex/prompts",
    "conf",
    "logins",
    "sessions",
    "home",
    "vendor",
    ".codex/skills",
    "codex/rules",
)


class Host:
    """A home with secrets, and a project in it that is hostile."""

    def __init__(self, project):
        self.project, self.work, self.home = project, project.work, project.home
        self.keys = self.home / ".ssh"
        for name in ("id_ed25519", "config.toml", "init.sh", "AGENTS.md"):
            project.write(self.keys / name, SECRET, 0o600)
        project.write(self.keys / "auth.json", {**GOOD, "secret": SECRET}, 0o600)
        project.write(self.keys / "prompts" / "a.md", SECRET, 0o600)
        project.write(self.home / "sub" / "file", SECRET)
        for directory in (self.keys, self.home / "sub"):
            os.chown(directory, UID, UID)
        self.engine(FAST_ENGINE)

    def engine(self, program):
        """A docker that does little, and quickly."""
        docker = self.project.bin / "docker"
        docker.write_text(program)
        docker.chmod(0o755)

    def asked(self):
        """The words of the last command that the engine was given, but by the launcher's watch."""
        commands = self.project.log.read_text().split("\0\n")[:-1]
        return [c for c in commands if "CODEX_INIT_RUN=" not in c][-1].split("\0")

    def secret(self, place):
        """What a trap in that place would best lead to."""
        if place in DIRECTORIES:
            return self.keys / "prompts" if place.endswith("prompts") else self.keys
        name = "auth.json" if place.endswith(".json") else place.rsplit("/", 1)[-1]
        return self.keys / {"conf.toml": "config.toml", "setup.sh": "init.sh"}.get(name, name)

    def trap(self, place):
        """The path of a trap, the directories around it being the project's own."""
        path = self.work / place
        path.parent.mkdir(parents=True, exist_ok=True)
        for directory in path.parents:
            if self.work in directory.parents:
                os.chown(directory, UID, UID)
        return path

    def outside(self):
        """The home as it is, but for the project; with the time of the last change."""
        parents = {str(p) for p in (self.work, *self.work.parents)}
        return {
            path: (what, None if path in parents else os.lstat(path).st_mtime_ns)
            for path, what in snapshot(self.home, but=self.work).items()
            if not f"{path}/".startswith(f"{self.home}/.local/")
        }

    def kept(self):
        """What the launcher itself may make in the home: one file for the closing report."""
        made = snapshot(self.home / ".local") if (self.home / ".local").exists() else {}
        files = {p: what for p, what in made.items() if stat.S_ISREG(what[0])}
        ways = {f"{self.home}/.local/{w}" for w in ("state", "state/codex-sandbox", REPORTS)}
        assert set(made) - set(files) <= ways, made
        assert {(stat.S_IMODE(what[0]), what[1]) for what in files.values()} <= {(0o600, UID)}
        assert all(re.fullmatch(rf"{self.home}/.local/{REPORTS}/codex_.*\.txt", p) for p in files)
        return len(files)

    def is_outside(self, path):
        inside = (f"{self.work}/", f"{self.home}/.local/")
        return path.startswith(f"{self.home}/") and not f"{path}/".startswith(inside)

    def run(self, place):
        """Starts the launcher and judges it, whatever it came to."""
        before, kept = self.outside(), self.kept()
        done, calls, programs = traced(self.project, *NAMED.get(place, ()), "--exec", "true")
        assert self.outside() == before
        assert kept <= self.kept() <= kept + (done.returncode == 0)
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert SECRET not in said
        assert done.returncode in (0, 100, 111), said
        assert done.returncode == 0 or said.count("\n") in (1, 2), said
        assert set(programs[1:]) <= {str(self.project.bin / "docker")}
        for call in calls:
            self.judge(call)
        if done.returncode == 0:
            self.judge_engine()
        return done.returncode, said

    def judge(self, call):
        if call.name in ("open", "openat", "openat2", "creat") and call.good:
            # The directories above are looked through for a repository, and nothing is read there.
            above = "O_DIRECTORY" in call.text and Path(call.place or "/") in self.work.parents
            assert above or not self.is_outside(call.place or ""), call
        if not call.writes or not call.good:
            return
        place = call.place or ""
        if call.name == "symlinkat":
            place = re.search(r"\d+<(.*?)>", call.text)[1]
        if place.startswith(("/dev/null", "pipe:", "socket:")):
            return
        homes = (f"{self.work}/.codex/.environment", f"{self.work}/home", f"{self.home}/.local")
        made = [f"{place}/{name}" for name in call.strings if not name.startswith("/")]
        if call.name in ("mkdirat", "openat2"):
            assert made or place, call
            ok = homes + (f"{self.work}/.codex",)
            assert all(m.startswith(homes) or m in ok for m in made), call
        elif call.name in ("fchmod", "fchown"):
            assert place == f"{self.work}/.codex" or place.startswith(homes), call
        else:
            assert place.startswith(homes), call

    def judge_engine(self):
        words = self.asked()
        assert SECRET not in " ".join(words)
        for i, word in enumerate(words):
            if word != "--mount":
                continue
            source = words[i + 1].split(",")[1].removeprefix("source=")
            assert not self.is_outside(os.path.realpath(source)), words[i + 1]
            mode = os.lstat(source).st_mode
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode), words[i + 1]


@pytest.fixture
def host(project):  # noqa: F811
    return Host(project)


# ---- Symbolic links that lead out: refused wherever they stand ------------------------------


def absolute(host, path, secret):
    path.symlink_to(secret)


def relative(host, path, secret):
    path.symlink_to(os.path.relpath(secret, path.parent))


def chained(host, path, secret):
    (host.work / "one").symlink_to("two")
    (host.work / "two").symlink_to(secret)
    path.symlink_to(os.path.relpath(host.work / "one", path.parent))


def by_another_directory(host, path, secret):
    (host.work / "way").symlink_to(secret.parent)
    path.symlink_to(host.work / "way" / secret.name)


def up_and_down(host, path, secret):
    """Out of the workdir and in again would be fine; this one stays out."""
    path.symlink_to(f"{host.work}/../{host.work.name}/../../{secret.relative_to(host.home)}")


def to_the_root(host, path, secret):
    path.symlink_to("/")


LINKS = (absolute, relative, chained, by_another_directory, up_and_down, to_the_root)


@pytest.mark.parametrize("how", LINKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", FILES + DIRECTORIES)
def test_a_link_out_of_the_workdir(host, place, how):
    how(host, host.trap(place), host.secret(place))
    status, said = host.run(place)
    if how is to_the_root and place in (*FILES, "codex") and status == 0:
        return  # what is looked for isn't there, or no file: it is passed over
    assert status == 100, said
    assert not (host.work / ".codex/.environment/.gitignore").exists(), "something was created"


# ---- Everything else that may stand in a place ----------------------------------------------


def dangling(host, path, secret):
    path.symlink_to(host.home / "not-there")


def dangling_in_ssh(host, path, secret):
    path.symlink_to(host.keys / "authorized_keys")


def hard_link(host, path, secret):
    os.link(secret if secret.is_file() else host.keys / "id_ed25519", path)


def fifo(host, path, secret):
    os.mkfifo(path)


def link_to_a_fifo(host, path, secret):
    os.mkfifo(host.work / "pipe")
    path.symlink_to(host.work / "pipe")


def device(host, path, secret):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def link_to_a_device(host, path, secret):
    path.symlink_to("/dev/zero")


def directory(host, path, secret):
    path.mkdir()
    os.chown(path, UID, UID)


def file(host, path, secret):
    host.project.write(path, "text")


def unreadable(host, path, secret):
    host.project.write(path, "text", 0)


def huge(host, path, secret):
    with open(path, "wb") as made:
        made.truncate(1 << 30)


def of_a_stranger(host, path, secret):
    host.project.write(path, GOOD)
    os.chown(path, UID + 7, UID + 7)


def circle(host, path, secret):
    path.symlink_to(path.name)


ODD = (dangling, dangling_in_ssh, hard_link, fifo, link_to_a_fifo, device, link_to_a_device,
       directory, file, unreadable, huge, of_a_stranger, circle)


@pytest.mark.parametrize("how", ODD, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", FILES + DIRECTORIES)
def test_an_odd_thing_in_the_workdir(host, place, how):
    path = host.trap(place)
    how(host, path, host.secret(place))
    status, said = host.run(place)
    if how in (hard_link, of_a_stranger) and place in FILES and "/.environment/" not in place:
        assert status == 100 and "put a copy" in said, said
    if how is huge and place in FILES:
        stays = place.endswith(("/.environment/config.toml", "/.environment/init.sh"))
        assert ("larger than" in said) != stays, said
    if how is dangling_in_ssh:
        assert not (host.keys / "authorized_keys").exists()


@pytest.mark.parametrize("place", ["codex/prompts/a.md", ".codex/prompts/deep/a.md"])
def test_prompts_that_are_not_the_projects_own(host, place):
    """PID 1 copies prompts as root: it must not carry what Codex's user couldn't read."""
    path = host.project.write(host.trap(place), "prompt")
    assert host.run(place)[0] == 0
    for spoil in (lambda: os.link(path, host.work / "second"),
                  lambda: os.chown(path, UID + 7, UID + 7),
                  lambda: (os.chown(path, 0, 0), path.chmod(0o600))):
        path.unlink()
        host.project.write(path, "prompt")
        spoil()
        assert host.run(place)[0] == 100
        (host.work / "second").unlink(missing_ok=True)


@pytest.mark.parametrize("place", FILES + DIRECTORIES)
def test_the_same_places_with_the_projects_own(host, place):
    """The opposite: what is plainly the project's own is used."""
    path = host.trap(place)
    if place in FILES:
        host.project.write(path, GOOD if place.endswith(".json") else "text")
    else:
        directory(host, path, None)
    status, said = host.run(place)
    assert status == 0, said
    if "/.environment/" not in place or place.endswith("auth.json"):
        assert str(path) in " ".join(host.asked()) or place in ("codex", "conf"), said


@pytest.mark.parametrize("how", LINKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", [".git", ".git/hooks", ".git/config"])
def test_traps_in_the_place_of_what_is_protected(host, place, how):
    secret = host.keys / "config.toml" if place == ".git/config" else host.secret(place)
    how(host, host.trap(place), secret)
    status, said = host.run(place)
    assert status == 0 and f"/app{host.work}/{place}," not in " ".join(host.asked())


# ---- Swapped while the launcher runs ---------------------------------------------------------


class Flipper:
    """Exchanges two names as fast as it can, in a process of its own."""

    PROGRAM = """
import ctypes, sys
libc = ctypes.CDLL(None)
a, b = (p.encode() for p in sys.argv[1:])
print("ready", flush=True)
while True:
    libc.renameat2(-100, a, -100, b, 2)
"""

    def __init__(self, a, b):
        command = ["/usr/bin/python3", "-c", self.PROGRAM, str(a), str(b)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


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


# ---- Windows of time -------------------------------------------------------------------------


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
                timeout=30)
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
        launcher.communicate(timeout=30)
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


def test_two_at_once_create_one_home(host):
    host.engine(SILENT_ENGINE)
    results = []
    for _ in range(10):
        subprocess.run(["rm", "-rf", host.work / ".codex"], check=True)
        start = lambda: results.append(host.project.start("--exec", "true"))  # noqa: E731
        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [r.returncode for r in results] == [0] * 60, [r for r in results if r.returncode]
    home = host.work / ".codex/.environment"
    assert (home / ".gitignore").read_text() == "*\n"
    assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (UID, 0o700)


@pytest.fixture
def mounted(host):
    """mounted(options): a small file system of its own in the place of the workdir."""
    def mount(*options):
        every = ",".join(("mode=755", f"uid={UID}", f"gid={UID}", *options))
        subprocess.run(["mount", "-t", "tmpfs", "-o", every, "none", host.work], check=True)
        return host.work

    yield mount
    umount = ["umount", "-l", host.work]
    while subprocess.run(umount, capture_output=True, check=False).returncode == 0:
        pass


def test_a_workdir_on_another_file_system(host, mounted):
    mounted()
    assert host.run("")[0] == 0
    assert (host.work / ".codex/.environment/.gitignore").read_text() == "*\n"


def test_a_full_disk(host, mounted):
    work = mounted("size=64k", "nr_inodes=64")
    with open(work / "fill", "wb", buffering=0) as fill:
        try:
            while True:
                fill.write(b"x" * 4096)
        except OSError:
            pass
    status, said = host.run("")
    assert status == 111 and "No space left" in said, said
    assert not (work / ".codex/.environment/.gitignore").exists()
    (work / "fill").unlink()
    assert host.run("")[0] == 0
    assert (work / ".codex/.environment/.gitignore").read_text() == "*\n"


def test_a_disk_without_room_for_a_name(host, mounted):
    work = mounted("nr_inodes=2")
    status, said = host.run("")
    assert status == 111 and "No space left" in said, said
    assert list(work.iterdir()) == [work / ".codex"]


def test_a_read_only_workdir(host, mounted):
    work = mounted()
    subprocess.run(["mount", "-o", "remount,ro", work], check=True)
    status, said = host.run("")
    assert status == 111 and "Read-only file system" in said, said


def test_a_read_only_workdir_with_a_home_elsewhere(host, mounted):
    work = mounted()
    subprocess.run(["mount", "-o", "remount,ro", work], check=True)
    home = host.project.root / "elsewhere"
    directory(host, home, None)
    assert host.project.start("-y", "--codex-home", home, "--exec", "true").returncode == 0


def test_a_workdir_that_vanishes(host):
    """Gone before the start, and gone between two looks at it."""
    place = host.work / "gone"
    place.mkdir()
    script = ["/usr/bin/python3", "-c",
              "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])"]
    done = subprocess.run([*script, STUB, "--exec", "true"], cwd=place, capture_output=True,
                          env={"HOME": str(host.home), "PATH": str(host.project.bin)}, timeout=30)
    assert done.returncode == 100 and b"No such file" in done.stderr
    directory(host, place, None)
    other = host.work / "other"
    host.engine(SILENT_ENGINE)
    statuses = set()
    before = host.outside()
    with Flipper(place, other):  # a missing partner: nothing is exchanged
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            mover = subprocess.Popen(["/bin/mv", "-T", place, other])
            done = host.project.start("--work_dir", place, "--exec", "true", cwd=host.home)
            mover.wait()
            subprocess.run(["rm", "-rf", other, place], check=True)
            directory(host, place, None)
            statuses.add(done.returncode)
            assert done.returncode in (0, 100, 111), done
    assert host.outside() == before


def test_a_directory_that_may_not_be_looked_into(open_project):
    """Without root's rights; with them there is no such thing."""
    closed = open_project.work / ".codex"
    closed.mkdir()
    os.chown(closed, UID, UID)
    as_user = {"user": UID, "group": UID, "extra_groups": []}
    assert open_project.start("--dry-run", **as_user).returncode == 0
    closed.chmod(0)
    done = open_project.start("--dry-run", **as_user)
    assert done.returncode == 100 and b"Permission denied" in done.stderr, done
