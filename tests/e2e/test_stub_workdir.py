"""The launcher's workdir, as --dry-run shows it."""

import os

from stub_project import UID, open_project, project  # noqa: F401
from stub_dry_run import as_user  # noqa: F401


def test_workdir_defaults_to_the_current_directory(project):
    sub = project.work / "sub"
    sub.mkdir()
    os.chown(sub, UID, UID)
    assert project.dry(cwd=sub).value("-w") == f"/app{sub}"


def test_workdir_is_resolved(project):
    link = project.home / "link"
    link.symlink_to(project.work)
    for given in ("--work_dir", "--work-dir"):
        assert project.dry(given, "../link", cwd=project.home / "src").value("-w") == (
            f"/app{project.work}"
        )


def test_workdir_root_is_refused(project):
    assert "whole machine" in project.refused("--work_dir", "/")
    (project.home / "rootlink").symlink_to("/")
    assert "whole machine" in project.refused("--work_dir", project.home / "rootlink")
    project.refused(cwd="/")


def test_workdir_missing_or_a_file(project):
    project.refused("--work_dir", project.home / "missing")
    project.refused("--work_dir", project.write(project.home / "file"))


def test_workspace_root(project):
    root = {"WORKSPACE_ROOT_DIR": str(project.home / "src")}
    project.dry(env=root)
    sibling = project.home / "src2"
    sibling.mkdir()
    os.chown(sibling, UID, UID)
    assert "WORKSPACE_ROOT_DIR" in project.refused("--work_dir", sibling, env=root)
    assert "WORKSPACE_ROOT_DIR" in project.refused("--work_dir", project.home, env=root)
    (project.home / "src" / "out").symlink_to(sibling)
    project.refused("--work_dir", project.home / "src" / "out", env=root)
    project.refused(env={"WORKSPACE_ROOT_DIR": str(project.home / "missing")})
    project.dry("--work_dir", sibling, env={"WORKSPACE_ROOT_DIR": ""})


def test_workdir_of_root_is_told(open_project):
    """Without root; started by root, the launcher shows it to Codex as its own (test_owner.py)."""
    os.chown(open_project.work, 0, 0)
    open_project.work.chmod(0o777)
    done = open_project.start("--dry-run", **as_user(UID))
    assert done.returncode == 0 and b"belongs to root" in done.stderr, done
    done = open_project.start("--dry-run")
    assert done.returncode == 0 and b"belongs to root" not in done.stderr, done


def test_workdir_that_is_the_home_directory_is_told(project):
    project.dry("--work_dir", project.home)
    assert "your home directory" in project.warnings
    project.dry()
    assert project.warnings == ""
