"""The config of a repository: git in the container writes it as ever, and whatever would make something
run on the host is undone. The judge is the host's real git, before, in and after a session."""

import os
import subprocess
import time

import pytest
from conftest import PATIENCE, end_sessions, until
from git_host import begin, git, own  # noqa: F401

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)

UNDONE = "  undone   "
CHANGED = "  changed  "


@pytest.fixture
def repository(git, workdir, tmp_path):
    """A project under git with a remote and a setting of each kind, of uid 1000's."""
    begin(git, workdir)
    git("clone", "-q", "--bare", workdir, tmp_path / "origin.git")
    git("remote", "add", "origin", tmp_path / "origin.git")
    git("push", "-q", "origin", "main:topic")
    git("push", "-q", "-u", "origin", "main")
    git("fetch", "-q")
    git("config", "core.pager", "cat")
    git("config", "alias.st", "status -sb")
    with (workdir / ".git/config").open("a") as config:
        config.write("# by hand\n[diff \"x\"]\n\ttextconv = cat\n")
    own(workdir, tmp_path / "origin.git")
    return workdir


def settings(git):
    """What the host's git reads."""
    return sorted(git("config", "--local", "--list").splitlines())


ORDINARY = """
    git branch -m main trunk
    git switch -q --track origin/topic
    git branch -q other; git branch -q --unset-upstream; git branch -q -u origin/topic
    git branch --edit-description </dev/null || true
    git branch -q -D other; git switch -q trunk
    git tag v1; git stash list; git gc -q; git fsck
"""


def test_gits_ordinary_writing_works(stub, repository, git):
    text = (repository / ".git/config").read_text()
    done = stub("-e", "GIT_EDITOR=true", "--exec", "bash", "-ec", ORDINARY).ok()
    assert "busy" not in done.said and "settings in" not in done.err, done
    assert git("branch", "--list", "--format=%(refname:short) %(upstream:short)").splitlines() == [
        "topic origin/topic", "trunk origin/main"]
    assert git("status", "-sb") == "## trunk...origin/main"
    assert "# by hand" in (repository / ".git/config").read_text()
    assert {s for s in settings(git) if not s.startswith("branch.")} == {
        s for s in git("config", "--file", "-", "--list", input=text).splitlines()
        if not s.startswith("branch.")}  # fmt: skip
    git("push", "-q", "origin", "trunk:main")


def test_what_changes_more_than_that_is_told(stub, repository, git):
    script = """
        git remote add fork https://example.com/fork.git; git remote set-url origin https://example.com/x
        git config user.email agent@example.com; git config pull.rebase true
        git config branch.main.remote ./elsewhere
        """
    done = stub("--exec", "bash", "-ec", script).ok()
    assert f"settings in {repository}/.git/config have changed:\n" in done.err, done
    for key in ("remote.fork.url", "remote.fork.fetch", "remote.origin.url", "user.email", "pull.rebase",
                "branch.main.remote"):
        assert f"{CHANGED}{key}\n" in done.err, key
    assert UNDONE not in done.err and "example.com" not in done.err, "no value is printed"
    assert git("config", "remote.fork.url") == "https://example.com/fork.git"
    assert "settings in" not in stub("--exec", "true").ok().err


