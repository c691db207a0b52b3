"""codex-sandbox when it is no dry run: what it asks the engine, what it creates, how it ends."""

import json
import os
import subprocess

import pytest
from stub_project import GOOD, STUB, UID, project, snapshot  # noqa: F401



def test_the_home_is_created_and_the_engine_runs(project):
    project.engine()
    login = project.write(project.home / ".codex" / "auth.json", GOOD)
    words = project.dry("exec", "hello").words
    assert project.start("exec", "hello").returncode == 0
    asked = project.asked()
    assert asked[-1][1:] == words[1:] and login
    assert sorted(a[1:3] for a in asked[:-1]) == [["container", "inspect"], ["image", "inspect"]]
    home = project.work / ".codex" / ".environment"
    st = home.stat()
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o700, UID, UID)
    assert (home / ".gitignore").read_text() == "*\n"
    assert (home / ".gitignore").stat().st_uid == UID
    assert (home / "auth.json").read_bytes() == b""
    assert (home / "auth.json").stat().st_uid == UID
    assert (project.work / ".codex").stat().st_uid == UID
    # A second time nothing is new; without a login the empty mount point goes, which Codex would
    # take for a broken one.
    before = snapshot(project.work)
    assert project.start().returncode == 0
    assert snapshot(project.work) == before
    login.unlink()
    assert project.start().returncode == 0
    del before[str(home / "auth.json")]
    assert snapshot(project.work) == before
    assert not [w for w in project.asked()[-1] if "auth.json" in w]


def test_the_umask_does_not_matter(project):
    project.engine()
    assert project.start(umask=0o777).returncode == 0
    home = project.work / ".codex" / ".environment"
    assert home.stat().st_mode & 0o7777 == 0o700
    assert home.parent.stat().st_mode & 0o7777 == 0o755


def test_a_home_in_the_workdir_of_root_is_roots(project):
    """In the container it is Codex's, by the view in which root's files are."""
    project.engine()
    os.chown(project.work, 0, 0)
    assert project.start().returncode == 0
    assert (project.work / ".codex").stat().st_uid == 0
    assert (project.work / ".codex" / ".environment").stat().st_uid == 0


def test_the_group_of_root_is_not_given_to_the_home(project):
    project.engine()
    os.chown(project.work, UID, 0)
    assert project.start().returncode == 0
    st = (project.work / ".codex" / ".environment").stat()
    assert (st.st_uid, st.st_gid) == (UID, UID)


def test_mount_points_in_the_home(project):
    project.engine()
    sessions = project.work / "s"
    sessions.mkdir()
    assert project.start("--sessions-path", sessions).returncode == 0
    st = (project.work / ".codex" / ".environment" / "sessions").stat()
    assert (st.st_mode & 0o7777, st.st_uid) == (0o700, UID)


def test_the_link_of_auth_dir_comes_and_goes(project):
    project.engine()
    login = project.root / "login"
    login.mkdir()
    os.chown(login, UID, UID)
    own = project.work / ".codex" / ".environment" / "auth.json"
    for _ in range(2):
        assert project.start("-y", "--auth_dir", login).returncode == 0
        assert os.readlink(own) == "/codex_auth/auth.json"
        assert own.lstat().st_uid == UID
    assert project.start().returncode == 0
    assert not os.path.lexists(own)
    assert project.start("-y", "--auth_dir", login).returncode == 0
    project.write(project.home / ".codex" / "auth.json", GOOD)
    assert project.start().returncode == 0
    assert own.read_bytes() == b"" and not own.is_symlink() and own.stat().st_uid == UID


def test_another_home_gets_only_its_mount_points(project):
    project.engine()
    home = project.root / "elsewhere"
    home.mkdir()
    os.chown(home, UID, UID)
    project.write(project.home / ".codex" / "auth.json", GOOD)
    assert project.start("-y", "--codex-home", home).returncode == 0
    assert [p.name for p in home.iterdir()] == ["auth.json"]
    assert not (project.work / ".codex").exists()


def test_the_exit_status_is_the_engines(project):
    project.engine()
    answers = json.dumps({"run": [42, "out\n", ""]})
    done = project.start(env={"ENGINE_ANSWERS": answers})
    assert (done.returncode, done.stdout) == (42, b"out\n")


def test_no_engine(project):
    message = project.refused(status=111)
    assert "it isn't in PATH" in message and "hint: " in message
    assert "podman" in project.refused("--engine", "podman", status=111)


def test_an_engine_in_a_relative_path_is_not_run(project):
    project.engine()
    (project.bin / "docker").rename(project.work / "docker")
    for path in (".", ":", "bin:."):
        message = project.refused(env={"PATH": path}, status=111)
        assert "it isn't in PATH" in message and "skipped" not in message


def test_an_engine_that_does_not_run(project):
    project.engine()
    down = [1, "", "Cannot connect to the Docker daemon. Is it running?\nmore\n"]
    answers = json.dumps({"image inspect": down, "version": down})
    project.log.write_text("")
    env = {"ENGINE_ANSWERS": answers, "ENGINE_LOG": "/dev/null"}
    message = project.refused(env=env, status=111)
    assert "Cannot connect to the Docker daemon. Is it running?" in message
    assert "systemctl start docker" in message and "more" not in message


