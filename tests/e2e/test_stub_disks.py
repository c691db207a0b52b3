"""The launcher and file systems: others, full, read-only, vanishing."""

import os
import subprocess
import time

import pytest
from stub_project import STUB, UID, open_project, project  # noqa: F401
from stub_hostile import Flipper, SILENT_ENGINE, directory, host  # noqa: F401

pytestmark = pytest.mark.attack


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
                          env={"HOME": str(host.home), "PATH": str(host.project.bin)}, timeout=60)
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
