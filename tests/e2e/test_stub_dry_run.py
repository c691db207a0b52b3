"""codex-sandbox on the real file system: what it would run, what it refuses, what it creates.

No engine is needed: --dry-run prints the command, and where the launcher goes further, a small
program called docker stands in PATH and records what it is asked.
"""

import base64
import csv
import json
import os
import pty
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

STUB = Path(__file__).resolve().parents[2] / "build" / "codex-sandbox"
UID = 1000
CAPABILITIES = ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"]

FAKE_ENGINE = """#!/usr/bin/python3
import json, os, sys
with open(os.environ["ENGINE_LOG"], "a") as log:
    log.write(json.dumps(sys.argv) + "\\n")
answers = json.loads(os.environ.get("ENGINE_ANSWERS", "{}"))
code, out, err = answers.get(" ".join(sys.argv[1:3]), answers.get(sys.argv[1], [0, "", ""]))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


def snapshot(root):
    """Every path below root, with its kind, mode, owner and content."""
    seen = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                content = Path(path).read_bytes()
            else:
                content = None
            seen[path] = (st.st_mode, st.st_uid, st.st_gid, content)
    return seen


def token(expires):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).rstrip(b"=")
    return {"tokens": {"access_token": "h." + claims.decode() + ".s"}}


class Command:
    """An engine's command, taken apart."""

    def __init__(self, words):
        self.words = words
        self.mounts = {}
        self.env = []
        self.order = []
        self.flags = []
        assert words[1] == "run"
        i = 2
        while words[i].startswith("-"):
            if words[i] == "--mount":
                (fields,) = csv.reader([words[i + 1]])
                assert fields[0] == "type=bind"
                source = fields[1].removeprefix("source=")
                target = fields[2].removeprefix("target=")
                assert fields[1] == "source=" + source and fields[2] == "target=" + target
                assert fields[3:] in ([], ["readonly"])
                assert target not in self.mounts
                self.mounts[target] = (source, "ro" if fields[3:] else "rw")
                self.order.append(target)
                i += 2
            elif words[i] == "-e":
                self.env.append(words[i + 1])
                i += 2
            elif words[i] in ("--name", "--security-opt", "-w", "--network"):
                self.flags.append((words[i], words[i + 1]))
                i += 2
            else:
                self.flags.append(words[i])
                i += 1
        self.image = words[i]
        cut = words.index("--", i)
        self.init = words[i + 1 : cut]
        self.payload = words[cut + 1 :]

    def value(self, flag):
        return dict(f for f in self.flags if isinstance(f, tuple))[flag]


class Project:
    """A home, a workdir in it, and a way to start the launcher there."""

    def __init__(self, root):
        self.root = root
        self.home = root / "home"
        self.work = self.home / "src" / "project"
        self.work.mkdir(parents=True)
        self.bin = root / "bin"
        self.bin.mkdir()
        self.log = root / "engine.log"
        for path in (self.home, self.work):
            os.chown(path, UID, UID)

    def write(self, path, content="", mode=0o644):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        os.chown(path, UID, UID)
        return path

    def engine(self, name="docker"):
        self.bin.joinpath(name).write_text(FAKE_ENGINE)
        self.bin.joinpath(name).chmod(0o755)

    def start(self, *arguments, env=None, cwd=None, **more):
        surroundings = {
            "HOME": str(self.home),
            "PATH": str(self.bin),
            "ENGINE_LOG": str(self.log),
        }
        surroundings.update(env or {})
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            [STUB, *(a if isinstance(a, bytes) else str(a) for a in arguments)],
            env=surroundings,
            cwd=cwd or self.work,
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=more.pop("stderr", subprocess.PIPE),
            timeout=30,
            **more,
        )

    def dry(self, *arguments, **more):
        """What --dry-run prints; it must have changed nothing."""
        before = snapshot(self.root)
        done = self.start("--dry-run", *arguments, **more)
        self.warnings = done.stderr.decode()
        assert done.returncode == 0, self.warnings
        assert snapshot(self.root) == before
        line = done.stdout.decode()
        assert line.count("\n") == 1 and line.endswith("\n")
        return Command(shlex.split(line))

    def refused(self, *arguments, status=100, **more):
        """The message of a refusal, with and without --dry-run; nothing may be created."""
        before = snapshot(self.root)
        for extra in (["--dry-run"], []) if status == 100 else ([],):
            done = self.start(*extra, *arguments, **more)
            message = done.stderr.decode(errors="replace")
            assert done.returncode == status, (done.returncode, message)
            assert done.stdout == b""
            lines = [line for line in message.splitlines() if not line.startswith("  hint: ")]
            assert lines and all(line.startswith("codex-sandbox: ") for line in lines)
        assert snapshot(self.root) == before
        return message

    def asked(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path.resolve())


