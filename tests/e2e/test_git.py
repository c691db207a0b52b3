"""git in the sandbox: who commits, what it may write, and what the host's own git finds afterwards.
The host's git is the judge of everything."""

import os
import subprocess

import pytest
from git_host import Git, git, own, repository  # noqa: F401
from stub_project import project  # noqa: F401

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)


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
        project.engine(code=code)
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


CONDITIONS = {"gitdir:~/src/": True, "gitdir:~/other/": False, "gitdir:/": True, "gitdir:project/": True,
              "gitdir:./src/**": True, "gitdir:roject/": False, "gitdir/i:~/SRC/": True,
              "gitdir:~/SRC/": False, "gitdir:~/src/project/.git": True, "onbranch:main": False}  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
def test_an_address_for_each_place(identity, project, condition):  # noqa: F811
    project.write(project.home / ".gitconfig", f'[safe]\ndirectory = *\n[includeIf "{condition}"]\npath = work\n')
    project.write(project.home / "work", NAME.format("work"))
    assert identity()[0] == "None", "no repository, no place"
    git = Git(project.home, project.work)
    git("init", "-q", "-b", "other")
    own(project.work)
    assert (identity()[0] == "work") == CONDITIONS[condition]
    assert (git("config", "user.name", ok=False) == "work") == CONDITIONS[condition]


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


# ---- Worktrees, submodules, sub-directories ------------------------------------------------


def state(git, at):
    """All that git on the host knows of a repository, but for what commits add."""
    shown = [git("worktree", "list", "--porcelain", at=at), git("config", "--list", "--local", at=at),
             git("stash", "list", at=at), git("fsck", "--no-dangling", at=at)]  # fmt: skip
    return "\n".join(line for line in "\n".join(shown).splitlines() if not line.startswith("HEAD "))


@pytest.fixture
def worktree(repository, git, tmp_path):
    """A linked worktree beside the repository: where the launcher is to start."""
    place = tmp_path / "tree"
    git("worktree", "add", "-q", place)
    own(repository, place)
    return place


WORK = """
    git status --porcelain -uno | grep . && exit 9
    echo more >>main.c; git add main.c; git commit -q -m 'in the sandbox'
    git stash list; git log --oneline | head -1; git branch side; git worktree list
    git worktree prune; git gc -q; git status
"""


def test_git_works_in_a_worktree(stub, repository, worktree, git):
    before = state(git, repository)
    done = stub("--exec", "bash", "-ec", WORK, cwd=worktree).ok()
    assert f"{worktree} is a worktree" in done.err and f"writable: {repository}/.git" in done.err
    assert git("log", "-1", "--format=%s %an", at=worktree) == "in the sandbox Ada"
    assert git("status", "--porcelain", "-uno", at=worktree) == ""
    assert git("status", "--porcelain", "-uno", at=repository) == ""
    assert "side" in git("branch", at=repository)
    assert state(git, repository) == before
    assert "machine obey" not in done.err, done
    # What it needs for that, it needs each time anew.
    stub("--exec", "bash", "-ec", "git status; git switch -q side", cwd=worktree).ok()
    assert git("branch", "--show-current", at=worktree) == "side"


def test_a_worktree_that_is_older_than_a_day(stub, repository, worktree, git):
    """git writes into such a one's gitdir anew where it is: in the container, elsewhere."""
    pointer = repository / ".git/worktrees/tree/gitdir"
    os.utime(pointer, (1, 1))
    before = pointer.read_text()
    done = stub("--exec", "bash", "-ec", "git status; git commit -q --allow-empty -m x", cwd=worktree)
    done.ok()
    assert pointer.read_text() == before == f"{worktree}/.git\n"
    git("worktree", "prune", at=repository)
    assert str(worktree) in git("worktree", "list", at=repository)


def test_a_worktree_with_relative_paths(stub, repository, worktree, git):
    """As git has them since 2.48, where it is told so."""
    (worktree / ".git").write_text("gitdir: ../project/.git/worktrees/tree\n")
    (repository / ".git/worktrees/tree/gitdir").write_text("../../../../tree/.git\n")
    stub("--exec", "bash", "-ec", COMMIT, cwd=worktree).ok()
    assert git("log", "-1", "--format=%s", at=worktree) == "in the sandbox"


def test_what_is_protected_in_a_worktree(stub, repository, worktree, git):
    script = """
        printf '#!/bin/sh\\n' >$(git rev-parse --git-common-dir)/hooks/post-checkout
        echo ../../evil >$(git rev-parse --git-dir)/commondir
        echo 'gitdir: /tmp' >.git; mv .git other; true
        mkdir -p $(git rev-parse --git-common-dir)/branches; echo x >$(git rev-parse --git-common-dir)/branches/up
        """
    done = stub("--exec", "bash", "-c", script, cwd=worktree).ok()
    assert not (repository / ".git/hooks/post-checkout").exists()
    assert (repository / ".git/worktrees/tree/commondir").read_text() == "../..\n"
    assert (worktree / ".git").read_text() == f"gitdir: {repository}/.git/worktrees/tree\n"
    assert f"  new      {repository}/.git/branches/up\n" in done.err, done


