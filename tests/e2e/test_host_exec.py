"""What programs on the host obey in the project: an agent either can't plant it, or the user is
told of it before they go on. Judged with the host's own git."""

import os
import re
import subprocess

import pytest
from conftest import ROOT

# Files are the same behind each wall; the launcher and PID 1 look at them otherwise in the cell, where
# PID 1 has no right that the command lacks.
pytestmark = pytest.mark.cell(own_uid=True, seldom=True)
TITLE = "programs on your machine obey"


@pytest.fixture
def git(tmp_path, workdir):
    """git(arguments...): the host's, in the project, obeying what it finds there."""
    home = tmp_path / "git-home"
    home.mkdir()
    (home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n[user]\n\tname = n\n\temail = e@x\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}

    def call(*arguments):
        subprocess.run(["git", *arguments], cwd=workdir, env=environment, check=True)

    return call


@pytest.fixture
def repository(workdir, git):
    """A project under git, with one commit, of uid 1000's."""
    git("init", "-q", "-b", "main")
    (workdir / "main.c").write_text("int main(void) { return 0; }\n")
    git("add", "main.c")
    git("commit", "-q", "-m", "begin")
    for directory, names, files in os.walk(workdir):
        for name in names + files:
            os.chown(os.path.join(directory, name), 1000, 1000)
    return workdir


def host_works(git):
    git("status")
    git("checkout", "-q", "-b", "other")


def witness(workdir):
    """A file that a planted command would create when the host runs it."""
    return workdir / "witness"


def plant(name):
    """Shell words that plant something which the host would obey."""
    run = "'touch witness'"
    return {
        "hook": "printf '#!/bin/sh\\ntouch witness\\n' >.git/hooks/post-checkout;"
        "chmod +x .git/hooks/post-checkout",
        "hooks-elsewhere": "mkdir h; mv .git/hooks h/old; mkdir .git/hooks;"
        "printf '#!/bin/sh\\ntouch witness\\n' >.git/hooks/post-checkout;"
        "chmod +x .git/hooks/post-checkout",
        "fsmonitor": f"git config core.fsmonitor {run}",
        "fsmonitor-by-hand": "printf '[core]\\nfsmonitor = touch witness\\n' >>.git/config",
        "new-git": "mv .git away && cp -r away .git && "
        f"git config core.fsmonitor {run}",
    }[name]


PLANTS = ["hook", "hooks-elsewhere", "fsmonitor", "fsmonitor-by-hand", "new-git"]


@pytest.mark.parametrize("name", PLANTS)
def test_git_hooks_and_settings_cannot_be_planted(stub, repository, git, name):
    done = stub("--exec", "bash", "-c", f"{plant(name)}; true").ok()
    host_works(git)
    assert not witness(repository).exists()
    assert "post-checkout" not in done.err or "Read-only" in done.err
    assert TITLE not in done.err, done


@pytest.mark.parametrize("name", ["hook", "fsmonitor"])
def test_where_protection_is_lifted_the_user_is_told(stub, repository, git, name):
    """The opposite: it can be planted, the host would run it, and the report names it."""
    done = stub("--no-protect", "--exec", "bash", "-c", plant(name)).ok()
    told = {"hook": "new      .git/hooks/post-checkout", "fsmonitor": "changed  .git/config"}[name]
    assert f"1 file in the project that {TITLE} has changed" in done.err
    assert told in done.err and "hint: " in done.err, done
    host_works(git)
    assert witness(repository).exists()


# What lies in .git and is no hook and no setting, and git runs or obeys all the same:
# (in the sandbox, on the host, what is told).
IN_GIT = {
    "todo": ("git rebase -q -x 'touch witness' HEAD~1 --exec false || true; "
             "printf 'exec touch witness\\n' >.git/rebase-merge/git-rebase-todo; rm -f witness",
             ("-c", "core.editor=true", "rebase", "--continue"), "rebase-merge/git-rebase-todo"),
    "remote": ("mkdir -p .git/remotes; printf 'URL: ./planted\\nPull: HEAD:planted\\n' "
               ">.git/remotes/upstream; git clone -q . planted",
               ("fetch", "-q", "upstream"), "remotes/upstream"),
    "branch": ("mkdir -p .git/branches; echo './planted#main' >.git/branches/upstream; "
               "git clone -q . planted", ("fetch", "-q", "upstream"), "branches/upstream"),
}


