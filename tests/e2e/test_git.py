"""git in the sandbox: who commits, what it may write, and what the host's own git finds afterwards.
The host's git is the judge of everything."""

import os
import subprocess

import pytest
from stub_project import project  # noqa: F401


class Git:
    """The host's git, as a person has it, in a directory."""

    def __init__(self, home, place):
        self.home, self.place = home, place

    def __call__(self, *arguments, at=None, ok=True, **more):
        done = subprocess.run(
            ["git", *map(str, arguments)], cwd=at or self.place, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"},
            timeout=30, **more,
        )  # fmt: skip
        assert not ok or done.returncode == 0, done
        return (done.stdout if ok else done.stdout + done.stderr).rstrip("\n")


def own(*places, uid=1000):
    for place in places:
        subprocess.run(["chown", "-R", f"{uid}:{uid}", place], check=True)


@pytest.fixture
def git(host_home, workdir):
    host_home.joinpath(".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[safe]\n\tdirectory = *\n"
        "[init]\n\tdefaultBranch = main\n"
    )
    return Git(host_home, workdir)


@pytest.fixture
def repository(git, workdir):
    """A project under git, with one commit, of uid 1000's."""
    git("init", "-q")
    (workdir / "main.c").write_text("int main(void) { return 0; }\n")
    git("add", ".")
    git("commit", "-q", "-m", "begin")
    own(workdir)
    return workdir


COMMIT = "echo more >>main.c; git add main.c; git commit -q -m 'in the sandbox'"
AUTHOR = "log", "-1", "--format=%an <%ae> %cn <%ce>"


# ---- Who commits ---------------------------------------------------------------------------


def test_a_commit_is_the_users(stub, repository, git):
    done = stub("--exec", "bash", "-ec", COMMIT).ok()
    assert git(*AUTHOR) == "Ada <ada@example.com> Ada <ada@example.com>", done
    assert git("log", "-1", "--format=%s") == "in the sandbox"
    assert git("status", "--porcelain", "-uno") == ""


def test_the_projects_own_identity_wins(stub, repository, git):
    git("config", "user.email", "ada@work.example")
    own(repository)
    stub("--exec", "bash", "-ec", COMMIT).ok()
    assert git("log", "-1", "--format=%an %ae") == "Ada ada@work.example"


def test_so_does_the_environment(stub, repository, git):
    stub("--exec", "bash", "-ec", COMMIT, env={"GIT_AUTHOR_NAME": "Eve", "GIT_COMMITTER_EMAIL": "c@x"}).ok()
    assert git(*AUTHOR) == "Eve <ada@example.com> Ada <c@x>"


def test_nothing_else_of_the_users_configuration_comes_along(stub, repository, host_home):
    with host_home.joinpath(".gitconfig").open("a") as file:
        file.write("[credential]\n\thelper = !cat /etc/passwd\n[alias]\n\tst = status\n"
                   "[http]\n\textraHeader = Authorization: secret\n[core]\n\tpager = less\n")
    done = stub("--exec", "git", "config", "--list", "--show-origin").ok()
    assert "user.name=Ada" in done.out and "user.email=ada@example.com" in done.out
    for word in ("credential", "alias", "extraheader", "pager"):
        assert word not in done.out.lower(), done


def test_without_an_identity_git_says_so(stub, repository, host_home):
    """The opposite: none is made up."""
    host_home.joinpath(".gitconfig").unlink()
    done = stub("--exec", "bash", "-ec", COMMIT)
    assert done.status == 128 and "tell me who you are" in done.err, done


def test_the_images_own_settings_stay(stub, repository, workdir):
    """And another image's: ours stand behind them, not in their place."""
    script = "git config --system --list; git config user.name; echo $GIT_CONFIG_SYSTEM"
    done = stub("--exec", "bash", "-c", script).ok()
    assert done.lines()[-2:] == ["Ada", "/run/codex/gitconfig"], done
    assert "include.path=/etc/gitconfig" in done.out
    done = stub("-e", "GIT_CONFIG_SYSTEM=/dev/null", "--exec", "bash", "-c", script)
    assert done.lines() == ["/dev/null"], done


