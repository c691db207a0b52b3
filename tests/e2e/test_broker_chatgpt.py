"""The broker with a ChatGPT login: Codex works with one that no process of the command has."""

import json
import os
import re
import threading

import pytest
from conftest import PATIENCE, STUB, Container, until
from openai import ACCOUNT, chatgpt_login, jwt
from test_broker import SEARCH, credentials, pid_of, posts, serving, up

EXEC = ("codex", "exec", "--skip-git-repo-check")
# The real token's signature; the dummies have none like it.
SIGNATURE = "secret-0123456789"
BUNDLE = "/run/codex/codex-ca.pem"
CURL = f"curl -sS -m 30 --cacert {BUNDLE} "
CHECK = CURL + "-o /dev/null -w '%{http_code}' https://chatgpt.com/backend-api/wham/accounts/check"


def token(mark="", lifetime=30 * 86400):
    """An access token that can be told from every other."""
    return f"{jwt(lifetime).rpartition('.')[0]}.{SIGNATURE}{mark}"


def login(access):
    """What the launcher hands over."""
    return {"CODEX_INIT_LOGIN": f"{access} {ACCOUNT} {jwt().split('.')[1]}", "CODEX_INIT_BROKER": "on"}


def stored(access):
    """The auth.json of a machine whose Codex has this token."""
    auth = chatgpt_login()
    auth["tokens"]["access_token"] = access
    auth["tokens"]["refresh_token"] = "refresh-" + SIGNATURE
    return auth


@pytest.fixture
def host_login(host_home):
    """host_login(token): Codex on the host has this token, and stores it as it does: by a rename."""
    place = host_home / ".codex"
    place.mkdir()
    for directory in (host_home.parent, host_home, place):
        directory.chmod(0o755)

    def store(access):
        new = place / ".auth-new"
        new.write_text(json.dumps(stored(access)))
        new.chmod(0o600)
        os.chown(new, 1000, 1000)
        new.rename(place / "auth.json")
        return place / "auth.json"

    return store


def give(box, text, user="0"):
    """Gives the broker a renewed token."""
    return box.docker("exec", "-i", "-u", user, box.name, "codex-egress", "credential", input=text.encode())


def renew(box, text):
    """Until it has it: it has half a second to say so, and whoever gives it tries again, like the launcher."""
    until(lambda: give(box, text).status == 0, "the renewal")


@pytest.fixture
def words(lab):
    """Options of the launcher's by which the lab's server is trusted."""
    return ["--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}"]


def test_a_turn_for_which_the_command_has_no_token(run, model):
    real = token()
    model.script("echo the tool ran as $(id -u)")
    done = run(*EXEC, "do it", env=login(real)).ok()
    assert "the tool ran as 1000" in "".join(model.outputs()), done
    assert credentials(model) == {f"Bearer {real}"}
    assert {r["host"] for r in model.requests} == {"chatgpt.com"}
    assert {r["headers"].get("chatgpt-account-id") for r in model.requests} == {ACCOUNT}
    assert len(posts(model)) == 2, done
    said, _, told = done.err.partition("failed at the broker:\n")
    assert said.count("codex-init") <= 1, done
    assert all(line.endswith("Codex asks for it by itself, and does without") for line in told.splitlines()), done


def test_a_turn_by_websocket(run, model):
    real = token()
    model.script("echo the tool ran as $(id -u)")
    model.websocket = True
    done = run(*EXEC, "do it", env=login(real)).ok()
    assert "the tool ran as 1000" in "".join(model.outputs()), done
    frames = [r for r in model.requests if r["method"] == "FRAME"]
    assert len(frames) >= 2 and posts(model) == [], model.requests
    assert credentials(model) == {f"Bearer {real}"}
    assert not any("bm9uZQ" in r["frame"] or SIGNATURE in r["frame"] for r in frames)


@pytest.mark.parametrize("websocket", [False, True])
@pytest.mark.parametrize("options", [["--broker=on"], []])
def test_a_turn_of_the_terminal_interface(
    terminal, stub_environment, workdir, docker, model, host_login, words, options, websocket
):
    """By the launcher; without the option it is the same turn, with the file in the container."""
    real = token()
    host_login(real)
    model.script("cat /codex_home/auth.json")
    model.websocket = websocket
    t = terminal([STUB, "--trust", *words, *options, "--", "do it"], cwd=workdir, env=stub_environment)
    t.until_says(b"\x1b[?1049h")
    until(lambda: t._read() and model.outputs())
    docker("rm", "-f", *docker("ps", "--format", "{{.Names}}").ok().lines())
    assert credentials(model) == {f"Bearer {real}"}
    assert bool(posts(model)) != websocket == any(r["method"] == "FRAME" for r in model.requests)
    told = "".join(model.outputs())
    assert (SIGNATURE not in told and '"refresh_token":"codex-sandbox-broker"' in told) == bool(options), told