def test_hooks_of_a_worktree_that_lie_in_it_are_told(stub, repository, worktree, git):
    git("config", "core.hooksPath", "tools/hooks", at=worktree)
    own(repository)
    script = "mkdir -p tools/hooks tools/other; echo '#!/bin/sh' | tee tools/other/x >tools/hooks/post-checkout"
    done = stub("--exec", "bash", "-c", script, cwd=worktree).ok()
    assert "  new      tools/hooks/post-checkout\n" in done.err and "other" not in done.err, done


def test_the_other_worktrees_are_not_forgotten(stub, repository, worktree, git, tmp_path):
    """Inside none of them is there, for which git would clear them away."""
    git("worktree", "add", "-q", "-b", "locked", tmp_path / "more")
    own(repository, tmp_path / "more")
    before = state(git, repository)
    script = "git worktree prune -v; git gc -q --prune=now; git branch -m tree renamed; git worktree list"
    done = stub("--exec", "bash", "-ec", script).ok()
    assert "Removing" not in done.said and "prunable" not in done.out, done
    assert state(git, repository) == before.replace("heads/tree", "heads/renamed")
    assert git("status", "-sb", at=worktree) == "## renamed"


def test_a_worktree_that_is_gone_is_forgotten_as_on_the_host(stub, repository, worktree, git):
    """The opposite: nothing is made up to keep it."""
    subprocess.run(["rm", "-r", worktree], check=True)
    stub("--exec", "git", "worktree", "prune").ok()
    assert "tree" not in git("worktree", "list", at=repository).replace(str(repository), "")


@pytest.fixture
def submodule(repository, git, tmp_path):
    """A submodule of the repository, checked out: where the launcher is to start."""
    library = tmp_path / "library"
    library.mkdir()
    git("init", "-q", at=library)
    (library / "main.c").write_text("int x;\n")
    git("add", ".", at=library)
    git("commit", "-q", "-m", "begin", at=library)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "lib")
    git("commit", "-q", "-m", "library")
    own(repository)
    return repository / "lib"


def test_git_works_in_a_submodule(stub, repository, submodule, git):
    before = state(git, submodule)
    done = stub("--exec", "bash", "-ec", WORK, cwd=submodule).ok()
    assert f"{submodule} is a submodule" in done.err, done
    assert git("log", "-1", "--format=%s %an", at=submodule) == "in the sandbox Ada"
    assert git("status", "--porcelain", "-uno", at=submodule) == ""
    assert git("status", "--porcelain", at=repository) == "M lib".rjust(6), "a newer one, and no more"
    assert state(git, submodule) == before
    # Of the project around it nothing is there.
    done = stub("--exec", "bash", "-c", "cat ../main.c ../.git/HEAD ../.git/config", cwd=submodule)
    assert done.status == 1 and done.out == ""


def test_git_works_in_a_sub_directory(stub, repository, git):
    sub = repository / "src"
    sub.mkdir()
    (sub / "a.c").write_text("int a;\n")
    git("add", ".")
    git("commit", "-q", "-m", "more")
    own(repository)
    script = """
        git status --porcelain -uno | grep . && exit 9
        echo x >>a.c; git add -A; git commit -q -m 'in the sandbox'
        echo y >>../main.c && exit 8
        echo '#!/bin/sh' >../.git/hooks/post-checkout && exit 7
        mkdir -p ../.git/branches; echo x >../.git/branches/up
    """
    done = stub("-y", "--exec", "bash", "-ec", script, cwd=sub).ok()
    assert f"{repository} would be readable" in done.err, done
    assert git("show", "--stat", "--format=%s").split("\n")[0] == "in the sandbox"
    assert git("show", "--name-only", "--format=") == "src/a.c", "and nothing is deleted"
    assert git("status", "--porcelain", "-uno") == ""
    assert f"  new      {repository}/.git/branches/up\n" in done.err, done


def test_without_a_yes_the_rest_stays_unseen(stub, repository, git):
    """And nobody is there to ask: Codex works, without git."""
    sub = repository / "src"
    sub.mkdir()
    own(repository)
    done = stub("--exec", "bash", "-c", "ls -A ..; git status", cwd=sub)
    assert done.status == 128 and done.out == "src\n", done
    assert f"git won't work in the container: {repository}" in done.err and "--work_dir" in done.err