# What makes git, or something else, run a program on the host: (in the sandbox, the key).
RUN = "touch witness"
PLANTS = {
    "fsmonitor": ("git config core.fsmonitor '%s'" % RUN, "core.fsmonitor"),
    "hooks": ("mkdir h; printf '#!/bin/sh\\n%s\\n' >h/post-checkout; chmod +x h/*; "
              "git config core.hooksPath h" % RUN, "core.hookspath"),
    "alias": ("git config alias.st '!%s'" % RUN, "alias.st"),
    "pager": ("git config core.pager '%s; cat'" % RUN, "core.pager"),
    "pager for one": ("git config pager.log '%s; cat'" % RUN, "pager.log"),
    "editor": ("git config core.editor '%s'" % RUN, "core.editor"),
    "diff": ("git config diff.external '%s'" % RUN, "diff.external"),
    "textconv": ("git config diff.x.textconv '%s; cat'" % RUN, "diff.x.textconv"),
    "filter": ("git config filter.f.clean '%s; cat'; echo '* filter=f' >.gitattributes" % RUN, "filter.f.clean"),
    "merge": ("git config merge.m.driver '%s'" % RUN, "merge.m.driver"),
    "ssh": ("git config core.sshCommand '%s'" % RUN, "core.sshcommand"),
    "credentials": ("git config credential.helper '!%s'" % RUN, "credential.helper"),
    "include": ("printf '[core]\\nfsmonitor = %s\\n' >planted; git config include.path ../planted" % RUN,
                "include.path"),
    "include if": ("printf '[core]\\nfsmonitor = %s\\n' >planted; "
                   "git config includeIf.gitdir:/.path $PWD/planted" % RUN, "includeif.gitdir:/.path"),
    "worktree": ("git config core.worktree /tmp", "core.worktree"),
    "another address": ("git config url.https://evil.example/.insteadOf https://github.com/",
                        "url.https://evil.example/.insteadof"),
    "remote helper": ("git config remote.x.url 'ext::sh -c \"%s\"'" % RUN, "remote.x.url"),
    "remote program": ("git config remote.origin.uploadpack '%s;git-upload-pack'" % RUN,
                       "remote.origin.uploadpack"),
    "submodule": ("git config submodule.s.update '!%s'" % RUN, "submodule.s.update"),
    "extension": ("git config extensions.worktreeConfig true; "
                  "printf '[core]\\nfsmonitor = %s\\n' >.git/config.worktree" % RUN, "extensions.worktreeconfig"),
    "gc": ("git config gc.recentObjectsHook '%s'" % RUN, "gc.recentobjectshook"),
    "by hand": ("printf '[core]\\nfsmonitor = %s\\n' >>.git/config" % RUN, "core.fsmonitor"),
    # By one write: half of it is a line that git rejects, and is told in other words.
    "oddly spelt": ("env printf '[CORE]fsMonitor=\"%s\\\\\\n\"#x' >>.git/config" % RUN.replace(" ", "\\t"),
                    "core.fsmonitor"),
    "in a section's line": ("printf '[core] fsmonitor = %s\\n' >>.git/config" % RUN, "core.fsmonitor"),
    "with a carriage return": ("printf '[core]\\r\\n\\tfsmonitor = %s\\r\\n' >>.git/config" % RUN,
                               "core.fsmonitor"),
    "behind a mark": ("printf '\\357\\273\\277[core]\\nfsmonitor = %s\\n' >c; cat .git/config >>c; "
                      "mv c .git/config" % RUN, "core.fsmonitor"),
    "by a link": ("cp .git/config c; echo '[core]\\nfsmonitor = %s' >>c; ln -sf ../c .git/config" % RUN, None),
    "removed": ("git config --unset core.pager", "core.pager"),
    "all of it removed": ("rm .git/config", None),
    "a directory": ("rm .git/config; mkdir .git/config; touch .git/config/x", None),
    "nonsense": ("echo '[' >>.git/config", None),
    "closed": ("git config core.fsmonitor '%s'; chmod 0 .git/config; chmod 500 .git" % RUN, None),
    "a flood": ("for i in $(seq 9000); do echo \"[a$i]b=cccccccccccccccccccccccccccc\"; done >>.git/config", None),
    "many": ("for i in $(seq 100); do echo \"[alias]a$i=!%s\"; done >>.git/config" % RUN, "alias.a1"),
}


def host_works(git):
    """What a person does next, obeying what git finds there."""
    git("status")
    git("log", "-1", "-p")
    git("st")
    (git.place / "main.c").write_text("int y;\n")
    git("diff")
    git("add", "main.c")
    git("checkout", "-q", "-b", f"other{time.monotonic_ns()}")
    git("fetch", "-q")
    git("gc", "-q")


@pytest.mark.parametrize("name", PLANTS)
def test_what_makes_something_run_is_undone(stub, repository, git, name):
    plant, key = PLANTS[name]
    before = settings(git)
    done = stub("--exec", "bash", "-c", f"{plant}; true").ok()
    if key:
        assert f"{UNDONE}{key}\n" in done.err, done
    assert UNDONE in done.err and "hint: what is undone" in done.err, done
    assert settings(git) == before
    host_works(git)
    assert not (repository / "witness").exists()
    assert "settings in" not in stub("--exec", "true").ok().err


def test_and_the_same_would_run_without(stub, repository, git):
    """The opposite, where the user has lifted the protection: no idle fear."""
    done = stub("--no-protect", "--exec", "bash", "-c", PLANTS["fsmonitor"][0]).ok()
    assert "  changed  .git/config\n" in done.err, done
    host_works(git)
    assert (repository / "witness").exists()