# ---- The command as a whole ----------------------------------------------------------------


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


def test_dry_run_without_home(project):
    done = project.start("--dry-run", env={"HOME": ""})
    assert done.returncode == 0


def test_help_lists_every_option(project):
    text = project.start("--help").stdout.decode()
    for option in (
        "--work_dir --config --auth_file --codex-home --sessions-path --init_script --read-only "
        "--auth_dir --trust --allow --deny --audit --image --engine --exec -e -y --yes "
        "--dry-run --help --version --no-protect --network CODEX_CONFIG_DIR CODEX_AUTH_FILE "
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


# ---- The workdir ---------------------------------------------------------------------------


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


def test_workdir_of_root_is_told(project):
    os.chown(project.work, 0, 0)
    project.dry()
    assert "belongs to root" in project.warnings


def test_workdir_that_is_the_home_directory_is_told(project):
    project.dry("--work_dir", project.home)
    assert "your home directory" in project.warnings
    project.dry()
    assert project.warnings == ""


# ---- Credentials ---------------------------------------------------------------------------

GOOD = {"OPENAI_API_KEY": "k"}


def auth_places(project):
    """The search order of the README: (arguments, environment, file), first to last."""
    config = project.root / "given"
    variable = project.root / "variable"
    return [
        (["--auth_file", config / "mine.json"], {}, config / "mine.json"),
        ([], {"CODEX_AUTH_FILE": str(variable / "mine.json")}, variable / "mine.json"),
        (["--config", config], {}, config / "auth.json"),
        ([], {"CODEX_CONFIG_DIR": str(variable)}, variable / "auth.json"),
        ([], {}, project.home / ".codex" / "auth.json"),
        ([], {}, project.home / ".config" / "codex" / "auth.json"),
        ([], {}, project.work / "codex" / "auth.json"),
        ([], {}, project.work / ".codex" / "auth.json"),
        ([], {}, project.work / ".codex" / ".environment" / "auth.json"),
    ]


@pytest.mark.parametrize("first", range(9))
def test_auth_search_order(project, first):
    """With every file from `first` on in place, `first` is taken; without it, a later one."""
    arguments, env = [], {}
    places = auth_places(project)[first:]
    for more, variables, path in places:
        arguments += more
        env = {**variables, **env}
        project.write(path, GOOD, 0o600)
    for path in project.work.joinpath(".codex").glob("**"):
        os.chown(path, UID, UID)
    c = project.dry(*arguments, env=env)
    assert c.mounts["/codex_home/auth.json"] == (str(places[0][2]), "ro")
    if first < 4:  # named ones must exist
        return
    places[0][2].unlink()
    c = project.dry(*arguments, env=env)
    left = places[1:]
    assert ("/codex_home/auth.json" in c.mounts) == bool(left)
    if left:
        assert c.mounts["/codex_home/auth.json"] == (str(left[0][2]), "ro")


def test_no_auth_anywhere(project):
    assert "/codex_home/auth.json" not in project.dry().mounts


def test_an_empty_auth_counts_as_absent(project):
    project.write(project.home / ".codex" / "auth.json", "")
    later = project.write(project.work / "codex" / "auth.json", GOOD)
    assert project.dry().mounts["/codex_home/auth.json"][0] == str(later)
    project.refused("--auth_file", project.home / ".codex" / "auth.json")


@pytest.mark.parametrize("content", ["{", "[]", "hello", "{} {}", "\n", "{'a':1}", '{"a":01}'])
def test_an_auth_that_is_not_json(project, content):
    path = project.write(project.home / ".codex" / "auth.json", content)
    assert str(path) in project.refused()
    assert str(path) in project.refused("--auth_file", path)


def test_an_auth_that_is_not_a_file(project):
    project.refused("--auth_file", project.home)
    project.refused("--auth_file", project.home / "missing")
    project.refused(env={"CODEX_AUTH_FILE": str(project.home / "missing")})
    os.mkfifo(project.home / "fifo")
    project.refused("--auth_file", project.home / "fifo")


def test_an_auth_that_is_too_big(project):
    path = project.write(project.home / "big.json", {"a": "x" * 300000})
    assert "larger" in project.refused("--auth_file", path)


@pytest.mark.parametrize(
    "left,told", [(-10, "has run out"), (1800, "runs out in"), (7200, None)]
)
def test_a_login_that_ends_soon(project, left, told):
    project.write(project.home / ".codex" / "auth.json", token(int(time.time()) + left))
    project.dry()
    assert (told in project.warnings and "--auth_dir" in project.warnings) if told else (
        project.warnings == ""
    )


def test_credentials_that_codex_cannot_read(project):
    path = project.write(project.home / ".codex" / "auth.json", GOOD, 0o600)
    os.chown(path, UID + 1, UID + 1)
    project.dry()
    assert f"can't be read by uid {UID}" in project.warnings


def test_auth_dir(project):
    login = project.root / "login"
    login.mkdir()
    os.chown(login, UID, UID)
    project.write(project.home / ".codex" / "auth.json", GOOD)
    c = project.dry("-y", "--auth_dir", login)
    assert c.mounts["/codex_auth"] == (str(login), "rw")
    assert "/codex_home/auth.json" not in c.mounts
    assert "nobody to ask" in project.refused("--auth_dir", login)
    project.refused("-y", "--auth_dir", login / "missing")
    project.refused("-y", "--auth_dir", login, "--auth_file", login / "auth.json")
    project.write(login / "auth.json", "no json")
    project.refused("-y", "--auth_dir", login)


def test_auth_dir_beside_a_login_in_the_home(project):
    login = project.root / "login"
    login.mkdir()
    os.chown(login, UID, UID)
    own = project.write(project.work / ".codex" / ".environment" / "auth.json", GOOD)
    os.chown(own.parent, UID, UID)
    assert str(own) in project.refused("-y", "--auth_dir", login)
    own.write_text("")
    project.dry("-y", "--auth_dir", login)


# ---- config.toml, prompts, init script, sessions, home -------------------------------------


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


@pytest.mark.parametrize("what", ["config.toml", "prompts"])
@pytest.mark.parametrize("first", range(6))
def test_config_and_prompts_search_order(project, what, first):
    arguments, env = [], {}
    for i, (more, variables, path) in enumerate(config_places(project)):
        arguments += more
        env.update(variables)
        path.mkdir(parents=True)
        if i >= first:
            project.write(path / "config.toml")
            project.write(path / "prompts" / "a.md")
    c = project.dry(*arguments, env=env)
    source = config_places(project)[first][2] / what
    assert c.mounts[f"/run/codex/in/{what}"] == (str(source), "ro")


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


def test_another_user(project):
    home = project.work / ".codex" / ".environment"
    home.mkdir(parents=True)
    os.chown(home, 1234, 1234)
    project.refused()
    project.dry(env={"CODEX_INIT_USER": "1234:99"})
    project.dry("-e", "CODEX_INIT_USER=1234")
    assert "UID:GID" in project.refused(env={"CODEX_INIT_USER": "somebody"})


def test_a_user_who_cannot_create_a_home_for_another():
    """Without root, in a directory that everybody can reach."""
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        project = Project(Path(root).resolve())
        binary = shutil.copy(STUB, project.bin)
        before = snapshot(project.root)
        for uid, status in ((UID + 1, 100), (UID, 0)):
            done = subprocess.run(
                [binary, "--dry-run"],
                env={"HOME": str(project.home)},
                cwd=project.work,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                user=uid,
                group=uid,
                extra_groups=[],
                timeout=30,
            )
            assert done.returncode == status
            hint = f"CODEX_INIT_USER={uid}:{uid}".encode()
            assert (hint in done.stderr) == (status == 100)
            assert snapshot(project.root) == before


# ---- Mounts beside the workdir -------------------------------------------------------------


def test_read_only(project):
    sdk, file = project.root / "opt" / "sdk", project.write(project.root / "a,b\"c.jar")
    sdk.mkdir(parents=True)
    c = project.dry("--read-only", sdk, "--read_only", file, "--read-only", f"{sdk}/")
    assert c.mounts[f"/app{sdk}"] == (str(sdk), "ro")
    assert c.mounts[f"/app{file}"] == (str(file), "ro")


def test_read_only_by_a_relative_path_or_a_link(project):
    sdk, link = project.root / "sdk-1.2", project.root / "sdk"
    sdk.mkdir()
    link.symlink_to(sdk)
    assert project.dry("--read-only", "../../../sdk-1.2").mounts[f"/app{sdk}"] == (str(sdk), "ro")
    # Scripts in the container use the name that was given.
    assert project.dry("--read-only", link).mounts[f"/app{link}"] == (str(sdk), "ro")
    assert project.dry("--read-only", f"{link}/../sdk").mounts[f"/app{sdk}"] == (str(sdk), "ro")


def test_read_only_around_and_inside_the_workdir(project):
    sub = project.work / "vendor"
    sub.mkdir()
    c = project.dry("--read-only", sub, "--read-only", project.home)
    place = f"/app{project.work}"
    assert c.mounts[f"{place}/vendor"][1] == "ro" and c.mounts[place][1] == "rw"
    assert c.order.index(f"/app{project.home}") < c.order.index(place)
    assert c.order.index(place) < c.order.index(f"{place}/vendor")


def test_what_may_not_be_read_only(project):
    project.refused("--read-only", project.root / "missing")
    assert "whole machine" in project.refused("--read-only", "/")
    assert "is taken" in project.refused("--read-only", project.work)
    project.refused("--read-only", "/dev/null")
    os.mkfifo(project.root / "fifo")
    project.refused("--read-only", project.root / "fifo")


def test_what_the_host_obeys_is_protected(project):
    project.write(project.work / ".git" / "config")
    (project.work / ".git" / "hooks").mkdir()
    place = f"/app{project.work}"
    c = project.dry()
    assert c.mounts[f"{place}/.git/hooks"] == (f"{project.work}/.git/hooks", "ro")
    assert c.mounts[f"{place}/.git/config"] == (f"{project.work}/.git/config", "ro")
    assert c.mounts[f"{place}/.codex"][1] == "ro"
    # A mount can't be renamed: without this, .git could be moved out of the way as a whole.
    assert c.mounts[f"{place}/.git"] == (f"{project.work}/.git", "rw")
    depths = [target.count("/") for target in c.order]
    assert depths == sorted(depths)
    open_ = project.dry("--no-protect")
    assert set(open_.mounts) == {"/codex_home", place}


def test_protection_of_what_is_not_there(project):
    (project.work / ".git").mkdir()
    assert not [m for m in project.dry().mounts if "/.git/" in m]
    (project.work / ".git").rmdir()
    project.write(project.work / ".git", "gitdir: /elsewhere")
    assert not [m for m in project.dry().mounts if ".git" in m]


def test_hooks_that_are_a_link_are_told(project):
    (project.work / ".git").mkdir()
    (project.work / ".git" / "hooks").symlink_to(project.home)
    c = project.dry()
    assert "can't be protected" in project.warnings
    assert f"/app{project.work}/.git/hooks" not in c.mounts


# ---- Links that lead out -------------------------------------------------------------------

HOSTILE = [
    (".codex", ""),
    (".codex/.environment", ""),
    (".codex/.environment/sessions", ""),
    (".codex/.environment/config.toml", "config.toml"),
    (".codex/.environment/auth.json", "auth.json"),
    (".codex/.environment/prompts", "prompts"),
    (".codex/.environment/init.sh", "config.toml"),
    (".codex/auth.json", "auth.json"),
    (".codex/config.toml", "config.toml"),
    (".codex/prompts", "prompts"),
    (".codex/prompts/a.md", "config.toml"),
    (".codex/skills/deep/down/x", ""),
    (".codex/missing", "nothing-there"),
    ("codex", ""),
    ("codex/auth.json", "auth.json"),
    ("codex/config.toml", "config.toml"),
    ("codex/prompts", "prompts"),
]


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("link,target", HOSTILE, ids=[link for link, _ in HOSTILE])
def test_a_link_that_leads_out(project, link, target, relative):
    secret = project.root / "secret"
    project.write(secret / "auth.json", GOOD)
    project.write(secret / "config.toml")
    (secret / "prompts").mkdir()
    path = project.work / link
    path.parent.mkdir(parents=True, exist_ok=True)
    for directory in (project.work / ".codex", project.work / ".codex" / ".environment"):
        if directory.exists():
            os.chown(directory, UID, UID)
    end = secret / target
    path.symlink_to(os.path.relpath(end, path.parent) if relative else end)
    project.refused()


@pytest.mark.parametrize("link", [link for link, _ in HOSTILE if "auth" not in link])
def test_a_link_that_stays_inside(project, link):
    kept = project.work / "kept"
    path = project.work / link
    path.parent.mkdir(parents=True, exist_ok=True)
    kept.mkdir()
    for directory in (kept, project.work / ".codex", project.work / ".codex" / ".environment"):
        if directory.exists():
            os.chown(directory, UID, UID)
    if link.endswith((".toml", ".sh", ".md")):
        path.symlink_to(os.path.relpath(project.write(kept / "file"), path.parent))
    else:
        path.symlink_to(kept)
    project.dry()


def test_a_link_in_the_place_of_a_mount_is_refused_wherever_it_leads(project):
    home = project.work / ".codex" / ".environment"
    home.mkdir(parents=True)
    os.chown(home, UID, UID)
    (home / "auth.json").symlink_to("../../inside.json")
    project.write(project.work / "inside.json", GOOD)
    assert "symbolic link" in project.refused()


def test_a_link_in_a_circle(project):
    (project.work / ".codex").symlink_to(".codex")
    project.refused()


def test_files_in_the_place_of_directories(project):
    project.write(project.work / ".codex")
    project.refused()
    (project.work / ".codex").unlink()
    project.write(project.work / ".codex" / ".environment")
    project.refused()


def test_a_virtual_environment_in_the_home_is_fine(project):
    """Deep in Codex's own home links to the container's files are nothing unusual."""
    bin_ = project.work / ".codex" / ".environment" / "venv" / "bin"
    bin_.mkdir(parents=True)
    os.chown(bin_.parents[1], UID, UID)
    (bin_ / "python").symlink_to("/usr/bin/python3")
    project.dry()


# ---- Rules, environment, image, engine, terminal -------------------------------------------


def test_rules_and_audit(project):
    c = project.dry("--allow", "a.example", "--deny", "b.example", "--allow=@pypi", "--audit")
    assert c.init == ["--allow", "a.example", "--allow", "@pypi", "--deny", "b.example",
                      "--egress=audit"]
    assert project.dry().init == []


def test_the_environment_passes_by_name(project):
    secret = "value-that-must-not-show"
    env = {
        "OPENAI_ALLOWED_DOMAINS": secret,
        "CODEX_INIT_DENY": secret,
        "CODEX_INIT_WALL": secret,
        "TERM": "xterm",
        "COLORTERM": "truecolor",
        "HTTPS_PROXY": secret,
        "OPENAI_API_KEY": secret,
    }
    c = project.dry("-e", "OPENAI_API_KEY", "-e", "MY=1 2", env=env)
    for name in ("OPENAI_ALLOWED_DOMAINS", "CODEX_INIT_DENY", "CODEX_INIT_WALL", "TERM",
                 "COLORTERM", "OPENAI_API_KEY", "MY=1 2", "LANG=C.UTF-8"):
        assert name in c.env
    assert not [e for e in c.env if "PROXY" in e]
    assert secret not in " ".join(c.words)
    plain = project.dry()
    assert not [e for e in plain.env if e.startswith(("OPENAI", "CODEX", "TERM", "COLOR"))]


def test_a_variable_that_is_not_there_is_told(project):
    project.dry("-e", "NOT_THERE")
    assert "NOT_THERE" in project.warnings


def test_a_plain_init_is_still_told_to_drop_root(project):
    c = project.dry(env={"CODEX_INIT_EGRESS": "off"})
    assert c.init == ["--user", f"{UID}:{UID}"]
    assert project.dry(env={"CODEX_INIT_EGRESS": "pin"}).init == []
    assert project.dry(env={"CODEX_INIT_EGRESS": "off", "CODEX_INIT_USER": "7:7"}).init == []


def test_image(project):
    env = {"CODEX_DOCKER_IMAGE": "codex-sandbox:0.36.0"}
    assert project.dry(env=env).image == "codex-sandbox:0.36.0"
    assert project.dry("--image", "mine:1", env=env).image == "mine:1"
    project.refused("--image=-v")
    project.refused("--image", "a b")


def test_network(project):
    assert project.dry("--network", "lab").value("--network") == "lab"
    for wrong in ("host", "container:x", "ns:/proc/1/ns/net"):
        assert "network of its own" in project.refused("--network", wrong)
    assert "--network" not in " ".join(project.dry().words)


def test_engine(project):
    assert project.dry().words[0] == "docker"
    assert project.dry("--engine", "podman").words[0] == "podman"
    project.engine("podman")
    assert project.dry().words[0] == "podman"
    assert "--http-proxy=false" in project.dry().flags
    project.engine("docker")
    assert project.dry().words[0] == "docker"
    assert "--http-proxy=false" not in project.dry().flags
    project.refused("--engine", "/bin/sh")


def test_codex_arguments(project):
    assert project.dry("exec", "it's", "--json").payload == ["codex", "exec", "it's", "--json"]
    assert project.dry("--", "--version").payload == ["codex", "--version"]
    assert project.dry("--exec", "ls", "-l", "--help").payload == ["ls", "-l", "--help"]
    project.refused("--exec")


def test_trust(project):
    words = project.dry("--trust", "resume").payload
    assert words[:2] == ["codex", "-c"] and words[3] == "resume"
    assert words[2] == f'projects={{"/app{project.work}"={{trust_level="trusted"}}}}'
    assert project.dry("--trust", "--exec", "ls").payload == ["ls"]
    assert "-c" not in project.dry("resume").payload


def terminal_flag(project, **more):
    return [f for f in project.dry(**more).flags if f in ("-i", "-t", "-it")]


def test_input_is_forwarded_where_there_is_some(project):
    assert terminal_flag(project) == []
    with open(project.write(project.root / "prompt.txt", "do it")) as prompt:
        assert terminal_flag(project, stdin=prompt) == ["-i"]
    reader, writer = os.pipe()
    assert terminal_flag(project, stdin=reader) == ["-i"]
    os.close(reader)
    os.close(writer)


def test_input_that_is_closed(project):
    assert terminal_flag(project, stdin=None, preexec_fn=lambda: os.close(0)) == []


def test_a_terminal(project):
    ours, theirs = pty.openpty()
    assert terminal_flag(project, stdin=theirs) == ["-i"]  # stdout is a pipe
    done = project.start("--dry-run", stdin=theirs, stdout=theirs)
    assert done.returncode == 0
    assert " -it " in os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("answer,agreed", [("y", True), ("YES", True), ("n", False), ("", False),
                                           ("yesterday", False)])
def test_the_question(project, answer, agreed):
    outside = project.root / "sessions"
    outside.mkdir()
    os.chown(outside, UID, UID)
    before = snapshot(project.root)
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode() + b"\n")
    done = project.start("--dry-run", "--sessions-path", outside, stdin=theirs, stderr=theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert str(outside) in shown and "[y/N]" in shown
    assert done.returncode == (0 if agreed else 100)
    assert (done.stdout != b"") == agreed
    assert snapshot(project.root) == before


# ---- What happens when it is no dry run ----------------------------------------------------


def test_the_home_is_created_and_the_engine_runs(project):
    project.engine()
    login = project.write(project.home / ".codex" / "auth.json", GOOD)
    words = project.dry("exec", "hello").words
    assert project.start("exec", "hello").returncode == 0
    asked = project.asked()
    assert asked[-1][1:] == words[1:] and login
    assert [a[1:3] for a in asked[:-1]] == [["image", "inspect"], ["container", "inspect"]]
    home = project.work / ".codex" / ".environment"
    st = home.stat()
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o700, UID, UID)
    assert (home / ".gitignore").read_text() == "*\n"
    assert (home / ".gitignore").stat().st_uid == UID
    assert (home / "auth.json").read_bytes() == b""
    assert (home / "auth.json").stat().st_uid == UID
    assert (project.work / ".codex").stat().st_uid == UID
    # A second time nothing is new, and the empty mount point is no login.
    before = snapshot(project.work)
    login.unlink()
    assert project.start().returncode == 0
    assert snapshot(project.work) == before
    assert not [w for w in project.asked()[-1] if "auth.json" in w]


