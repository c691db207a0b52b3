"""The launcher with Podman, as root and without: the same promises as with Docker."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess

import pytest
from conftest import ROOT, program, until
from internet import address_of
from podman import Podman
from watching import Sandbox, asked, rows

INSTALLED = shutil.which("podman")


@pytest.fixture(scope="module", params=["rootful", "rootless"])
def podman(request, lab):
    made = Podman(request.param, lab.engine.namespace, lab.directory, ROOT / "build/codex-sandbox",
                  ROOT / "build/codex-init")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def work(podman, request):
    return podman.project(request.node.name)


@pytest.fixture
def call(podman, work, internet):
    """call(arguments...): codex-sandbox with this Podman."""

    def start(*arguments, env=None, cwd=work, **more):
        words = podman.inside(cwd, podman.stub, "--engine", "podman", *arguments, env=env)
        return program(words, **more)

    return start


def test_it_runs_as_the_owner_of_the_workdir(podman, call, work):
    done = call("--exec", "sh", "-c", "id -u; pwd; touch made; touch /codex_home/kept").ok()
    assert done.lines() == [str(podman.owner), f"/app{work}"], done
    home = work / ".codex/.environment"
    for path in (work / "made", home, home / "kept", home / ".gitignore"):
        assert path.stat().st_uid == podman.owner, path
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_payload_has_no_privilege(call):
    fields = "CapEff|CapBnd|NoNewPrivs|Seccomp:"
    done = call("--exec", "grep", "-E", fields, "/proc/self/status").ok()
    values = {line.split()[0]: line.split()[1] for line in done.lines()}
    assert values["CapEff:"] == values["CapBnd:"] == "0" * 16
    assert values["NoNewPrivs:"] == "1" and values["Seccomp:"] == "2"


def test_only_what_a_rule_allows_gets_out(call, sinks):
    get = "for n in allowed.test example.com; do wget -q -O /dev/null http://$n && echo $n; done"
    script = f"{get}; true"
    done = call("--allow", "allowed.test", "--exec", "sh", "-c", script).ok()
    assert done.lines() == ["allowed.test"], done
    assert sinks.addresses() == {address_of("allowed.test")}
    assert "--allow example.com" in done.err


def test_the_login_is_read_only_and_the_home_is_not(podman, call, work):
    auth = podman.home / ".codex/auth.json"
    auth.parent.mkdir(exist_ok=True)
    auth.write_text('{"OPENAI_API_KEY": "k"}')
    for path in (auth, auth.parent):
        os.chown(path, podman.owner, podman.owner)
    script = "cat /codex_home/auth.json; echo x >/codex_home/auth.json; echo y >/codex_home/file"
    done = call("--exec", "sh", "-c", script).ok()
    auth_text = auth.read_text()
    shutil.rmtree(auth.parent)
    assert done.out == auth_text == '{"OPENAI_API_KEY": "k"}' and "Read-only" in done.err
    assert (work / ".codex/.environment/file").read_text() == "y\n"


@pytest.mark.parametrize("name", ["with space", "comma,name", 'quo"te', "ünï", "col:on", "-dash"])
def test_awkward_workdirs(podman, call, work, name):
    place = work / name
    place.mkdir()
    os.chown(place, podman.owner, podman.owner)
    done = call("--exec", "sh", "-c", "pwd; touch made", cwd=place).ok()
    assert done.out == f"/app{place}\n" and (place / "made").exists()


def test_exit_statuses(call):
    assert call("--exec", "sh", "-c", "exit 9").status == 9
    assert call("--exec", "no-such-command").status == 127
    done = call("--image", "no-such-image:1", "--exec", "true").ok(111)
    assert "podman pull no-such-image:1" in done.err


def test_a_second_one_is_told_of_the_first(podman, call, work):
    words = podman.inside(work, podman.stub, "--engine", "podman", "--exec", "sh", "-c",
                          "echo up; cat")
    first = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    assert first.stdout.readline() == b"up\n"
    second = call("--exec", "true").ok(100)
    attach = f"--work_dir {shlex.quote(str(work))} --engine podman attach (or podman attach codex_"
    assert attach in second.err and "--codex-home" in second.err
    first.communicate(timeout=60)
    assert first.returncode == 0
    call("--exec", "true").ok()


def test_what_is_swapped_ends_the_boot(podman, call, work):
    """As test_stub_swapped.py has it for Docker; here the whole way of both through Podman."""
    place, secret = work / "vendor", podman.home / f"secret-{work.name}"
    for path in (place, secret):
        path.mkdir()
        (path / "id").write_text("secret-of-the-host" if path is secret else "own")
        os.chown(path, podman.owner, podman.owner)
    fake = podman.directory / f"bin-{work.name}" / "podman"
    fake.parent.mkdir()
    swap = f"mv {place} {place}.away; ln -s {secret} {place}"
    fake.write_text(f'#!/bin/sh\n[ $1 != run ] || {{ {swap}; }}\nexec {INSTALLED} "$@"\n')
    fake.chmod(0o755)
    path = {"PATH": f"{fake.parent}:/usr/bin:/bin:/usr/sbin:/sbin"}
    arguments = ("--read-only", "./vendor", "--exec", "cat", f"/app{work}/vendor/id")
    assert call(*arguments).ok().out == "own"
    done = call(*arguments, env=path)
    assert done.status == 111 and "a different file" in done.err and "secret" not in done.out, done
    place.unlink()
    pathlib.Path(f"{place}.away").rename(place)
    done = call(*arguments, env={**path, "CODEX_INIT_MOUNTS": ""})
    assert done.out == "secret-of-the-host"


def test_the_engine_is_found_by_itself(podman, work):
    """Where podman alone is installed, --engine isn't needed."""
    tools = podman.directory / f"tools-{work.name}"
    tools.mkdir()
    for place in ("/usr/sbin", "/usr/bin"):
        for name in os.listdir(place):
            if name != "docker" and not (tools / name).is_symlink():
                (tools / name).symlink_to(f"{place}/{name}")
    command = ("/usr/bin/env", f"PATH={tools}", podman.stub, "--exec", "pwd")
    done = program(podman.inside(work, *command))
    assert done.ok().out == f"/app{work}\n"