def test_the_token_is_nowhere_where_the_command_can_look(stub, model, host_login, words):
    """In the tool of a real turn; and it is found where the file is mounted."""
    host_login(token())
    model.script(SEARCH)
    stub("--broker=on", *words, "exec", "--skip-git-repo-check", "do it").ok()
    told = "".join(model.outputs())
    assert "searched" in told and "FOUND" not in told, told
    assert "memories read: 0" not in told
    model.script(SEARCH)
    stub(*words, "exec", "--skip-git-repo-check", "do it").ok()
    assert "FOUND: /codex_home/auth.json" in "".join(model.outputs())


def test_the_hosts_login_is_as_it_was(stub, host_login, words):
    auth = host_login(token())
    before = auth.read_text(), auth.stat()
    stub("--broker=on", *words, "--exec", "true").ok()
    after = auth.read_text(), auth.stat()
    assert before[0] == after[0] and before[1].st_ino == after[1].st_ino


def test_a_login_of_the_commands_own_reaches_nothing(shell, model, sinks):
    thief = "-H 'Authorization: Bearer thief-0123456789' -H 'ChatGPT-Account-ID: thief' "
    code = "-o /dev/null -w '%{http_code}\\n' "
    own = f"{CURL}{code}{thief}https://chatgpt.com/backend-api/"
    done = shell(
        f"{own}files; {own}wham/accounts/check; {own}codex/../files --path-as-is;"
        f"curl -sS -m 30 {code}{thief}https://api.openai.com/v1/files; curl -sS -m 30 {code}{thief}https://auth.openai.com;"
        f"curl -sSk -m 30 {code}{thief}--connect-to chatgpt.com:443:198.51.100.1:443 https://chatgpt.com/backend-api/files",
        env=login(token("A")),
    )
    assert done.out.split()[:3] == ["403", "200", "403"] and set(done.out.split()[3:]) == {"000"}, done
    assert [r["path"] for r in model.requests] == ["/backend-api/wham/accounts/check"]
    assert model.requests[0]["headers"]["chatgpt-account-id"] == ACCOUNT
    assert SIGNATURE in model.requests[0]["headers"]["authorization"] and not sinks.carried(b"thief")
    assert re.search(r"^  GET /backend-api/files +1x   Codex needs no such request$", done.err, re.M), done
    # Without the broker, the same name takes anybody's.
    shell(f"curl -sS -m 30 {code}{thief}https://chatgpt.com/backend-api/files").ok()
    assert credentials(model) >= {"Bearer thief-0123456789"}


def test_only_codex_trusts_the_sessions_authority_and_only_for_one_name(shell, model):
    show = f"openssl crl2pkcs7 -nocrl -certfile {BUNDLE} | openssl pkcs7 -print_certs -noout | tail -3 | grep subject"
    last = "awk '/BEGIN/{t=\"\"} {t=t $0 \"\\n\"} END{printf \"%s\", t}' " + BUNDLE
    done = shell(
        f"curl -s -m 30 https://chatgpt.com; echo status $?; {CHECK}; echo; {show};"
        f"{last} | openssl x509 -noout -ext nameConstraints,basicConstraints; env | grep -c CA_CERT",
        env=login(token()),
    ).ok()
    assert "status 60" in done.out and "200\n" in done.out, done
    assert "CN = codex-sandbox" in done.out or "CN=codex-sandbox" in done.out, done
    assert "DNS:chatgpt.com" in done.out and "CA:TRUE, pathlen:0" in done.out, done


