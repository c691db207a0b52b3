"""--env-file: variables reach the container, their values nobody else, and none of them is one
that decides about the sandbox itself."""

import os

import pytest
from stub_project import UID, project  # noqa: F401

HOSTILE = """CODEX_INIT_EGRESS=off
codex_init_wall=cell
OPENAI_ALLOWED_DOMAINS=example.com
HTTPS_PROXY=http://203.0.114.1:3128
all_proxy=http://203.0.114.1:3128
HOME=/tmp
"""


@pytest.fixture
def env_file(workdir):
    def write(text, name="variables.env"):
        place = workdir / name
        place.write_text(text)
        os.chown(place, 1000, 1000)
        return place

    return write


@pytest.mark.cell(own_uid=True, seldom=True)
def test_variables_of_a_file(stub, env_file, workdir):
    env_file("# of the project's\nPLAIN=1\n\n  SPACED=a b  \nQUOTED=\"x\"\nPASSED\nABSENT\nEMPTY=\nDOS=1\r\n"
             "DOCKER_HOST=tcp://203.0.114.1:1\nLD_PRELOAD=/nowhere.so\n")
    env_file("PLAIN=2\nSECOND=3\n", "second.env")
    options = ("--env-file", "variables.env", "--env-file", "second.env", "-e", "SECOND=4")
    done = stub(*options, "--exec", "env", env={"PASSED": "from the shell"}).ok()
    for line in ("PLAIN=2", "SPACED=a b  ", 'QUOTED="x"', "PASSED=from the shell", "EMPTY=", "DOS=1",
                 "SECOND=4", "DOCKER_HOST=tcp://203.0.114.1:1", "LD_PRELOAD=/nowhere.so"):  # fmt: skip
        assert line in done.lines(), (line, done)
    assert "ABSENT" not in done.out


@pytest.mark.cell
def test_a_file_decides_nothing_about_the_sandbox(stub, env_file, sinks):
    env_file(HOSTILE + "PLAIN=1\n")
    script = "echo $PLAIN; id -u; echo $HOME; curl -sS -m 30 https://example.com; grep Cap /proc/self/status"
    done = stub("--env-file", "variables.env", "--exec", "sh", "-c", script)
    assert done.lines()[:3] == ["1", "1000", "/codex_home"] and "CapBnd:\t" + "0" * 16 in done.out, done
    assert sinks.seen() == [], "the wall is up as ever"
    for line in HOSTILE.splitlines():
        assert f"{line.split('=')[0]} is left out" in done.err, done


def test_what_the_command_line_says_is_in_force(stub, env_file):
    """The opposite: -e may say it."""
    done = stub("-e", "CODEX_INIT_EGRESS=off", "--exec", "grep", "NoNewPrivs", "/proc/self/status").ok()
    assert done.out


@pytest.mark.cell(own_uid=True, seldom=True)
def test_values_are_on_no_command_line(stub, launcher, env_file, terminal, stub_environment, workdir):
    env_file("MY_SETTING=seen-nowhere\n")
    done = stub("--dry-run", "--env-file", "variables.env").ok()
    assert "seen-nowhere" not in done.said and "-e MY_SETTING" in done.out
    t = terminal([*launcher, "--env-file", "variables.env", "--exec", "sh", "-c", "echo is $MY_SETTING; read x"],
                 cwd=workdir, env=stub_environment)
    t.until_says(b"is seen-nowhere")
    with open(f"/proc/{t.process.pid}/cmdline") as words:
        assert "seen-nowhere" not in words.read()
    t.type(b"\n")
    assert t.wait() == 0


@pytest.mark.parametrize(
    "text, why",
    [("A=1\nexport B=2\n", "line 2: "), ("A", None), ("A=1\0", "zero byte"), ("1A=1", "line 1: "),
     ("A=\udcff", "isn't UTF-8"), ("A=" + "x" * 70000, "larger than 64 KiB"), ("\ufeffA=1", None)],
)  # fmt: skip
def test_a_file_that_cannot_be_read(project, text, why):
    place = project.work / "e"
    place.write_bytes(text.encode(errors="surrogateescape"))
    os.chown(place, UID, UID)
    if why is None:
        assert "A" in project.dry("--env-file", "e", env={"A": "1"}).env
    else:
        assert why in project.refused("--env-file", "e")


@pytest.mark.parametrize("how", ["link", "hard link", "fifo", "missing", "directory"])
def test_what_is_planted_in_its_place_is_not_read(project, how):
    secret, place = project.write(project.home / "secret", "KEY=of-the-host\n"), project.work / ".env"
    if how == "link":
        place.symlink_to(secret)
    elif how == "hard link":
        os.link(secret, place)
    elif how == "fifo":
        os.mkfifo(place)
    elif how == "directory":
        place.mkdir()
    assert "of-the-host" not in project.refused("--env-file", ".env")
