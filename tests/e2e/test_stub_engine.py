"""Which program codex-sandbox takes for the container engine, and what that program gets to obey:
never what the sandbox, or another user, could have put there."""

import json
import os
import shutil
import subprocess

import pytest
from stub_project import UID, open_project, project, snapshot  # noqa: F401

# Leaves a mark beside itself and passes for an engine.
PLANTED = """#!/bin/sh
: >%s
"""
TELLS = """#!/usr/bin/python3
import json, os, sys
if sys.argv[1] == "run":
    print(json.dumps(dict(os.environ)))
"""


def script(path, text, mode=0o755, owner=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, owner, owner)
    return path


@pytest.fixture
def planted(project):
    """A project with a docker of its own, which must never run, and a good one elsewhere."""
    project.engine()
    os.chown(project.home, 0, 0)  # so that nothing but the sandbox's reach speaks against it
    project.plant = script(project.work / ".venv/bin/docker", PLANTED % f"{project.root}/ran",
                           owner=UID)
    project.mark = project.root / "ran"
    yield project
    assert not project.mark.exists(), "the planted engine was run"


def path(*places):
    return {"PATH": ":".join(map(str, places))}


def passed_over(project, where, *arguments, because="", **more):
    """With `where` first in PATH the good engine is taken, and the other one is named."""
    project.log.write_text("")
    env = {**path(where, project.bin), **more.pop("env", {})}
    done = project.start("-y", *arguments, "--exec", "true", env=env, **more)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert f"{where}/docker is skipped: " in said and because in said, said
    assert project.asked()[-1][1:3] == ["run", "--rm"], "the good engine did not run"
    # And where it is the only one, nothing runs and nothing is made.
    before = snapshot(project.root)
    done = project.start("-y", *arguments, "--exec", "true", env=path(where), **more)
    said = done.stderr.decode()
    assert done.returncode == 111 and snapshot(project.root) == before, said
    assert "every one in PATH was skipped" in said and "hint: " in said
    return said


def taken(project, where, **more):
    """The opposite: what is first in PATH runs, and nothing is said."""
    project.log.write_text("")
    done = project.start("--exec", "true", env=path(where, project.bin), **more)
    assert (done.returncode, done.stderr) == (0, b""), done
    asked = project.asked()
    assert len(asked) == 3 and asked[-1][0] == f"{where}/docker", asked


@pytest.fixture
def recorder(project):
    return (project.engine(), (project.bin / "docker").read_text())[1]


# ---- Where the sandbox can write ---------------------------------------------------------------


def test_an_engine_in_the_workdir(planted):
    passed_over(planted, planted.plant.parent, because=f"it lies in {planted.work}, where the sandbox")


def test_one_that_is_not_the_workdirs_runs(project, recorder):
    where = script(project.root / "other/docker", recorder).parent
    taken(project, where)


def test_the_command_names_the_one_that_runs(planted):
    """What --dry-run prints may be typed: by its name alone it would be the planted one."""
    c = planted.dry(env=path(planted.plant.parent, planted.bin))
    assert c.words[0] == f"{planted.bin}/docker" and "skipped" in planted.warnings
    assert planted.dry(env=path(planted.bin, planted.plant.parent)).words[0] == "docker"
    assert planted.warnings == ""


def link(place, target):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    return place


@pytest.mark.parametrize("how", ["file", "directory", "through", "relative", "chain", "dots"])
def test_however_the_way_leads_there(planted, how):
    inside, outside = planted.plant, planted.root / "tools"
    good = planted.bin / "docker"
    where = outside
    if how == "file":
        link(outside / "docker", inside)
    elif how == "directory":
        link(outside, inside.parent)
    elif how == "through":  # by the workdir to a good one: whoever writes there says to which
        where = link(planted.work / "tools", planted.bin).parent / "tools"
    elif how == "relative":
        link(outside / "docker", os.path.relpath(inside, outside))
    elif how == "chain":
        link(planted.work / "first", good)
        link(planted.root / "second", planted.work / "first")
        link(outside / "docker", planted.root / "second")
    else:
        where = f"{planted.work}/.venv/../.venv/bin/."
    passed_over(planted, where, because="where the sandbox can write")


@pytest.mark.parametrize("option", ["--codex-home", "--sessions-path", "--auth_dir"])
def test_in_another_place_that_the_sandbox_can_write(planted, option):
    place = planted.root / "writable"
    script(place / "bin/docker", PLANTED % planted.mark)
    os.chown(place, UID, UID)
    passed_over(planted, place / "bin", option, place, because=f"it lies in {place}, ")


def test_what_is_mounted_read_only_may_be_run(project, recorder):
    where = script(project.root / "other/docker", recorder).parent
    project.log.write_text("")
    done = project.start("--read-only", where, "--exec", "true", env=path(where, project.bin))
    assert done.returncode == 0 and project.asked()[-1][0] == f"{where}/docker", done


