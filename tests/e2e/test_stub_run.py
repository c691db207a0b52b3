"""The launcher with a real engine: what it promises about mounts, homes and hosts holds inside.
(What command it makes of which option is test_stub_dry_run.py's matter.)"""

import json
import os
import subprocess

import openai
import pytest
from conftest import STUB
from internet import address_of

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)


def test_exec_runs_in_the_workdir_as_its_owner(stub, workdir):
    done = stub("--exec", "sh", "-c", "pwd; id -u; id -un; echo $CODEX_HOME; touch new").ok()
    assert done.lines() == [f"/app{workdir}", "1000", "codex", "/codex_home"]
    assert (workdir / "new").stat().st_uid == 1000


def test_the_home_is_made_and_kept(stub, workdir):
    stub("--exec", "sh", "-c", "echo x >/codex_home/kept; ls -a $SANDBOX_ENV_DIR").ok()
    home = workdir / ".codex/.environment"
    assert (home / "kept").read_text() == "x\n"
    assert home.stat().st_mode & 0o777 == 0o700 and home.stat().st_uid == 1000
    assert (home / ".gitignore").read_text().strip() == "*"


def test_selinux_is_told_as_docker_takes_it(stub):
    assert stub("--selinux", "disable", "--exec", "echo", "unlabelled").ok().out == "unlabelled\n"


def test_exit_statuses_pass_through(stub):
    assert stub("--exec", "sh", "-c", "exit 9").status == 9
    assert stub("--exec", "no-such-command").status == 127


def test_there_is_a_limit_of_processes(stub):
    """Of the default, too: no more than four thousand, whatever forks."""
    script = """
import os, time
made = []
try:
    while len(made) < {0}:
        made.append(os.fork())
        if made[-1] == 0:
            time.sleep(600)
            os._exit(0)
    print("no limit")
except BlockingIOError:
    print(len(made))
for pid in made:
    os.kill(pid, 9)
"""

    def processes(most, *options):
        return stub(*options, "--exec", "python3", "-c", script.format(most)).ok().out.strip()

    assert 10 < int(processes(200, "--pids-limit", "60")) < 60
    assert processes(200, "--pids-limit", "max") == "no limit"
    assert 3000 < int(processes(5000)) < 4096


def test_read_only_paths_are_read_only(stub, tmp_path):
    shared = tmp_path / "shared libs"
    shared.mkdir()
    (shared / "file").write_text("content")
    os.chown(shared, 1000, 1000)
    single = tmp_path / "one,file"
    single.write_text("single")
    done = stub(
        "--read-only",
        shared,
        "--read-only",
        single,
        "--exec",
        "sh",
        "-c",
        f"cat '/app{shared}/file' '/app{single}';"
        f"touch '/app{shared}/x'; echo y >'/app{single}'; true",
    ).ok()
    assert done.out == "contentsingle"
    assert done.err.count("Read-only file system") == 2, done
    assert [p.name for p in shared.iterdir()] == ["file"]


def repository(workdir):
    """As much of a git repository as git hooks need, of uid 1000's."""
    hooks = workdir / ".git/hooks"
    hooks.mkdir(parents=True)
    (workdir / ".git/config").write_text("[core]\n")
    for path in (hooks.parent, hooks, workdir / ".git/config"):
        os.chown(path, 1000, 1000)


def test_what_the_host_obeys_is_protected(stub, workdir):
    repository(workdir)
    script = "cd {}; touch .git/hooks/pre-commit .git/config .codex/config.toml; echo ok >tracked"
    done = stub("--exec", "sh", "-c", script.format(f"/app{workdir}")).ok()
    assert not (workdir / ".git/hooks/pre-commit").exists()
    assert not (workdir / ".codex/config.toml").exists()
    assert done.err.count("Read-only") >= 2 and (workdir / "tracked").exists()


def test_no_protect_lifts_it(stub, workdir):
    repository(workdir)
    stub("--no-protect", "--exec", "touch", f"/app{workdir}/.git/hooks/pre-commit").ok()
    assert (workdir / ".git/hooks/pre-commit").exists()


def test_the_rest_of_the_host_is_not_there(stub, host_home, tmp_path):
    (host_home / "secret").write_text("host secret")
    done = stub(
        "--exec", "sh", "-c", f"ls {host_home} /app{host_home}; cat /app{host_home}/secret; true"
    )
    assert "host secret" not in done.said