@pytest.fixture
def sandbox(podman, work, tmp_path, dns):
    """sandbox(options...): one that obeys, line by line."""
    made = []
    dns.add("one.test", address_of("allowed.test"))

    def begin(*options):
        launcher = podman.inside(work, podman.stub, "--engine", "podman")
        made.append(Sandbox(None, None, options, tmp_path / f"log{len(made)}", launcher))
        return made[-1]

    yield begin
    for one in made:
        one.end()


@pytest.mark.parametrize("key, goes_on", [(b"a", True), (b"d", False)], ids=["allowed", "denied"])
def test_a_question_is_answered(podman, work, sandbox, terminal, dns, sinks, key, goes_on):
    """At a second terminal: the connection that was held goes on, or ends, and nothing went out before."""
    made = sandbox("--ask=50")
    seen = terminal(podman.inside(work, podman.stub, "--engine", "podman", "watch"))
    seen.until_says(b"the sandbox asks, and waits")
    sinks.mark()
    job = made.begin("wget -q -O /dev/null http://one.test")
    asked(seen, "one.test:80")
    assert dns.asked("one.test") == [] and sinks.addresses() == set()
    seen.type(key)
    text, status = made.result(job)
    assert (status == 0) == goes_on, text
    until(lambda: b"one.test  by you" in rows(seen), lambda: rows(seen))
    assert rows(seen).count(b"  ask  ") == 1
    assert (sinks.addresses() == {address_of("allowed.test")}) == goes_on
    seen.type(b"q")
    assert seen.wait() == 0


def test_commands_about_a_session(podman, call, sandbox, sinks):
    """What is said inside is what a command on the machine says; and what it allows is open at once."""
    assert "none runs there" in call("status").ok(100).err
    made = sandbox()
    get = "wget -q -O /dev/null http://one.test"
    assert made.run(get)[1] != 0
    until(lambda: "  one.test " in call("status").ok().out, "its count")
    call("explain", "one.test").ok(1)
    call("allow", "one.test").ok()
    assert made.run(get)[1] == 0 and sinks.addresses() == {address_of("allowed.test")}
    assert "one.test" in call("explain", "one.test").ok().out
    assert "one.test" in call("rules").ok().out
    call("deny", "one.test").ok()
    assert made.run(get)[1] != 0
    assert "one.test" in call("logs").ok().out and call("ls").ok().out
    done = call("join", input=b"id -u; touch /etc/passwd; wget -q -O /dev/null http://one.test && echo out")
    assert done.lines() == [str(podman.owner)] and "Permission denied" in done.err, done
    call("stop").ok()
    assert made.process.wait(60) != 0
    # It is there until Podman has removed it.
    until(lambda: "none runs there" in call("status").ok(100).err, "its end")


