"""Options that are kept in ~/.config/codex-sandbox: what is in force, what takes precedence, and what is
read from nobody else's hands."""

import json
import os
import re
import subprocess

import pytest
from stub_project import STUB, project, snapshot  # noqa: F401

US = os.geteuid()


class Kept:
    """The directory of a user who is us."""

    def __init__(self, project, top=None):
        self.project = project
        for path in (project.home, project.work):
            os.chown(path, US, US)
        self.top = top or project.home / ".config/codex-sandbox"
        (self.top / "projects").mkdir(parents=True, mode=0o700)
        self.defaults = self.top / "defaults"

    def name(self, workdir=None):
        path = str(workdir or self.project.work)
        value = 2166136261
        for byte in path.encode():
            value = (value ^ byte) * 16777619 % 2**32
        return self.top / "projects" / f"{path.rsplit('/')[-1]}-{value:08x}"

    def write(self, text, path=None):
        path = path or self.defaults
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return path

    def write_project(self, text):
        return self.write(text, self.name())


@pytest.fixture
def kept(project):
    return Kept(project)


def flag(command, name):
    return [f.split("=", 1)[1] for f in command.flags if str(f).startswith(f"--{name}=")]


def test_options_of_a_file_are_in_force(project, kept):
    shared = project.home / "shared dir"
    shared.mkdir()
    kept.write("# mine\nallow @pypi  # for pip\nmemory 4g\n\nread-only ~/shared dir\naudit\n")
    c = project.dry()
    assert c.init == ["--allow", "@pypi", "--egress=audit"] and flag(c, "memory") == ["4g"]
    assert c.mounts[f"/app{shared}"] == (str(shared), "ro")
    plain = project.dry("--no-config")
    assert plain.init == [] and flag(plain, "memory") == []


def test_what_takes_precedence(project, kept):
    """Defaults, the project, the environment, the command line: each over those before it."""
    kept.write("image of-defaults\ncpus 1\nallow d.example\n")
    assert project.dry().image == "of-defaults"
    kept.write_project("image of-project\nallow p.example\n")
    c = project.dry()
    assert c.image == "of-project" and flag(c, "cpus") == ["1"]
    assert sorted(c.init[1::2]) == ["d.example", "p.example"]
    env = {"CODEX_DOCKER_IMAGE": "of-environment"}
    assert project.dry(env=env).image == "of-environment"
    c = project.dry("--image", "of-line", "--allow", "l.example", env=env)
    assert c.image == "of-line" and sorted(c.init[1::2]) == ["d.example", "l.example", "p.example"]
    # Another project has the defaults alone.
    other = project.home / "other"
    other.mkdir()
    assert project.dry("--work_dir", other).image == "of-defaults"


def test_a_login_of_the_command_line_replaces_the_files_other_way(project, kept):
    login = project.home / "login"
    login.mkdir()
    auth = project.write(project.home / "auth.json", {"OPENAI_API_KEY": "k"})
    kept.write(f"auth_dir {login}\n")
    assert "/codex_auth" in project.dry("-y").mounts
    c = project.dry("--auth_file", auth)
    assert "/codex_auth" not in c.mounts and "/codex_home/auth.json" in c.mounts


@pytest.mark.parametrize("line, why", [
    ("memroy 4g", "no such option"), ("yes", "one start"), ("dry-run", "one start"), ("exec ls", "one start"),
    ("work_dir /", "which project"), ("env MY_TOKEN=secret", "secret"), ("read-only shared", "begin with /"),
    ("memory", "missing"), ("memory lots", "--memory"), ("audit yes", "no value"), ("wall none", "nft or cell"),
    ("cpus 1\ncpus 2", "twice"), ("agree abc", "SHA-256"), ("allow a..b", "at character 3"), ("deny db+private", "no suffix"), ("allow a\0b", "control character"), ("allow \x1b[2J", "control character"),
])  # fmt: skip
def test_a_line_that_is_wrong_is_named_with_its_place(project, kept, line, why):
    path = kept.write_project(f"# first\n{line}\n")
    place = 2 + line.count("\n")
    said = project.refused()
    assert f"{path}:{place}" in said and why in said and "\x1b" not in said and "secret\n" not in said
    assert project.start("config").returncode == 100
    project.dry("--no-config")


@pytest.mark.parametrize("line, refused", [
    ("# /elsewhere/project", True), ("# {work}/x", True), ("# {work}", False), ("#{work}x", False),
    ("# for {work}/x", False), ("", False),
])  # fmt: skip
def test_a_file_that_says_it_is_another_directorys_is_refused(project, kept, line, refused):
    """Two directories' names may have one hash; a comment is no more than one."""
    line = line.format(work=project.work)
    path = kept.write_project(f"{line}\nallow a.example\n")
    project.engine()
    env = {"ENGINE_ANSWERS": json.dumps({"container inspect": [1, "", ""]})}
    if refused:
        said = project.refused()
        assert f"{path}: its first line says that it is for {line[2:]}, not for {project.work}" in said
        assert "same hash" in said
    else:
        assert project.dry().init == ["--allow", "a.example"]
    done = project.start("deny", "b.example", "--save", env=env)
    assert done.returncode == (100 if refused else 0), done
    assert ("deny b.example" in path.read_text()) == (not refused)
    project.dry("--no-config")


