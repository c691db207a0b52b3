"""The config of a repository: git in the container writes it as ever, and whatever would make something
run on the host is undone. The judge is the host's real git, before, in and after a session."""

import os
import subprocess
import time

import pytest
from conftest import STUB, until
from git_host import IDENTITY, Git, own

UNDONE = "  undone   "
CHANGED = "  changed  "


@pytest.fixture
def git(host_home, workdir):
    host_home.joinpath(".gitconfig").write_text(IDENTITY)
    return Git(host_home, workdir)


@pytest.fixture
def repository(git, workdir, tmp_path):
    """A project under git with a remote and a setting of each kind, of uid 1000's."""
    git("init", "-q")
    (workdir / "main.c").write_text("int x;\n")
    git("add", ".")
    git("commit", "-q", "-m", "begin")
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
    "oddly spelt": ("printf '[CORE]fsMonitor=\"%s\\\\\\n\"#x' >>.git/config" % RUN.replace(" ", "\\t"),
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


def test_what_the_host_sees_while_codex_is_at_work(stub_environment, repository, git, lab, workdir):
    """An editor's git that looks now and again: what is planted is undone within the session."""
    script = f"{PLANTS['fsmonitor'][0]}; touch planted; sleep 5; git config core.fsmonitor; touch asked; sleep 5"
    process = subprocess.Popen([STUB, "--exec", "bash", "-c", script], cwd=workdir, env=stub_environment,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    until((workdir / "planted").exists, 30, "the plant")
    until(lambda: "fsmonitor" not in (workdir / ".git/config").read_text(), 2, "its end")
    assert "core.pager=cat" in settings(git)
    host_works(git)
    assert not (workdir / "witness").exists()
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and f"{UNDONE}core.fsmonitor\n" in err, err


SILENT = {
    "by another name": """
import os, time
os.link('.git/config', '.git/name')
with open('.git/name', 'a') as file:
    file.write('[core]\\nfsmonitor = touch witness\\n')
""",
    "by a map": """
import mmap, os, time
comment = b'# ' + 60 * b'x' + b'\\n'
with open('.git/config', 'ab') as file:
    file.write(comment)
time.sleep(1)
file = open('.git/config', 'r+b')
view = mmap.mmap(file.fileno(), 0)
at = view.find(comment)
view[at:at + 1] = b'#'
time.sleep(1)
plant = b'[core]\\nfsmonitor = touch witness\\n#'
view[at:at + len(plant)] = plant
""",
}


@pytest.mark.parametrize("how", SILENT)
def test_what_makes_no_event_is_seen_all_the_same(stub_environment, repository, git, workdir, how):
    script = SILENT[how] + "open('planted', 'w'); time.sleep(6)"
    process = subprocess.Popen([STUB, "--exec", "python3", "-c", script], cwd=workdir, env=stub_environment,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    until((workdir / "planted").exists, 30, "the plant")
    until(lambda: "fsmonitor" not in (workdir / ".git/config").read_text(), 3, "its end")
    host_works(git)
    assert not (workdir / "witness").exists()
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and f"{UNDONE}core.fsmonitor\n" in err, err


def test_who_plants_again_and_again_is_ended(stub, repository, git):
    script = "for i in $(seq 2000); do git config core.fsmonitor 'touch witness'; done; touch .git/survived"
    done = stub("--exec", "bash", "-c", script).ok(137)
    assert "wrote settings again and again" in done.err and UNDONE in done.err, done
    assert not (repository / ".git/survived").exists()
    host_works(git)
    assert not (repository / "witness").exists()


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


def test_a_codex_init_that_cannot_guard_does_not_start(docker, lab, workdir):
    """The launcher asks for it by an option: one that doesn't know it ends, and doesn't overlook it."""
    from conftest import FLAGS, IMAGE
    done = docker("run", "--rm", *FLAGS, "-v", f"{workdir}:/p", "-w", "/p", IMAGE,
                  "--git-config", "/p/missing", "--", "touch", "ran")  # fmt: skip
    assert done.status == 111 and not (workdir / "ran").exists(), done
