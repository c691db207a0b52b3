"""codex-init as a plain init: exit statuses, and what can't be executed."""

import os
import subprocess
import sys

import pytest
from plain_init import DEADLINE, PLAIN, run  # noqa: F401


@pytest.mark.parametrize("code", [0, 1, 2, 42, 100, 111, 126, 127, 128, 255])
def test_exit_status_is_the_payloads(code):
    assert run("sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize("number", [1, 2, 3, 6, 9, 11, 13, 14, 15, 31, 34, 64])
def test_death_by_signal_is_128_plus_n(number):
    done = run("sh", "-c", f"ulimit -c 0; kill -{number} $$; sleep {DEADLINE}")
    assert done.returncode == 128 + number


def test_output_and_input_are_the_payloads():
    done = run("sh", "-c", "cat; echo error >&2", stdin=None, input="through\n")
    assert (done.stdout, done.stderr) == ("through\n", "error\n")


def test_nothing_is_printed_when_all_is_well():
    done = run("true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_command_not_found_is_127_and_named():
    done = run("no-such-command", env={"PATH": "/nowhere:/usr/bin"})
    assert done.returncode == 127
    assert "codex-init: payload: run: no-such-command: command not found" in done.stderr
    assert "  hint: " in done.stderr and "/nowhere:/usr/bin" in done.stderr


def test_missing_path_is_127_and_named():
    done = run("/no/such/file")
    assert done.returncode == 127
    assert "/no/such/file: No such file or directory" in done.stderr


def test_file_without_execute_permission_is_126(tmp_path):
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    done = run(str(tmp_path / "plain"))
    assert done.returncode == 126
    assert f"{tmp_path}/plain: Permission denied" in done.stderr
    assert "isn't executable" in done.stderr


def test_directory_is_126(tmp_path):
    done = run(str(tmp_path))
    assert done.returncode == 126 and "is a directory" in done.stderr


def test_script_without_interpreter_line_is_126_and_not_given_to_a_shell(tmp_path):
    script = tmp_path / "script"
    script.write_text(f"touch {tmp_path}/ran\n")
    script.chmod(0o755)
    done = run(str(script))
    assert done.returncode == 126 and "#!" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_script_with_a_missing_interpreter_is_126(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    done = run("script", env={"PATH": str(tmp_path)})
    assert done.returncode == 126 and "interpreter" in done.stderr


def test_unusable_file_in_path_does_not_hide_a_good_one(tmp_path):
    for name, mode in (("bad", 0o644), ("good", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text("#!/bin/sh\necho good\n")
        (tmp_path / name / "tool").chmod(mode)
    done = run("tool", env={"PATH": f"{tmp_path}/bad:{tmp_path}/good:/usr/bin"})
    assert (done.returncode, done.stdout) == (0, "good\n")
    done = run("tool", env={"PATH": f"{tmp_path}/bad:/usr/bin"})
    assert done.returncode == 126 and f"{tmp_path}/bad/tool" in done.stderr


def test_without_path_the_usual_directories_are_searched():
    assert run("true", env={}).returncode == 0


def test_too_many_arguments_is_126():
    # One string may have 128 KiB; init gets it in the environment of its own size limit.
    done = subprocess.run(
        [sys.executable, "-c",
         "import os, resource, sys\n"
         "resource.setrlimit(resource.RLIMIT_STACK, (16 << 20, resource.RLIM_INFINITY))\n"
         "os.execv(sys.argv[1], sys.argv[1:] + ['sh', '-c', 'ulimit -s 256; exec '\n"
         "         + sys.argv[1] + ' --egress=off -- true \"$@\"', 'sh'] + ['x' * 1000] * 300)",
         *PLAIN],
        capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 126, done.stderr
