"""Codex's home: what the drop-off brings, the init hook, and what must stay as it was."""

import os

import pytest
from conftest import HOME, SHARED, UID, at_best

pytestmark = pytest.mark.cell("all")

IN = "/run/codex/in"
# Where it is if it can't be written, and the container has this place.
PLACED = "/run/codex/home"
RULES = "/etc/codex/allowed_domains.txt"


@pytest.fixture
def drop_off(tmp_path):
    """drop_off(files): options of docker run that mount a drop-off with these files."""

    def fill(files, target=IN):
        place = tmp_path / "in"
        for name, text in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return ("-v", f"{place}:{target}:ro")

    tmp_path.chmod(0o755)
    return fill


@pytest.fixture
def uid(wall):
    """The command's."""
    return UID[wall]


@pytest.fixture
def home(tmp_path, uid):
    """A home on the host, of the command's, and the option that mounts it."""
    place = tmp_path / "codex_home"
    place.mkdir()
    os.chown(place, uid, uid)
    tmp_path.chmod(0o755)
    return place


def mounted(home):
    return ("-v", f"{home}:/codex_home")


def test_config_and_prompts_are_copied(shell, drop_off, home, uid):
    options = drop_off({"config.toml": "a = 1\n", "prompts/one.md": "1", "prompts/sub/two.md": "2"})
    done = shell(
        "cd /codex_home; cat config.toml prompts/one.md prompts/sub/two.md; "
        "stat -c %u config.toml prompts prompts/one.md",
        options=[*options, *mounted(home)],
    ).ok()
    assert done.out == "a = 1\n12" + 3 * f"{uid}\n"
    assert (home / "config.toml").read_text() == "a = 1\n"


def test_what_is_there_is_not_overwritten(shell, drop_off, home, uid):
    (home / "config.toml").write_text("mine = 1\n")
    (home / "prompts").mkdir()
    (home / "prompts/one.md").write_text("mine")
    for path in (home / "config.toml", home / "prompts", home / "prompts/one.md"):
        os.chown(path, uid, uid)
    options = drop_off(
        {"config.toml": "theirs = 1\n", "prompts/one.md": "theirs", "prompts/new.md": "new"}
    )
    shell("true", options=[*options, *mounted(home)]).ok()
    assert (home / "config.toml").read_text() == "mine = 1\n"
    assert (home / "prompts/one.md").read_text() == "mine"
    assert (home / "prompts/new.md").read_text() == "new"


def test_no_drop_off_no_files(shell, home):
    shell("true", options=mounted(home)).ok()
    assert not (home / "config.toml").exists() and not (home / "prompts").exists()


def test_home_from_names_another_directory(shell, drop_off):
    options = drop_off({"config.toml": "b = 2\n"}, target="/elsewhere")
    done = shell(
        "cat $CODEX_HOME/config.toml", options=options, init=["--home-from", "/elsewhere"]
    ).ok()
    assert done.out == "b = 2\n"


def test_a_new_init_script_replaces_the_old_one_and_runs(shell, drop_off, home, uid):
    old = home / "init.sh"
    old.write_text("#!/bin/sh\necho old\n")
    old.chmod(0o755)
    os.chown(old, uid, uid)
    done = shell(
        "echo payload", options=[*drop_off({"init.sh": "#!/bin/sh\necho new\n"}), *mounted(home)]
    )
    assert done.ok().out == "new\npayload\n"
    assert "new" in old.read_text() and old.stat().st_mode & 0o111


def test_an_executable_init_script_of_the_homes_own_runs(shell, home, uid):
    hook = home / "init.sh"
    hook.write_text("#!/bin/sh\necho own\n")
    hook.chmod(0o755)
    os.chown(hook, uid, uid)
    assert shell("echo payload", options=mounted(home)).ok().out == "own\npayload\n"


def test_one_that_is_not_executable_does_not(shell, home, uid):
    hook = home / "init.sh"
    hook.write_text("#!/bin/sh\necho own\n")
    os.chown(hook, uid, uid)
    assert shell("echo payload", options=mounted(home)).ok().out == "payload\n"