def test_the_umask_does_not_matter(project):
    project.engine()
    assert project.start(umask=0o777).returncode == 0
    home = project.work / ".codex" / ".environment"
    assert home.stat().st_mode & 0o7777 == 0o700
    assert home.parent.stat().st_mode & 0o7777 == 0o755


def test_a_home_in_the_workdir_of_root_belongs_to_the_image_user(project):
    project.engine()
    os.chown(project.work, 0, 0)
    assert project.start().returncode == 0
    assert (project.work / ".codex").stat().st_uid == 0
    assert (project.work / ".codex" / ".environment").stat().st_uid == UID


def test_mount_points_in_the_home(project):
    project.engine()
    sessions = project.work / "s"
    sessions.mkdir()
    assert project.start("--sessions-path", sessions).returncode == 0
    st = (project.work / ".codex" / ".environment" / "sessions").stat()
    assert (st.st_mode & 0o7777, st.st_uid) == (0o700, UID)


def test_the_link_of_auth_dir_comes_and_goes(project):
    project.engine()
    login = project.root / "login"
    login.mkdir()
    os.chown(login, UID, UID)
    own = project.work / ".codex" / ".environment" / "auth.json"
    for _ in range(2):
        assert project.start("-y", "--auth_dir", login).returncode == 0
        assert os.readlink(own) == "/codex_auth/auth.json"
    assert project.start().returncode == 0
    assert not os.path.lexists(own)
    assert project.start("-y", "--auth_dir", login).returncode == 0
    project.write(project.home / ".codex" / "auth.json", GOOD)
    assert project.start().returncode == 0
    assert own.read_bytes() == b"" and not own.is_symlink()