def test_config_auth_and_prompts_of_the_users_own(stub, workdir, host_home, internet):
    codex = host_home / ".codex"
    (codex / "prompts").mkdir(parents=True)
    (codex / "config.toml").write_text('model = "from-home"\n')
    (codex / "prompts/p.md").write_text("prompt")
    (codex / "auth.json").write_text(json.dumps(openai.chatgpt_login()))
    os.chown(codex / "auth.json", 1000, 1000)
    done = stub(
        "--exec",
        "sh",
        "-c",
        "cd /codex_home; cat config.toml prompts/p.md; grep -c refresh_token auth.json;"
        "echo x >auth.json; rm -f auth.json; true",
    ).ok()
    assert done.lines()[:2] == ['model = "from-home"', "prompt1"]
    assert "chatgpt" in (codex / "auth.json").read_text()
    assert not (workdir / ".codex/.environment/auth.json").exists() or (
        (workdir / ".codex/.environment/auth.json").stat().st_size == 0
    ), "auth.json is never copied"


def test_an_init_script_runs_first_and_is_kept(stub, workdir, tmp_path):
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\necho set up in $(pwd); touch $SANDBOX_ENV_DIR/made\n")
    done = stub("--init_script", script, "--exec", "echo", "payload").ok()
    assert done.lines() == [f"set up in /app{workdir}", "payload"]
    home = workdir / ".codex/.environment"
    assert (home / "made").exists() and os.access(home / "init.sh", os.X_OK)
    # It is there now: the next run needs no option.
    assert stub("--exec", "echo", "payload").ok().lines() == done.lines()


def test_a_failing_init_script_is_112(stub, tmp_path):
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\nexit 1\n")
    assert stub("--init_script", script, "--exec", "echo", "payload").ok(112).out == ""


@pytest.mark.cell
def test_allow_and_deny(stub, lab, sinks, refusal):
    get = "curl -sS -o /dev/null --cacert /app/{0} https://{1}; echo $?"
    ca = str(lab.ca)
    script = ";".join(
        get.format(ca.lstrip("/"), n) for n in ("allowed.test", "other.test", "example.org")
    )
    done = stub(
        "--read-only",
        ca,
        "--allow",
        "allowed.test",
        "--allow",
        "other.test",
        "--deny",
        "other.test",
        "--exec",
        "sh",
        "-c",
        script,
        env={"OPENAI_ALLOWED_DOMAINS": "example.org"},
    ).ok()
    assert done.lines() == ["0", str(refusal), "0"], done
    assert sinks.addresses() == {address_of("allowed.test"), address_of("example.org")}


def test_a_refusal_is_told_with_the_option_that_permits_it(stub, sinks, refusal):
    done = stub("--exec", "curl", "-sS", "https://example.com")
    assert done.status == refusal and "--allow example.com" in done.err
    assert sinks.seen() == []


def test_environment_by_name_and_by_value(stub):
    done = stub(
        "-e",
        "BY_NAME",
        "-e",
        "BY_VALUE=a b",
        "--exec",
        "env",
        env={"BY_NAME": "x y", "NOT_NAMED": "z"},
    ).ok()
    assert "BY_NAME=x y" in done.lines() and "BY_VALUE=a b" in done.lines()
    assert "NOT_NAMED" not in done.out


def test_sessions_elsewhere(stub, workdir, tmp_path):
    sessions = tmp_path / "my sessions"
    sessions.mkdir()
    os.chown(sessions, 1000, 1000)
    refused = stub("--sessions-path", sessions, "--exec", "true").ok(100)
    assert "my sessions" in refused.err
    stub("-y", "--sessions-path", sessions, "--exec", "touch", "/codex_home/sessions/s").ok()
    assert (sessions / "s").exists()
    assert not (workdir / ".codex/.environment/sessions/s").exists()


