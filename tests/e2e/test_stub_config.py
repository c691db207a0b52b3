"""The launcher and config.toml, prompts, init script, sessions and home, as --dry-run shows it."""

import json
import os
import subprocess

import pytest
from stub_project import GOOD, UID, open_project, project, snapshot  # noqa: F401
from stub_dry_run import as_user  # noqa: F401


def test_a_config_that_is_newer_than_the_copy(project):
    """What is there is never overwritten, so a change since then isn't in force."""
    config = project.write(project.home / ".codex" / "config.toml", "a = 1")
    project.dry()
    assert project.warnings == ""
    copy = project.write(project.work / ".codex" / ".environment" / "config.toml", "a = 0")
    os.chown(copy.parent, UID, UID)
    os.utime(copy, (1000, 1000))
    os.utime(config, (2000, 2000))
    project.dry()
    assert f"{config} is newer than the copy" in project.warnings
    hint = project.warnings.split("hint: to have it copied again: ")[1]
    subprocess.run(hint, shell=True, check=True)
    assert not copy.exists()
    project.dry()
    assert project.warnings == ""
    # One that Codex has written since is the newer one; so is one of the same moment.
    project.write(copy, "a = 0")
    for time_of_copy in (2000, 3000):
        os.utime(copy, (time_of_copy, time_of_copy))
        project.dry()
        assert project.warnings == ""


def config_places(project):
    given, variable = project.root / "given", project.root / "variable"
    return [
        (["--config", given], {}, given),
        ([], {"CODEX_CONFIG_DIR": str(variable)}, variable),
        ([], {}, project.home / ".codex"),
        ([], {}, project.home / ".config" / "codex"),
        ([], {}, project.work / "codex"),
        ([], {}, project.work / ".codex"),
    ]


@pytest.mark.parametrize("what", ["config.toml", "prompts", "AGENTS.md", "skills", "rules"])
@pytest.mark.parametrize("first", range(6))
def test_config_and_prompts_search_order(project, what, first):
    arguments, env = [], {}
    for i, (more, variables, path) in enumerate(config_places(project)):
        arguments += more
        env.update(variables)
        path.mkdir(parents=True)
        if i >= first:
            project.write(path / "config.toml")
            project.write(path / "AGENTS.md")
            for directory in ("prompts", "skills", "rules"):
                project.write(path / directory / "a.md")
    c = project.dry(*arguments, env=env)
    source = config_places(project)[first][2] / what
    assert c.mounts[f"/run/codex/in/{what}"] == (str(source), "ro")


def test_a_file_in_a_directorys_place_is_left_out(project):
    project.write(project.home / ".codex" / "skills")
    (project.home / ".codex" / "AGENTS.md").mkdir()
    later = project.write(project.work / "codex" / "AGENTS.md")
    c = project.dry()
    assert "/run/codex/in/skills" not in c.mounts
    assert c.mounts["/run/codex/in/AGENTS.md"] == (str(later), "ro")
    assert "not a directory" in project.warnings and "not a regular file" in project.warnings


def test_no_config_no_prompts(project):
    assert not [m for m in project.dry().mounts if m.startswith("/run/codex")]


def test_config_given_as_a_file(project):
    path = project.write(project.root / "my.toml")
    project.write(project.root / "prompts" / "a.md")
    project.write(project.root / "auth.json", GOOD)
    project.write(project.home / ".codex" / "config.toml")
    c = project.dry("--config", path)
    assert c.mounts["/run/codex/in/config.toml"] == (str(path), "ro")
    # Its directory was not given.
    assert "/run/codex/in/prompts" not in c.mounts
    assert "/codex_home/auth.json" not in c.mounts


def test_named_configuration_must_exist(project):
    project.refused("--config", project.root / "missing")
    project.refused(env={"CODEX_CONFIG_DIR": str(project.root / "missing")})
    project.refused(env={"CODEX_CONFIG_DIR": str(project.write(project.root / "file"))})
    project.refused("--config", "/dev/null")


def test_init_script(project):
    script = project.write(project.work / "setup.sh")
    for given in ("./setup.sh", script):
        c = project.dry("--init_script", given)
        assert c.mounts["/run/codex/in/init.sh"] == (str(script), "ro")
    project.refused("--init_script", "./missing.sh")
    project.refused("--init_script", project.home)
    assert "/run/codex/in/init.sh" not in project.dry().mounts