def test_the_hook_runs_as_the_payloads_user_in_the_workdir(shell, drop_off, uid):
    script = (
        "#!/bin/sh\nid -u; pwd; echo $SANDBOX_ENV_DIR; test -w $SANDBOX_ENV_FILE && echo writable\n"
    )
    done = shell("true", options=drop_off({"init.sh": script})).ok()
    assert done.lines()[:2] == [str(uid), "/workspace"]
    assert done.lines()[2] and done.lines()[3] == "writable"


def test_the_hook_hands_variables_to_the_payload(shell, drop_off):
    script = """#!/bin/sh
        echo 'A_NAME=some value = 1' >>$SANDBOX_ENV_FILE
        echo B= >>$SANDBOX_ENV_FILE
        export C=no
        """
    done = shell(
        'echo "$A_NAME|${B-unset}|${C-unset}|${SANDBOX_ENV_FILE-unset}"',
        options=drop_off({"init.sh": script}),
    )
    assert done.ok().out == "some value = 1||unset|unset\n"


def test_a_bad_line_from_the_hook_stops_it(shell, drop_off):
    done = shell(
        "echo payload",
        options=drop_off({"init.sh": "#!/bin/sh\necho '9x y' >>$SANDBOX_ENV_FILE\n"}),
    )
    assert done.ok(112).out == "" and "1" in done.err


@pytest.mark.parametrize("script", ["exit 3", "kill -KILL $$", "false"])
def test_a_failing_hook_is_112_and_codex_does_not_start(shell, drop_off, script):
    done = shell(
        "echo payload", options=drop_off({"init.sh": f"#!/bin/sh\necho begun\n{script}\n"})
    ).ok(112)
    assert done.out == "begun\n"
    assert "codex-init: hook: " in done.err and "init.sh" in done.err, done


def test_what_a_failing_hook_was_refused_is_summed_up(shell, drop_off):
    """Mostly that is why it failed."""
    script = "#!/bin/sh\ncurl -sS https://example.com/ || exit 3\n"
    done = shell("echo payload", options=drop_off({"init.sh": script})).ok(112)
    assert "allow with: --allow example.com" in done.err.partition("codex-init: hook: ")[2], done


def test_a_hook_that_cannot_be_executed_is_112(shell, drop_off):
    done = shell("echo payload", options=drop_off({"init.sh": "#!/no/such/interpreter\n"})).ok(112)
    assert done.out == ""


def test_what_the_hook_puts_first_on_the_path_is_found(shell, drop_off, wall):
    script = """#!/bin/sh
        mkdir -p $CODEX_HOME/bin
        ln -s /usr/bin/printenv $CODEX_HOME/bin/mytool
        """
    assert shell("mytool HOME", options=drop_off({"init.sh": script})).ok().out == f"{HOME[wall]}\n"


def test_a_hook_where_no_program_may_run_is_112(shell, drop_off, uid):
    """It was given to be run: without it the command doesn't start."""
    options = [*drop_off({"init.sh": "#!/bin/sh\n"}), "--tmpfs", f"/codex_home:noexec,uid={uid},gid={uid}"]
    done = shell("echo payload", options=options).ok(112)
    assert done.out == "" and "noexec" in done.err, done


@pytest.mark.parametrize(
    "spelt", ["/codex_home", "/codex_home/", "//codex_home/./", "/tmp/../codex_home"]
)
def test_a_read_only_login_is_guarded_however_the_home_is_spelt(shell, tmp_path, spelt):
    login = tmp_path / "auth.json"
    login.write_text("{}")
    tmp_path.chmod(0o755)
    options = ("-v", f"{login}:/codex_home/auth.json:ro", "-e", f"CODEX_HOME={spelt}")
    # The file of them can't be made on a read-only root, where the command may ask.
    done = shell(f"cat {RULES} || until codex-egress rules; do sleep 0.1; done", options=options).ok()
    assert "deny auth.openai.com" in done.out, done


