"""git: what a session may have planted in the workdir, so that the next one mounts more than anybody
meant. No engine is needed: --dry-run says what would be mounted."""

import os
import subprocess

import pytest
from git_host import IDENTITY, Git, own
from stub_project import project  # noqa: F401

@pytest.fixture
def yard(project):  # noqa: F811
    """What a plant could aim at: keys, another repository and its worktree, a project."""
    settings = project.root / "settings"
    settings.mkdir()
    (settings / ".gitconfig").write_text(IDENTITY)
    git = Git(settings, project.work)
    project.write(project.home / ".ssh/id_ed25519", "secret")
    for name in ("other", "repository"):
        place = project.home / name
        place.mkdir()
        git("init", "-q", at=place)
        git("commit", "-q", "--allow-empty", "-m", "begin", at=place)
    git("worktree", "add", "-q", project.home / "tree", at=project.home / "other")
    own(project.home)
    project.git = git
    return project


def sources(command, project):  # noqa: F811
    """What is mounted from outside the workdir."""
    return sorted(source for source, _ in command.mounts.values()
                  if not source.startswith(f"{project.work}"))


# What a file .git in the workdir says, with what else is planted; {home}, {work}.
POINTERS = {
    "keys": "gitdir: {home}/.ssh",
    "keys, relative": "gitdir: ../../.ssh",
    "another repository": "gitdir: {home}/other/.git",
    "another's worktree": "gitdir: {home}/other/.git/worktrees/tree",
    "its worktrees": "gitdir: {home}/other/.git/worktrees",
    "the root": "gitdir: /",
    "the home": "gitdir: {home}",
    "nothing": "gitdir: {home}/missing",
    "a file": "gitdir: {home}/.ssh/id_ed25519",
    "empty": "",
    "no path": "gitdir: ",
    "no pointer": "{home}/other/.git",
    "two lines": "gitdir: {home}/other/.git\ngitdir: {home}/.ssh",
    "long": "gitdir: " + 5000 * "x",
    "by a link": "gitdir: {work}/link/.git",
    "itself": "gitdir: .git",
    "above": "gitdir: ../..",
}


@pytest.mark.parametrize("name", POINTERS)
def test_a_planted_pointer_mounts_nothing(yard, name):
    yard.work.joinpath("link").symlink_to(yard.home / "other")
    text = POINTERS[name].format(home=yard.home, work=yard.work)
    yard.write(yard.work / ".git", text + "\n")
    assert sources(yard.dry("-y"), yard) == []
    inside = name in ("no path", "itself")  # it leads nowhere that isn't there anyway
    assert yard.warnings.count("git won't work in the container: ") == (not inside), yard.warnings


def plant_common(yard):
    """A git directory of the workdir's own making, whose common directory is another's."""
    place = yard.work / "made/worktrees/x"
    yard.write(place / "HEAD", "ref: refs/heads/main\n")
    yard.write(place / "commondir", f"{yard.home}/other/.git\n")
    yard.write(place / "gitdir", f"{yard.work}/.git\n")
    yard.write(yard.work / ".git", "gitdir: made/worktrees/x\n")


def plant_fifo(yard):
    os.mkfifo(yard.work / ".git")


def plant_link(yard):
    yard.work.joinpath(".git").symlink_to(yard.home / "other/.git")


def plant_link_to_a_pointer(yard):
    yard.work.joinpath(".git").symlink_to(yard.home / "tree/.git")


@pytest.mark.parametrize("plant", [plant_common, plant_fifo, plant_link, plant_link_to_a_pointer])
def test_other_plants_in_the_place_of_git(yard, plant):
    plant(yard)
    assert sources(yard.dry("-y"), yard) == []


def test_a_strangers_repository_is_not_mounted(yard):
    """Both ends point to each other, and the directory is somebody else's."""
    place = yard.home / "work"
    yard.git("worktree", "add", "-q", place, at=yard.home / "other")
    own(place)
    own(yard.home / "other", uid=1001)
    assert yard.dry("--work_dir", place).mounts.keys() & {f"{yard.home}/other/.git"} == set()
    assert "belongs to somebody else" in yard.warnings
    own(yard.home / "other")
    assert f"{yard.home}/other/.git" in yard.dry("--work_dir", place).mounts


def test_a_module_of_another_project_is_not_mounted(yard):
    """One git directory in modules/ leads to its own work tree, and to no other."""
    modules = yard.home / "src/.git/modules"
    yard.git("init", "-q", at=yard.home / "src")
    modules.mkdir()
    (yard.home / "src/elsewhere").mkdir()
    subprocess.run(["cp", "-a", yard.home / "other/.git", modules / "project"], check=True)
    yard.git("config", "--file", modules / "project/config", "core.worktree", "../../../elsewhere")
    yard.write(yard.work / ".git", "gitdir: ../.git/modules/project\n")
    own(yard.home)
    assert sources(yard.dry("-y"), yard) == [] and "point back" in yard.warnings
    yard.git("config", "--file", modules / "project/config", "core.worktree", "../../../project")
    own(yard.home)
    c = yard.dry("-y")
    assert c.mounts[f"/app{modules}/project"] == (f"{modules}/project", "rw"), "and that is one"
    # Outside modules/ the same is none: some repositories are told of any directory.
    yard.git("config", "core.worktree", yard.work, at=yard.home / "other")
    yard.write(yard.work / ".git", f"gitdir: {yard.home}/other/.git\n")
    assert sources(yard.dry("-y"), yard) == [] and "point back" in yard.warnings


def test_worktrees_that_were_planted_are_not_kept(yard):
    """What a file gitdir in .git/worktrees names is mounted only where it leads back."""
    yard.git("init", "-q")
    for i, path in enumerate((yard.home / ".ssh/id_ed25519", yard.home / "tree/.git",
                              yard.home / "repository/.git", "/etc/passwd", "/.git", "x\ny")):
        yard.write(yard.work / f".git/worktrees/w{i}/gitdir", f"{path}\n")
    yard.work.joinpath(".git/worktrees/link").symlink_to(yard.home / "other/.git/worktrees/tree")
    os.mkfifo(yard.work / ".git/worktrees/w0/locked")
    own(yard.work)
    assert sources(yard.dry("-y"), yard) == []


def test_a_home_under_git_is_not_mounted_for_a_directory_in_it(yard):
    yard.git("init", "-q", at=yard.home)
    yard.git("commit", "-q", "--allow-empty", "-m", "dotfiles", at=yard.home)
    own(yard.home)
    assert sources(yard.dry("-y"), yard) == []
    assert "whole home directory" in yard.warnings


def test_a_directory_called_git_that_is_none_is_passed_by(yard):
    (yard.home / "src/.git").mkdir()
    own(yard.home)
    assert sources(yard.dry(), yard) == [] and yard.warnings == ""
