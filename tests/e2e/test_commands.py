"""The launcher's commands on a sandbox that runs, with a real engine: each, and its opposite."""

import hashlib
import json
import os
import re
import subprocess

import openai
import pytest
from conftest import STUB, until


@pytest.fixture
def session(terminal, stub_environment, workdir, runner, launcher):
    """session(options..., script=...): a sandbox in the workdir that waits for a line."""

    def begin(*options, script="echo up; read x; echo got $x; exit 7", cwd=workdir):
        made = terminal([*launcher, *options, "--exec", "sh", "-c", script], cwd=cwd, env=stub_environment)
        made.until_says(b"up\r\n")
        began.append(made)
        return made

    began = []
    yield begin
    for made in began:
        made.close()
        made.close = lambda: None
    if began:  # the launcher's watch ends what its client has left
        until(lambda: not runner.docker("ps", "-aq").out, what="the containers' end")


def container(runner):
    return runner.docker("ps", "-q", "--no-trunc").ok().out.strip()


@pytest.mark.cell
def test_a_rule_is_asked_for_given_and_taken_back(session, stub, runner, internet):
    session()
    assert stub("status").ok().out
    assert stub("explain", "www.example.com").status == 1
    assert "www.example.com" not in stub("rules").ok().out
    stub("allow", "www.example.com").ok()
    assert stub("explain", "www.example.com").ok()
    rules = stub("rules").ok().out
    assert "www.example.com" in rules
    stub("undo", "www.example.com").ok()
    assert stub("explain", "www.example.com").status == 1
    stub("deny", "chatgpt.com").ok()
    assert stub("explain", "chatgpt.com").status == 1
    assert stub("allow", "not a rule").status == 100


def test_what_is_advised_against_a_deny_works_as_it_is_typed(session, stub, stub_environment, tmp_path):
    """On the host, where there is no codex-egress; and anywhere."""
    session()
    stub("deny", "*.example.com").ok()
    hint = re.search(r"  hint: (.* undo .*)\n", stub("allow", "www.example.com").ok(1).out)[1]
    assert f"  remedy     {hint}\n" in stub("explain", "www.example.com").ok(1).out
    subprocess.run(hint, shell=True, check=True, env=stub_environment, cwd=tmp_path)
    stub("allow", "www.example.com").ok()


@pytest.mark.cell(seldom=True)
def test_from_inside_the_workdir_and_from_elsewhere(session, stub, workdir, tmp_path):
    inner = workdir / "src"
    inner.mkdir()
    session()
    said = stub("rules").ok().out
    assert stub("rules", cwd=inner).ok().out == said
    assert stub("rules", workdir, cwd=tmp_path).ok().out == said
    other = tmp_path / "other"
    other.mkdir()
    assert "none runs there" in stub("rules", cwd=other).ok(100).err
    assert "none runs there" in stub("rules", inner).ok(100).err


@pytest.mark.cell(seldom=True)
def test_ls_lists_what_runs_and_only_ours(session, stub, workdir, start, wall):
    none = stub("ls").ok()
    assert none.out == "" and "no sandbox of yours" in none.err
    start("sleep", "600")  # another container of this engine
    session()
    head, *lines = stub("ls").ok().lines()
    assert head.split() == ["SINCE", "WALL", "CONTAINER", "WORKDIR"]
    (line,) = lines
    kind = "nft" if wall == "nft" else "cell"
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\dZ +{kind} +codex_\S+ +{re.escape(str(workdir))}", line)


