"""--mount: a further directory that Codex may write: asked about, and protected as the workdir is."""

import os

import pytest
from stub_project import UID, project  # noqa: F401


@pytest.fixture
def other(project):
    place = project.home / "other project"
    place.mkdir()
    os.chown(place, UID, UID)
    return place


def repository(place):
    hooks = place / ".git/hooks"
    hooks.mkdir(parents=True)
    (place / ".git/config").write_text("[core]\n")
    (place / ".codex").mkdir()
    for path in (place / ".git", hooks, place / ".git/config", place / ".codex"):
        os.chown(path, 1000, 1000)


def test_it_is_asked_about(project, other):
    message = project.refused("--mount", other)
    assert f"mount writable: {other}: " in message and ": -y\n" in message
    c = project.dry("-y", "--mount", other)
    assert c.mounts[f"/app{other}"] == (str(other), "rw")
    assert c.init == ["--compare", f"/app{other}"]


def test_what_the_host_obeys_in_it_is_read_only(project, other):
    repository(other)
    c = project.dry("-y", "--mount", other)
    for name, how in ((".git", "rw"), (".git/hooks", "ro"), (".git/config", "ro"), (".codex", "ro")):
        assert c.mounts[f"/app{other}/{name}"] == (f"{other}/{name}", how)
    c = project.dry("-y", "--no-protect", "--mount", other)
    assert f"/app{other}/.git/hooks" not in c.mounts


@pytest.mark.parametrize("name", [".git/hooks", ".git/config", ".codex"])
def test_a_link_in_the_place_of_what_is_protected(project, other, name):
    (other / name).parent.mkdir(exist_ok=True)
    (other / name).symlink_to(project.home)
    assert "--no-protect" in project.refused("-y", "--mount", other)


def test_places_that_make_no_sense(project, other):
    inside = project.work / "inside"
    inside.mkdir()
    assert "writable already" in project.refused("-y", "--mount", inside)
    assert "the workdir lies in it" in project.refused("-y", "--mount", project.home)
    assert "the workdir lies in it" in project.refused("-y", "--mount", "/")
    assert project.refused("-y", "--mount", project.home / "missing")
    (project.work / "way").symlink_to(other)
    assert "leads out of it" in project.refused("-y", "--mount", "./way")


def test_secrets_in_it_are_told(project):
    keys = project.home / ".ssh"
    keys.mkdir()
    project.dry("-y", "--mount", keys)
    assert "it would expose SSH keys" in project.warnings


@pytest.mark.cell(own_uid=True, seldom=True)
def test_it_is_written_and_what_is_planted_is_told(stub, tmp_path):
    place = tmp_path / "second"
    place.mkdir()
    os.chown(place, 1000, 1000)
    repository(place)
    script = f"cd /app{place}; echo new >file; touch .git/hooks/x .git/config .codex/x; echo run >.envrc; id -u"
    done = stub("-y", "--mount", place, "--exec", "sh", "-c", script).ok()
    assert (place / "file").read_text() == "new\n" and (place / "file").stat().st_uid == 1000
    assert done.err.count("Read-only file system") == 3, done
    assert f"1 file in /app{place} that programs on your machine obey has changed:\n  new      .envrc" in done.err
    # Without the option there is nothing.
    assert "No such file" in stub("--exec", "ls", f"/app{place}").err
