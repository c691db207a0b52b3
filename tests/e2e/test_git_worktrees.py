"""What git on the host obeys beside the config: the directories of linked worktrees, and hooks where there
were none. The judge is the host's real git, after a session that planted there, and after ordinary work."""

import subprocess

import pytest
from git_host import IDENTITY, Git, git, own, repository  # noqa: F401
from stub_project import project  # noqa: F401

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)

UNDONE = "  undone   "


@pytest.fixture
def tree(repository, git, tmp_path):
    """A linked worktree beside the repository, which has a config for each."""
    place = tmp_path / "tree"
    git("config", "extensions.worktreeConfig", "true")
    git("worktree", "add", "-q", place)
    own(repository, place)
    return place


def host_works(git, at):
    """What a person does next, obeying what git finds there."""
    for command in ("status", "diff", "commit -q --allow-empty -m more", "checkout -q -b other", "gc -q"):
        git(*command.split(), at=at, ok=False)


# ---- Linked worktrees ----------------------------------------------------------------------

BEGIN = """
    git=$(git rev-parse --git-common-dir) tree=$git/worktrees/tree
    evil() { printf '[core]\\n\\tfsmonitor = touch witness\\n' >>"$1"; }
    repository() { mkdir -p $1; cp -r $git/objects $git/refs $git/HEAD $git/config $1; evil $1/config; }
"""
# By each of them the git of the worktree reads another config: (in the sandbox, what is undone).
PLANTS = {
    "a config": ("evil $tree/config.worktree", "tree/config.worktree"),
    "another repository": ("repository $git/evil; echo ../../evil >$tree/commondir", "tree/commondir"),
    "in another's place": ("repository $git/evil; mv $git/worktrees $git/away; mkdir -p $tree; "
                           "cp $git/away/tree/HEAD $git/away/tree/index $tree; echo ../../evil >$tree/commondir",
                           "tree/commondir"),
    "one of its own": ("mv $tree $git/away; repository $tree", "tree/commondir"),
    "a link": ("repository $git/evil; mv $tree $git/away; ln -s ../evil $tree", "tree"),
    "a link above": ("repository $git/evil/tree; mv $git/worktrees $git/away; ln -s evil $git/worktrees", ""),
}  # fmt: skip


@pytest.mark.parametrize("where", ["the repository", "the worktree"])
@pytest.mark.parametrize("name", PLANTS)
def test_what_leads_a_worktree_to_another_config_is_undone(stub, repository, tree, git, name, where):
    plant, told = PLANTS[name]
    at = repository if where == "the repository" else tree
    done = stub("--exec", "bash", "-c", f"{BEGIN}{plant}; true", cwd=at).ok()
    # Its own commondir is a mount.
    assert f"{UNDONE}worktrees/{told}\n" in done.err or "commondir: Read-only file system" in done.err, done
    host_works(git, tree)
    host_works(git, repository)
    assert not (tree / "witness").exists() and not (repository / "witness").exists()


@pytest.mark.parametrize("name", PLANTS)
def test_and_the_same_would_run_without(stub, tree, git, name):
    """The opposite, where the user has lifted the protection: no idle fear."""
    stub("--no-protect", "--exec", "bash", "-c", BEGIN + PLANTS[name][0]).ok()
    host_works(git, tree)
    assert (tree / "witness").exists()


def test_it_is_undone_while_the_session_lasts(stub, tree, git):
    """And who does it again and again is ended."""
    gone = "for i in $(seq 600); do [ -e $tree/config.worktree ] || break; sleep 0.05; done; ls $tree/config.worktree"
    done = stub("--exec", "bash", "-c", f"{BEGIN}evil $tree/config.worktree; {gone}")
    assert done.status == 2 and done.out == "", done
    done = stub("--exec", "bash", "-c", f"{BEGIN}while evil $tree/config.worktree; do sleep 0.01; done").ok(137)
    assert "kept writing settings" in done.err, done
    host_works(git, tree)
    assert not (tree / "witness").exists()


ORDINARY = """
    git worktree add -q new; (cd new; echo x >>main.c; git commit -q -a -m new; git status)
    git worktree add -q again; git worktree remove again; git worktree add -q again again
    git worktree prune; git gc -q; git rebase -q new; git worktree list; git status; sleep 1
    git worktree remove new; git worktree remove again
"""