@pytest.mark.cell
def test_stop_waits_for_the_end(session, stub, runner):
    made = session(script="trap 'echo ending; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    stub("stop").ok()
    assert container(runner) == ""
    assert made.wait() == 3 and b"ending" in made.output
    assert stub("stop").status == 100


@pytest.mark.cell
def test_attach_shares_the_terminal(session, terminal, stub_environment, workdir):
    made = session()
    second = terminal([STUB, "attach"], cwd=workdir, env=stub_environment)
    until(lambda: second.type(b"\r") is None and b"got" in second._read(), what="an answer")
    assert made.wait() == 7 and b"got" in made.output
    assert second.wait() == 7


def test_another_container_of_the_name_is_left_alone(stub, start, runner, workdir):
    """It has the name, and no label of ours: nothing is run in it."""
    name = re.search(r"--name (\S+)", stub("--dry-run").ok().out).group(1)
    start("sleep", "600", name=name)
    for command in (["status"], ["stop"], ["attach"], ["allow", "a.example"]):
        assert "isn't one of codex-sandbox's" in stub(*command).ok(100).err
    assert container(runner)


def test_another_users_is_left_alone(stub, start, workdir):
    name = re.search(r"--name (\S+)", stub("--dry-run").ok().out).group(1)
    start("sleep", "600", name=name, options=["--label=codex-sandbox.uid=4711"])
    for command in (["status"], ["stop"], ["attach"], ["allow", "a.example"]):
        assert "another user's (uid 4711)" in stub(*command).ok(100).err
    assert "4711" not in stub("ls").ok().said


@pytest.mark.cell(seldom=True)
def test_the_payload_cannot_pass_for_codex_egress(session, stub, workdir):
    """What is run as root is the image's own, whatever the payload, or the caller's PATH, has."""
    for place in (workdir / "bin", workdir):
        place.mkdir(exist_ok=True)
        fake = place / "codex-egress"
        fake.write_text("#!/bin/sh\necho faked\n")
        fake.chmod(0o755)
    session("-e", f"PATH=/app{workdir}/bin:/usr/bin:/bin")
    done = stub("rules").ok()
    assert "faked" not in done.said and "api.openai.com" in done.out


def test_no_command_of_codexs_is_taken_from_it(run, stub):
    """The one exception, `doctor`, is documented."""
    listed = run("codex", "--help").ok().out
    codexs = set(re.findall(r"^  ([a-z][a-z-]+)  +\S", listed.split("Arguments:")[0], re.M))
    codexs |= set(re.findall(r"\[aliases: ([a-z]+)\]", listed))
    assert {"exec", "resume", "login", "apply", "a", "e"} <= codexs
    said = stub("--help").ok().out
    ours = set(re.findall(r"^  ([a-z]+)", said.split("\nCommands, ")[1].split("\n\n")[0], re.M))
    assert "status" in ours and ours & codexs <= {"doctor"}


# Nobody joins a cell: see below.
CONFINED = "id -u; pwd; echo $HOME; grep -hE '^(Cap|NoNew|Seccomp_)' /proc/self/status"


def test_join_is_confined_like_the_payload(session, stub, workdir, host_home):
    """The payload's own script and a joined shell say the same of themselves."""
    made = session(script=f"{{ {CONFINED}; }} >mine; echo up; read x")
    done = stub("join", input=CONFINED.encode()).ok()
    own = (workdir / "mine").read_text()
    assert "1000\n" in own and re.search(r"CapBnd:\s0+\n", own)
    assert done.out == own
    script = "curl -sS -m 30 https://www.example.com; python3 -c 'import os; os.chmod(\"mine\", 0o755); os.setuid(0)'"
    refused = stub("join", input=script.encode())
    assert "403" in refused.said or "denied" in refused.said or "resolve" in refused.said, refused
    assert "PermissionError" in refused.err
    made.type(b"\r")


def test_join_has_an_api_key_only_without_the_broker(session, stub):
    """The engine hands a container's variables to whatever it starts there."""
    key = ("-e", "OPENAI_API_KEY=sk-lab-0123456789")
    for options, there in ((key, False), ((*key, "--broker", "off"), True)):
        made = session(*options)
        assert ("sk-lab" in stub("join", input=b"env").ok().out) == there
        made.type(b"\r")
        made.wait()


def test_join_has_no_password_of_a_proxy(session, stub, runner):
    session("-e", "HTTPS_PROXY=http://me:lab-password@45.70.0.1:3128")
    assert "lab-password" in runner.docker("exec", container(runner), "env").ok().out
    assert "lab-password" not in stub("join", input=b"env; tr '\\0' '\\n' </proc/self/environ").ok().out


def test_join_runs_the_shell_of_the_user_database(session, stub, runner):
    session()
    root = ("exec", "-u", "root", container(runner), "sed", "-i")
    runner.docker(*root, "/^codex:/s|:[^:]*$|:/usr/bin/id|", "/etc/passwd").ok()
    assert "uid=1000" in stub("join", input=b"").ok().out
    runner.docker(*root, "s|:[^:]*$|:|", "/etc/passwd").ok()
    assert "names no shell" in stub("join", input=b"echo never").ok(127).err


def test_join_at_a_terminal(session, terminal, stub_environment, workdir):
    session()
    shell = terminal([STUB, "join"], cwd=workdir, env=stub_environment)
    until(lambda: shell.type(b"echo uid-$(id -u)-$(tty)\r") is None and b"uid-1000-/dev/pts/" in shell._read())
    shell.type(b"\x04\x04exit 5\r")
    assert shell.wait() in (0, 5)


def test_nobody_joins_a_cell(session, stub):
    session("--wall", "cell")
    done = stub("join", input=b"echo inside; id")
    assert done.status == 111 and "inside" not in done.out and "outside of it" in done.err
    assert " cell " in stub("ls").ok().out


@pytest.mark.cell
def test_a_saved_rule_is_in_force_now_and_next_time(session, stub, host_home):
    made = session()
    stub("allow", "www.example.com", "--save").ok()
    assert stub("explain", "www.example.com").ok()
    made.type(b"\r")
    made.wait()
    (kept,) = (host_home / ".config/codex-sandbox/projects").iterdir()
    assert kept.read_text().splitlines()[1:] == ["allow www.example.com"]
    made = session()
    assert "www.example.com" in stub("rules").ok().out
    stub("deny", "www.example.com", "--save").ok()
    assert kept.read_text().splitlines()[1:] == ["deny www.example.com"]


@pytest.mark.cell(seldom=True)
def test_kept_options_rule_a_session_that_cannot_reach_them(stub, host_home, workdir):
    kept = host_home / ".config/codex-sandbox"
    kept.mkdir(parents=True, mode=0o700)
    (kept / "defaults").write_text("allow marked.example\n")
    (kept / "defaults").chmod(0o600)
    script = (
        f"ls -d {host_home} /app{host_home} /home/* /root/* /run/codex/host/*;"
        "find / -xdev -path /proc -prune -o -name 'codex-sandbox' -path '*config*' -print;"
        "cat /proc/mounts; true"
    )
    done = stub("--exec", "sh", "-c", script).ok()
    assert ".config" not in done.out
    allowed = stub("--exec", "cat", "/etc/codex/allowed_domains.txt").ok().out
    assert "marked.example" in allowed
    without = stub("--no-config", "--exec", "cat", "/etc/codex/allowed_domains.txt").ok().out
    assert "api.openai.com" in without and "marked.example" not in without


@pytest.mark.cell(seldom=True)
def test_what_the_payload_proposes_is_a_question_at_the_next_start(stub, workdir):
    """It can write the file where .codex isn't protected; that opens nothing, then or later."""
    propose = "echo www.example.com >.codex/egress.rules; cat /etc/codex/allowed_domains.txt"
    assert "Read-only" in stub("--exec", "sh", "-c", propose).err
    done = stub("--no-protect", "--exec", "sh", "-c", propose).ok()
    assert (workdir / ".codex/egress.rules").exists() and "www.example.com" not in done.out
    done = stub("-y", "--exec", "cat", "/etc/codex/allowed_domains.txt").ok()
    assert "api.openai.com" in done.out and "www.example.com" not in done.out
    digest = re.search(r"proposes 1 rules, .*--agree ([0-9a-f]{64})", done.err).group(1)
    assert "www.example.com" in stub("--agree", digest, "--exec", "cat", "/etc/codex/allowed_domains.txt").ok().out


@pytest.mark.cell
def test_a_yes_to_a_proposal_opens_it_until_it_changes(terminal, stub, stub_environment, workdir, launcher, host_home):
    """At a terminal: shown, refused by a no; by a yes in force, and from then on without a question."""
    rules = workdir / ".codex/egress.rules"
    rules.parent.mkdir()
    rules.write_text("# for the tests\nallowed.test\n")
    for path in (rules, rules.parent):
        os.chown(path, workdir.stat().st_uid, workdir.stat().st_gid)

    def start(answer):
        made = terminal([*launcher, "--exec", "sh", "-c", "curl -ksS -m 60 -o /dev/null https://allowed.test && echo arri''ved"],
                        cwd=workdir, env=stub_environment)
        if answer:
            made.until_says(b"[y/N]")
            made.type(answer)
        made.wait()
        assert (b"[y/N]" in made.output) == bool(answer)
        assert (b"    allowed.test\r\n" in made.output) == bool(answer)
        return b"arrived" in made.output

    assert not start(b"n\r") and not (host_home / ".config").exists()
    assert start(b"y\r")
    (kept,) = (host_home / ".config/codex-sandbox/projects").iterdir()
    digest = hashlib.sha256(rules.read_bytes()).hexdigest()
    assert kept.read_text().splitlines()[1:] == [f"agree {digest}"]
    assert start(b"") and digest in stub("config").ok().out
    rules.write_text(rules.read_text() + "example.org:22\n")
    assert not start(b"n\r")
    rules.write_text("allowed.test\n")  # the same rule in other bytes is another question
    assert not start(b"n\r")


@pytest.mark.cell
def test_what_was_refused_is_learnt_and_then_in_force(session, stub, host_home):
    """By the fewest rules; kept, they are the next session's, with what they cover and nothing else."""
    names = ["pypi.org", "files.pythonhosted.org", "a.files.example.org", "b.files.example.org", "c.files.example.org", "one.test"]
    made = session(script=f"for n in {' '.join(names)} one.test; do getent hosts $n; done; echo up; read x")
    until(lambda: "one.test" in stub("learn").ok().out, what="the last event")
    made.type(b"\r")
    made.wait()

    def proposed(*words):
        return dict(re.findall(r"^\+ allow (\S+) +# (\d+)x", stub("learn", *words).ok().out, re.M))

    told = proposed()
    # A lookup is a question or two; and a line that waits for who asked may be overtaken.
    least = {"@pypi": 2, "*.files.example.org": 3, "one.test": 2}
    assert told.keys() == least.keys() and all(int(told[rule]) >= least[rule] for rule in told), told
    assert not (host_home / ".config").exists()
    assert proposed("--save") == told
    (kept,) = (host_home / ".config/codex-sandbox/projects").iterdir()
    assert kept.read_text().splitlines()[1:] == [f"allow {rule}" for rule in told]
    assert proposed() == {}
    session()
    for name in (*names, "d.files.example.org"):
        stub("explain", name).ok()
    for name in ("files.example.org", "other.example.org", "www.one.test", "crates.io"):
        stub("explain", name).ok(1)


def verdicts(done):
    return {what: verdict for verdict, what in re.findall(r"^(ok|WRONG) +(\w+)", done.out, re.M)}


def test_doctor_says_what_a_start_needs(stub, runner, workdir, host_home, tmp_path):
    done = stub("doctor").ok()
    assert verdicts(done) == dict.fromkeys(
        ("options", "project", "login", "engine", "owner", "image", "wall"), "ok"
    ), done
    assert list(workdir.iterdir()) == [] and runner.docker("ps", "-aq").out == ""
    assert verdicts(stub("--wall", "cell", "doctor").ok())["wall"] == "ok"


def test_doctor_names_what_is_wrong_and_what_to_do(stub, workdir, host_home, tmp_path):
    def wrong(*options, **rest):
        done = stub(*options, "doctor", **rest).ok(1)
        assert "hint: " in done.out, done
        return [name for name, verdict in verdicts(done).items() if verdict == "WRONG"], done.out

    assert wrong("--image", "no-such:1")[0] == ["image"]
    assert wrong(env={"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"})[0] == ["engine"]
    assert "project" in wrong("--work_dir", "/")[0]
    kept = host_home / ".config/codex-sandbox"
    kept.mkdir(parents=True, mode=0o700)
    (kept / "defaults").write_text("memroy 4g\n")
    (kept / "defaults").chmod(0o600)
    names, said = wrong()
    assert names == ["options"] and "defaults:1" in said and "did you mean memory?" in said
    (kept / "defaults").unlink()
    (host_home / ".codex").mkdir()
    old = host_home / ".codex/auth.json"
    old.write_text(json.dumps(openai.chatgpt_login(-3600)))
    assert wrong()[0] == ["login"]