def test_another_home_gets_only_its_mount_points(project):
    project.engine()
    home = project.root / "elsewhere"
    home.mkdir()
    os.chown(home, UID, UID)
    project.write(project.home / ".codex" / "auth.json", GOOD)
    assert project.start("-y", "--codex-home", home).returncode == 0
    assert [p.name for p in home.iterdir()] == ["auth.json"]
    assert not (project.work / ".codex").exists()


def test_the_exit_status_is_the_engines(project):
    project.engine()
    answers = json.dumps({"run": [42, "out\n", ""]})
    done = project.start(env={"ENGINE_ANSWERS": answers})
    assert (done.returncode, done.stdout) == (42, b"out\n")


def test_no_engine(project):
    message = project.refused(status=111)
    assert "it isn't in PATH" in message and "hint: " in message
    assert "podman" in project.refused("--engine", "podman", status=111)


def test_an_engine_in_a_relative_path_is_not_run(project):
    project.engine()
    (project.bin / "docker").rename(project.work / "docker")
    for path in (".", ":", "bin:."):
        assert "PATH" in project.refused(env={"PATH": path}, status=111)


def test_an_engine_that_does_not_run(project):
    project.engine()
    down = [1, "", "Cannot connect to the Docker daemon. Is it running?\nmore\n"]
    answers = json.dumps({"image inspect": down, "version": down})
    project.log.write_text("")
    env = {"ENGINE_ANSWERS": answers, "ENGINE_LOG": "/dev/null"}
    message = project.refused(env=env, status=111)
    assert "Cannot connect to the Docker daemon. Is it running?" in message
    assert "systemctl start docker" in message and "more" not in message