def test_an_image_that_is_not_built(project):
    project.engine()
    answers = json.dumps({"image inspect": [1, "", "no such image"]})
    env = {"ENGINE_ANSWERS": answers, "ENGINE_LOG": "/dev/null"}
    assert "make image" in project.refused(env=env, status=111)
    assert "docker pull other:1" in project.refused("--image", "other:1", env=env, status=111)
    # `make image` gives it to docker alone.
    project.engine("podman")
    message = project.refused("--engine", "podman", env=env, status=111)
    assert "make image" in message and "docker save codex-sandbox | podman load" in message
    assert "podman load" not in project.refused(env=env, status=111)


def test_a_container_that_is_there_already(project):
    """Nothing is created, and nothing is removed: whose container it is nobody here can know."""
    project.engine()
    here = f"{STUB} --work_dir {project.work}"
    join = (f"{here} attach (or docker attach codex_", f"{here} stop (or docker stop codex_", "--codex-home")
    remove = ("docker rm codex_",)
    for state, words in (("running", join), ("exited", remove), ("created", remove)):
        answers = json.dumps({"container inspect": [0, state + "\n", ""]})
        project.log.write_text("")
        before = snapshot(project.root, but=project.bin)
        done = project.start(env={"ENGINE_ANSWERS": answers})
        said = done.stderr.decode()
        assert done.returncode == 100 and all(word in said for word in words), said
        assert ("running" in said) == (state == "running") and "already" in said
        assert sorted(a[1] for a in project.asked()) == ["container", "image"]
        project.log.write_text("")
        after = snapshot(project.root, but=project.bin)
        after.pop(str(project.log)), before.pop(str(project.log), None)
        assert after == before


def test_messages_cannot_play_tricks_on_the_terminal(project):
    done = project.start("--work_dir", b"\x1b[2J\x07\xc2\x9b2J\xff\xc3\xa4")
    assert done.returncode == 100
    assert ": ?[2J???2J?ä: " in done.stderr.decode()


def test_no_shell_is_started(project):
    project.engine()
    trace = project.root / "trace"
    done = subprocess.run(
        ["/usr/bin/strace", "-f", "-e", "trace=execve,execveat", "-o", trace, STUB, "--exec",
         "true"],
        env={"PATH": str(project.bin), "HOME": str(project.home), "ENGINE_LOG": str(project.log)},
        cwd=project.work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0
    started = [line.split('"')[1] for line in trace.read_text().splitlines() if 'execve("' in line]
    assert started[0] == str(STUB)
    assert set(started[1:]) == {str(project.bin / "docker")}
    assert len(started) == 5  # two questions, the engine in our place, and the watch's question


ENGINE_THAT_WAITS = """#!/bin/sh
[ "$1" = run ] && exit 7
: >"$MET/$1"
for n in $(seq 1000); do
  [ -e "$MET/image" ] && [ -e "$MET/container" ] && break
  sleep 0.01
done
[ -e "$MET/image" ] && [ "$1" = image ] && [ -e "$MET/container" ]
"""


def test_the_questions_to_the_engine_run_side_by_side(project):
    """Each is answered only once the other has been asked."""
    docker = project.bin / "docker"
    docker.write_text(ENGINE_THAT_WAITS)
    docker.chmod(0o755)
    met = project.root / "met"
    met.mkdir()
    env = {"PATH": f"{project.bin}:/usr/bin:/bin", "MET": str(met)}
    assert project.start("--exec", "true", env=env).returncode == 7


def test_the_binary_is_static_and_names_no_shell(project):
    binary = STUB.read_bytes()
    assert binary[:4] == b"\x7fELF"
    for shell in (b"/bin/sh", b"/bin/bash", b"/bin/dash", b"ld-linux", b"ld-musl"):
        assert shell not in binary


ENGINE_THAT_SWAPS = """#!/bin/sh
echo "$1" >>"$ENGINE_LOG"
[ "$1" = image ] && {SWAP}
[ "$1" = container ] && exit 1
exit 0
"""


@pytest.mark.parametrize("swap", ["mv vendor kept && mkdir vendor", "true"])
def test_what_is_replaced_after_it_was_looked_at_is_refused(project, swap):
    """Between the look at the workdir and the start, while the engine is asked about the image."""
    (project.work / "vendor").mkdir()
    docker = project.bin / "docker"
    docker.write_text(ENGINE_THAT_SWAPS.replace("{SWAP}", swap))
    docker.chmod(0o755)
    env = {"PATH": f"{project.bin}:/usr/bin:/bin"}
    done = project.start("--read-only", "./vendor", "--exec", "true", env=env)
    swapped = swap != "true"
    assert (project.work / "kept").exists() == swapped
    assert ("run" in project.log.read_text().split()) == (not swapped), done
    assert (b"replaced in the meantime" in done.stderr) == swapped
