"""codex-sandbox --dry-run: the command for each option, variable and step of a search order."""

import os
import re
import shlex
import subprocess

import pytest
from stub_project import STUB, UID, Command, project, snapshot  # noqa: F401

CAPABILITIES = ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"]


def test_the_plain_command(project):
    c = project.dry()
    place = f"/app{project.work}"
    environment = f"{project.work}/.codex/.environment"
    assert c.words[:4] == ["docker", "run", "--rm", "--init=false"]
    assert c.mounts == {
        "/codex_home": (environment, "rw"),
        place: (str(project.work), "rw"),
        f"{place}/.codex": (f"{project.work}/.codex", "ro"),
        f"{place}/.codex/.environment": (environment, "rw"),
    }
    assert c.value("-w") == place
    assert c.value("--security-opt") == "no-new-privileges"
    assert f"SANDBOX_ENV_DIR={place}/.codex/.environment" in c.env
    assert (c.image, c.init, c.payload) == ("codex-sandbox", [], ["codex"])
    assert project.warnings == ""


def test_rights_are_exactly_those_that_codex_init_needs(project):
    flags = project.dry().flags
    assert flags.count("--cap-drop=ALL") == 1
    assert [f for f in flags if str(f).startswith("--cap-add")] == [
        f"--cap-add={c}" for c in CAPABILITIES
    ]
    assert "--privileged" not in flags


def test_a_missing_image_is_never_pulled(project):
    assert "--pull=never" in project.dry().flags


@pytest.mark.parametrize(
    "name", ["with space", "a,b", 'a"b', "a:b", "it's", "$(x)`y`", "ä€😀", "-dash", "#x", "a\tb"]
)
def test_a_workdir_may_have_any_name(project, name):
    work = project.home / name
    work.mkdir()
    os.chown(work, UID, UID)
    c = project.dry("--work_dir", work)
    assert c.mounts[f"/app{work}"] == (str(work), "rw")
    assert c.value("-w") == f"/app{work}"


@pytest.mark.parametrize("name", [b"a\nb", b"a\rb", b"blank ", b"\xff"])
def test_names_that_no_engine_can_be_told(project, name):
    work = os.path.join(os.fsencode(project.home), name)
    os.mkdir(work)
    os.chown(work, UID, UID)
    assert "container engine" in project.refused("--work_dir", os.fsdecode(work))


def test_container_names(project):
    work = project.home / "my project"
    other = project.home / "my_project"
    names = set()
    for path in (work, other):
        path.mkdir()
        os.chown(path, UID, UID)
        name = project.dry("--work_dir", path).value("--name")
        assert name.startswith("codex_") and "my_project_" in name
        names.add(name)
    assert len(names) == 2


def test_names_tell_paths_apart(project):
    """/a/b_c and /a_b/c read alike; the digits behind them differ."""
    names = []
    for path in (project.home / "a" / "b_c", project.home / "a_b" / "c"):
        path.mkdir(parents=True)
        os.chown(path, UID, UID)
        names.append(project.dry("--work_dir", path).value("--name"))
        assert re.fullmatch(r"codex_[A-Za-z0-9_.-]+_[0-9a-f]{8}", names[-1])
    assert names[0][:-8] == names[1][:-8] and names[0] != names[1]


def test_another_home_is_another_container(project):
    homes = [project.work / "one", project.work / "two"]
    names = {project.dry().value("--name")}
    for home in homes:
        home.mkdir()
        os.chown(home, UID, UID)
        names.add(project.dry("--codex-home", home).value("--name"))
    assert len(names) == 3
    assert project.dry("--codex-home", homes[0]).value("--name") in names


def deep(root, size):
    """A directory whose path has exactly this many bytes, made step by step."""
    here = os.open(root, os.O_RDONLY)
    left = size - len(str(root))
    path = str(root)
    while left:
        step = left - 1 if left <= 201 else min(200, left - 3)
        name = "d" * step
        os.mkdir(name, dir_fd=here)
        os.chown(name, UID, UID, dir_fd=here)
        there = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, path, left = there, f"{path}/{name}", left - step - 1
    os.close(here)
    assert len(path) == size
    return path