@pytest.mark.cell
def test_a_whole_turn_of_codex(stub, lab, internet, workdir):
    """The main job: the launcher, the container, the wall, the real Codex and a tool."""
    internet.openai.script(
        "echo written by the tool >file; curl -sS -m 5 https://example.com; true"
    )
    done = stub(
        "--read-only",
        lab.ca,
        "-e",
        f"SSL_CERT_FILE=/app{lab.ca}",
        "-e",
        "CODEX_API_KEY",
        "--",
        "exec",
        "--skip-git-repo-check",
        "write it",
        env={"CODEX_API_KEY": "sk-lab"},
    ).ok()
    assert (workdir / "file").read_text() == "written by the tool\n"
    assert (workdir / "file").stat().st_uid == 1000
    assert "example.com" in done.err and "--allow example.com" in done.err
    assert internet.web.hosts() <= {"api.openai.com", "chatgpt.com"}
    assert list((workdir / ".codex/.environment/sessions").rglob("*.jsonl"))


def test_twice_in_a_row_and_nothing_is_left(stub, runner):
    for _ in range(2):
        stub("--exec", "true").ok()
    assert runner.docker("ps", "-aq").ok().out == ""


def test_the_same_project_twice_at_once_is_refused(stub, terminal, launcher, stub_environment, workdir):
    """One home, two Codex: their databases would fight. The container's name tells."""
    command = [*launcher, "--exec", "sh", "-c", "echo up; read x"]
    first = terminal(command, cwd=workdir, env=stub_environment)
    first.until_says(b"up")
    second = stub("--exec", "echo", "second")
    assert second.status and "second" not in second.out
    assert second.status == 100 and "already" in second.err, second
    assert f"{STUB} --work_dir {workdir} attach (or docker attach codex_" in second.err and "--codex-home" in second.err
    # With a home of its own there is room for a second one, in the very same project.
    home = workdir / "second-home"
    home.mkdir()
    os.chown(home, 1000, 1000)
    third = stub("--codex-home", home, "--exec", "sh", "-c", "echo third; touch /codex_home/x")
    assert third.ok().out == "third\n" and (home / "x").exists()
    first.type(b"\n")
    assert first.wait() == 0


def test_a_missing_image_is_one_clear_line(stub, workdir):
    done = stub("--image", "no-such-image:1", "--exec", "true")
    assert done.status not in (0, 1) and "no-such-image:1" in done.err
    assert "make image" in done.err or "hint" in done.err, done


def test_an_engine_that_does_not_run(stub, tmp_path):
    done = stub("--exec", "true", env={"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"})
    assert done.status not in (0, 1)
    assert "docker" in done.err.lower(), done


def test_an_engine_that_is_not_installed(stub, tmp_path):
    done = stub("--exec", "true", env={"PATH": str(tmp_path)})
    assert done.status not in (0, 1) and "docker" in done.err, done


AWKWARD = ["with space", "comma,name", 'quo"te', "ünï", "dollar$HOME", "-dash", "col:on",
           "per%20cent", "back\\slash", "d" * 200]


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_workdirs(stub, tmp_path, name):
    work = tmp_path / name
    work.mkdir()
    os.chown(work, 1000, 1000)
    done = stub("--work_dir", work, "--exec", "sh", "-c", "pwd; touch made").ok()
    assert done.out.rstrip("\n") == f"/app{work}" and (work / "made").exists()


def test_a_terminal_is_passed_on(terminal, launcher, stub_environment, workdir):
    script = "test -t 0 && echo a terminal: $TERM; read x; exit 6"
    t = terminal([*launcher, "--exec", "sh", "-c", script], cwd=workdir, env=stub_environment)
    t.until_says(b"a terminal: xterm-256color")
    t.type(b"\n")
    assert t.wait() == 6