def test_a_renewal_on_the_host_is_taken_up(terminal, stub_environment, workdir, docker, model, host_login, words):
    """The launcher's process gives the broker the new token; another account's it doesn't."""
    host_login(token("A"))
    terminal([STUB, "--broker=on", *words, "--exec", "sleep", "1000"], cwd=workdir, env=stub_environment)
    names = lambda: docker("ps", "--format", "{{.Names}}").ok().lines()  # noqa: E731
    until(names)
    name = names()[0]

    def asked():
        done = docker("exec", "-u", "1000", name, "bash", "-c", CHECK)
        return done.out == "200" and model.requests[-1]["headers"]["authorization"][-1]

    until(lambda: asked() == "A", "a request with the first token")
    host_login(token("B"))
    until(lambda: asked() == "B", "a request with the second")
    other = chatgpt_login()
    other["tokens"].update(access_token=token("C"), account_id="another")
    place = host_login(token("B")).parent
    (place / "auth.json").write_text(json.dumps(other))
    host_login(token("D"))
    until(lambda: asked() == "D", "a request with the third")
    assert not any(r["headers"].get("authorization", "").endswith("C") for r in model.requests)
    docker("rm", "-f", name)


def test_a_turn_that_begins_with_an_expired_token_ends_with_the_new_one(start, model):
    """Codex renews its dummy at the broker and tries again; nothing is renewed at OpenAI."""
    before, asked, given = len(model.renewals), threading.Event(), threading.Event()
    model.script("echo from the tool")

    def instead(method, path, headers, body):
        if method == "POST" and path.endswith("/responses"):
            asked.set()
            given.wait(PATIENCE)  # or Codex has tried often enough before the new one is there

    model.instead = instead
    box = start(*EXEC, "do it", env=login(token("A", -60)))
    assert asked.wait(PATIENCE), box.logs()
    renew(box, token("B"))
    given.set()
    assert box.wait() == 0, box.logs()
    assert "from the tool" in "".join(model.outputs())
    assert {c[-1] for c in credentials(model)} == {"A", "B"} and len(model.renewals) == before
    assert [r["status"] for r in posts(model)][0] == 401


def test_an_expired_token_that_nobody_renews_is_told(run, model):
    before = len(model.renewals)
    model.script("echo from the tool")
    done = run(*EXEC, "do it", env=login(token("A", -60)))
    assert done.status == 1 and model.outputs() == [] and len(model.renewals) == before
    assert re.search(r"POST /backend-api/codex/responses +\d+x   OpenAI refuses it: renew the login, or check the key", done.err), done


def test_the_next_of_the_brokers_processes_has_the_renewed_token(start, model):
    box = start("sleep", "1000", env=login(token("A")))
    up(box)
    first = serving(box)
    renew(box, token("B") + "\n")
    until(lambda: box.exec("bash", "-c", CHECK, user="1000").out == "200" and model.requests[-1]["headers"]["authorization"].endswith("B"))
    box.exec("kill", "-KILL", *first).ok()
    until(lambda: serving(box) not in ([], first), what="the next one")
    seen = len(model.requests)
    until(lambda: box.exec("bash", "-c", CHECK, user="1000").out == "200")
    assert all(r["headers"]["authorization"].endswith("B") for r in model.requests[seen:])
    for wrong in ("", "short", "two words-0123456789", 'quote"-0123456789'):
        assert give(box, wrong).status in (1, 100), wrong
    assert box.exec("bash", "-c", CHECK, user="1000").out == "200"
    assert model.requests[-1]["headers"]["authorization"].endswith("B")


def test_a_renewal_that_a_process_took_along_is_given_to_the_next(
    terminal, stub_environment, workdir, docker, model, host_login, words
):
    """It was sent, and not read: whoever gave it is told, and the launcher gives it again."""
    host_login(token("A"))
    terminal([STUB, "--broker=on", *words, "--exec", "sleep", "1000"], cwd=workdir, env=stub_environment)
    names = lambda: docker("ps", "--format", "{{.Names}}").ok().lines()  # noqa: E731
    until(names)
    box = Container(docker, names()[0])
    up(box)
    first = serving(box)
    box.exec("kill", "-STOP", *first).ok()
    told = give(box, token("X"))
    assert told.status == 1 and "did not get it" in told.said, told
    host_login(token("B"))
    box.exec("kill", "-KILL", *first).ok()
    until(lambda: serving(box) not in ([], first), what="the next one")

    def asked():
        done = box.exec("bash", "-c", CHECK, user="1000")
        return done.out == "200" and model.requests[-1]["headers"]["authorization"][-1]

    until(lambda: asked() == "B", "a request with the second token")
    docker("rm", "-f", box.name)


