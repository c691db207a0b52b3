"""codex-init as a plain init: what its payload begins with."""

import fcntl
import os
import select
import signal
import subprocess
import sys

import pytest
from plain_init import DEADLINE, PLAIN, run, start  # noqa: F401

STATUS = ["cat", "/proc/self/status"]  # no shell: it would clear its mask


def payload_status(**options):
    done = run(*STATUS, **options)
    assert done.returncode == 0, done.stderr
    return dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)


def bits(*signals):
    return sum(1 << (s - 1) for s in signals)


def test_payload_gets_the_mask_that_init_was_given():
    def block():
        signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR1, signal.SIGTERM, 40})

    status = payload_status(preexec_fn=block)
    assert int(status["SigBlk"], 16) == bits(signal.SIGUSR1, signal.SIGTERM, 40)


def test_payload_gets_an_empty_mask_when_init_had_one():
    assert int(payload_status()["SigBlk"], 16) == 0


def test_payload_gets_default_dispositions():
    def ignore():
        for s in (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTSTP, 64):
            signal.signal(s, signal.SIG_IGN)

    assert int(payload_status(preexec_fn=ignore, restore_signals=False)["SigIgn"], 16) == 0


def test_payload_has_no_pending_signal():
    status = payload_status()
    assert int(status["SigPnd"], 16) == 0 and int(status["ShdPnd"], 16) == 0


def test_payload_leads_a_process_group_of_its_own():
    done = run("sh", "-c", "echo $$; cut -d' ' -f5 /proc/$$/stat")
    pid, group = done.stdout.split()
    assert pid == group


def test_payload_leads_a_session_when_init_does():
    done = run("sh", "-c", "echo $$; cut -d' ' -f6 /proc/$$/stat", start_new_session=True)
    pid, session = done.stdout.split()
    assert pid == session


LIST_DESCRIPTORS = [
    sys.executable, "-c",
    "import os\nfor fd in range(1024):\n try:\n  os.fstat(fd); print(fd)\n except OSError: pass",
]


def test_payload_gets_the_descriptors_that_init_was_given_and_no_others():
    r, w = os.pipe()
    high = fcntl.fcntl(w, fcntl.F_DUPFD, 777)
    try:
        done = run(*LIST_DESCRIPTORS, pass_fds=(r, w, high))
    finally:
        for fd in (r, w, high):
            os.close(fd)
    assert done.stdout.split() == ["0", "1", "2", *map(str, sorted((r, w, high)))]
    assert run(*LIST_DESCRIPTORS).stdout.split() == ["0", "1", "2"]


def test_init_does_not_hold_a_leaked_pipe_open(start):
    r, w = os.pipe()
    p = start("bash", "-c", f"exec sleep 1000 {w}>&-", pass_fds=(w,))
    os.close(w)
    with os.fdopen(r, "rb") as reader:
        ready, _, _ = select.select([reader], [], [], DEADLINE)
        assert ready and reader.read() == b""
    assert p.poll() is None


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_closed_standard_descriptors_become_dev_null(tmp_path, closed):
    def close():
        for fd in closed:
            os.close(fd)

    out = tmp_path / "out"
    p = subprocess.Popen(
        PLAIN + ["sh", "-c", f"readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 >{out}; exit 5"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=close)
    p.communicate(timeout=DEADLINE)
    assert p.returncode == 5
    # The shell's own redirection hides 1; the other two are to be seen.
    links = out.read_text().split()
    assert len(links) == 3
    for fd in set(closed) - {1}:
        assert links[fd] == "/dev/null"


def test_working_directory_and_environment_are_kept(tmp_path):
    done = run("sh", "-c", "pwd; echo $MARK", cwd=tmp_path, env={"MARK": "yes", "PATH": "/bin"})
    assert done.stdout.split() == [str(tmp_path), "yes"]