HOSTILE = ("link", "link to a directory", "fifo", "directory", "huge", "group", "world", "stranger's",
           "stranger's directory", "open directory")


@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.parametrize("which", ("defaults", "project"))
def test_what_somebody_else_could_have_written_is_refused(project, kept, how, which):
    path = kept.defaults if which == "defaults" else kept.name()
    kept.write("memory 4g\n", path)
    directory = path.parent
    if how == "link":
        path.rename(project.home / "elsewhere")
        path.symlink_to(project.home / "elsewhere")
    elif how == "link to a directory":
        directory.rename(project.home / "elsewhere")
        directory.symlink_to(project.home / "elsewhere")
    elif how == "fifo":
        path.unlink()
        os.mkfifo(path, 0o600)
    elif how == "directory":
        path.unlink()
        path.mkdir()
    elif how == "huge":
        path.write_bytes(b"allow a.example\n" * 700_000)
    elif how in ("group", "world"):
        path.chmod(0o660 if how == "group" else 0o602)
    elif how == "stranger's":
        os.chown(path, US + 1, US + 1)
    elif how == "stranger's directory":
        os.chown(directory, US + 1, US + 1)
    elif how == "open directory":
        directory.chmod(0o777)
    said = project.refused()
    assert "codex-sandbox: read the options: /" in said and len(said.splitlines()) <= 2, said
    project.dry("--no-config")


def test_a_link_on_the_way_there_is_fine(project, kept):
    """~/.config itself may be one, as long as it and its end are ours."""
    kept.write("memory 4g\n")
    (project.home / ".config").rename(project.home / "dotfiles")
    (project.home / ".config").symlink_to("dotfiles")
    assert flag(project.dry(), "memory") == ["4g"]


def test_xdg_config_home(project, kept):
    kept.write("memory 4g\n")
    other = Kept(project, project.home / "xdg/codex-sandbox")
    assert flag(project.dry(env={"XDG_CONFIG_HOME": str(project.home / "xdg")}), "memory") == []
    other.write("memory 5g\n")
    assert flag(project.dry(env={"XDG_CONFIG_HOME": str(project.home / "xdg")}), "memory") == ["5g"]
    # It has to be absolute, as the specification of it says.
    assert flag(project.dry(env={"XDG_CONFIG_HOME": "xdg"}), "memory") == ["4g"]


def test_none_is_read_from_a_workdir(project):
    """What Codex may have written decides nothing."""
    inside = Kept(project, project.work / "xdg/codex-sandbox")
    inside.write("audit\n")
    env = {"XDG_CONFIG_HOME": str(project.work / "xdg")}
    assert "where the sandbox can write" in project.refused(env=env)
    inside.defaults.unlink()
    project.engine()
    # Nor may it write the first one.
    assert "the next start would obey" in project.refused_at_start(env=env)


def test_nor_from_another_directory_that_it_may_write(project, kept):
    kept.write("memory 4g\n")
    project.engine()
    said = project.refused_at_start("-y", "--mount", project.home / ".config")
    assert "the next start would obey" in said


def test_config_tells_what_is_in_force_and_from_where(project, kept):
    kept.write("allow @pypi\nmemory 4g\nenv LANG=de_DE\n")
    path = kept.write_project("memory 5g\n")
    before = snapshot(project.root)
    done = project.start("--cpus", "2", "config", env={"OPENAI_ALLOWED_DOMAINS": "e.example"})
    assert done.returncode == 0 and snapshot(project.root) == before, done
    lines = [re.split("  +# ", line) for line in done.stdout.decode().splitlines()]
    assert lines == [
        ["cpus 2", "the command line"],
        ["memory 5g", f"{path}:1"],
        ["allow @pypi", f"{kept.defaults}:1"],
        ["env LANG", f"{kept.defaults}:3"],
        ["# memory 4g", f"{kept.defaults}:2 (something else takes precedence)"],
        ["# OPENAI_ALLOWED_DOMAINS=e.example", "the environment"],
    ]
    elsewhere = project.start("config", project.work, cwd="/").stdout.decode()
    assert f"{path}:1" in elsewhere
    assert project.start("--no-config", "config").stdout == b""


def test_config_moves_no_cursor(project, kept):
    escape, csi = "\x1b[2J", "\u009b2J"
    done = project.start("--image", escape, "--memory", "4g", "config", env={"CODEX_CONFIG_DIR": f"{csi}\x07ä"})
    said = done.stdout.decode()
    assert "image ?[2J " in said and "CODEX_CONFIG_DIR=?2J?ä" in said, done
    assert not [c for c in said if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]


