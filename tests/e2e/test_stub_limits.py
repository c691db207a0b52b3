"""What the launcher hands on to the engine about one container: how much it may use, what its
hosts file says, how much of its output is kept, and which keys are the engine's own."""

import pytest
from conftest import until
from internet import address_of
from stub_project import project  # noqa: F401

LAUNCHED = pytest.mark.cell(own_uid=True, seldom=True)
CGROUP = """
for file in memory.max memory/memory.limit_in_bytes; do
  [ ! -e /sys/fs/cgroup/$file ] || cat /sys/fs/cgroup/$file
done
for file in cpu.max cpu/cpu.cfs_quota_us; do
  [ ! -e /sys/fs/cgroup/$file ] || cut -d' ' -f1 /sys/fs/cgroup/$file
done
df -P -k /dev/shm | awk 'END { print $2 }'
"""


@LAUNCHED
def test_memory_processors_and_shared_memory(stub):
    options = ("--memory", "64m", "--cpus", "0.5", "--shm-size", "3m")
    done = stub(*options, "--exec", "sh", "-c", CGROUP).ok()
    assert done.lines() == [str(64 << 20), "50000", "3072"], done
    # Without the options none of them is in force.
    done = stub("--exec", "sh", "-c", CGROUP).ok()
    memory, processors, shared = done.lines()
    assert memory == "max" or int(memory) > 1 << 40, done
    assert processors in ("max", "-1") and int(shared) > 3072, done


@LAUNCHED
def test_more_memory_than_that_is_not_to_be_had(stub):
    take = "x = bytearray(200 << 20); print('taken')"
    assert stub("--exec", "python3", "-c", take).ok().out == "taken\n"
    done = stub("--memory", "96m", "--exec", "python3", "-c", take)
    assert done.status != 0 and "taken" not in done.out, done


@pytest.mark.parametrize(
    "option, wrong",
    [("--memory", "2 GB"), ("--memory", "-1"), ("--cpus", "all"), ("--cpus", "0"),
     ("--shm-size", "1.5g"), ("--add-host", "db"), ("--add-host", "db:nowhere"),
     ("--add-host", "a:10.1.2.3\n10.1.2.3 api.openai.com")],
)  # fmt: skip
def test_a_value_that_is_none_is_refused(project, option, wrong):
    assert f": {option}: " in project.refused(option, wrong)


@pytest.mark.cell
def test_a_name_of_the_hosts_file_is_reached_where_a_rule_allows_it(stub, internet, sinks):
    """The line alone opens nothing: it is the rule that does."""
    host = ("--add-host", f"web.corp.test:{address_of('allowed.test')}")
    get = "curl -fsS -m 30 -o /dev/null http://web.corp.test/; echo $?"
    assert stub(*host, "--exec", "sh", "-c", get).ok().lines() != ["0"]
    assert sinks.seen() == []
    done = stub(*host, "--allow", "web.corp.test", "--exec", "sh", "-c", get).ok()
    assert done.lines() == ["0"] and sinks.addresses() == {address_of("allowed.test")}, done


@LAUNCHED
def test_what_is_logged_is_bounded(launcher, runner, workdir, terminal, stub_environment):
    """The engine keeps what a container writes; of 40 MB no more than the last ten."""
    script = "head -c 40000000 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo written >&2; read x"
    t = terminal(["sh", "-c", f"{' '.join(map(str, launcher))} --exec sh -c \"$1\" >/dev/null", "sh", script],
                 cwd=workdir, env=stub_environment)
    t.until_says(b"written")
    # The engine's list and its log lag behind what the terminal shows.
    name = until(lambda: runner.docker("ps", "--format", "{{.Names}}").out.strip(), "it in the engine's list")
    assert name.startswith("codex_"), name
    config = runner.docker("inspect", "-f", "{{json .HostConfig.LogConfig}}", name).out
    assert '"max-size":"10m"' in config
    until(lambda: "written" in runner.docker("logs", name).err, "its last line in the log")
    kept = runner.docker("logs", name)
    assert 0 < len(kept.out) < 12_000_000, len(kept.out)
    t.type(b"\n")
    assert t.wait() == 0


@LAUNCHED
def test_every_key_reaches_codex(terminal, launcher, stub_environment, workdir):
    """Ctrl-P, which the engine would hold back, comes at once; and no key detaches."""
    script = "stty raw -echo; echo ready; for n in 1 2 3; do dd bs=1 count=1 2>/dev/null | od -An -tx1; done"
    t = terminal([*launcher, "--exec", "sh", "-c", script], cwd=workdir, env=stub_environment)
    t.until_says(b"ready")
    for key, code in ((b"\x10", b" 10"), (b"\x10", b" 10"), (b"\x11", b" 11")):
        before = t.output.count(code)
        t.type(key)
        until(lambda: t._read().count(code) > before, what=f"{key!r}")
    assert t.wait() == 0


@LAUNCHED
def test_a_terminal_that_the_image_does_not_know(stub):
    """A program that draws finds a type that it knows; one that is known stays as it is."""
    done = stub("--exec", "sh", "-c", "echo $TERM; infocmp >/dev/null && echo known", env={"TERM": "xterm-new"})
    assert done.lines() == ["xterm-256color", "known"], done
    for term in ("xterm", "linux", "vt100"):
        assert stub("--exec", "sh", "-c", "echo $TERM", env={"TERM": term}).ok().out == f"{term}\n"
