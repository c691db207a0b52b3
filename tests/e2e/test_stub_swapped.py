"""Between the launcher's look at a file and the engine's: codex-init compares what was mounted.

The engine's client is a program of ours here, which does the worst at the worst moment: it puts a
link in the place of what was checked, and then asks the real engine for the container.
"""

import os
import re
import shutil
import subprocess

import pytest
from conftest import STUB, until

pytestmark = pytest.mark.attack
SECRET = "secret-of-the-host"
# Swaps argv-independent: PLACE is moved away and becomes a link to WITH.
CLIENT = """#!/usr/bin/python3
import os, sys
place, other, client = os.environ["PLACE"], os.environ["WITH"], os.environ["CLIENT"]
if sys.argv[1] == "run":
    os.rename(place, place + ".away")
    if os.environ.get("HOW") == "copy":
        import shutil
        shutil.copytree(place + ".away", place, symlinks=True)
    else:
        os.symlink(other, place)
os.execv(client, sys.argv)
"""


@pytest.fixture
def swapped(stub, tmp_path, workdir):
    """swapped(place, what it becomes a link to, arguments...)"""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(CLIENT)
    program.chmod(0o755)

    def call(place, other, *arguments, env=None, how="link"):
        environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "CLIENT": shutil.which("docker"),
            "PLACE": str(place),
            "WITH": str(other),
            "HOW": how,
            **(env or {}),
        }
        return stub(*arguments, env=environment)

    return call


def secrets(tmp_path):
    """A directory of the host's that Codex must not get, with Codex's user allowed to read it: what
    keeps it out is where it lies, not its mode."""
    place = tmp_path / "secrets"
    place.mkdir()
    for name in ("auth.json", "config.toml", "id"):
        (place / name).write_text(SECRET)
        os.chown(place / name, 1000, 1000)
    # Where the engine goes on looking for what lies deeper.
    (place / ".codex/.environment").mkdir(parents=True)
    (place / ".environment").mkdir()
    os.chown(place, 1000, 1000)
    return place


SCRIPT = "grep -rs secret-of /codex_home /run/codex/in $SANDBOX_ENV_DIR . ; true"
LOOK = ("--exec", "sh", "-c", SCRIPT)


def own(workdir, path, content=None):
    path = workdir / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if content is None else path.write_text(content)
    for made in (path, *path.parents):
        if workdir in made.parents:
            os.chown(made, 1000, 1000)
    return path


CASES = {
    "the home": (".codex/.environment", None, ()),
    ".codex": (".codex", None, ()),
    "the login": ("codex/auth.json", '{"OPENAI_API_KEY": "k"}', ()),
    "the config": ("codex/config.toml", "", ()),
    "sessions": ("sessions", None, ("--sessions-path", "./sessions")),
    "read-only": ("vendor", None, ("--read-only", "./vendor")),
    "git hooks": (".git/hooks", None, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_another_file_ends_the_boot(swapped, workdir, tmp_path, case):
    place, content, arguments = CASES[case]
    path = own(workdir, place, content)
    other = secrets(tmp_path)
    other = other if content is None else other / path.name
    done = swapped(path, other, *arguments, *LOOK)
    assert done.status == 111, done
    assert SECRET not in done.said
    assert "compare the mounts" in done.err and "this is a different file" in done.err, done
    assert "start again" in done.err


@pytest.mark.parametrize("case", ["the home", "the login", "read-only"])
def test_without_the_comparison_it_would_be_there(swapped, workdir, tmp_path, case):
    """The opposite, so that it is the comparison that is tested, and the way to leave it out."""
    place, content, arguments = CASES[case]
    path = own(workdir, place, content)
    other = secrets(tmp_path)
    other = other if content is None else other / path.name
    look = ("--exec", "sh", "-c", f"grep -rs secret-of /codex_home /app{workdir}/vendor; true")
    done = swapped(path, other, *arguments, *look, env={"CODEX_INIT_MOUNTS": ""})
    assert SECRET in done.out, done


def test_the_workdir_itself(swapped, workdir, tmp_path):
    done = swapped(workdir, secrets(tmp_path), "--work_dir", workdir, *LOOK)
    assert done.status == 111 and SECRET not in done.said, done


def test_a_copy_of_the_same_content_is_another_file(swapped, workdir, tmp_path):
    path = own(workdir, ".codex/.environment")
    assert swapped(path, "", *LOOK, how="copy").status == 111


@pytest.mark.cell(own_uid=True, seldom=True)
def test_the_payload_is_not_bothered_with_the_list(stub):
    done = stub("--exec", "env").ok()
    assert "CODEX_HOME=" in done.out and "CODEX_INIT_MOUNTS" not in done.out


def test_the_list_is_what_the_files_are(workdir, terminal, stub_environment, runner):
    home = own(workdir, ".codex/.environment")
    login = own(workdir, "codex/auth.json", '{"OPENAI_API_KEY": "k"}')
    command = [STUB, "--exec", "sh", "-c", "echo up; read x"]
    t = terminal(command, cwd=workdir, env=stub_environment)
    t.until_says(b"up")
    name = until(lambda: runner.docker("ps", "-q").ok().out.strip(), "it in the engine's list")
    text = runner.docker("inspect", "-f", "{{json .Config.Env}}", name).ok().out
    t.type(b"\n")
    assert t.wait() == 0
    (entries,) = re.findall(r'"CODEX_INIT_MOUNTS=([^"]*)"', text)
    kernel, *entries = entries.split(" ")
    assert kernel == f"kernel={os.uname().release}"
    found = dict(reversed(e.split(":", 3)[2:]) for e in entries)
    assert found[f"/app{workdir}"] == str(workdir.stat().st_ino)
    assert found["/codex_home"] == str(home.stat().st_ino)
    assert found["/codex_home/auth.json"] == str(login.stat().st_ino)


@pytest.mark.cell(own_uid=True, seldom=True)
def test_an_engine_on_another_kernel_is_not_held_to_our_numbers(stub):
    """Docker Desktop and its like: the container has another kernel, and nothing is compared."""

    def started(kernel):
        return stub("--exec", "true", env={"CODEX_INIT_MOUNTS": f"kernel={kernel} 1:2:3:/codex_home"})

    started("6.6.12-linuxkit").ok()
    assert "this is a different file" in started(os.uname().release).ok(111).err


def test_many_at_once_in_one_workdir(stub, workdir, runner, stub_environment):
    """However they race: one container at most is at work there, and the others say so."""
    work = "until [ -e over ]; do sleep 0.1; done"
    running = [subprocess.Popen([STUB, "--exec", "sh", "-c", work], cwd=workdir, env=stub_environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE) for _ in range(5)]
    try:
        until(lambda: sum(p.poll() is not None for p in running) >= 4, "the others' end")
    finally:
        (workdir / "over").touch()
    ended = [(p.communicate(timeout=60)[1].decode(), p.returncode) for p in running]
    assert sorted(status == 0 for _, status in ended) == [False] * 4 + [True], ended
    for said, status in ended:
        assert status == 0 or "already" in said, said
    assert runner.docker("ps", "-aq").ok().out == ""
    stub("--exec", "true").ok()