def test_a_start_asks_the_engine_no_more_for_it(project, kept):
    project.engine()
    project.log.write_text("")
    project.start("--no-config")
    without = sorted(a[1:3] for a in project.asked())  # two of them go out at one time
    kept.write("allow @pypi\n")
    kept.write_project("deny a.example\n")
    project.log.write_text("")
    project.start()
    assert sorted(a[1:3] for a in project.asked()) == without


def saved(kept):
    return kept.name().read_text() if kept.name().exists() else None


def test_save_keeps_a_rule_for_the_project(project, kept):
    """In an engine that has no sandbox here, for the next start; see test_commands.py for one that has."""
    project.engine()
    env = {"ENGINE_ANSWERS": json.dumps({"container inspect": [1, "", ""]})}
    done = project.start("allow", "a.example:22", "--save", env=env)
    assert done.returncode == 0 and str(kept.name()) in done.stderr.decode(), done
    assert saved(kept) == f"# {project.work}\nallow a.example:22\n"
    assert kept.name().stat().st_mode & 0o777 == 0o600
    assert project.dry().init == ["--allow", "a.example:22"]
    # Not twice; and the opposite takes its place.
    assert b"is already in" in project.start("--work_dir", project.work, "allow", "--save", "a.example:22", env=env).stderr
    project.start("deny", "a.example:22", project.work, "--save", env=env, cwd="/")
    assert saved(kept) == f"# {project.work}\ndeny a.example:22\n"
    project.start("undo", "a.example:22", "--save", env=env)
    assert saved(kept) == f"# {project.work}\n"
    assert [p.name for p in (kept.top / "projects").iterdir()] == [kept.name().name]


def test_what_a_session_began_with_is_undone_for_the_next(project, kept):
    kept.write_project("allow a.example\nallow b.example\n")
    project.engine()
    there = {"container inspect": [0, f"{'f' * 64} true {US} nft {project.work}\n", ""], "exec": [1, "nothing to undo", ""]}
    done = project.start("undo", "a.example", "--save", env={"ENGINE_ANSWERS": json.dumps(there)})
    assert done.returncode == 1 and b"no longer in" in done.stderr, done
    assert saved(kept) == "allow b.example\n"


def test_save_makes_the_directories_for_us_alone(project):
    for path in (project.home, project.work):
        os.chown(path, US, US)
    project.engine()
    env = {"ENGINE_ANSWERS": json.dumps({"container inspect": [1, "", ""]})}
    assert project.start("allow", "@pypi", "--save", env=env).returncode == 0
    for path in (".config", ".config/codex-sandbox", ".config/codex-sandbox/projects"):
        assert (project.home / path).stat().st_mode & 0o7777 == 0o700


def test_what_is_not_saved(project, kept):
    """A rule that can't be read, one that the sandbox refuses, and where others may write."""
    env = {"ENGINE_ANSWERS": json.dumps({"container inspect": [1, "", ""]})}
    project.engine()
    for rule, why in (("not a rule", "character"), ("a.example:99999", "character"), ("*.com", "character")):
        done = project.start("allow", rule, "--save", env=env)
        assert done.returncode == 100 and why in done.stderr.decode(), done
    for status in (1, 100, 111):
        there = {"container inspect": [0, f"{'f' * 64} true {US} nft {project.work}\n", ""], "exec": [status, "", ""]}
        done = project.start("allow", "a.example", "--save", env={"ENGINE_ANSWERS": json.dumps(there)})
        assert done.returncode == status
    for cut in ("f" * 64, f"{'f' * 64} true"):  # no engine we know; whatever it says ends nothing
        env_cut = {"ENGINE_ANSWERS": json.dumps({"container inspect": [0, f"{cut}\n", ""]})}
        assert project.start("allow", "a.example", "--save", env=env_cut).returncode == 100
    theirs = {"container inspect": [0, f"{'f' * 64} true {US + 1} nft {project.work}\n", ""]}
    assert project.start("allow", "a.example", "--save", env={"ENGINE_ANSWERS": json.dumps(theirs)}).returncode == 100
    assert saved(kept) is None
    (kept.top / "projects").chmod(0o777)
    done = project.start("allow", "a.example", "--save", env=env)
    assert done.returncode == 100 and b"other users may change" in done.stderr and saved(kept) is None


def test_many_saves_at_once_are_all_kept(project, kept):
    project.engine()
    env = {"HOME": str(project.home), "PATH": str(project.bin), "ENGINE_LOG": "/dev/null",
           "ENGINE_ANSWERS": json.dumps({"container inspect": [1, "", ""]})}  # fmt: skip
    rules = [f"n{i}.example" for i in range(12)]
    made = [subprocess.Popen([STUB, "allow", rule, "--save"], cwd=project.work, env=env, stderr=subprocess.DEVNULL)
            for rule in rules]  # fmt: skip
    assert [p.wait() for p in made] == [0] * len(rules)
    assert sorted(saved(kept).splitlines()[1:]) == sorted(f"allow {rule}" for rule in rules)
