"""codex-sandbox --dry-run: the command for each option, variable and step of a search order."""

import base64
import json
import os
import pty
import re
import select
import shlex
import subprocess
import time

import pytest
from stub_project import GOOD, STUB, UID, Command, open_project, project, snapshot  # noqa: F401

CAPABILITIES = ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"]


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
    assert "label" not in " ".join(project.dry().words)
    words = project.dry("--selinux", "disable").words
    assert words[words.index("label=disable") - 1] == "--security-opt"
    done = project.start("--dry-run", "--engine", "podman", "--selinux=relabel")
    words = shlex.split(done.stdout.decode())
    mounts = [w for w in words if w.startswith("type=bind")]
    assert len(mounts) == 5 and all(m.endswith(",relabel=shared") for m in mounts)
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


# ---- Credentials ---------------------------------------------------------------------------

def token(expires):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).rstrip(b"=")
    return {"tokens": {"access_token": "h." + claims.decode() + ".s"}}


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


def test_a_login_is_not_mounted_where_it_is_about_to_change(project):
    project.write(project.home / ".codex" / "auth.json", GOOD)
    for command in (["login"], ["login", "--device-auth"], ["logout"]):
        assert "/codex_home/auth.json" not in project.dry(*command).mounts
        assert ("which is found first" in project.warnings) == (command[0] == "login")
    for command in (["login", "status"], ["exec", "login"], ["--exec", "login"]):
        assert project.dry(*command).mounts["/codex_home/auth.json"][1] == "ro"
        assert "found first" not in project.warnings
    # The sandbox's own old one is simply replaced.
    (project.home / ".codex" / "auth.json").unlink()
    own = project.write(project.work / ".codex" / ".environment" / "auth.json", GOOD)
    os.chown(own.parent, UID, UID)
    project.dry("login")
    assert "found first" not in project.warnings


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
    assert str(path) in project.refused("--auth_file", path)
    assert str(path) in project.refused(env={"CODEX_AUTH_FILE": str(path)})
    # Where it was only come across, the next one may do.
    assert "/codex_home/auth.json" not in project.dry().mounts
    assert f"the credentials in {path} are skipped: not a JSON object" in project.warnings
    later = project.write(project.work / "codex" / "auth.json", GOOD)
    assert project.dry().mounts["/codex_home/auth.json"][0] == str(later)
    assert "skipped" in project.warnings
    project.write(path, GOOD)
    assert project.dry().mounts["/codex_home/auth.json"][0] == str(path)
    assert project.warnings == ""


def test_an_auth_that_may_not_be_read_is_passed_over(open_project):
    """Without root: a login of somebody else's in a directory that was come across."""
    first = open_project.write(open_project.home / ".codex" / "auth.json", GOOD, 0o600)
    later = open_project.write(open_project.work / "codex" / "auth.json", GOOD)
    os.chown(first, UID + 1, UID + 1)
    done = open_project.start("--dry-run", **as_user(UID))
    assert done.returncode == 0 and f"{first} are skipped: Permission denied" in (
        done.stderr.decode()), done
    assert f"source={later}" in done.stdout.decode()


def test_an_auth_that_is_not_a_file(project):
    project.refused("--auth_file", project.home)
    project.refused("--auth_file", project.home / "missing")
    project.refused(env={"CODEX_AUTH_FILE": str(project.home / "missing")})
    os.mkfifo(project.home / "fifo")
    project.refused("--auth_file", project.home / "fifo")


def test_a_pipe_in_the_place_of_credentials_does_not_block(project):
    (project.home / ".codex").mkdir()
    os.mkfifo(project.home / ".codex" / "auth.json")
    assert "/codex_home/auth.json" not in project.dry().mounts
    assert "not a regular file" in project.warnings


def test_an_auth_that_is_too_big(project):
    """256 KiB, and one byte more."""
    largest = 256 * 1024
    content = json.dumps({"a": "x" * (largest - len(json.dumps({"a": ""})))})
    path = project.write(project.home / "big.json", content)
    assert path.stat().st_size == largest
    assert project.dry("--auth_file", path).mounts["/codex_home/auth.json"] == (str(path), "ro")
    path.write_text(content + " ")
    assert "larger" in project.refused("--auth_file", path)