@pytest.fixture
def planted(launcher, stub_environment, workdir, git):
    """planted(program...): a session that plants, makes the file `planted`, and goes on when `go` is there. Once
    the plant is undone, within the session, git on the host finds nothing. Returns what was told."""

    def run(*program):
        process = subprocess.Popen([*launcher, "--exec", *program], cwd=workdir, env=stub_environment,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
        try:
            until((workdir / "planted").exists, "the plant")
            until(lambda: "fsmonitor" not in (workdir / ".git/config").read_text(), "its end")
            host_works(git)
            assert not (workdir / "witness").exists()
            (workdir / "go").touch()
            err = process.communicate(timeout=2 * PATIENCE)[1]
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 0 and f"{UNDONE}core.fsmonitor\n" in err, err
        return err

    return run


def test_what_the_host_sees_while_codex_is_at_work(repository, git, planted):
    """An editor's git that looks now and again: what is planted is undone within the session."""
    planted("bash", "-c", f"{PLANTS['fsmonitor'][0]}; touch planted; until [ -e go ]; do sleep 0.1; done")
    assert "core.pager=cat" in settings(git)


# A comment, in whose place something is written without an event.
MAP = """
import ctypes, mmap, os, select, time
comment = b'# ' + 60 * b'x' + b'\\n'
with open('.git/config', 'ab') as file:
    file.write(comment)
time.sleep(1)
file = open('.git/config', 'r+b')
view = mmap.mmap(file.fileno(), 0)
at = view.find(comment)
"""

SILENT = {
    "by another name": """
import os, time
os.link('.git/config', '.git/name')
with open('.git/name', 'a') as file:
    file.write('[core]\\nfsmonitor = touch witness\\n')
""",
    "by a map": MAP
    + """
view[at:at + 1] = b'#'
time.sleep(1)
plant = b'[core]\\nfsmonitor = touch witness\\n#'
view[at:at + len(plant)] = plant
""",
}


# It learns from the guard's own reading when it has looked, and takes back what it planted before it would
# look again, were that after a fifth of a second each time.
IN_STEP = (
    MAP
    + """
plant = b'[core]\\n\\tfsmonitor = touch witness\\n#'
libc = ctypes.CDLL(None)
events = libc.inotify_init1(os.O_NONBLOCK)
libc.inotify_add_watch(events, b'.git/config', 0x10)  # IN_CLOSE_NOWRITE
held, end = 0, time.monotonic() + 8
while time.monotonic() < end and b'x' in open('.git/config', 'rb').read():
    while select.select([events], [], [], 0)[0]: os.read(events, 4096)
    select.select([events], [], [], 1)
    view[at:at + len(plant)] = plant
    time.sleep(0.15)
    view[at:at + len(plant)] = comment[:len(plant)]
    held += 0.15
print('held for', held, 'seconds', flush=True)
"""
)


def test_who_takes_it_back_before_each_look_is_found_all_the_same(stub, repository, git):
    done = stub("--exec", "python3", "-c", IN_STEP)
    assert f"{UNDONE}core.fsmonitor\n" in done.err, done
    assert "fsmonitor" not in (repository / ".git/config").read_text()


@pytest.mark.parametrize("how", SILENT)
def test_what_makes_no_event_is_seen_all_the_same(repository, planted, how):
    wait = "open('planted', 'w')\nwhile not os.path.exists('go'): time.sleep(0.1)"
    planted("python3", "-c", SILENT[how] + wait)


def test_who_plants_again_and_again_is_ended(stub, repository, git):
    script = "for i in $(seq 2000); do git config core.fsmonitor 'touch witness'; done; touch .git/survived"
    done = stub("--exec", "bash", "-c", script).ok(137)
    assert "kept writing settings" in done.err and UNDONE in done.err, done
    assert not (repository / ".git/survived").exists()
    host_works(git)
    assert not (repository / "witness").exists()


@pytest.mark.cell
def test_the_guard_cannot_be_stopped_by_the_payload(stub, repository, git):
    """It has root's uid for signals: what Codex's user may stop it isn't."""
    stub("--exec", "python3", "-c", """
import os, signal, subprocess, time
me = os.getpid()
end = time.time() + 2
planted = False
while time.time() < end:
    for p in os.listdir('/proc'):
        if p.isdigit() and int(p) != me:
            try: os.kill(int(p), signal.SIGSTOP)
            except OSError: pass
    if not planted:
        open('.git/config', 'a').write('[core]\\nfsmonitor = touch witness\\n')
        planted = True
""").ok()
    assert "fsmonitor" not in (repository / ".git/config").read_text()


# An init script that leaves something running, which plants when the file of its variables has been read: then
# the command is about to be executed, for which it has to wait as long as the lease on it lasts.
HOLD = """#!/usr/bin/python3
import fcntl, os, signal, time
open('held', 'w').write('#!/bin/sh\\n')
os.chmod('held', 0o755)
file = os.open('held', os.O_RDONLY)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
signal.signal(signal.SIGIO, signal.SIG_IGN)
if os.fork(): os._exit(0)
os.setsid()
while os.path.exists(os.environ['SANDBOX_ENV_FILE']): time.sleep(0.01)
time.sleep(1)
open('.git/config', 'a').write('[core]\\n\\tfsmonitor = touch witness\\n')
open('planted', 'w')
while True: time.sleep(1)
"""


@pytest.mark.cell
def test_the_guard_does_not_wait_for_the_command(lab, launcher, stub_environment, repository, git):
    """An earlier command may have put the script into the home."""
    home = repository / ".codex/.environment"
    home.mkdir(parents=True)
    home.chmod(0o700)
    (home / "init.sh").write_text(HOLD)
    (home / "init.sh").chmod(0o755)
    own(repository)
    process = subprocess.Popen([*launcher, "--exec", "./held"], cwd=repository, env=stub_environment,
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        until((repository / "planted").exists, "the plant")
        until(lambda: "fsmonitor" not in (repository / ".git/config").read_text(), "its end", 10)
        assert process.poll() is None, "the command has run"
        host_works(git)
        assert not (repository / "witness").exists()
    finally:
        end_sessions(lab)
        process.wait()


# Git follows a link, and reads more than the guard does.
UNJUDGED = {
    "a large one": "append('#' * 300000 + BAD)",
    "a long value": "append('[user]\\n\\tname = ' + 5000 * 'x' + BAD)",
    "a link": "open('other', 'w').write(read() + BAD); os.symlink('../other', '.git/c'); os.rename('.git/c', FILE)",
}
FOLLOWED = """
import os, time
FILE, BAD = '.git/config', '\\n[core]\\n\\tfsmonitor = touch witness\\n'
def read(): return open(FILE).read()
def append(text): open(FILE, 'a').write(text)
%s
end = time.monotonic() + 30
while 'fsmonitor' in read() and time.monotonic() < end: time.sleep(0.05)
print('fsmonitor' in read(), flush=True)
"""


@pytest.mark.parametrize("way", UNJUDGED)
def test_what_the_guard_cannot_judge_is_undone_at_once(stub, repository, git, way):
    before = (repository / ".git/config").read_text()
    done = stub("--exec", "python3", "-c", FOLLOWED % UNJUDGED[way]).ok()
    assert done.out == "False\n" and UNDONE + "all of it" in done.err, done
    assert (repository / ".git/config").read_text() == before


def test_one_that_is_away_for_a_moment_may_come_back(stub, repository, git):
    away = "os.rename(FILE, '.git/c'); time.sleep(1); print(os.path.exists(FILE)); os.rename('.git/c', FILE)"
    done = stub("--exec", "python3", "-c", FOLLOWED % away).ok()
    assert done.out == "False\nFalse\n" and "settings in" not in done.err, done


# Neither PID 1 nor anybody else can fork for a while.
CROWDED = """
import os, signal, sys, time
def read(): return open('.git/config').read()
crowd = []
try:
    while True:
        pid = os.fork()
        while pid == 0: signal.pause()
        crowd.append(pid)
except BlockingIOError: pass
%s
time.sleep(1.5)
print('held' if 'fsmonitor' in read() else 'undone', flush=True)
if sys.argv[1] == 'stay':
    time.sleep(60)
for pid in crowd: os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
end = time.monotonic() + 30
while 'fsmonitor' in read() and time.monotonic() < end: time.sleep(0.05)
print('still held' if 'fsmonitor' in read() else 'undone', flush=True)
"""


PLANTED = "open('.git/config', 'a').write('[core]\\n\\tfsmonitor = touch witness\\n')"
LINKED = f"open('other', 'w').write(read()); os.remove('.git/config'); os.symlink('../other', '.git/config'); {PLANTED}"


def test_what_the_guard_could_not_look_at_it_looks_at_again(stub, repository, git):
    done = stub("--pids-limit", "60", "--exec", "python3", "-c", CROWDED % PLANTED, "leave").ok()
    assert done.lines() == ["held", "undone"], done
    assert UNDONE + "core.fsmonitor" in done.err and "was ended" not in done.err, done


@pytest.mark.parametrize("plant", [PLANTED, LINKED], ids=["a setting", "a link"])
def test_who_keeps_the_guard_from_looking_is_ended(stub, repository, git, plant):
    done = stub("--pids-limit", "60", "--exec", "python3", "-c", CROWDED % plant, "stay").ok(137)
    assert done.lines() == ["held"] and "kept it from being looked at" in done.err, done
    assert "fsmonitor" not in (repository / ".git/config").read_text()


# Git needs no more than the right to search the directories. The guard is to find the config all the same.
CLOSED = """
import os, sys, time
config = open('.git/config', 'a')
os.chmod(sys.argv[1], int(sys.argv[2], 8))
config.write('[core]\\n\\tfsmonitor = touch witness\\n')
config.close()
time.sleep(1)
"""


@pytest.mark.parametrize("place,mode", [(".git", "311"), (".", "0")])
def test_who_closes_the_directory_does_not_keep_the_guard_out(stub, repository, git, place, mode):
    before = settings(git)
    done = stub("--exec", "python3", "-c", CLOSED, place, mode).ok()
    repository.chmod(0o755)
    assert UNDONE + "core.fsmonitor" in done.err and "was ended" not in done.err, done
    assert settings(git) == before


# As the host's git would obey it: what is in the common directory takes the place of .git's.
ELSEWHERE = """
mkdir evil; cp -r .git/objects .git/refs .git/config evil
printf '[core]\\n\\tfsmonitor = touch witness\\n' >>evil/config
echo ../evil >.git/commondir
for i in $(seq 600); do [ -e .git/commondir ] || break; sleep 0.05; done
[ -e .git/commondir ] && echo held || echo removed
"""


@pytest.mark.parametrize("options", [(), ("--lock-git-config",)], ids=["guarded", "locked"])
def test_what_leads_git_to_another_config_is_removed(stub, repository, git, options):
    done = stub(*options, "--exec", "bash", "-c", ELSEWHERE).ok()
    assert done.out == "removed\n" and UNDONE + "commondir" in done.err, done
    git("status")
    assert not (repository / "witness").exists()


# Git goes on to the directory itself, as to a bare repository.
INSTEAD = """
rm .git/HEAD; mkdir objects refs; echo 'ref: refs/heads/main' >HEAD
printf '[core]\\nrepositoryformatversion = 0\\nbare = false\\nworktree = .\\nfsmonitor = touch witness\\n' >config
"""


def test_a_git_directory_in_the_place_of_one_that_is_none_any_more_is_listed(stub, repository, git):
    done = stub("--exec", "bash", "-c", INSTEAD).ok()
    assert "  new      config\n" in done.err, done
    git("status")
    assert (repository / "witness").exists(), "it is what the list is for"


def test_worktree_and_submodule_are_guarded_alike(stub, repository, git, tmp_path):
    tree = tmp_path / "tree"
    git("worktree", "add", "-q", tree)
    own(repository, tree)
    before = settings(git)
    script = f"{PLANTS['alias'][0]}; git branch -m tree leaf; git config core.fsmonitor 'touch witness'"
    done = stub("--exec", "bash", "-ec", script, cwd=tree).ok()
    assert f"settings in {repository}/.git/config have changed:\n" in done.err, done
    assert f"{UNDONE}core.fsmonitor\n" in done.err and f"{UNDONE}alias.st\n" in done.err
    assert settings(git) == before and git("status", "-sb", at=tree) == "## leaf"


def test_locked_it_is_read_only_as_a_mount(stub, repository, git):
    done = stub("--lock-git-config", "--exec", "bash", "-c", "git config core.fsmonitor x; git branch -m main trunk")
    assert done.status != 0 and "busy" in done.err and "settings in" not in done.err, done
    assert git("config", "core.fsmonitor", ok=False) == ""


def test_a_config_that_cannot_be_guarded_is_locked(stub, repository, git):
    """Too large to be read whole, or another file's second name."""
    config = repository / ".git/config"
    os.link(config, repository / "twin")
    done = stub("--exec", "bash", "-c", "git config core.fsmonitor x")
    assert "busy" in done.err and "settings in" not in done.err, done
    (repository / "twin").unlink()
    with config.open("a") as file:
        file.write("# " + 300000 * "x" + "\n")
    assert "busy" in stub("--exec", "bash", "-c", "git config core.fsmonitor x").err


def test_a_plain_init_guards_nothing_so_it_is_locked(stub, repository):
    env = {"CODEX_INIT_EGRESS": "off"}
    assert "busy" in stub("--exec", "git", "config", "core.fsmonitor", "x", env=env).err


@pytest.mark.nft
def test_a_codex_init_that_cannot_guard_does_not_start(docker, lab, workdir):
    """The launcher asks for it by an option: one that doesn't know it ends, and doesn't overlook it."""
    from conftest import FLAGS, IMAGE
    done = docker("run", "--rm", *FLAGS, "-v", f"{workdir}:/p", "-w", "/p", IMAGE,
                  "--git-config", "/p/missing", "--", "touch", "ran")  # fmt: skip
    assert done.status == 111 and not (workdir / "ran").exists(), done