# In codex-broker's place: it serves, and says of the first token that it has kept it when it gets
# the second, and nothing of that; of each later one it says so after a word about the one before.
LATE = """#!/usr/bin/python3
import socket, struct, sys
pid1 = socket.socket(fileno=int(sys.argv[1]))
say = lambda kind, count: pid1.send(struct.pack("=3I144x", kind, 0, count))
pid1.recv(1)
say(1, 0)
pid1.recv(9000), pid1.recv(9000)
say(5, 1)
n = 2
while pid1.recv(9000):
    n += 1
    say(5, n - 1), say(5, n)
"""


def test_a_word_about_an_earlier_renewal_is_not_taken_for_this_ones(start, tmp_path):
    late = tmp_path / "codex-broker"
    late.write_text(LATE)
    late.chmod(0o755)
    box = start("sleep", "1000", env=login(token()), options=["-v", f"{late}:/usr/lib/codex-sandbox/codex-broker:ro"])
    up(box)
    for told in [give(box, token("B")) for _ in range(2)]:
        assert told.status == 1 and "did not get it" in told.said, told
    renew(box, token("B"))


def test_nobody_can_write_what_codex_trusts(start, lab):
    """Neither the bundle nor the certificate, once they are made: by no descriptor of the broker's."""
    box = start("sleep", "1000", env=login(token()))
    up(box)
    script = """
for f in /proc/[0-9]*/fd/*; do
  case $(readlink $f) in
  *codex-ca.pem) grep -Hs '' ${f%/fd/*}/comm; echo trusted;;
  /memfd:leaf*) (echo x >>$f) 2>/dev/null && echo certificate; echo seen;;
  /memfd:token*) echo seen;;
  /memfd:pem*) echo authority;;
  esac
done"""
    told = lab.engine.in_container(box.name, "sh", "-c", script)
    assert not any(w in told for w in ("trusted", "certificate", "authority")) and told.count("seen") >= 2 + 4, told
    assert "BEGIN CERTIFICATE" in box.exec("cat", BUNDLE).out


@pytest.fixture
def before_openssl(start, docker, tmp_path):
    """before_openssl(script): options by which it is run before each openssl of the container's."""

    def make(script):
        first, real = tmp_path / "openssl", tmp_path / "real"
        first.write_text(f'#!/bin/sh\n{script}\nexec /opt/openssl "$@"\n')
        docker("cp", f"{start('true').name}:/usr/bin/openssl", str(real)).ok()
        for file in (first, real):
            file.chmod(0o755)
        return ["-v", f"{first}:/usr/bin/openssl:ro", "-v", f"{real}:/opt/openssl:ro"]

    return make


# Kills codex-broker when the authority or its certificate is to be made, once.
KILLS = """call=1
until mkdir /tmp/call$call 2>/dev/null; do call=$((call + 1)); done
[ $call != %d ] || kill -KILL $PPID"""


@pytest.mark.parametrize("call", [1, 2])
def test_a_process_that_ends_before_the_certificate_is_made_is_followed_by_the_next(start, before_openssl, model, call):
    box = start("sleep", "1000", env=login(token()), options=before_openssl(KILLS % call))
    up(box)
    until(lambda: box.exec("test", "-s", BUNDLE).status == 0, what="the authority")
    assert box.exec("bash", "-c", CHECK, user="1000").ok().out == "200"
    assert "it ended by signal 9 and is started again" in box.exec("cat", "/run/codex/events.jsonl").out
    roots = box.exec("grep", "-c", "BEGIN CERTIFICATE", "/lab-ca.pem").ok().out
    assert int(box.exec("grep", "-c", "BEGIN CERTIFICATE", BUNDLE).ok().out) == int(roots) + 1


def test_each_haproxy_that_dies_is_followed_by_another(start):
    """With the certificate that is there; nothing of the first start's is closed again."""
    box = start("sleep", "1000", env=login(token()))
    up(box)
    for _ in range(3):
        before = pid_of(box, "haproxy")
        box.exec("kill", "-KILL", *before).ok()
        until(lambda: pid_of(box, "haproxy") not in ([], before), what="another haproxy")
        until(lambda: box.exec("bash", "-c", CHECK, user="1000").out == "200", what="an answer")


