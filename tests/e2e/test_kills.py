"""What the kernel kills is named: by its lack of memory, by a limit, by a fault of the program's."""

import signal

import pytest

pytestmark = pytest.mark.cell(seldom=True)
LITTLE = ("--memory", "64m", "--memory-swap", "64m")
# All that it may have, and then some.
EAT = "python3 -c 'x = bytearray(200 << 20)'"
# Only the container's own entry point: no capability, no wall.
OFF = {"flags": ("--cap-drop=ALL",), "init": ("--egress=off",)}
MODES = pytest.mark.parametrize("mode", [{}, OFF], ids=["strict", "off"])


@MODES
def test_out_of_memory_is_named(shell, mode):
    done = shell(f"exec {EAT}", options=LITTLE, **mode).ok(128 + signal.SIGKILL)
    said = [line for line in done.err.splitlines() if "out of memory" in line]
    assert said == [
        "codex-init: payload: out of memory: the kernel killed 1 process, perhaps the command "
        "itself: the container may have 64 MB"
    ], done
    assert "  hint: give it more, twice as much for example: --memory 128m" in done.err, done


@MODES
def test_so_it_is_where_the_command_lives(shell, mode):
    """A compiler that is killed, under a build that goes on."""
    done = shell(f"{EAT}; {EAT}; echo went on; exit 2", options=LITTLE, **mode).ok(2)
    assert done.out == "went on\n"
    assert "out of memory: the kernel killed 2 processes: " in done.err, done


@MODES
@pytest.mark.parametrize("script", ["kill -KILL $$", "kill -TERM $$", "true"])
def test_nothing_is_named_that_the_kernel_did_not_kill(shell, mode, script):
    done = shell(script, options=LITTLE, **mode)
    assert "out of memory" not in done.err and "ended by signal" not in done.err, done


@MODES
@pytest.mark.parametrize(
    "name, script, options",
    [
        ("SIGXFSZ", "exec dd if=/dev/zero of=/tmp/big bs=64k count=2", ("--ulimit", "fsize=65536")),
        ("SIGXCPU", "ulimit -S -t 1; exec python3 -c 'while True: pass'", ()),
        ("SIGSEGV", "exec python3 -c 'import ctypes; ctypes.string_at(1)'", ()),
    ],
)
def test_a_limit_or_a_fault_is_named(shell, mode, name, script, options):
    number = getattr(signal, name)
    done = shell(script, options=options, **mode).ok(128 + number)
    assert f"the command ended by signal {number:d} ({name}): " in done.err, done


def test_quiet_is_quiet(shell):
    done = shell(f"exec {EAT}", options=LITTLE, flags=OFF["flags"], init=["--egress=off", "-q"])
    assert done.ok(128 + signal.SIGKILL).err == ""
