"""The host's own git, for tests that judge by it."""

import os
import subprocess

import pytest
from conftest import PATIENCE

IDENTITY = (
    "[user]\n\tname = Ada\n\temail = ada@example.com\n[safe]\n\tdirectory = *\n"
    "[init]\n\tdefaultBranch = main\n"
)


class Git:
    """The host's git, as a person has it, in a directory."""

    def __init__(self, home, place):
        self.home, self.place = home, place

    def __call__(self, *arguments, at=None, ok=True, **more):
        done = subprocess.run(
            ["git", *map(str, arguments)], cwd=at or self.place, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"},
            timeout=PATIENCE, **more,
        )  # fmt: skip
        assert not ok or done.returncode == 0, done
        return (done.stdout if ok else done.stdout + done.stderr).rstrip("\n")


def own(*places, uid=1000):
    for place in places:
        subprocess.run(["chown", "-R", f"{uid}:{uid}", place], check=True)


@pytest.fixture
def git(host_home, workdir):
    host_home.joinpath(".gitconfig").write_text(IDENTITY)
    return Git(host_home, workdir)


def begin(git, workdir):
    """A project under git, with one commit."""
    git("init", "-q")
    (workdir / "main.c").write_text("int x;\n")
    git("add", ".")
    git("commit", "-q", "-m", "begin")


@pytest.fixture
def repository(git, workdir):
    """Such a project, of uid 1000's."""
    begin(git, workdir)
    own(workdir)
    return workdir