@pytest.mark.parametrize("reads", [True, False])
def test_a_haproxy_that_does_not_get_all_of_its_rules_is_ended(start, before_openssl, tmp_path, reads):
    """It has let go of the pipe before their end is written. One that has read them is left alone."""
    odd = tmp_path / "haproxy"
    read = "while read -r line <&$n; do :; done" if reads else ""
    odd.write_text(f"#!/bin/bash\nn=${{4##*/}}\n{read}\nexec {{n}}<&-\nexec sleep 1000\n")
    odd.chmod(0o755)
    slow = before_openssl("sleep 1")
    box = start("true", env=login(token()), options=[*slow, "-v", f"{odd}:/usr/sbin/haproxy:ro"])
    assert box.wait() == 111
    events = box.docker("cp", f"{box.name}:/run/codex/events.jsonl", "-").ok().out
    assert ("it ended with status 1 and is started again" in events) == (not reads), events


@pytest.mark.parametrize("broker", [True, False])
def test_who_joins_is_led_to_the_broker_too(start, broker):
    """A second Codex beside the first needs the same variables, and gets no token."""
    box = start("sleep", "1000", env=login(token()) if broker else {})
    up(box)
    told = box.docker("exec", box.name, "codex-egress", "join", "env").ok().out
    assert (f"CODEX_CA_CERTIFICATE={BUNDLE}" in told) == broker, told
    assert ("CODEX_REFRESH_TOKEN_URL_OVERRIDE=https://chatgpt.com/" in told) == broker, told
    assert SIGNATURE not in told and "CODEX_INIT_LOGIN" not in told, told


def test_two_credentials_are_one_too_many(run):
    done = run("true", env={**login(token()), "OPENAI_API_KEY": "sk-other-0123456789"}).ok(100)
    assert "there are two credentials" in done.err and SIGNATURE not in done.err, done


def test_the_authority_signs_for_no_address(start):
    box = start("sleep", "1000", env=login(token()))
    up(box)
    text = box.exec("bash", "-c", f"tac {BUNDLE} | sed '/BEGIN/q' | tac | openssl x509 -noout -text").ok().out
    told = " ".join(text.split())
    assert "Name Constraints: critical Permitted: DNS:chatgpt.com Excluded: IP:0.0.0.0/0.0.0.0 IP:" in told, text


def test_a_hosts_file_of_the_hosts_stays_as_it_is(run, tmp_path):
    """The host itself would then find chatgpt.com here."""
    file = tmp_path / "hosts"
    file.write_text("10.0.0.1 mine\n")
    done = run("true", env=login(token()), options=["-v", f"{file}:/etc/hosts"]).ok(111)
    assert "send chatgpt.com to the broker: /etc/hosts: it may be the host's own" in done.err, done
    assert file.read_text() == "10.0.0.1 mine\n"


def test_credential_is_for_who_may_give_it(start):
    box = start("sleep", "1000")
    up(box)
    told = give(box, token())
    assert told.status == 1 and "no broker here has a ChatGPT login" in told.said, told
    assert give(box, token(), user="1000").status == 111


@pytest.mark.parametrize("why, options", [
    ("there is no credential", ("--auth_dir", "DIR")),
    ("there is no credential", ("login",)),
    ("another place", ("exec", "-c", 'model_provider="mine"', "x")),
    ("only --egress=strict", ("--audit",)),
    ("it needs port 443", ("--wall=cell",)),
])  # fmt: skip
def test_on_where_it_cannot_be_ends_the_start(stub, host_login, tmp_path, words, why, options):
    host_login(token())
    (tmp_path / "dir").mkdir()
    options = [str(tmp_path / "dir") if o == "DIR" else o for o in options]
    done = stub("-y", "--broker=on", *words, *options)
    assert done.status == 100 and why in done.err and SIGNATURE not in done.err, done


def test_auto_leaves_a_chatgpt_login_alone(stub, host_login, words):
    host_login(token())
    done = stub(*words, "--exec", "cat", "/codex_home/auth.json").ok()
    assert SIGNATURE in done.out and "broker" not in done.err


def test_what_a_session_leaves_in_the_home_is_no_login(stub, workdir, host_login, words):
    host_login(token())
    stub("--broker=on", *words, "--exec", "true").ok()
    home = workdir / ".codex/.environment"
    assert "codex-sandbox-broker" in (home / "auth.json").read_text()
    stub(*words, "--exec", "grep", "-q", SIGNATURE, "/codex_home/auth.json").ok()
    assert SIGNATURE not in "".join(p.read_text(errors="replace") for p in home.rglob("*") if p.is_file())
