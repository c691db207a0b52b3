"""The launcher's commands: told from Codex's command line, and what they ask of an engine that only
records it. (What they do to a sandbox that runs is test_commands.py's matter.)"""

import json
import os
import re
import subprocess

import pytest
from conftest import STUB, until
from stub_project import open_project, project  # noqa: F401

ID = "f" * 64
US = os.geteuid()
ASKED = ("status", "explain", "allow", "deny", "undo", "rules")
WORDS = {"explain": ["h.example"], "allow": ["h.example:22"], "deny": ["h.example"], "undo": ["x.example"]}


def running(project, owner=US, state="true", workdir=None, engine="docker", wall="nft", **more):
    """An engine that has the project's container, or what else is said of it."""
    project.engine(engine)
    project.log.write_text("")
    line = f"{ID} {state} {owner} {wall} {workdir or project.work}\n"
    return {"ENGINE_ANSWERS": json.dumps({"container inspect": [0, line, ""], **more})}


def nothing_runs(project):
    project.engine()
    project.log.write_text("")
    return {"ENGINE_ANSWERS": json.dumps({"container inspect": [1, "", "no such container"]})}


def name_of(project, *options):
    return project.dry(*options).value("--name")


@pytest.mark.parametrize("command", ASKED)
def test_a_question_goes_to_codex_egress_in_the_container(project, command):
    env, words = running(project), WORDS.get(command, [])
    name = name_of(project)
    project.log.write_text("")
    done = project.start(command, *words, env=env)
    assert (done.returncode, done.stderr) == (0, b""), done
    found, asked = project.asked()
    assert found[1:3] == ["container", "inspect"] and found[5] == name
    by = ["--by", "root"] if command in ("allow", "deny", "undo") else []
    assert asked[1:] == ["exec", "--user=0:0", ID, "/sbin/codex-egress", *by, command, *words]
    project.log.write_text("")
    elsewhere = project.start(command, *words, project.work, env=env, cwd="/")
    assert elsewhere.returncode == 0 and [a[5:6] for a in project.asked()][0] == [name]


INSIDE = [*ASKED, "watch", "join"]
ROOTLESS, ROOTFUL = [0, "[name=seccomp,profile=builtin name=rootless]\n", ""], [0, "[name=seccomp,profile=builtin]\n", ""]


@pytest.mark.attack
@pytest.mark.parametrize("command", INSIDE)
def test_nothing_is_run_in_a_cell_whose_command_owns_the_image(project, command):
    """In rootless Docker: it may have replaced codex-egress, and `exec` is outside of the cell."""
    save = [["--save"], []] if command in ("allow", "deny", "undo") else [[]]
    for info in (ROOTLESS, [1, "", "it doesn't say"]):
        for options in save:
            done = project.start(command, *WORDS.get(command, []), *options, env=running(project, wall="cell", info=info))
            assert done.returncode == 100 and b"rootless Docker" in done.stderr, done
            assert b"logs, learn, ls, attach and stop" in done.stderr
            assert [a[1] for a in project.asked()] == ["container", "info"]
            assert not (project.home / ".config").exists()
    # Elsewhere root's files in the image aren't its own; and behind nftables it never is root.
    for more in ({"wall": "cell", "info": ROOTFUL}, {"wall": "nft", "info": ROOTLESS},
                 {"wall": "cell", "info": ROOTLESS, "engine": "podman"}):
        project.start(command, *WORDS.get(command, []), "--engine", more.get("engine", "docker"),
                      env=running(project, **more), stdin=subprocess.DEVNULL)
        assert "exec" in [a[1] for a in project.asked()], more
        assert more["wall"] == "cell" or "info" not in [a[1] for a in project.asked()]