@pytest.mark.parametrize("where", ["the repository", "the worktree"])
def test_ordinary_work_with_worktrees_goes_on(stub, repository, tree, git, where):
    for at, name in ((repository, "Main"), (tree, "Tree")):
        git("config", "--worktree", "user.name", name, at=at)
    own(repository)
    own_config = repository / ".git/worktrees/tree/config.worktree"
    before = own_config.read_text()
    done = stub("--exec", "bash", "-ec", ORDINARY, cwd=repository if where == "the repository" else tree).ok()
    assert "settings in" not in done.err and "busy" not in done.said, done
    assert own_config.read_text() == before
    assert git("config", "user.name", at=tree) == "Tree" and git("config", "user.name") == "Main"
    assert git("log", "-1", "--format=%s", "new") == "new"


def test_a_worktrees_own_config_is_read_only(stub, repository, tree, git):
    git("config", "--worktree", "user.name", "Tree", at=tree)
    own(repository)
    done = stub("--exec", "bash", "-c", f"{BEGIN}evil $tree/config.worktree")
    assert "Read-only file system" in done.err and UNDONE not in done.err, done
    assert git("config", "user.name", at=tree) == "Tree"


# ---- Hooks where there were none -----------------------------------------------------------

HOOK = """
    hooks=$(git rev-parse --git-common-dir)/hooks; mkdir -p $hooks
    printf '#!/bin/sh\\ntouch witness\\n' >$hooks/post-checkout; chmod +x $hooks/post-checkout
"""


@pytest.fixture
def bare_of_hooks(repository):
    subprocess.run(["rm", "-r", repository / ".git/hooks"], check=True)
    return repository / ".git/hooks"


def test_hooks_cannot_be_planted_where_there_were_none(stub, repository, bare_of_hooks, git, tmp_path):
    done = stub("--exec", "bash", "-c", HOOK)
    assert "Read-only file system" in done.err and done.status != 0, done
    assert list(bare_of_hooks.iterdir()) == [] and bare_of_hooks.stat().st_uid == 1000
    host_works(git, repository)
    assert not (repository / "witness").exists()


def test_nor_from_a_worktree(stub, tree, bare_of_hooks, git):
    done = stub("--exec", "bash", "-c", HOOK, cwd=tree)
    assert "Read-only file system" in done.err and list(bare_of_hooks.iterdir()) == [], done
    host_works(git, tree)
    assert not (tree / "witness").exists()


def test_without_protection_none_are_made(stub, repository, bare_of_hooks, git):
    """The opposite: then they can be planted, and would run."""
    stub("--no-protect", "--exec", "test", "!", "-e", ".git/hooks").ok()
    assert not bare_of_hooks.exists()
    stub("--no-protect", "--exec", "bash", "-c", HOOK).ok()
    host_works(git, repository)
    assert (repository / "witness").exists()


def test_repositories_are_made_as_ever(stub, repository, bare_of_hooks):
    script = """
        git init -q; git init -q new; cd new; git commit -q --allow-empty -m begin
        echo true >.git/hooks/post-commit; git clone -q . ../clone
    """
    stub("--exec", "bash", "-ec", script).ok()
    stub("--exec", "git", "commit", "-q", "--allow-empty", "-m", "more").ok()


def test_where_hooks_are_made(project, tmp_path):  # noqa: F811
    """In a repository that is mounted, and nowhere else; --dry-run, which dry() watches, makes none."""
    git = Git(project.home, project.work)
    hooks = project.work / ".git/hooks"
    assert f"/app{hooks}" not in project.dry().mounts
    project.home.joinpath(".gitconfig").write_text(IDENTITY)
    git("init", "-q", "--template=")
    own(project.work)
    assert project.dry().mounts[f"/app{hooks}"] == (str(hooks), "ro")
    project.engine()
    assert project.start("--no-protect", "--exec", "true").returncode == 0 and not hooks.exists()
    sub = project.work / "src"
    sub.mkdir()
    own(sub)
    assert project.start("--exec", "true", cwd=sub).returncode == 0 and not hooks.exists(), "nobody said yes"
    assert project.start("--exec", "true").returncode == 0 and hooks.stat().st_uid == 1000