def test_the_workdir_mounted_elsewhere_is_the_workdir(planted):
    """By another path, but the same directory."""
    other = planted.root / "other"
    other.mkdir()
    env = {"HOME": str(planted.home), "ENGINE_LOG": str(planted.log),
           **path(other / ".venv/bin", planted.bin)}
    done = subprocess.run(
        ["/usr/bin/unshare", "-m", "/bin/sh", "-c",
         f'/bin/mount --bind {planted.work} {other} && exec {planted.stub} --exec true'],
        env=env, cwd=planted.work, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0 and b"skipped" in done.stderr, done


def test_podman_is_held_to_the_same(planted):
    planted.engine("podman")
    script(planted.plant.parent / "podman", PLANTED % planted.mark, owner=UID)
    env = path(planted.plant.parent, planted.bin)
    done = planted.start("--engine", "podman", "--exec", "true", env=env)
    assert done.returncode == 0 and b"podman is skipped" in done.stderr
    assert planted.asked()[-1][0] == f"{planted.bin}/podman"


def test_podman_takes_the_place_of_a_docker_that_may_not_run(planted):
    (planted.bin / "docker").unlink()
    planted.engine("podman")
    done = planted.start("--exec", "true", env=path(planted.plant.parent, planted.bin))
    assert done.returncode == 0 and b"docker is skipped" in done.stderr
    assert planted.asked()[-1][0] == f"{planted.bin}/podman"
    # Not where docker was asked for.
    done = planted.start("--engine", "docker", "--exec", "true",
                         env=path(planted.plant.parent, planted.bin))
    assert done.returncode == 111, done


def test_what_is_no_program_is_not_told_of(planted):
    planted.plant.chmod(0o644)
    (planted.work / "docker").mkdir()
    env = path(planted.plant.parent, planted.work, planted.bin)
    assert planted.start("--exec", "true", env=env).stderr == b""


# ---- What another user can replace -------------------------------------------------------------


@pytest.mark.parametrize("part", ["docker", "bin", "tools"])
@pytest.mark.parametrize("mode, owner, because", [
    (0o755, UID, f"belongs to uid {UID}"), (0o775, 0, "other users may change"),
    (0o757, 0, "other users may change"), (0o777, 0, "other users may change"),
])
def test_as_root_another_users(project, recorder, part, mode, owner, because):
    where = script(project.root / "tools/bin/docker", recorder).parent
    taken(project, where)
    changed = {"docker": where / "docker", "bin": where, "tools": where.parent}[part]
    os.chown(changed, owner, owner)
    changed.chmod(mode)
    assert f"{changed} " in passed_over(project, where, because=because)


def test_as_root_a_link_of_another_users(project, recorder):
    good = script(project.root / "good/docker", recorder)
    where = project.root / "links"
    link(where / "docker", good)
    taken(project, where)
    os.lchown(where / "docker", UID, UID)
    passed_over(project, where, because=f"{where}/docker belongs to uid {UID}")


def test_a_directory_where_all_may_make_files(project, recorder):
    """As /tmp: nobody can replace root's directory in it, but anybody can put a docker there."""
    where = script(project.root / "all/bin/docker", recorder).parent
    where.parent.chmod(0o1777)
    taken(project, where)
    shutil.copy(where / "docker", where.parent)
    passed_over(project, where.parent, because=f"every user may put files into {where.parent}")
    # Nor is a link in it to be followed, whosever it is.
    link(where.parent / "link", where)
    passed_over(project, where.parent / "link", because="every user may put files")


def as_user(project, uid, where, group=None):
    """The same without root: (status, what was said, the engine that ran)."""
    project.log.write_text("")
    project.log.chmod(0o666)
    os.chown(project.work, uid, uid)
    done = project.start("--exec", "true", env=path(where, project.bin), user=uid, group=group or uid,
                         extra_groups=[])
    asked = project.asked()
    return done.returncode, done.stderr.decode(), asked[-1][0] if asked else None


@pytest.mark.parametrize("owner, mode, good", [
    (0, 0o755, True), (UID, 0o755, True), (UID, 0o775, True), (UID + 1, 0o755, False),
    (UID, 0o757, False), (0, 0o775, False),
])
def test_without_root(open_project, owner, mode, good):
    """A user's own programs are fine, in a group of that user's alone too; another's aren't."""
    p = open_project
    p.engine()
    where = p.root / "tools"
    where.mkdir()
    shutil.copy(p.bin / "docker", where)
    for place in (where, where / "docker"):
        os.chown(place, owner, owner)
        place.chmod(mode)
    status, said, ran = as_user(p, UID, where)
    assert (status, ran) == (0, f"{where if good else p.bin}/docker"), said
    assert (said == "") == good and good == ("skipped" not in said)


def test_without_root_in_ones_own_workdir(open_project):
    """All there is one's own: it is the sandbox that could have written it."""
    p = open_project
    p.engine()
    plant = script(p.work / "bin/docker", PLANTED % f"{p.root}/ran", owner=UID)
    os.chown(plant.parent, UID, UID)
    status, said, ran = as_user(p, UID, plant.parent)
    assert (status, ran) == (0, f"{p.bin}/docker") and "where the sandbox can write" in said
    assert not (p.root / "ran").exists()


def test_without_root_in_a_group_of_many(open_project):
    p = open_project
    p.engine()
    where = p.root / "tools"
    where.mkdir()
    shutil.copy(p.bin / "docker", where)
    for place in (where, where / "docker"):
        os.chown(place, UID, 100)
        place.chmod(0o775)
    assert "other users may change" in as_user(p, UID, where)[1]
    # Nor is it one's own by its number alone: whoever is in another group may be in that one too.
    for place in (where, where / "docker"):
        os.chown(place, UID, UID)
    assert as_user(p, UID, where)[1] == ""
    assert "other users may change" in as_user(p, UID, where, group=100)[1]


# ---- What the engine's client starts and obeys -------------------------------------------------


def environment(project, env):
    """What the client gets, when it becomes the engine."""
    done = project.start("--exec", "true", env=env)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_the_client_searches_no_place_of_the_sandboxs(project):
    """Helpers for credentials, ssh, a runtime; an interpreter; libraries."""
    script(project.bin / "docker", TELLS)
    good, bad = project.root / "good", project.work / "lib"
    others = project.root / "others"
    for place in (good, bad, others):
        place.mkdir()
    others.chmod(0o777)
    everybodys = project.root / "everybodys"
    everybodys.mkdir()
    everybodys.chmod(0o1777)
    library = script(good / "good.so", "")
    seen = environment(project, {
        "PATH": f"{bad}:{good}::.:bin:{others}:{everybodys}:{project.root}/missing:{project.bin}",
        "LD_LIBRARY_PATH": f"{bad};{good}:lib:",
        "LD_PRELOAD": f"{bad}/bad.so libgood.so {library}:./x.so",
        "LD_AUDIT": f"{bad}/bad.so",
    })
    assert seen["PATH"] == f"{good}:{project.bin}"
    assert seen["LD_LIBRARY_PATH"] == str(good)
    assert seen["LD_PRELOAD"] == f"libgood.so:{library}"
    assert "LD_AUDIT" not in seen
    seen = environment(project, path(project.bin))
    assert seen["PATH"] == str(project.bin)
    assert not [name for name in seen if name.startswith("LD_")]


SETTINGS = [
    ("docker", "DOCKER_CONFIG", ""), ("docker", "DOCKER_CERT_PATH", ""),
    ("docker", "DOCKER_HOST", "unix://"), ("docker", "HOME", ""),
    ("podman", "CONTAINER_HOST", "unix://"), ("podman", "CONTAINERS_CONF", ""),
    ("podman", "CONTAINERS_CONF_OVERRIDE", ""), ("podman", "CONTAINERS_STORAGE_CONF", ""),
    ("podman", "CONTAINERS_REGISTRIES_CONF", ""), ("podman", "REGISTRY_AUTH_FILE", ""),
    ("podman", "DOCKER_CONFIG", ""), ("podman", "XDG_CONFIG_HOME", ""),
    ("podman", "XDG_DATA_HOME", ""), ("podman", "XDG_RUNTIME_DIR", ""), ("podman", "HOME", ""),
]


@pytest.mark.parametrize("engine, variable, prefix", SETTINGS)
def test_settings_that_the_sandbox_can_write(project, engine, variable, prefix):
    project.engine(engine)
    link(project.root / "link", project.work)
    outside = project.root / "outside"
    for value in (project.work / "there", project.root / "link/there"):
        message = project.refused_at_start("--engine", engine, "--exec", "true",
                                           env={variable: f"{prefix}{value}"})
        assert f"it lies in {project.work}, where the sandbox" in message
        assert f"set {variable} to" in message or variable == "HOME"
    done = project.start("--engine", engine, "--exec", "true", env={variable: f"{prefix}{outside}"})
    # A home that isn't there keeps no report, which is told.
    told = [line for line in done.stderr.splitlines() if b"closing report isn't saved" not in line]
    assert (done.returncode, told) == (0, []), done


def test_settings_by_a_relative_path(project):
    project.engine()
    message = project.refused_at_start("--exec", "true", env={"DOCKER_CONFIG": ".docker"})
    assert f"{project.work}/.docker" in message


def test_settings_named_elsewhere_take_the_place_of_the_homes(project):
    """A home within the workdir: only what the engine, or the next start, reads there is in the way."""
    for engine, elsewhere in (("docker", ["DOCKER_CONFIG", "XDG_CONFIG_HOME"]),
                              ("podman", ["XDG_CONFIG_HOME", "XDG_DATA_HOME"])):
        project.engine(engine)
        env = {"HOME": str(project.work), **{v: str(project.root / "x") for v in elsewhere}}
        assert project.start("--engine", engine, "--exec", "true", env=env).returncode == 0


def test_engines_that_are_elsewhere_are_no_path(project):
    project.engine()
    for host in ("tcp://10.0.0.1:2376", "ssh://me@host"):
        assert project.start("--exec", "true", env={"DOCKER_HOST": host}).returncode == 0