@pytest.mark.parametrize("options", [["--ask"], ["--ask=5"], ["--notify", "/bin/true"]])
def test_nobody_is_asked_where_the_command_could_answer(project, options):
    answers = {"info": ROOTLESS, "container inspect": [1, "", "no such container"]}
    for wall, info, refused in (("cell", ROOTLESS, True), ("cell", ROOTFUL, False), ("nft", ROOTLESS, False)):
        project.engine()
        project.log.write_text("")
        done = project.start(f"--wall={wall}", *options, "--exec", "true", stdin=subprocess.DEVNULL,
                             env={"ENGINE_ANSWERS": json.dumps({**answers, "info": info})})
        assert (done.returncode == 100 and b"answer itself" in done.stderr) == refused, done
        assert ("run" in [a[1] for a in project.asked()]) != refused


def test_who_gives_a_rule_is_one_word(open_project):  # noqa: F811
    """As codex-egress takes it; for a user too that only a directory service knows."""
    project = open_project
    env = running(project, owner=4711)
    project.log.chmod(0o666)
    done = project.start("allow", "h.example", env=env, user=4711, group=4711, extra_groups=[])
    assert done.returncode == 0, done
    assert project.asked()[-1][4:] == ["/sbin/codex-egress", "--by", "uid:4711", "allow", "h.example"]


def saved(project, *words, status=0):
    """What the project's file has after a command with --save where nothing runs."""
    for path in (project.home, project.work):
        os.chown(path, US, US)
    done = project.start(*words, "--save", env=nothing_runs(project))
    assert done.returncode == status, done
    return [line for p in project.home.glob(".config/codex-sandbox/projects/*") for line in p.read_text().splitlines()[1:]]


@pytest.mark.parametrize("rule", ["10.0.0.0/8", "*.com", "h.example", "h.example:22"])
def test_a_deny_that_was_saved_can_be_taken_back(project, rule):
    """It may be wider than any allow."""
    assert saved(project, "deny", rule) == [f"deny {rule}"]
    assert saved(project, "undo", "a..b", status=100) == [f"deny {rule}"]
    assert saved(project, "undo", rule) == []


def test_what_is_saved_last_is_in_force(project):
    """Suffixes aside, which no deny has: as in a session."""
    saved(project, "deny", "db:22")
    assert saved(project, "allow", "db:22+private") == ["allow db:22+private"]
    assert saved(project, "deny", "DB:22") == ["deny DB:22"]
    assert saved(project, "allow", "db:22+private") == ["allow db:22+private"]
    assert saved(project, "undo", "db:22+private") == []


def test_its_status_is_the_commands(project):
    env = running(project)
    for status in (0, 1, 100, 111):
        answers = json.loads(env["ENGINE_ANSWERS"]) | {"exec": [status, "said\n", ""]}
        done = project.start("status", env={"ENGINE_ANSWERS": json.dumps(answers)})
        assert (done.returncode, done.stdout) == (status, b"said\n")


def test_a_directory_inside_the_workdir_is_the_workdirs(project):
    env = running(project)
    name, inner = name_of(project), project.work / "src/deep"
    inner.mkdir(parents=True)
    project.log.write_text("")
    project.start("status", env=env, cwd=inner)
    assert len(project.asked()[0][5:]) == 1  # no sandbox has ever worked around it
    (project.work / ".codex/.environment").mkdir(parents=True)
    project.log.write_text("")
    project.start("status", env=env, cwd=inner)
    names = project.asked()[0][5:]
    assert len(names) == 2 and names[1] == name != names[0]
    # One that is named is meant itself, and so is a home of its own.
    for options in ([inner], ["--work_dir", inner], ["--codex-home", inner]):
        project.log.write_text("")
        project.start("status", *options, env=env, cwd=inner)
        assert len(project.asked()[0][5:]) == 1


def test_a_home_of_its_own_has_a_container_of_its_own(project):
    env = running(project)
    other = project.home / "other"
    other.mkdir()
    project.log.write_text("")
    project.start("status", "--codex-home", other, env=env)
    asked = project.asked()[0][5]
    os.chown(other, 1000, 1000)
    assert asked == name_of(project, "-y", "--codex-home", other) != name_of(project)


