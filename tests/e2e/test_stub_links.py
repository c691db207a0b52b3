"""Links that lead out of the workdir, and other things in the place of what the launcher looks for."""

import os
import stat

import pytest
from stub_project import GOOD, UID, project  # noqa: F401
from stub_hostile import DIRECTORIES, directory, file, host  # noqa: F401

pytestmark = pytest.mark.attack
FILES = (
    ".codex/auth.json",
    ".codex/config.toml",
    ".codex/.environment/auth.json",
    ".codex/.environment/config.toml",
    ".codex/.environment/init.sh",
    "codex/auth.json",
    "codex/config.toml",
    "setup.sh",
    "conf.toml",
    "login.json",
    ".codex/AGENTS.md",
    "codex/AGENTS.md",
)


def absolute(host, path, secret):
    path.symlink_to(secret)


def relative(host, path, secret):
    path.symlink_to(os.path.relpath(secret, path.parent))


def chained(host, path, secret):
    (host.work / "one").symlink_to("two")
    (host.work / "two").symlink_to(secret)
    path.symlink_to(os.path.relpath(host.work / "one", path.parent))


def by_another_directory(host, path, secret):
    (host.work / "way").symlink_to(secret.parent)
    path.symlink_to(host.work / "way" / secret.name)


def up_and_down(host, path, secret):
    """Out of the workdir and in again would be fine; this one stays out."""
    path.symlink_to(f"{host.work}/../{host.work.name}/../../{secret.relative_to(host.home)}")


def to_the_root(host, path, secret):
    path.symlink_to("/")


LINKS = (absolute, relative, chained, by_another_directory, up_and_down, to_the_root)


@pytest.mark.parametrize("how", LINKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", FILES + DIRECTORIES)
def test_a_link_out_of_the_workdir(host, place, how):
    how(host, host.trap(place), host.secret(place))
    status, said = host.run(place)
    if how is to_the_root and place in (*FILES, "codex") and status == 0:
        return  # what is looked for isn't there, or no file: it is passed over
    assert status == 100, said
    assert not (host.work / ".codex/.environment/.gitignore").exists(), "something was created"


def dangling(host, path, secret):
    path.symlink_to(host.home / "not-there")


def dangling_in_ssh(host, path, secret):
    path.symlink_to(host.keys / "authorized_keys")


def hard_link(host, path, secret):
    os.link(secret if secret.is_file() else host.keys / "id_ed25519", path)


def fifo(host, path, secret):
    os.mkfifo(path)


def link_to_a_fifo(host, path, secret):
    os.mkfifo(host.work / "pipe")
    path.symlink_to(host.work / "pipe")


def device(host, path, secret):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def link_to_a_device(host, path, secret):
    path.symlink_to("/dev/zero")


def unreadable(host, path, secret):
    host.project.write(path, "text", 0)


def huge(host, path, secret):
    with open(path, "wb") as made:
        made.truncate(1 << 30)


def of_a_stranger(host, path, secret):
    host.project.write(path, GOOD)
    os.chown(path, UID + 7, UID + 7)


def circle(host, path, secret):
    path.symlink_to(path.name)


ODD = (dangling, dangling_in_ssh, hard_link, fifo, link_to_a_fifo, device, link_to_a_device,
       directory, file, unreadable, huge, of_a_stranger, circle)


@pytest.mark.parametrize("how", ODD, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", FILES + DIRECTORIES)
def test_an_odd_thing_in_the_workdir(host, place, how):
    path = host.trap(place)
    how(host, path, host.secret(place))
    status, said = host.run(place)
    if how in (hard_link, of_a_stranger) and place in FILES and "/.environment/" not in place:
        assert status == 100 and "put a copy" in said, said
    if how is huge and place in FILES:
        stays = place.endswith(("/.environment/config.toml", "/.environment/init.sh"))
        assert ("larger than" in said) != stays, said
    if how is dangling_in_ssh:
        assert not (host.keys / "authorized_keys").exists()


@pytest.mark.parametrize("place", ["codex/prompts/a.md", ".codex/prompts/deep/a.md"])
def test_prompts_that_are_not_the_projects_own(host, place):
    """PID 1 copies prompts as root: it must not carry what Codex's user couldn't read."""
    path = host.project.write(host.trap(place), "prompt")
    assert host.run(place)[0] == 0
    for spoil in (lambda: os.link(path, host.work / "second"),
                  lambda: os.chown(path, UID + 7, UID + 7),
                  lambda: (os.chown(path, 0, 0), path.chmod(0o600))):
        path.unlink()
        host.project.write(path, "prompt")
        spoil()
        assert host.run(place)[0] == 100
        (host.work / "second").unlink(missing_ok=True)


@pytest.mark.parametrize("place", FILES + DIRECTORIES)
def test_the_same_places_with_the_projects_own(host, place):
    """The opposite: what is plainly the project's own is used."""
    path = host.trap(place)
    if place in FILES:
        host.project.write(path, GOOD if place.endswith(".json") else "text")
    else:
        directory(host, path, None)
    status, said = host.run(place)
    assert status == 0, said
    if "/.environment/" not in place or place.endswith("auth.json"):
        assert str(path) in " ".join(host.asked()) or place in ("codex", "conf"), said


@pytest.mark.parametrize("how", LINKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", [".git", ".git/hooks", ".git/config"])
def test_traps_in_the_place_of_what_is_protected(host, place, how):
    secret = host.keys / "config.toml" if place == ".git/config" else host.secret(place)
    how(host, host.trap(place), secret)
    status, said = host.run(place)
    assert status == 0 and f"/app{host.work}/{place}," not in " ".join(host.asked())
