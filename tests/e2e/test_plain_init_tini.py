"""codex-init --egress=off beside tini: whatever a command can run under with the one, it can with
the other, and comes to the same end. No engine; where nothing else is said, each is PID 1."""

import os
import resource
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PATIENCE, at_best

ROOT = Path(__file__).resolve().parents[2]
CODEX_INIT = [os.environ.get("CODEX_INIT", str(ROOT / "build/codex-init")), "--egress=off", "--"]
TINI = ["tini", "-s", "--"]
INITS = pytest.mark.parametrize("init", [TINI, CODEX_INIT], ids=["tini", "codex-init"])
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
CHROOT = ["unshare", "--pid", "--fork", "--kill-child", "chroot"]


def run(init, *command, prefix=NAMESPACE, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(
        [*prefix, *init, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        **options,
    )


def descriptors(most):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@INITS
@pytest.mark.parametrize("prefix", [(), NAMESPACE], ids=["subreaper", "pid1"])
@pytest.mark.parametrize("most", [6, 7, 64])
def test_few_descriptors_will_do(init, prefix, most):
    done = run(init, "sh", "-c", "ulimit -n; exit 3", prefix=prefix, preexec_fn=descriptors(most))
    assert (done.returncode, done.stdout) == (3, f"{most}\n")


@INITS
def test_a_terminal_and_few_descriptors_will_do(init):
    limited = ["sh", "-c", 'ulimit -n 6; exec "$@"', "sh", *init, "sh", "-c", "exec 3</dev/tty && exit 3"]
    done = run(["script", "-qec", shlex.join(limited), "/dev/null"], prefix=())
    assert done.returncode == 3, done.stdout


@pytest.fixture
def bare(tmp_path):
    """A root directory with a shell in it, and with neither /dev nor /proc nor anything else."""
    for name, source in (
        ("tini", "/usr/bin/tini-static"),
        ("codex-init", CODEX_INIT[0]),
        ("busybox", "/bin/busybox"),
    ):
        (tmp_path / name).write_bytes(Path(source).read_bytes())
        (tmp_path / name).chmod(0o755)
    return tmp_path


BARE = pytest.mark.parametrize(
    "init", [["/tini", "-s", "--"], ["/codex-init", "--egress=off", "--"]], ids=["tini", "codex-init"]
)


@BARE
def test_neither_dev_nor_proc_is_needed(bare, init):
    """Nor does it take the two seconds in which those who are left may end: nobody is."""

    def taken():
        began = time.monotonic()
        done = run([*CHROOT, str(bare), *init], "/busybox", "sh", "-c", "echo here; exit 3", prefix=())
        assert (done.returncode, done.stdout) == (3, "here\n")
        return time.monotonic() - began

    at_best(taken, 1.5)


OPEN = """
import os, sys
def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False
found = [fd for fd in range(3) if is_open(fd)]
with open(sys.argv[1], "w") as file:
    print(found, file=file)
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_descriptors_and_no_dev(tmp_path, closed):
    """What can't be led to /dev/null stays closed (tini ends, where it is standard input)."""
    script = "mount -t tmpfs none /dev && exec \"$@\"" + "".join(f" {fd}>&-" for fd in closed)
    prefix = [*NAMESPACE, "--mount", "sh", "-c", script, "sh"]
    done = run(CODEX_INIT, sys.executable, "-c", OPEN, str(tmp_path / "open"), prefix=prefix)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "open").read_text() == f"{[fd for fd in range(3) if fd not in closed]}\n"


@INITS
@pytest.mark.parametrize("prefix", [(), NAMESPACE], ids=["subreaper", "pid1"])
def test_a_working_directory_that_is_gone(tmp_path, init, prefix):
    place = tmp_path / "gone"
    place.mkdir()
    done = run(
        [sys.executable, "-c", "import os, sys; os.rmdir(sys.argv[1]); os.execvp(sys.argv[2], sys.argv[2:])"],
        str(place), *prefix, *init, "readlink", "/proc/self/cwd", prefix=(), cwd=place)
    assert (done.returncode, done.stdout) == (0, f"{place} (deleted)\n")


@INITS
def test_descriptors_are_handed_on(init):
    """To the payload, with what they lead to and at their numbers."""
    r, w = os.pipe()
    os.dup2(w, 77)
    try:
        done = run(init, "bash", "-c", f"echo through >&77; readlink /proc/self/fd/{r}",
                   pass_fds=(r, 77))
        os.close(w)
        w = -1
        os.close(77)
        assert os.read(r, 100) == b"through\n"
    finally:
        os.close(r)
        if w >= 0:
            os.close(w)
            os.close(77)
    assert done.returncode == 0 and done.stdout.startswith("pipe:")


ACTIVATE = """
import os, sys
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_PIDFDID="12",
                  WATCHDOG_PID=str(os.getpid()), WATCHDOG_USEC="1")
os.execvp(sys.argv[1], sys.argv[1:])
"""
ACTIVATED = """
import os, socket
print(os.getpid() == int(os.environ["LISTEN_PID"]) == int(os.environ["WATCHDOG_PID"]),
      "LISTEN_PIDFDID" in os.environ, os.environ["LISTEN_FDS"])
print(socket.socket(fileno=3).getsockname()[1])
"""


def test_socket_activation_is_the_payloads():
    """In this it does better: under tini the variables are still tini's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def third():
            os.dup2(server.fileno(), 3)

        activate = [sys.executable, "-c", ACTIVATE, *CODEX_INIT, sys.executable, "-c", ACTIVATED]
        done = run(activate, prefix=(), preexec_fn=third, close_fds=False)
    assert (done.returncode, done.stdout) == (0, f"True False 1\n{port}\n")


def test_variables_for_another_process_stay():
    done = run(CODEX_INIT, "sh", "-c", "echo $LISTEN_PID $LISTEN_PIDFDID",
               env={**os.environ, "LISTEN_PID": "77777", "LISTEN_PIDFDID": "12"})
    assert done.stdout == "77777 12\n"


# It lives for less than the two seconds that others are given. Whatever else goes on at that moment may
# give it the time, and not three times.
DEAF = "(trap '' TERM; sleep 1.5; echo lived >{note}) >/dev/null 2>&1 & "
# Asks for its end, and takes a while over it.
POLITE = ("(trap 'sleep 0.5; echo done >{note}; exit' TERM; echo >{ready}; "
          "while :; do sleep 0.01; done) >/dev/null 2>&1 & while ! [ -e {ready} ]; do sleep 0.01; done;")


@INITS
@pytest.mark.parametrize("prefix", [(), NAMESPACE], ids=["subreaper", "pid1"])
def test_who_ignores_term_is_not_waited_for(tmp_path, init, prefix):

    def lived(note):
        done = run(init, "sh", "-c", DEAF.format(note=note) + "exit 3", prefix=prefix)
        assert done.returncode == 3
        return note.exists()

    assert not all(lived(tmp_path / f"note{i}") for i in range(3))


@pytest.mark.parametrize("prefix", [(), NAMESPACE], ids=["subreaper", "pid1"])
def test_who_acts_on_term_is(tmp_path, prefix):
    """In this as well it does better; also where another one is deaf."""

    def waited_for(i):
        deaf, note, ready = (tmp_path / f"{name}{i}" for name in ("deaf", "note", "ready"))
        script = DEAF.format(note=deaf) + POLITE.format(note=note, ready=ready)
        done = run(CODEX_INIT, "sh", "-c", script + "exit 3", prefix=prefix)
        assert done.returncode == 3
        return note.exists() and note.read_text() == "done\n" and not deaf.exists()

    assert any(waited_for(i) for i in range(3))