@pytest.mark.parametrize("command", [*ASKED, "attach", "stop"])
def test_what_is_not_there_or_not_ours_is_one_line(project, command):
    words = WORDS.get(command, [])
    for env, why in (
        (nothing_runs(project), "none runs there"),
        (running(project, owner=US + 1), f"another user's (uid {US + 1})"),
        (running(project, owner=""), "isn't one of codex-sandbox's"),
        (running(project, state="false"), "it has ended"),
    ):
        project.log.write_text("")
        done = project.start(command, *words, env=env)
        lines = done.stderr.decode().splitlines()
        assert (done.returncode, done.stdout) == (100, b""), done
        assert why in lines[0] and all(line.startswith("  hint: ") for line in lines[1:]), lines
        assert not [a for a in project.asked() if a[1] in ("exec", "attach", "stop")]


def test_an_engine_that_does_not_answer(project):
    project.engine()
    down = [1, "", "Cannot connect to the Docker daemon.\n"]
    answers = {"container inspect": down, "version": down, "ps": down}
    for command in ("status", "ls", "stop"):
        done = project.start(command, env={"ENGINE_ANSWERS": json.dumps(answers)})
        assert done.returncode == 111 and b"Cannot connect to the Docker daemon." in done.stderr


def test_podman_is_asked_where_docker_has_none(project):
    project.engine("podman")
    env = nothing_runs(project)
    done = project.start("status", env=env)
    assert done.returncode == 100
    assert [os.path.basename(a[0]) for a in project.asked()] == ["docker", "docker", "podman", "podman"]
    project.log.write_text("")
    project.start("status", "--engine", "podman", env=env)
    assert {os.path.basename(a[0]) for a in project.asked()} == {"podman"}


def test_an_engine_of_the_projects_own_is_not_run(project):
    env = running(project)
    (project.bin / "docker").rename(project.work / "docker")
    done = project.start("status", env=env | {"PATH": str(project.work)})
    assert done.returncode == 111 and b"is skipped" in done.stderr
    # The same from further inside.
    inner = project.work / "src"
    inner.mkdir()
    (project.work / ".codex/.environment").mkdir(parents=True)
    for path in (project.home, project.work, project.work / "docker"):
        os.chown(path, US, US)
    done = project.start("status", env=env | {"PATH": str(project.work)}, cwd=inner)
    assert done.returncode == 111 and b"where the sandbox can write" in done.stderr
    assert project.log.read_text() == ""


def test_attach_has_the_detach_keys_of_the_start(project):
    env = running(project)
    project.start("attach", env=env)
    assert project.asked()[-1][1:] == ["attach", "--detach-keys=ctrl-^,ctrl-@,ctrl-^,ctrl-@,ctrl-^", ID]
    running(project, engine="podman")
    project.start("attach", "--engine", "podman", env=env)
    assert project.asked()[-1][1:] == ["attach", "--detach-keys=", ID]


@pytest.mark.parametrize("arguments", [
    ["status of this project"], ["exec", "status"], ["--", "status"], ["--", "ls"], ["resume", "--last"],
    ["apply"], ["Status"], ["-y", "--", "stop"],
])  # fmt: skip
def test_codexs_own_command_lines_stay_what_they_are(project, arguments):
    words = [a for a in arguments if a not in ("--", "-y")]
    assert project.dry(*arguments).payload == ["codex", *words]


def test_a_file_that_is_refused_can_be_left_out(project):
    """As the hint of the refusal says."""
    env = running(project)
    settings = project.write(project.home / ".config/codex-sandbox/defaults", "no such option\n")
    for command in ("status", "stop", "ls"):
        assert project.start(command, env=env).returncode == 100
        assert project.start(command, "--no-config", env=env).returncode == 0, command
    settings.unlink()