def test_a_rule_is_kept_and_learnt(call, sandbox, sinks):
    """--save is for the running session and the next; undo takes both back; learn has what was refused."""
    get = "wget -q -O /dev/null http://one.test"
    made = sandbox()
    assert made.run(get)[1] != 0
    until(lambda: "+ allow one.test" in call("learn").ok().out, "its event")
    assert "kept in" in call("allow", "one.test", "--save").ok().err
    assert made.run(get)[1] == 0 and sinks.addresses() == {address_of("allowed.test")}
    assert re.search(r"^allow one\.test +# .*/projects/", call("config").ok().out, re.M)
    assert "nothing to add" in call("learn").ok().out
    made.end()
    again = sandbox()
    assert again.run(get)[1] == 0
    # What it was started with is undone at the next start, and it says so.
    assert "no longer in" in call("undo", "one.test", "--save").ok(1).err
    assert "one.test" not in call("config").ok().out
    call("allow", "two.test").ok()
    call("undo", "two.test").ok()
    assert "two.test" not in call("rules").ok().out
    again.end()
    assert sandbox().run(get)[1] != 0


def test_attach_shares_the_terminal(podman, work, terminal, call):
    command = podman.inside(work, podman.stub, "--engine", "podman")
    first = terminal([*command, "--exec", "sh", "-c", "until read -t 1 -r x; do echo tick; done; echo got $x; exit 7"])
    first.until_says(b"tick")
    second = terminal([*command, "attach"])
    second.until_says(b"tick")
    second.type(b"\r")
    assert first.wait() == 7 and b"got" in first.output
    second.wait()  # 7 or 0: `podman attach` may find a container with --rm gone
    until(lambda: "none runs there" in call("attach").ok(100).err, "its end")


def test_doctor(podman, call, work):
    """All is well here; and what isn't is named with a remedy, and is its status."""
    done = call("doctor").ok()
    verdicts = dict(re.findall(r"^(?:ok|WRONG) +(\w+) +(.*)", done.out, re.M))
    assert list(verdicts) == ["options", "project", "login", "engine", "owner", "image", "wall"], done
    assert "WRONG" not in done.out and "podman" in verdicts["engine"].lower()
    assert list(work.iterdir()) == []
    wrong = call("--image", "no-such:1", "doctor").ok(1)
    assert re.search(r"^WRONG +image ", wrong.out, re.M) and "another with --image" in wrong.out, wrong


@pytest.mark.parametrize("mode", ["disable", "relabel"])
def test_selinux_is_told_as_podman_takes_it(call, mode):
    assert call("--selinux", mode, "--exec", "echo", "labelled").ok().out == "labelled\n"


def test_every_key_reaches_codex(podman, work, terminal):
    """Ctrl-P, which Podman would hold back, comes at once; and no key detaches."""
    script = "stty raw -echo; echo ready; for n in 1 2 3; do dd bs=1 count=1 2>/dev/null | hexdump; done"
    command = (podman.stub, "--engine", "podman", "--exec", "sh", "-c", script)
    t = terminal(podman.inside(work, *command))
    t.until_says(b"ready")
    for key in (b"\x10", b"\x10", b"\x11"):
        before = t.output.count(b"0000001")
        t.type(key)
        until(lambda: t._read().count(b"0000001") > before, what=f"{key!r}")
    assert t.wait() == 0


def test_what_is_logged_is_bounded(podman, work):
    words = podman.inside(work, podman.stub, "--engine", "podman", "--exec", "sh", "-c",
                          "echo up; cat")
    with subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as first:
        assert first.stdout.readline() == b"up\n"
        name, = podman.podman("ps", "--format", "{{.Names}}").split()
        config = podman.podman("inspect", "--format", "{{.HostConfig.LogConfig}}", name)
        first.communicate()
    assert "k8s-file" in config or "json-file" in config, config
    assert "10" in config.lower(), config