@pytest.mark.parametrize("name", ["config.toml", "init.sh", "prompts"])
def test_a_symlink_in_the_home_is_never_followed(shell, drop_off, home, tmp_path, name, uid):
    """A project could hold a link that points out of the home; nothing is written through it."""
    target = tmp_path / "target"
    target.mkdir()
    os.chown(target, uid, uid)
    victim = target / "victim"
    victim.write_text("untouched")
    os.chown(victim, uid, uid)
    (home / name).symlink_to("/target" if name == "prompts" else "/target/victim")
    options = drop_off({"config.toml": "x = 1\n", "init.sh": "#!/bin/sh\n", "prompts/p.md": "p"})
    shell("true", options=[*options, *mounted(home), "-v", f"{target}:/target"])
    assert victim.read_text() == "untouched"
    assert [p.name for p in target.iterdir()] == ["victim"]


def test_a_symlink_in_the_drop_off_is_never_followed(shell, drop_off, home, tmp_path):
    options = drop_off({"prompts/p.md": "p"})
    (tmp_path / "in/config.toml").symlink_to("/etc/passwd")
    shell("true", options=[*options, *mounted(home)])
    assert not (home / "config.toml").exists()


def test_a_home_of_somebody_elses_is_refused_in_words(shell, tmp_path, wall):
    tmp_path.chmod(0o755)
    place = tmp_path / "theirs"
    place.mkdir()
    os.chown(place, 4242, 4242)
    (place / "file").write_text("")
    done = shell("echo ran", options=["-v", f"{place}:/codex_home"])
    if wall in SHARED:  # another one is found
        assert done.ok().out == "ran\n" and f"the home is {PLACED}" in done.err
        assert [p.name for p in place.iterdir()] == ["file"]
        return
    assert done.ok(111).out == "" and "/codex_home" in done.err


def test_an_etc_of_the_hosts_gets_no_user_of_ours(shell, tmp_path):
    etc = tmp_path / "etc"
    etc.mkdir()
    lines = {"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n"}
    for name, line in lines.items():
        (etc / name).write_text(line)
    tmp_path.chmod(0o755)
    assert shell("echo ran", options=["-v", f"{etc}:/etc"]).ok().out == "ran\n"
    assert {name: (etc / name).read_text() for name in lines} == lines


def test_the_user_database_names_the_payload(shell, wall):
    done = shell("id -un; getent passwd $(id -u); getent group $(id -g); echo ~").ok()
    name = "codex" if UID[wall] else "root"
    assert done.lines()[0] == name
    # Where no id can be changed, the database stays the image's.
    assert done.lines()[1].split(":")[5] == ("/codex_home" if UID[wall] else "/root")
    assert done.lines()[2].split(":")[0] == name
    assert done.lines()[3] == HOME[wall]


def test_managed_settings_are_in_force(shell):
    """Root's layer beats the user's config: the daemon stays off whatever the user's file says."""
    done = shell(
        "printf '[features]\\ndaemon_auto_start = true\\n' >$CODEX_HOME/config.toml;"
        "codex features list"
    )
    line = next(line for line in done.ok().lines() if line.startswith("daemon_auto_start"))
    assert line.split()[-1] == "false", line


def test_a_hook_that_hangs_can_be_stopped(start, drop_off):
    options = drop_off({"init.sh": "#!/bin/sh\necho begun\nsleep 1000\n"})

    def stop():
        box = start("echo", "payload", options=options)
        box.until_says("begun")
        done = box.docker("stop", "-t", "60", box.name).ok()
        assert box.wait() == 112 and "payload" not in box.logs().split()
        return done.seconds

    at_best(stop, 10)


def test_the_hook_is_refused_what_the_payload_is(shell, drop_off, sinks):
    script = "#!/bin/sh\ncurl -sS -m 30 https://example.com && exit 1; exit 0\n"
    done = shell("true", options=drop_off({"init.sh": script})).ok()
    assert sinks.seen() == [] and "--allow example.com" in done.err