def test_waiting_reads_the_files_once_and_no_wrong_words(project):
    settings = project.write(project.home / ".config/codex-sandbox/defaults", "engine docker\n")
    for path in (project.home, settings):
        os.chown(path, US, US)
    env = nothing_runs(project) | {"PATH": str(project.bin)}
    waiting = subprocess.Popen([STUB, "watch", "--wait"], cwd=project.work, stdin=subprocess.DEVNULL,
                               env=env | {"HOME": str(project.home), "ENGINE_LOG": str(project.log)})  # fmt: skip
    try:
        until(lambda: project.log.read_text().count("inspect") > 2)
    finally:
        waiting.kill()
        waiting.wait()
    done = project.start("--work_dir", project.work, "watch", "--wait", project.work, env=env)
    assert done.returncode == 100 and b"names another workdir" in done.stderr


def test_what_a_command_has_no_use_for_is_refused(project):
    env = nothing_runs(project)
    for arguments, why in (
        (["--allow", "a.example", "status"], "has no use for it"),
        (["status", "--dry-run"], "has no use for it"),
        (["status", "a", "b"], "too many words"),
        (["explain"], "a word is missing"),
        (["status", "--json"], "there is no such option"),
        *((["--work_dir", project.work, command, project.work], "names another workdir")
          for command in ("status", "logs", "config", "doctor")),
        (["status", project.work / "nowhere"], "No such file"),
        (["status", "/"], "the whole machine"),
    ):
        done = project.start(*arguments, env=env)
        assert done.returncode == 100 and why in done.stderr.decode(), done
    assert project.log.read_text() == ""


def test_ls_has_columns(project):
    """For a terminal: however long the containers' names are; and a path moves no cursor."""
    project.engine()
    names = "a", "codex_" + "b" * 40, "cc"
    lines = "".join(f'/{n} "2026-03-01T09:15:02.4Z" {w} /home/you/\u202e{n}\n' for n, w in zip(names, ("nft", "cell", "audit")))
    answers = {"ps --quiet": [0, "1\n2\n3\n", ""], "container inspect": [0, lines, ""]}
    head, *rows = project.start("ls", env={"ENGINE_ANSWERS": json.dumps(answers)}).stdout.decode().splitlines()
    assert [row.split()[3:] for row in rows] == [[n, f"/home/you/?{n}"] for n in names]
    for word, text in (("WALL", ("nft", "cell", "audit")), ("CONTAINER", names), ("WORKDIR", ["/home"] * 3)):
        for row, start in zip(rows, text):
            assert row[head.index(word):].startswith(start) and row[head.index(word) - 1] == " ", (head, row)


def test_config_of_nothing_says_so(project):
    none, one = project.start("config"), project.start("--cpus", "2", "config")
    for variable in ("CODEX_INIT_ASK", "CODEX_INIT_BROKER"):
        done = project.start("config", env={variable: "off"})
        assert done.stdout.decode() == f"# {variable}=off  # the environment\n" and done.stderr == b""
    assert none.stdout == b"" and b"no option is given or kept here" in none.stderr
    assert b"cpus 2" in one.stdout and one.stderr == b""


def test_help_fits_a_terminal(project):
    for words in ([], *([c] for c in (*ASKED, "watch", "logs", "learn", "ls", "attach", "join", "stop", "config", "doctor"))):
        said = project.start(*words, "--help").stdout.decode().splitlines()
        assert all(len(line) < 80 and line == line.rstrip() for line in said), said


def test_what_is_advised_where_nothing_runs(project):
    """A rule can be kept; nothing else can."""
    for command in ASKED:
        done = project.start(command, *WORDS.get(command, []), env=nothing_runs(project)).stderr
        assert (b"--save keeps it for the next start" in done) == (command in ("allow", "deny", "undo")), done


def test_help_names_every_command(project):
    said = project.start("--help").stdout.decode()
    listed = re.search(r"\nCommands, .*?:\n(.*?)\n\n", said, re.S).group(1)
    names = re.findall(r"^  ([a-z]+)", listed, re.M)
    assert len(names) >= 9 and len(set(names)) == len(names)
    for name in names:
        done = project.start(name, "--help")
        assert done.returncode == 0 and done.stdout.decode().startswith(f"Usage: codex-sandbox {name}"), done