# ---- Where git on the host has it from -----------------------------------------------------


@pytest.fixture
def identity(project):  # noqa: F811
    """identity(env): what codex-init would be told of name and address."""
    project.engine()

    def ask(env=None):
        code = "#!/usr/bin/python3\nimport os, sys\nif sys.argv[1] == 'run':\n"
        code += "    print(os.environ.get('CODEX_INIT_GIT_NAME'))\n"
        code += "    print(os.environ.get('CODEX_INIT_GIT_EMAIL'))\n"
        code += "    print('-e' in sys.argv and 'CODEX_INIT_GIT_NAME' in sys.argv)\n"
        project.bin.joinpath("docker").write_text(code)
        done = project.start("--exec", "true", env={"GIT_CONFIG_NOSYSTEM": "1", **(env or {})})
        assert done.returncode == 0, done
        name, email, passed = done.stdout.decode().splitlines()
        assert passed == str(name != "None")
        return name, email

    return ask


NAME = "[user]\n\tname = {0}\n\temail = {0}@example.com\n"


def test_the_places_and_their_order(identity, project):  # noqa: F811
    assert identity() == ("None", "None")
    project.write(project.root / "system", NAME.format("system"))
    system = {"GIT_CONFIG_NOSYSTEM": "", "GIT_CONFIG_SYSTEM": str(project.root / "system")}
    assert identity(system) == ("system", "system@example.com")
    project.write(project.home / ".config/git/config", NAME.format("xdg"))
    assert identity(system) == ("xdg", "xdg@example.com")
    project.write(project.home / ".gitconfig", "[user]\nname = \"own; name\" # x\n")
    assert identity(system) == ("own; name", "xdg@example.com")
    other = project.write(project.home / "other/git/config", NAME.format("other"))
    assert identity({"XDG_CONFIG_HOME": str(project.home / "other")})[1] == "other@example.com"
    assert identity({"GIT_CONFIG_GLOBAL": str(other)}) == ("other", "other@example.com")


def test_what_is_included(identity, project):  # noqa: F811
    project.write(project.home / ".gitconfig",
                  "[include]\npath = ~/a\npath = b\npath = missing\n[user]\nemail = last@x\n")
    project.write(project.home / "a", NAME.format("a"))
    project.write(project.home / "b", "[user]\nname = b\n[include]\npath = .gitconfig\n")
    assert identity() == ("b", "last@x")


@pytest.mark.parametrize("text", ["[user\nname = x\n", "[user]\nname = \"x\n", "\0", "[user]\nname = \n",
                                  "[user]\nname = a\\nb\n", "[user]\nname = " + 300 * "x"])
def test_what_is_no_identity(identity, project, text):  # noqa: F811
    project.write(project.home / ".gitconfig", text)
    assert identity() == ("None", "None")


def test_files_that_are_none(identity, project):  # noqa: F811
    """Nothing hangs, and nothing is read that isn't a file."""
    os.mkfifo(project.home / ".gitconfig")
    project.home.joinpath(".config/git").mkdir(parents=True)
    project.home.joinpath(".config/git/config").symlink_to("/dev/zero")
    assert identity() == ("None", "None")


# ---- Whose repository ----------------------------------------------------------------------


def test_a_repository_of_somebody_elses_is_not_dubious(stub, repository, git, workdir):
    """git itself would refuse: its .git isn't Codex's user's."""
    own(workdir / ".git", uid=1234)
    done = stub("--exec", "git", "status", "--porcelain", "-uno").ok()
    assert done.out == "" and "dubious" not in done.err, done
    nested = workdir / "vendor"
    nested.mkdir()
    git("init", "-q", at=nested)
    own(nested, uid=1234)
    done = stub("--exec", "git", "-C", "vendor", "status")
    assert "dubious ownership" in done.err, "the workdir alone is to be trusted"