def test_two_projects_at_once(terminal, launcher, stub, stub_environment, workdir, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    os.chown(other, 1000, 1000)
    command = [*launcher, "--exec", "sh", "-c", "echo up; read x"]
    first = terminal(command, cwd=workdir, env=stub_environment)
    first.until_says(b"up")
    assert stub("--work_dir", other, "--exec", "pwd").ok().out == f"/app{other}\n"
    first.type(b"\n")
    assert first.wait() == 0


@pytest.mark.nft
def test_audit_shows_what_to_allow(stub, sinks):
    done = stub("--audit", "--exec", "curl", "-sS", "-o", "/dev/null", "http://example.com").ok()
    assert "--allow example.com" in done.err
    assert sinks.addresses() == {address_of("example.com")}


def test_a_read_only_project_of_codexs_is_one(stub, lab, internet, workdir):
    """-s read-only: by the mount, since Codex's own sandbox can't work in the container."""
    (workdir / "file").write_text("as it was")
    os.chown(workdir / "file", 1000, 1000)
    script = "echo new >file; echo new >another; cat file; ls"
    internet.openai.script(script)
    done = stub(
        "--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}", "-e", "CODEX_API_KEY",
        "--", "exec", "-s", "read-only", "--skip-git-repo-check", "do it",
        env={"CODEX_API_KEY": "sk-lab"},
    ).ok()  # fmt: skip
    said = "".join(internet.openai.outputs())
    assert "Read-only file system" in said and "as it was" in said, done
    assert sorted(p.name for p in workdir.iterdir()) == [".codex", "file"]
    assert (workdir / "file").read_text() == "as it was"
    sessions = list((workdir / ".codex/.environment/sessions").rglob("*.jsonl"))
    assert len(sessions) == 1, "the session is kept all the same"
    # The opposite: as what the container is anyway.
    internet.openai.script(script)
    done = stub(
        "--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}", "-e", "CODEX_API_KEY",
        "--", "exec", "-s", "workspace-write", "--skip-git-repo-check", "do it",
        env={"CODEX_API_KEY": "sk-lab"},
    ).ok()  # fmt: skip
    assert (workdir / "file").read_text() == "new\n" and "Read-only" not in done.said, done


SERVER = """
import http.server, sys
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(b"the host itself")
    def log_message(self, *_): pass
server = http.server.HTTPServer(("0.0.0.0", int(sys.argv[1])), Hello)
print("serving", flush=True)
server.serve_forever()
"""


@pytest.fixture
def host_service(lab):
    """A service of the machine's that the engine runs on: its port."""
    words = ["ip", "netns", "exec", lab.engine.namespace.name, "python3", "-c", SERVER, "11434"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"serving\n"
        yield 11434
        server.kill()


@pytest.mark.cell
def test_a_service_of_the_host_itself(stub, host_service, wall):
    get = f"curl -fsS -m 30 http://host.docker.internal:{host_service}/"
    rule = f"host.docker.internal:{host_service}+private"
    assert stub("--allow", rule, "--exec", "sh", "-c", get).ok().out == "the host itself"
    # That port alone, and not without the rule, nor without its suffix.
    done = stub("--allow", "host.docker.internal:1+private", "--exec", "sh", "-c", get)
    assert done.status != 0 and done.out == "", done
    assert stub("--exec", "sh", "-c", get).status != 0
    done = stub("--allow", rule.removesuffix("+private"), "--exec", "sh", "-c", get)
    assert done.status != 0 and done.out == "", done
    # The cell's gate has no address for it; how to allow it is told by the events.
    assert ("+private" if wall == "nft" else "error: 502") in done.err, done


def test_how_to_go_on_is_told_last(terminal, launcher, stub_environment, workdir, tmp_path):
    """After a session at a terminal: the launcher's own command, as it was given."""
    # A Codex that only says what it got, where the container's PATH begins: the image's own needs a
    # person.
    home = workdir / ".codex/.environment"
    (home / "bin").mkdir(parents=True)
    fake = '#!/bin/sh\necho "launcher is: $CODEX_INIT_LAUNCHER."; exit "${STATUS:-0}"\n'
    (home / "bin/codex").write_text(fake)
    (home / "bin/codex").chmod(0o755)
    for path in (home.parent, home, home / "bin", home / "bin/codex"):
        os.chown(path, 1000, 1000)
    home.chmod(0o700)
    options = ["--allow", "a.example:22", "-e", "MY_TOKEN=secret", "-e", "PLAIN=a b", "--work_dir",
               workdir]
    t = terminal([*launcher, *options], cwd=tmp_path, env=stub_environment)
    assert t.wait() == 0
    line = f"{' '.join(map(str, launcher))} --allow a.example:22 -e 'PLAIN=a b' --work_dir {workdir} resume --last"
    said = t.output.decode().replace("\r\n", "\n")
    assert said.endswith(f"codex-init: to continue this session: {line}\n"), said
    assert "launcher is: ." in said and "secret" not in said
    # One that never began is none to go on with.
    t = terminal([*launcher, *options, "-e", "STATUS=112"], cwd=tmp_path, env=stub_environment)
    assert t.wait() == 112 and b"to continue this session" not in t.output
