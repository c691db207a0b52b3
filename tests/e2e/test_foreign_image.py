"""codex-init in an image that is not Codex's: what the image says of users and HOME stays."""

import io
import re
import subprocess
import tarfile
import uuid
from pathlib import Path

import pytest
from conftest import ROOT

PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n"
LOOK = "cat /etc/passwd; id -u; id -g; echo $HOME $PATH; ls -d /codex_home; env | grep -E '^(CODEX|SANDBOX|USER)'"


def image_tar(*directories):
    """busybox, codex-init and a user, and no other directory than these."""
    made = io.BytesIO()

    def add(tar, name, kind, data=b"", **rest):
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.mode = kind, len(data), 0o755
        for key, value in rest.items():
            setattr(entry, key, value)
        tar.addfile(entry, io.BytesIO(data))

    with tarfile.open(fileobj=made, mode="w") as tar:
        for name in ("bin", "etc", "proc", "dev", "sys", *directories):
            add(tar, name, tarfile.DIRTYPE)
        add(tar, "codex-init", tarfile.REGTYPE, (ROOT / "build/codex-init").read_bytes())
        add(tar, "bin/busybox", tarfile.REGTYPE, Path("/bin/busybox").read_bytes())
        for name in ("sh", "id", "cat", "ls", "env", "grep", "test"):
            add(tar, f"bin/{name}", tarfile.SYMTYPE, linkname="busybox")
        add(tar, "etc/passwd", tarfile.REGTYPE, PASSWD.encode(), mode=0o644)
    return made.getvalue()


@pytest.fixture
def image(runner):
    """image(directories, changes): the name of a new image, removed with the test."""
    made = []

    def make(directories=("run",), *changes):
        made.append(f"foreign-{uuid.uuid4().hex[:12]}")
        options = ["-c", 'ENTRYPOINT ["/codex-init"]', *sum((["-c", c] for c in changes), [])]
        runner.docker("import", *options, "-", made[-1], input=image_tar(*directories)).ok()
        return made[-1]

    yield make
    for name in made:
        runner.docker("rmi", "-f", name)


@pytest.fixture
def foreign(runner):
    """foreign(image, script, options of the engine, of codex-init): what came of it."""

    def run(image, script, options=(), init=(), flags=None):
        flags = runner.flags if flags is None else flags
        words = ["run", "--rm", "--pull=never", *flags, *options, image, *init, "--", "sh", "-c", script]
        return runner.docker(*words)

    return run


@pytest.mark.parametrize(
    "wall, init",
    [("nft", ()), ("nft", ("--user", "app")), ("nft", ("--egress=off", "--user", "app")), ("flagless", ())],
    indirect=["wall"],
)
def test_users_and_home_stay(image, foreign, init):
    done = foreign(image(), LOOK, init=init)
    assert done.out.startswith(PASSWD + "1000\n"), done
    assert done.out.splitlines()[4].startswith("/home/app /"), done
    assert "codex_home" not in done.out and "SANDBOX" not in done.out and "USER=" not in done.out, done


@pytest.mark.cell("nft", "flagless", seldom=True)
def test_the_group_is_the_users(image, foreign):
    assert foreign(image(), "id -g").ok().out == "1001\n"


@pytest.mark.cell("nft", "flagless", seldom=True)
def test_a_home_that_the_image_sets_stays(image, foreign):
    done = foreign(image(("run",), "ENV HOME=/srv"), "echo $HOME")
    assert done.ok().out == "/srv\n"


@pytest.mark.cell("nft", "flagless", seldom=True)
def test_the_home_of_a_user_that_the_image_does_not_know_stays(image, foreign):
    assert foreign(image(), "echo $HOME", init=("--user", "4242")).ok().out == "/root\n"


@pytest.mark.cell("nft", "flagless", seldom=True)
@pytest.mark.parametrize(
    "directories, options",
    [(("run",), ("-e", "CODEX_HOME=/codex_home")), (("run", "codex_home"), ())],
    ids=["variable", "directory"],
)
def test_where_codexs_home_is_asked_for_it_is_made(image, foreign, directories, options):
    done = foreign(image(directories), LOOK, options=options)
    assert "codex:x:1000:" in done.out and "CODEX_HOME=/codex_home" in done.out, done
    assert "\n/codex_home /codex_home/bin:" in done.out and "USER=codex" in done.out, done


def test_an_image_with_a_user_runs_as_that_user(image, foreign):
    """In the cell, since a capability is no use to it."""
    assert foreign(image(("run",), "USER app"), "id -u; echo $HOME").ok().out == "1000\n/home/app\n"


def test_an_image_with_a_user_is_told_what_gives_it_nftables(image, foreign):
    name = image(("run",), "USER app")
    done = foreign(name, "id -u", init=("--wall=nft",)).ok(111)
    hint = done.err.rpartition("  hint: ")[2]
    typed = re.search(r"(--user 0.*?); .* (-e CODEX_INIT_USER=1000)$", hint.strip())
    assert typed, done
    flags = ["--cap-drop=ALL", *typed[1].split(), *typed[2].split()]
    assert foreign(name, "id -u", flags=flags).ok().out == "1000\n"


@pytest.mark.cell("nft", "flagless", seldom=True)
def test_a_home_in_memory_is_told_what_works(run):
    done = run("true", options=("--tmpfs", "/codex_home")).ok(111)
    typed = re.search(r"hint: .*(--tmpfs /codex_home:\S+)$", done.err, re.M)
    assert typed, done
    done = run("sh", "-c", "touch /codex_home/it && stat -c %u /codex_home", options=typed[1].split())
    assert done.ok().out == "1000\n"


def warnings(done):
    return [line for line in done.err.splitlines() if re.match(r"codex-init: (config|verify): ", line)
            and "/run" in line]


@pytest.mark.cell
def test_a_missing_run_directory_is_made(image, foreign):
    done = foreign(image(()), "test -s /run/codex/status.json && echo there")
    assert done.ok().out == "there\n" and warnings(done) == [], done


@pytest.mark.cell("nft", "flagless")
@pytest.mark.parametrize("directories", [(), ("run",)])
def test_where_it_can_not_be_made_that_is_one_warning(image, foreign, directories):
    done = foreign(image(directories), "echo ran", options=("--read-only",)).ok()
    assert done.out == "ran\n"
    assert len(warnings(done)) == 1 and "hint: give the container one: --tmpfs /run" in done.err, done
    done = foreign(image(directories), "echo ran", options=("--read-only", "--tmpfs", "/run")).ok()
    assert warnings(done) == [], done