@pytest.mark.parametrize("name", IN_GIT)
def test_what_git_goes_on_with_is_told(stub, repository, git, name):
    plant, on_the_host, told = IN_GIT[name]
    identity = "export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e@x GIT_COMMITTER_NAME=n"
    git("commit", "-q", "--allow-empty", "-m", "more")
    subprocess.run(["chown", "-R", "1000:1000", repository], check=True)
    done = stub("--exec", "bash", "-c", f"{identity} GIT_COMMITTER_EMAIL=e@x; {plant}").ok()
    assert f"  new      .git/{told}\n" in done.err, done
    # And that is no idle fear: git knows what was planted, and runs it.
    git(*on_the_host)
    assert name != "todo" or witness(repository).exists()


EDITORS = {
    ".envrc": "touch witness",
    ".vscode/tasks.json": "{}",
    ".idea/workspace.xml": "<x/>",
    ".devcontainer/devcontainer.json": "{}",
    "sub/dir/.envrc": "touch witness",
    "sub/.vscode/settings.json": "{}",
    ".github/workflows/ci.yml": "on: push",
    "sub/.cargo/config.toml": "[build]",
}


@pytest.mark.parametrize("path", EDITORS)
def test_what_editors_and_shells_obey_is_told(stub, repository, path):
    script = f'mkdir -p "$(dirname {path})"; echo "{EDITORS[path]}" >{path}'
    done = stub("--exec", "bash", "-c", script).ok()
    assert f"  new      {path}\n" in done.err, done
    again = stub("--exec", "bash", "-c", "true").ok()
    assert TITLE not in again.err, "each change is told once, by the session that made it"
    done = stub("--exec", "bash", "-c", f"echo more >>{path}").ok()
    assert f"  changed  {path}\n" in done.err, done
    done = stub("--exec", "rm", path).ok()
    assert f"  removed  {path}\n" in done.err, done


def test_the_hosts_own_codex_settings_cannot_be_planted(stub, workdir):
    """Codex on the host reads WORK_DIR/.codex/config.toml: notify, MCP servers, hooks."""
    script = "echo 'notify = [\"touch\", \"x\"]' >.codex/config.toml; mkdir .codex/rules; true"
    done = stub("--exec", "bash", "-c", script).ok()
    assert sorted(p.name for p in (workdir / ".codex").iterdir()) == [".environment"]
    assert "Read-only" in done.err and TITLE not in done.err, done
    done = stub("--no-protect", "--exec", "bash", "-c", script).ok()
    assert "  new      .codex/config.toml\n" in done.err, done


def test_repositories_within_the_project(stub, repository):
    """No mount protects what isn't there yet: git in a directory below obeys its own."""
    script = """
        git init -q vendor/lib
        printf '[core]\\nfsmonitor = touch witness\\n' >>vendor/lib/.git/config
        git init -q --bare fixtures/repo
        mkdir elsewhere; echo 'gitdir: ../fixtures/repo' >elsewhere/.git
        """
    done = stub("--exec", "bash", "-c", script).ok()
    for path in ("vendor/lib/.git/config", "fixtures/repo/config", "elsewhere/.git"):
        assert f"  new      {path}\n" in done.err, done
    assert ".sample" not in done.err


@pytest.mark.parametrize("spelt", ["tools/hooks", "{}/tools/hooks"])
def test_hooks_that_are_part_of_the_project(stub, repository, git, spelt):
    """core.hooksPath: git runs them from there, so an edit is told; elsewhere it is work."""
    for name in ("tools/hooks", "tools/other"):
        (repository / name).mkdir(parents=True)
        os.chown(repository / name, 1000, 1000)
    git("config", "core.hooksPath", spelt.format(repository))
    script = "echo '#!/bin/sh' >tools/{}/post-checkout"
    done = stub("--exec", "bash", "-c", script.format("other")).ok()
    assert TITLE not in done.err, done
    done = stub("--exec", "bash", "-c", script.format("hooks")).ok()
    assert "  new      tools/hooks/post-checkout\n" in done.err, done


def test_a_session_of_ordinary_work_is_told_nothing(stub, repository):
    script = """
        set -e
        echo 'int x;' >>main.c; mkdir src; echo 'int y;' >src/y.c; printf 'all:\\n' >Makefile
        git add .; git -c user.name=n -c user.email=e@example.com commit -q -m more
        git checkout -q -b topic; git stash list; git gc -q; git status
        echo x >$SANDBOX_ENV_DIR/note; echo 'a = 1' >$CODEX_HOME/config.toml
        """
    done = stub("--exec", "bash", "-c", script).ok()
    assert TITLE not in done.err, done


def test_what_the_init_script_plants_is_told_too(stub, workdir, tmp_path):
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\necho evil >.envrc\nexit 7\n")
    done = stub("--init_script", script, "--exec", "true").ok(112)
    assert "  new      .envrc\n" in done.err, done