@pytest.mark.parametrize(
    "left,told", [(-10, "has expired"), (1800, "expires in"), (3570, "expires in"), (3660, None)]
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
    assert "no terminal to ask at" in project.refused("--auth_dir", login)
    project.refused("-y", "--auth_dir", login / "missing")
    project.refused("-y", "--auth_dir", login, "--auth_file", login / "auth.json")
    project.write(login / "auth.json", "no json")
    project.refused("-y", "--auth_dir", login)


def test_an_auth_dir_that_is_a_codex_home_is_warned_about(project):
    codex = project.home / ".codex"
    project.write(codex / "auth.json", GOOD)
    project.dry("-y", "--auth_dir", codex)
    assert "more than a login" not in project.warnings
    project.write(codex / "config.toml")
    project.dry("-y", "--auth_dir", codex)
    assert "more than a login" in project.warnings


def test_a_secret_on_the_command_line_is_warned_about(project):
    c = project.dry("-e", "OPENAI_API_KEY=sk-x", "-e", "MY_TOKEN", "-e", "KEYS=1", "-e", "A=b",
                    env={"MY_TOKEN": "t"})  # fmt: skip
    assert c.env[-4:] == ["OPENAI_API_KEY=sk-x", "MY_TOKEN", "KEYS=1", "A=b"]
    assert project.warnings.count("codex-sandbox: -e ") == 1
    assert "OPENAI_API_KEY" in project.warnings and "sk-x" not in project.warnings


@pytest.mark.parametrize("end", ["KEY", "TOKEN", "SECRET", "PASSWORD"])
def test_what_is_called_like_a_secret(project, end):
    for name in (end, f"MY_{end}"):
        project.dry("-e", f"{name}=x")
        assert f"-e {name}=...: every user" in project.warnings
        project.dry("-e", name, env={name: "x"})
        assert project.warnings == ""
    project.dry("-e", f"{end}S=x", "-e", f"{end}_FILE=x", "-e", f"A={end}")
    assert project.warnings == ""


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


def as_user(uid):
    return {"user": uid, "group": uid, "extra_groups": []}


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


# ---- Codex's own sandbox and questions -----------------------------------------------------


def test_a_project_that_codex_is_to_leave_as_it_is(project):
    (project.work / ".git" / "hooks").mkdir(parents=True)
    place = f"/app{project.work}"
    environment = f"{project.work}/.codex/.environment"
    for arguments in (["-s", "read-only", "exec", "x"], ["exec", "--sandbox=read-only", "x"]):
        c = project.dry("--", *arguments)
        assert c.payload == ["codex", "exec", "x"]
        # No mount over it is needed, but for the home that hooks know by its place in it.
        assert c.mounts == {
            "/codex_home": (environment, "rw"),
            place: (str(project.work), "ro"),
            f"{place}/.codex/.environment": (environment, "rw"),
        }
        assert project.dry("--no-protect", "--", *arguments).mounts == c.mounts
    c = project.dry("--", "-s", "workspace-write", "exec", "x")
    assert c.payload == ["codex", "exec", "x"] and c.mounts[place][1] == "rw"
    # Another command's arguments are its own.
    c = project.dry("--exec", "tool", "-s", "read-only", "--full-auto")
    assert c.payload == ["tool", "-s", "read-only", "--full-auto"]
    assert c.mounts[place][1] == "rw"


def test_what_codex_cannot_be_held_to_ends_before_the_start(project):
    for arguments in (["-a", "untrusted"], ["exec", "-c", "default_permissions=mine", "x"]):
        message = project.refused("--", *arguments)
        assert " ".join(arguments[-3:][:2]).split("=")[0] in message or "-a untrusted" in message
        assert "hint: leave it out" in message


# ---- Rules, environment, image, engine, terminal -------------------------------------------


def test_rules_and_audit(project):
    c = project.dry("--allow", "a.example", "--deny", "b.example", "--allow=@pypi", "--audit")
    assert c.init == ["--allow", "a.example", "--allow", "@pypi", "--deny", "b.example",
                      "--egress=audit"]
    assert project.dry().init == []


HOST = "--add-host=host.docker.internal:host-gateway"


@pytest.mark.parametrize("rules, env, added", [
    (["host.docker.internal:11434+private"], None, True),
    (["Host.Docker.Internal.:80+private"], None, True),
    (["*.docker.internal:80+private"], None, True),
    ([], "a.example @pypi,host.docker.internal:5432,5433+private", True),
    (["@pypi", "host.docker.internal+private"], "", True),
    (["a.example"], "b.example", False),
    (["xhost.docker.internal", "host.docker.internal.example", "docker.internal"], None, False),
    (["host.docker.internal:99999", "@host"], "host.docker.internal:", False),
])  # fmt: skip
def test_the_machine_itself_is_known_where_a_rule_names_it(project, rules, env, added):
    arguments = [word for rule in rules for word in ("--allow", rule)]
    given = {} if env is None else {"OPENAI_ALLOWED_DOMAINS": env}
    assert (HOST in project.dry(*arguments, env=given).flags) == added
    if env is not None:
        c = project.dry(*arguments, "-e", f"OPENAI_ALLOWED_DOMAINS={env}")
        assert (HOST in c.flags) == added


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
    others = [e for e in plain.env if e.startswith(("OPENAI", "CODEX", "TERM", "COLOR"))]
    assert others == ["CODEX_INIT_MOUNTS", "CODEX_INIT_RUN"]  # what the launcher itself sets, by name as well


def test_a_variable_that_is_not_there_is_told(project):
    project.dry("-e", "NOT_THERE")
    assert "NOT_THERE" in project.warnings


def test_a_plain_init_is_still_told_to_drop_root(project):
    c = project.dry(env={"CODEX_INIT_EGRESS": "off"})
    assert c.init == ["--user", f"{UID}:{UID}"]
    assert project.dry(env={"CODEX_INIT_EGRESS": "pin"}).init == []
    assert project.dry(env={"CODEX_INIT_EGRESS": "off", "CODEX_INIT_USER": "7:7"}).init == []
    # Group 0 would open what is root's: it is left out, here as in codex-init.
    os.chown(project.work, UID, 0)
    assert project.dry(env={"CODEX_INIT_EGRESS": "off"}).init == ["--user", f"{UID}:{UID}"]
    os.chown(project.work, UID, UID + 1)
    assert project.dry(env={"CODEX_INIT_EGRESS": "off"}).init == ["--user", f"{UID}:{UID + 1}"]


def test_image(project):
    env = {"CODEX_DOCKER_IMAGE": "codex-sandbox:0.36.0"}
    assert project.dry(env=env).image == "codex-sandbox:0.36.0"
    assert project.dry("--image", "mine:1", env=env).image == "mine:1"
    project.refused("--image=-v")
    project.refused("--image", "a b")


def test_network(project):
    assert project.dry("--network", "lab").value("--network") == "lab"
    # docker takes a network's name by a key, too, in letters of either case.
    for wrong in ("host", "container:x", "ns:/proc/1/ns/net", "name=host", "alias=x,NAME=host"):
        assert "network namespace of its own" in project.refused("--network", wrong)
    assert "--network" not in " ".join(project.dry().words)


def test_every_container_has_a_limit_of_processes(project):
    def limits(*options):
        return [f for f in project.dry(*options).flags if str(f).startswith("--pids-limit")]

    assert limits() == ["--pids-limit=4096"]
    assert limits("--pids-limit", "100") == ["--pids-limit=100"]
    assert limits("--pids_limit=max") == ["--pids-limit=-1"]
    for wrong in ("0", "-1", "1e3", "many", "12345678", "100 "):
        assert "--pids-limit takes a number" in project.refused(f"--pids-limit={wrong}")


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


@pytest.mark.parametrize("kind", ["directory", "no program", "link to nowhere"])
def test_what_is_no_engine_is_passed_over(project, kind):
    """Something called docker in PATH that can't be run hides no engine."""
    project.engine("podman")
    place = project.bin / "docker"
    if kind == "directory":
        place.mkdir()
    elif kind == "no program":
        project.write(place, "#!/bin/sh\n", mode=0o644)
    else:
        place.symlink_to("nowhere")
    assert project.dry().words[0] == "podman"


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


def read_until(terminal, wanted):
    """What a terminal shows, up to and including the text that is waited for."""
    shown = ""
    while wanted not in shown:
        assert select.select([terminal], [], [], 10)[0], f"no {wanted!r} in {shown!r}"
        shown += os.read(terminal, 65536).decode()
    return shown


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
    assert " -it " in read_until(ours, "\n")
    os.close(ours)
    os.close(theirs)


# ---- What is told to help --------------------------------------------------------------------


def at_terminal(project, *arguments, env=None):
    """What is told to a person at a terminal, and what would run."""
    ours, theirs = pty.openpty()
    done = project.start("--dry-run", *arguments, env=env, stdin=theirs, stdout=theirs)
    os.close(theirs)
    line = read_until(ours, "\n")
    os.close(ours)
    assert done.returncode == 0, done
    return done.stderr.decode(), Command([w for w in shlex.split(line) if w != "-it"])


def test_a_key_that_stays_behind_is_told_of(project):
    for name in ("OPENAI_API_KEY", "CODEX_API_KEY"):
        key = {name: "sk-secret"}
        project.dry("exec", "x", env=key)
        assert f"{name} is set here" in project.warnings and f"-e {name} " in project.warnings
        assert "sk-secret" not in project.warnings
        assert f"printenv {name} | codex-sandbox login --with-api-key" in at_terminal(
            project, env=key)[0]
        for passed in (name, f"{name}=x", "CODEX_API_KEY"):
            project.dry("-e", passed, "exec", "x", env={**key, "CODEX_API_KEY": "k"})
            assert "is set here" not in project.warnings
        for other in (["--exec", "true"], ["login", "--with-api-key"], ["logout"]):
            project.dry(*other, env=key)
            assert project.warnings == ""
    project.dry("exec", "x", env={"OPENAI_API_KEY": ""})
    assert project.warnings == ""
    project.write(project.home / ".codex" / "auth.json", GOOD)
    project.dry("exec", "x", env={"OPENAI_API_KEY": "k"})
    assert project.warnings == ""


PROXIES = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"]


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_that_stays_behind_is_told_of(project, name):
    proxy = {name: "http://me:secret@proxy.example:3128"}
    project.dry(env=proxy)
    assert f"{name} is set here" in project.warnings and f"-e {name} " in project.warnings
    assert "secret" not in project.warnings and "CODEX_INIT_PROXY=off" in project.warnings
    project.dry(env={name: "http://127.0.0.1:7890"})
    assert "loopback" in project.warnings and f"-e {name} " not in project.warnings
    # Nothing where it is settled: passed on, given or given up, or by the engine's own settings.
    for arguments, env in (
        (["-e", name], {}), ([], {"CODEX_INIT_PROXY": "http://p.example:1"}),
        ([], {"CODEX_INIT_PROXY": "off"}), (["-e", "CODEX_INIT_PROXY=off"], {}),
    ):
        project.dry(*arguments, env={**proxy, **env})
        assert project.warnings == ""
    config = project.write(project.home / ".docker/config.json", {"auths": {}})
    project.dry(env=proxy)
    assert "is set here" in project.warnings
    project.write(config, {"proxies": {"default": {"httpsProxy": "http://p.example:1"}}})
    project.dry(env=proxy)
    assert project.warnings == ""
    project.dry(env={**proxy, "DOCKER_CONFIG": str(project.root)})
    assert "is set here" in project.warnings


def test_the_command_line_is_handed_to_codex_init(project):
    """For its advice, and only where a person works with Codex, or logs in."""
    for arguments in ([], ["resume"], ["--allow", "a.example", "fix it"], ["login"]):
        assert "CODEX_INIT_LAUNCHER" in at_terminal(project, *arguments)[1].env
    for arguments in (["exec", "x"], ["--exec", "bash"], ["login", "status"]):
        assert "CODEX_INIT_LAUNCHER" not in at_terminal(project, *arguments)[1].env
    assert "CODEX_INIT_LAUNCHER" not in project.dry().env
    # Nor where a terminal couldn't show it as it is, or nobody would paste it.
    for name in ("a\x1bb", "ä"):
        work = project.home / name
        work.mkdir()
        os.chown(work, UID, UID)
        assert "CODEX_INIT_LAUNCHER" not in at_terminal(project, "--work_dir", work)[1].env
    many = [word for n in range(60) for word in ("--allow", f"name-number-{n}.example")]
    assert "CODEX_INIT_LAUNCHER" not in at_terminal(project, *many)[1].env


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
    assert str(outside) in read_until(ours, "[y/N]")
    os.close(ours)
    os.close(theirs)
    assert done.returncode == (0 if agreed else 100)
    assert (done.stdout != b"") == agreed
    assert snapshot(project.root) == before


def test_no_question_without_a_terminal_on_both_sides(project):
    """A prompt that nobody sees, or an answer out of a pipe, is no agreement."""
    outside = project.root / "sessions"
    outside.mkdir()
    os.chown(outside, UID, UID)
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n")
    assert "no terminal to ask at" in project.refused("--sessions-path", outside, stdin=theirs)
    for extra in ([], ["--dry-run"]):
        more = {"input": b"y\n", "stderr": theirs}
        done = project.start(*extra, "--sessions-path", outside, **more)
        assert (done.returncode, done.stdout) == (100, b"")
    os.close(ours)
    os.close(theirs)