def test_sessions(project):
    inside = project.work / "sessions"
    outside = project.root / "sessions"
    for path in (inside, outside):
        path.mkdir()
        os.chown(path, UID, UID)
    assert project.dry("--sessions-path", inside).mounts["/codex_home/sessions"] == (
        str(inside),
        "rw",
    )
    assert "outside the workdir" in project.refused("--sessions-path", outside)
    for yes in ("-y", "--yes"):
        c = project.dry(yes, "--sessions_path", outside)
        assert c.mounts["/codex_home/sessions"] == (str(outside), "rw")
    project.refused("-y", "--sessions-path", project.root / "missing")
    assert "/codex_home/sessions" not in project.dry().mounts


def test_another_home(project):
    home = project.root / "elsewhere"
    home.mkdir()
    os.chown(home, UID, UID)
    assert "outside the workdir" in project.refused("--codex-home", home)
    c = project.dry("-y", "--codex-home", home)
    assert c.mounts["/codex_home"] == (str(home), "rw")
    assert "SANDBOX_ENV_DIR=/codex_home" in c.env
    assert not [m for m in c.mounts if m.endswith(".environment")]
    os.chown(home, UID + 1, UID + 1)
    assert "must own it" in project.refused("-y", "--codex-home", home)
    project.refused("-y", "--codex-home", project.root / "missing")


def test_a_home_of_somebody_else(project):
    home = project.work / ".codex" / ".environment"
    home.mkdir(parents=True)
    os.chown(home, UID + 1, UID + 1)
    assert "chown" in project.refused()
    os.chown(home, UID, UID)
    project.dry()


def test_a_home_of_roots_that_is_in_use(project):
    """An empty one is left over from a run that was cut short, and given away; with something in
    it, it is root's own."""
    home = project.work / ".codex" / ".environment"
    home.mkdir(parents=True)
    project.dry()
    for name in ("file", ".hidden"):
        (home / name).write_text("root's")
        message = project.refused()
        assert "belongs to uid 0" in message and f"chown -R {UID}:{UID} {home}" in message
        (home / name).unlink()
    # Given with --codex-home nothing is given away, empty or not.
    other = project.root / "other"
    other.mkdir()
    assert "belongs to uid 0" in project.refused("-y", "--codex-home", other)


def test_another_user(project):
    home = project.work / ".codex" / ".environment"
    home.mkdir(parents=True)
    os.chown(home, 1234, 1234)
    project.refused()
    project.dry(env={"CODEX_INIT_USER": "1234:99"})
    project.dry("-e", "CODEX_INIT_USER=1234")
    for user in ("somebody", "1234:", ":1234", "1234:99:1", "1234 ", "-1", "0x4d2"):
        assert "UID:GID" in project.refused(env={"CODEX_INIT_USER": user})
    # (uid_t)-1 is nobody's, and above it other numbers would become small ones again.
    for user in ("4294967295", "1234:4294967295", "4294968530", "1234:4294967395"):
        assert "UID:GID" in project.refused(env={"CODEX_INIT_USER": user})
    project.dry(env={"CODEX_INIT_USER": "1234:4294967294"})
    os.chown(home, UID, UID)
    project.dry(env={"CODEX_INIT_USER": ""})
    project.dry(env={"CODEX_INIT_USER": "codex"})


def test_a_user_who_cannot_create_a_home_for_another(open_project):
    """Without root, in a directory that everybody can reach."""
    before = snapshot(open_project.root)
    for uid, status in ((UID + 1, 100), (UID, 0)):
        done = open_project.start("--dry-run", **as_user(uid))
        assert done.returncode == status
        hint = f"CODEX_INIT_USER={uid}:{uid}".encode()
        assert (hint in done.stderr) == (status == 100)
        assert snapshot(open_project.root) == before


@pytest.mark.parametrize("name", ["skills/x", "prompts", ".environment"])
def test_a_link_into_what_may_not_be_looked_at(open_project, name):
    """Without root, nobody can say whether it leads out of the workdir."""
    work = open_project.work
    link, closed = work / ".codex" / name, work / "closed"
    closed.mkdir()
    link.parent.mkdir(parents=True)
    link.symlink_to(closed / "x")
    (closed / "x").mkdir()
    for path in (*closed.rglob("*"), closed, *link.parents[: len(link.relative_to(work).parts) - 1]):
        os.chown(path, UID, UID)
    assert open_project.start("--dry-run", **as_user(UID)).returncode == 0
    os.chown(closed, UID + 1, UID + 1)
    closed.chmod(0o700)
    done = open_project.start("--dry-run", **as_user(UID))
    said = done.stderr.decode()
    assert done.returncode == 100 and "can't be examined" in said, said
