"""--notify: a program of this machine gets each question, and may answer it. It runs beside the
session, bounded, without its terminal and without its secrets."""

import itertools
import json
import os

import pytest
from conftest import until
from internet import address_of
from watching import sandboxes, trusted  # noqa: F401

CURL = "curl -sS -m 40 -o /dev/null -w '%{http_code}\\n'"


@pytest.fixture
def program(tmp_path):
    """program(script): a program outside of the project, and what it was given."""
    place = tmp_path / "tools"
    place.mkdir()

    def make(script, name="answer"):
        path = place / name
        path.write_text(f"#!/bin/sh\necho $$ >>{place}/pids\ncat >>{place}/questions\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture(params=["nft", "cell"])
def sandbox(request, sandboxes, lab, dns):  # noqa: F811
    """sandbox(options..., env={}): one that can fetch n0.test to n7.test."""
    for number in range(8):
        dns.add(f"n{number}.test", address_of("allowed.test"))
    wall = f"--wall={request.param}"
    return lambda *options, env=None: sandboxes(wall, *trusted(lab), *options, env=env)


def fetch(made, name="n1.test"):
    """Once the command listens: until then, nobody watches."""
    text, status = made.run(f"for i in $(seq 50); do {CURL} https://{name} && exit; sleep 1; done; exit 1")
    return text, status


def questions(tmp_path):
    place = tmp_path / "tools/questions"
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


def running(tmp_path):
    place = tmp_path / "tools/pids"
    pids = place.read_text().split() if place.exists() else []
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_it_allows(sandbox, program, tmp_path, workdir):
    made = sandbox("--notify", f"{program('echo allow')} with words")
    text, status = fetch(made)
    assert status == 0 and "200" in text, text
    question = questions(tmp_path)[-1]
    assert (question["name"], question["port"], question["rule"]) == ("n1.test", 443, "n1.test")
    assert question["workdir"] == str(workdir) and question["container"].startswith("codex_")
    assert 0 < question["expires"] <= 60
    # That name, and no other.
    assert made.run(f"{CURL} https://n1.test")[1] == 0
    assert len(questions(tmp_path)) == 1


def test_it_is_told_who_asks(sandbox, program, tmp_path):
    """Where that is found out soon; the command runs once in any case."""
    made = sandbox("--notify", str(program("echo nothing")), "--ask=2")
    names = itertools.cycle(f"n{n}.test" for n in range(8))

    def told():
        made.run(f"{CURL} https://{next(names)}")
        return [q for q in questions(tmp_path) if q["who"].startswith("curl -sS ")]

    until(lambda: made.run(f"{CURL} https://n0.test") and questions(tmp_path), "a watcher")
    until(told, lambda: questions(tmp_path))
    ids = [q["id"] for q in questions(tmp_path)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("script", ["echo deny", "echo deny; exec sleep 0"])
def test_it_denies(sandbox, program, tmp_path, dns, script):
    made = sandbox("--notify", str(program(script)))
    until(lambda: made.run(f"{CURL} https://n1.test")[1] != 0 and questions(tmp_path))
    # For the session: it isn't asked again.
    asked = len(questions(tmp_path))
    assert made.run(f"{CURL} https://n1.test")[1] != 0
    assert len(questions(tmp_path)) == asked and dns.asked("n1.test") == []


@pytest.mark.parametrize("script", [
    "true", "echo yes", "echo allow; exit 1", "printf 'allow\\nallow\\n'", "yes | head -c 100000", "printf 'allow\\033[0m'",
    "kill -9 $$"])
def test_what_is_no_answer(sandbox, program, tmp_path, script):
    """Somebody else may still answer; nobody does, and the time runs out."""
    made = sandbox("--ask=3", "--notify", str(program(script)))
    until(lambda: made.run(f"{CURL} https://n1.test")[1] != 0 and questions(tmp_path))
    assert "200" not in made.said


def test_one_that_hangs_is_killed(sandbox, program, tmp_path):
    made = sandbox("--ask=3", "--notify", str(program("sleep 600 & trap '' TERM; while :; do sleep 1; done")))
    until(lambda: made.run(f"{CURL} https://n1.test")[1] != 0 and questions(tmp_path))
    until(lambda: not running(tmp_path), "their end")


def test_a_few_at_a_time_and_none_is_forgotten(sandbox, program, tmp_path):
    """As many as there are places hang; when their time is over, the next are asked."""
    script = f"mkdir -p {tmp_path}/all; echo >{tmp_path}/all/$$; ls {tmp_path}/all | wc -l >>{tmp_path}/most; " \
             f"sleep 1; rm {tmp_path}/all/$$; echo allow"
    made = sandbox("--ask=30", "--notify", str(program(script)))
    fetch(made, "n0.test")
    text, _ = made.run(" & ".join(f"{CURL} https://n{n}.test" for n in range(1, 8)) + "; wait")
    assert text.count("200") == 7, text
    assert max(int(n) for n in (tmp_path / "most").read_text().split()) <= 4


def test_what_it_is_given(sandbox, program, tmp_path):
    env = {"OPENAI_API_KEY": "sk-secret", "DISPLAY": ":7", "LC_ALL": "C.UTF-8"}
    made = sandbox("-e", "OPENAI_API_KEY", "--notify", str(program(f"env >{tmp_path}/env; pwd >{tmp_path}/pwd; "
                   f"ls -l /proc/self/fd >{tmp_path}/fds; tty >{tmp_path}/tty; echo allow")), env=env)
    assert fetch(made)[1] == 0
    given = (tmp_path / "env").read_text()
    assert "DISPLAY=:7\n" in given and "LC_ALL=C.UTF-8\n" in given
    assert "sk-secret" not in given and "CODEX_INIT" not in given and "DOCKER" not in given
    assert (tmp_path / "pwd").read_text() == "/\n"
    assert "not a tty" in (tmp_path / "tty").read_text()
    # Nothing of the launcher's is open in it, such as a file with variables.
    assert "memfd" not in (tmp_path / "fds").read_text()


def test_it_ends_with_the_session(sandbox, program, tmp_path):
    made = sandbox("--ask=300", "--notify", str(program("sleep 600")))
    made.begin(f"until {CURL.replace('40', '200')} https://n1.test; do sleep 1; done")
    until(lambda: running(tmp_path), "a command")
    made.process.kill()
    until(lambda: not running(tmp_path), "its end")


def test_what_may_not_be_run(stub, workdir, program, tmp_path):
    inside = workdir / "answer"
    inside.write_text("#!/bin/sh\necho allow\n")
    inside.chmod(0o755)
    (workdir / "bin").mkdir()
    os.link(inside, workdir / "bin/inside")
    path = {"PATH": f"{workdir}/bin:{os.environ['PATH']}"}
    link = tmp_path / "link"
    link.symlink_to(inside)
    for command, why in (("no-such-program", "isn't in PATH"), ("./answer", "has to begin with /"),
                         (str(inside), "sandbox can write"), (f"sh {inside}", "sandbox can write"),
                         *((f"sh {path}", "sandbox can write") for path in (
                             str(inside)[1:], link, f"{tmp_path}/../{tmp_path.name}/{inside.relative_to(tmp_path)}.missing")),
                         ("/no/such/file", "No such file"), ("  ", "empty")):
        done = stub("--notify", command, "--exec", "true").ok(100)
        assert why in done.err and "--notify" in done.err, done
    assert "every one in PATH was skipped" in stub("--notify", "inside", "--exec", "true", env=path).ok(100).err
    # The opposite.
    assert stub("--notify", str(program("echo allow")), "--exec", "true").ok()