def test_a_client_that_is_killed_takes_its_container_with_it(podman, call, work):
    words = podman.inside(work, podman.stub, "--engine", "podman", "--exec", "sh", "-c",
                          "echo up; exec sleep 600")

    def names():  # one that has ended is there until Podman has removed it
        return podman.podman("ps", "--all", "--format", "{{.Names}}").split()

    call("--exec", "true").ok()  # whose watch lets the next one of that name be
    with subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as client:
        assert client.stdout.readline() == b"up\n"
        until(lambda: len(names()) == 1, names)
        # What nsenter has started, which is Podman by now.
        child = pathlib.Path(f"/proc/{client.pid}/task/{client.pid}/children").read_text()
        os.kill(int(child), signal.SIGKILL)
    until(lambda: not names(), "its end")
    call("--exec", "true").ok()


def test_variables_of_a_file(podman, call, work):
    place = work / "variables.env"
    place.write_text("PLAIN=a b\nCODEX_INIT_EGRESS=off\n")
    os.chown(place, podman.owner, podman.owner)
    done = call("--env-file", "variables.env", "--exec", "sh", "-c", "echo $PLAIN; id -u").ok()
    assert done.lines() == ["a b", str(podman.owner)] and "CODEX_INIT_EGRESS is left out" in done.err


def test_a_published_port(podman, work):
    """From the machine, and it alone; without the option there is nothing."""
    serve = "echo serving; while :; do echo served | nc -l -p 3000; done"
    words = podman.inside(work, podman.stub, "--engine", "podman", "--publish", "8080:3000",
                          "--exec", "busybox", "sh", "-c", serve)
    get = podman.inside(work, "busybox", "nc", "-w", "3", "127.0.0.1", "8080")
    with subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"serving\n"
        until(lambda: program(get).out == "served\n", what="an answer")
        name, = podman.podman("ps", "--format", "{{.Names}}").split()
        podman.podman("rm", "-f", name)
        server.communicate()


def test_nothing_is_left(podman):
    until(lambda: podman.podman("ps", "-aq") == "", "the end of what there was")
    assert json.loads(podman.podman("volume", "ls", "--format", "json") or "[]") == []


def test_the_machine_itself_has_a_name(podman, call):
    """Podman adds it by itself. Where it leads to is the engine's to say."""
    done = call("--allow", "host.docker.internal:1+private", "--exec", "grep",
                "host.containers.internal", "/etc/hosts").ok()
    assert "host.containers.internal" in done.out.split()[1:], done


def test_the_closing_report_is_kept_out_of_its_reach(podman, call):
    """Without root the home's owner is Codex's user: the way to the file is what keeps it out."""
    place = podman.home / ".local/state/codex-sandbox/reports"
    script = "cat /run/codex/host/report; echo forged >/run/codex/host/report; wget -q http://no.test"
    done = call("--exec", "sh", "-c", script)
    kept = max(place.glob("*.txt"), key=lambda p: p.stat().st_mtime_ns)
    text = kept.read_text()
    assert "The session ended at" in text and "--allow no.test" in text and "forged" not in text
    assert done.err.count("Permission denied") >= 2, done
    assert kept.stat().st_uid == podman.home.stat().st_uid
    kept = max(place.parent.glob("codex_*/events.jsonl"), key=lambda p: p.stat().st_mtime_ns)
    assert '"event":"refused-name","name":"no.test"' in kept.read_text()
    assert kept.stat().st_uid == podman.home.stat().st_uid


def test_a_workdir_of_roots(podman, call, work):
    """As root it is worked in, by a view; without root it ends before the start, with what helps."""
    (work / "given").write_text("root's text")
    (work / "given").chmod(0o600)
    subprocess.run(["chown", "-R", "0:0", work], check=True)
    work.chmod(0o755)
    done = call("--exec", "sh", "-c", "id -u; cat given; echo more >made")
    if not podman.uid:
        assert done.ok().out == "1000\nroot's text" and (work / "made").stat().st_uid == 0, done
        # On the same machine other tests have views of their own.
        name = re.search(r"--name (\S+)", call("--dry-run").ok().out)[1]
        until(lambda: not list(pathlib.Path("/run/codex-sandbox").glob(f"{name}*")), "its end")
    else:
        assert done.ok(100).out == "" and not (work / "made").exists() and "chown -R" in done.err