def test_an_image_that_is_not_built(project):
    project.engine()
    answers = json.dumps({"image inspect": [1, "", "no such image"]})
    env = {"ENGINE_ANSWERS": answers, "ENGINE_LOG": "/dev/null"}
    assert "make image" in project.refused(env=env, status=111)
    assert "docker pull other:1" in project.refused("--image", "other:1", env=env, status=111)


def test_a_container_that_is_there_already(project):
    project.engine()
    for state, word in (("running", "stop"), ("exited", "rm")):
        answers = json.dumps({"container inspect": [0, state + "\n", ""]})
        env = {"ENGINE_ANSWERS": answers, "ENGINE_LOG": "/dev/null"}
        before = snapshot(project.root)
        done = project.start(env=env)
        assert done.returncode == 100 and f"docker {word} codex_".encode() in done.stderr
        assert snapshot(project.root) == before


def test_messages_cannot_play_tricks_on_the_terminal(project):
    done = project.start("--work_dir", b"\x1b[2J\x07\xc2\x9b2J\xff\xc3\xa4")
    assert done.returncode == 100
    assert ": ?[2J???2J?ä: " in done.stderr.decode()


def test_no_shell_is_started(project):
    project.engine()
    trace = project.root / "trace"
    done = subprocess.run(
        ["/usr/bin/strace", "-f", "-e", "trace=execve,execveat", "-o", trace, STUB, "--exec",
         "true"],
        env={"PATH": str(project.bin), "HOME": str(project.home), "ENGINE_LOG": str(project.log)},
        cwd=project.work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0
    started = [line.split('"')[1] for line in trace.read_text().splitlines() if "execve" in line]
    assert started[0] == str(STUB)
    assert set(started[1:]) == {str(project.bin / "docker")}
    assert len(started) == 4  # two questions, then the engine in our place


def test_the_binary_is_static_and_names_no_shell(project):
    binary = STUB.read_bytes()
    assert binary[:4] == b"\x7fELF"
    for shell in (b"/bin/sh", b"/bin/bash", b"/bin/dash", b"ld-linux", b"ld-musl"):
        assert shell not in binary