def test_a_path_of_four_thousand_bytes(project):
    path = deep(project.home, 4000)
    before = snapshot(project.work)
    done = project.start("--dry-run", "--work_dir", path)
    assert done.returncode == 0, done.stderr
    c = Command(shlex.split(done.stdout.decode()))
    assert c.mounts[f"/app{path}"] == (path, "rw") and c.value("-w") == f"/app{path}"
    assert len(c.value("--name")) < 64 and snapshot(project.work) == before


def test_a_path_that_is_too_long_inside(project):
    """It exists here, but /app and .codex/.environment around it are too much for Linux."""
    done = project.start("--dry-run", "--work_dir", deep(project.home, 4080))
    assert done.returncode == 100 and b"too long" in done.stderr, done


@pytest.mark.parametrize("name", ["-rf", "--privileged", "-v=x"])
def test_a_relative_workdir_that_looks_like_an_option(project, name):
    work = project.home / name
    work.mkdir()
    os.chown(work, UID, UID)
    c = project.dry("--work_dir", name, cwd=project.home)
    assert c.value("-w") == f"/app{work}" and "--privileged" not in c.words


def test_selinux(project):
    """Nothing is relabelled that wasn't asked for."""
    assert "label=disable" not in " ".join(project.dry().words) and "relabel" not in " ".join(project.dry().words)
    words = project.dry("--selinux", "disable").words
    assert words[words.index("label=disable") - 1] == "--security-opt"
    done = project.start("--dry-run", "--engine", "podman", "--selinux=relabel")
    words = shlex.split(done.stdout.decode())
    mounts = [w for w in words if w.startswith("type=bind")]
    assert len(mounts) == 7 and all(m.endswith(",relabel=shared") for m in mounts)
    assert "podman" not in project.refused("--selinux", "relabel")
    project.refused("--selinux", "on")


def test_dry_run_without_home(project):
    done = project.start("--dry-run", env={"HOME": ""})
    assert done.returncode == 0


def test_help_lists_every_option(project):
    text = project.start("--help").stdout.decode()
    for option in (
        "--work_dir --config --auth_file --codex-home --sessions-path --init_script --read-only "
        "--auth_dir --trust --allow --deny --audit --image --engine --exec -e -y --yes "
        "--dry-run --help --version --no-protect --network --pids-limit CODEX_CONFIG_DIR CODEX_AUTH_FILE "
        "WORKSPACE_ROOT_DIR CODEX_DOCKER_IMAGE OPENAI_ALLOWED_DOMAINS CODEX_INIT_"
    ).split():
        assert option in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_version(project):
    version = (STUB.parents[1] / "VERSION").read_text().strip()
    assert project.start("--version").stdout.decode() == f"codex-sandbox {version}\n"


def test_unknown_option(project):
    assert "--nonsense" in project.refused("--nonsense")


def test_output_that_cannot_be_written(project):
    with open("/dev/full", "w") as full:
        assert project.start("--dry-run", stdout=full).returncode == 100


@pytest.mark.parametrize("name", ["plain", "a,b", 'a"b', 'x","readonly', "a=b", " a b c"])
def test_the_real_client_reads_our_mounts(project, name):
    """The engine's own parser takes the command: it fails only for want of an engine."""
    work = project.home / name
    work.mkdir()
    os.chown(work, UID, UID)
    words = project.dry("--work_dir", work, "--allow", "a.example", "--exec", "true").words
    env = {"DOCKER_HOST": f"unix://{project.root}/nobody.sock", "HOME": str(project.home),
           "PATH": os.environ["PATH"]}
    more = {"env": env, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run(words, **more)
    assert done.returncode == 125 and "nobody.sock" in done.stderr
    # The same with our quotes taken away is what a name with a comma would do to a naive launcher.
    if "," in name:
        naive = [w.replace('"', "") if w.startswith("type=bind") else w for w in words]
        assert "nobody.sock" not in subprocess.run(naive, **more).stderr