def test_what_runs_on_after_the_payload_is_waited_for(stub, workdir):
    """Everything is ended before the second look, so nothing is planted behind it."""
    script = "trap '' TERM; (trap '' TERM; while :; do echo x >>.envrc; sleep 0.01; done) & exit 0"
    done = stub("--exec", "bash", "-c", script).ok()
    before = (workdir / ".envrc").read_bytes()
    assert "  new      .envrc\n" in done.err, done
    assert (workdir / ".envrc").read_bytes() == before


def test_a_whole_turn_of_codex_that_plants(stub, lab, internet, repository, git):
    """The real Codex as the agent, with everything it may try in one command."""
    internet.openai.script(
        "printf '#!/bin/sh\\ntouch witness\\n' >.git/hooks/post-checkout;"
        "git config core.fsmonitor 'touch witness';"
        "echo 'notify = []' >.codex/config.toml;"
        "echo 'touch witness' >.envrc; mkdir -p .vscode; echo '{}' >.vscode/tasks.json; echo done"
    )
    done = stub(
        "--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}", "-e", "CODEX_API_KEY",
        "--", "exec", "do it", env={"CODEX_API_KEY": "sk-lab"},
    ).ok()  # fmt: skip
    assert "done" in "".join(internet.openai.outputs()), done
    assert f"2 files in the project that {TITLE} have changed" in done.err, done
    assert "  new      .envrc\n" in done.err and "  new      .vscode/tasks.json\n" in done.err
    host_works(git)
    assert not witness(repository).exists()


def test_names_are_printed_without_tricks(stub, workdir):
    done = stub("--exec", "bash", "-c", "mkdir .vscode; echo >$'.vscode/a\\e[2J\\nb'").ok()
    assert "  new      .vscode/a\\033[2J\\012b\n" in done.err, done
    assert "\x1b" not in done.err


def test_a_project_that_only_its_owner_may_enter(stub, workdir):
    """PID 1 has no DAC_OVERRIDE: it looks with its payload's rights."""
    workdir.chmod(0o700)
    done = stub("--exec", "bash", "-c", "echo x >.envrc").ok()
    assert "  new      .envrc\n" in done.err, done


def test_quiet_and_a_directory_of_the_containers_own(stub, shell, workdir):
    mounted = {"options": ["-v", f"{workdir}:/project", "-w", "/project"]}
    assert "  new      .envrc\n" in shell("echo x >.envrc", **mounted).ok().err
    assert shell("echo y >.envrc", init=["-q"], **mounted).ok().err == ""
    done = shell("cd /workspace; echo x >.envrc").ok()
    assert TITLE not in done.err, "what isn't mounted is gone with the container"
    done = stub("--exec", "bash", "-c", "echo x >.envrc", env={"CODEX_INIT_EGRESS": "off"}).ok()
    assert TITLE not in done.err, "a plain init does nothing of its own"


@pytest.mark.parametrize("spelt", ["/p/", "/tmp/../p"])
def test_a_workdir_is_the_project_however_it_is_spelt(shell, workdir, spelt):
    options = ("-v", f"{workdir}:/p")
    done = shell("echo x >.envrc", options=options, init=("--workdir", spelt)).ok()
    assert TITLE in done.err and "  new      .envrc" in done.err, done


def test_the_report_comes_after_the_terminal_is_free(terminal, launcher, stub_environment, workdir):
    script = "echo x >.envrc; echo payload; read x; echo last words"
    t = terminal([*launcher, "--exec", "sh", "-c", script], cwd=workdir, env=stub_environment)
    t.until_says(b"payload")
    assert TITLE.encode() not in t.output
    t.type(b"\n")
    assert t.wait() == 0
    assert t.output.index(b"last words") < t.output.index(TITLE.encode())


def names_in_the_source():
    """The tables of the walk, as the source has them."""
    source = (ROOT / "init/home/host_exec_names.c").read_text()
    tables = source[source.index("in_project[] = {") : source.index("#define COUNT")]
    names = re.findall(r'\{"([^"]+)", HOST_EXEC_', tables)
    assert len(names) > 200
    return names


@pytest.mark.parametrize("where, quote", [("docs/launcher.md", "`"), ("tests/unit/test_host_exec_*.c", '"')])
def test_every_name_on_the_list_is_documented_and_tested(where, quote):
    """The unit test tries each in its place; docs/launcher.md has the list for its readers."""
    text = "".join(path.read_text() for path in sorted(ROOT.glob(where)))
    for name in names_in_the_source():
        parts = [re.escape(part) for part in name.split("*")]
        if where == "docs/launcher.md":
            wanted = re.escape(name)
        else:
            wanted = r'[^"\s]*'.join(parts)
        assert re.search(rf'[{quote}/]{wanted}[{quote}/]', text), name
