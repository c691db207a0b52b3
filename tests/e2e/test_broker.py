"""The broker: Codex works with an API key that no process of the command has."""

import os
import pathlib
import re

import pytest
from conftest import STUB, WALLS, until
from test_gate_proxy import URL

pytestmark = pytest.mark.cell("nft", "flagless")

EXEC = ("codex", "exec", "--skip-git-repo-check")
SECRET = "sk-lab-secret-0123456789abcdef"
KEY = {"OPENAI_API_KEY": SECRET}
OFF = {**KEY, "CODEX_INIT_BROKER": "off"}
# Where the broker is, for what follows.
PORT = "port=$(grep -o '[0-9]*/v1' /etc/codex/managed_config.toml | cut -d/ -f1)\n"
# Every place in which a process of the command could come across the key. The pattern doesn't
# match itself.
SEARCH = r"""
s='s[e]cret-0123456789'
found() { [ -z "$1" ] || echo "FOUND: $1"; }
found "$(env | grep $s)"
found "$(grep -rsl $s /codex_home /workspace /tmp /run /etc /dev/shm /var)"
for p in /proc/[0-9]*; do
  for f in $p/environ $p/cmdline $p/status $p/mountinfo; do
    found "$(grep -al $s $f 2>/dev/null)"
  done
  for f in $p/fd/*; do
    [ ! -f "$f" ] || found "$(grep -al $s "$f" 2>/dev/null)"
  done
done
python3 - <<'P'
import glob, re
secret, opened = re.compile(rb"s[e]cret-0123456789"), 0
for maps in glob.glob("/proc/[0-9]*/maps"):
    try:
        memory = open(maps.replace("maps", "mem"), "rb", 0)
        regions = [line.split()[0] for line in open(maps) if line.split()[1].startswith("r")]
    except OSError:
        continue
    opened += 1
    for region in regions:
        first, last = (int(x, 16) for x in region.split("-"))
        try:
            memory.seek(first)
            if secret.search(memory.read(last - first)):
                print("FOUND in the memory of", maps, open(maps.replace("maps", "cmdline")).read())
        except (OSError, OverflowError, ValueError):
            pass
print("memories read:", opened)
P
echo searched
"""


@pytest.fixture
def kept_home(tmp_path):
    """Codex's home on the host, and what mounts it."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o700)
    os.chown(home, 1000, 1000)
    tmp_path.chmod(0o755)
    return home, ["-v", f"{home}:/codex_home"]


def posts(model):
    return [r for r in model.requests if r["method"] == "POST" and r["path"].endswith("/responses")]


def credentials(model):
    return {r["headers"].get("authorization") for r in model.requests}


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "CODEX_API_KEY"])
def test_a_turn_for_which_the_command_has_no_key(run, model, name):
    model.script("echo the tool ran as $(id -u)")
    done = run(*EXEC, "do it", env={name: SECRET}).ok()
    assert "the tool ran as 1000" in "".join(model.outputs()), done
    assert credentials(model) == {f"Bearer {SECRET}"}
    assert {r["host"] for r in model.requests} == {"api.openai.com"}
    warned = [line for line in done.err.splitlines() if line.startswith("codex-init") and "in the cell" not in line]
    assert len(posts(model)) == 2 and not warned


def test_a_turn_by_websocket(run, model):
    model.script("echo the tool ran as $(id -u)")
    model.websocket = True
    done = run(*EXEC, "do it", env=KEY).ok()
    assert "the tool ran as 1000" in "".join(model.outputs()), done
    frames = [r for r in model.requests if r["method"] == "FRAME"]
    assert len(frames) >= 2 and posts(model) == [], model.requests
    assert credentials(model) == {f"Bearer {SECRET}"}
    assert not any("codex-sandbox-broker" in r["frame"] or SECRET in r["frame"] for r in frames)


def test_the_terminal_interface_asks_for_no_login(
    terminal, launcher, lab, stub_environment, workdir, docker, model
):
    """A whole turn, by the launcher. Without the broker it takes no key from the environment."""
    trust = ["--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}"]

    def session(wanted, *options, websocket=False):
        model.script("echo from the tool")
        model.websocket = websocket
        t = terminal([*launcher, "--trust", *trust, "-e", "OPENAI_API_KEY", *options, "--", "do it"],
                     cwd=workdir, env={**stub_environment, **KEY})  # fmt: skip
        t.until_says(b"\x1b[?1049h")  # Codex takes the terminal over
        until(lambda: t._read() and wanted(t))
        docker("rm", "-f", *docker("ps", "--format", "{{.Names}}").ok().lines())

    for websocket in (False, True):
        session(lambda _: "from the tool" in "".join(model.outputs()), websocket=websocket)
        assert credentials(model) == {f"Bearer {SECRET}"}
        assert bool(posts(model)) != websocket == any(r["method"] == "FRAME" for r in model.requests)
    session(lambda t: b"Sign in with Device Code" in t.output, "--broker=off")
    assert model.outputs() == [] and posts(model) == [], "it waits for a login"


def test_the_key_is_nowhere_where_the_command_can_look(run, shell, model):
    """In the tool of a real turn, whose parent is Codex; and without the broker it is found."""
    model.script(SEARCH)
    run(*EXEC, "do it", env=KEY).ok()
    told = "".join(model.outputs())
    assert "searched" in told and "FOUND" not in told, told
    assert "memories read: 0" not in told
    done = shell(SEARCH, env=OFF).ok()
    assert "FOUND: OPENAI_API_KEY" in done.out and "FOUND: /proc/" in done.out, done


def processes(box):
    """Of a container: (number, name) of each, as the machine sees them."""
    container = box.inspect(".Id")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if container in pathlib.Path(f"/proc/{pid}/cgroup").read_text():
                yield pid, pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:  # it has ended
            continue


def in_memory(pid, secret):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            where, how, *_ = line.split()
            first, last = (int(x, 16) for x in where.split("-"))
            if how[0] == "r" and "[v" not in line:
                memory.seek(first)
                if secret in memory.read(last - first):
                    return True
    return False


def test_the_key_is_in_no_memory_but_the_brokers(start):
    """Whoever takes another worker over doesn't find it there."""
    box = start("sleep", "1000", env=KEY)
    up(box)
    inside = list(processes(box))
    assert {"codex-init", "codex-gate", "codex-resolver", "codex-broker"} < {name for _, name in inside}
    # Those of the broker that wait haven't read it.
    assert {name for pid, name in inside if in_memory(pid, SECRET.encode())} == {"codex-broker", "haproxy"}


def test_a_key_of_the_commands_own_reaches_nothing(shell, model, sinks):
    """The Files API is the way out that every allowed host of this kind has: closed, with the
    broker and beside it; and open without the broker."""
    upload = "curl -sS -m 30 -o /dev/null -w '%%{http_code}\\n' -F file=@/etc/hostname %s/v1/files -H 'Authorization: Bearer sk-thief'"
    through, beside = upload % "http://127.0.0.1:$port", upload % "https://api.openai.com"
    done = shell(f"{PORT}{through}; {beside}; curl -sS -m 30 https://chatgpt.com", env=KEY)
    assert done.out.split() == ["403", "000"], done
    assert model.requests == [] and not sinks.carried(b"thief")
    assert re.search(r"^  POST /v1/files +1x   Codex needs no such request$", done.err, re.M)
    assert re.search(r"^  api.openai.com +\d+x   only the broker, which has", done.err, re.M)
    assert "chatgpt.com" in done.err
    shell(beside, env=OFF).ok()
    assert [r["path"] for r in model.requests] == ["/v1/files"]
    assert credentials(model) == {"Bearer sk-thief"}


def test_the_gate_takes_none_but_the_broker(shell, model):
    """Its socket for the broker is in the network namespace, where anybody can connect."""
    script = """python3 - <<'P'
import socket
s = socket.socket(socket.AF_UNIX)
name = b"\\0codex-init-broker"
s.connect(name + bytes(108 - len(name)))
s.sendall(b"GET / HTTP/1.1\\r\\nHost: api.openai.com\\r\\n\\r\\n")
print(s.recv(100))
P"""
    done = shell(script, env=KEY)
    assert done.out.strip() in ("b''", "") and model.requests == [], done
    assert "api.openai.com" not in done.err.replace("codex-init", "")


def test_a_rule_that_opens_it_to_the_command_again_is_warned_of(shell, model):
    script = "curl -s -o /dev/null -w '%{http_code}' https://api.openai.com/v1/files -H 'Authorization: Bearer sk-own'"
    for rule in ("api.openai.com", "*.openai.com"):
        done = shell(script, env=KEY, allow=rule).ok()
        assert done.out == "404" and f"allow {rule}: it opens api.openai.com" in done.err, done
    assert credentials(model) == {"Bearer sk-own"}


def test_a_rule_that_denies_it_holds_for_the_broker(shell, model):
    done = shell(PORT + "curl -s -m 30 -o /dev/null -w '%{http_code}' http://127.0.0.1:$port/v1/models",
                 env={**KEY, "CODEX_INIT_DENY": "api.openai.com"})  # fmt: skip
    assert done.out == "503" and model.requests == [], done
    assert "deny api.openai.com: with an API key, Codex can't work without it" in done.err


def test_through_a_proxy_as_ever(shell, model, internet):
    script = PORT + "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:$port/v1/models"
    done = shell(script, env=KEY, init=["--proxy", URL]).ok()
    assert done.out == "200" and credentials(model) == {f"Bearer {SECRET}"}, done
    assert set(internet.proxy.targets()) == {"api.openai.com:443"}


def test_a_server_that_is_not_openais_gets_no_key(shell, model):
    """Verified by the image's authorities, the lab's server isn't."""
    script = PORT + "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:$port/v1/models"
    done = shell(script, env=KEY, trust=False).ok()
    assert done.out == "503" and model.requests == [], done
    assert re.search(r"^  GET /v1/models +1x   not reached, or its certificate isn't trusted$", done.err, re.M)


def pid_of(box, name):
    return box.exec("pgrep", "-x", name).out.split()


def up(box):
    """The command runs, `sleep`: so all of the broker's is there. Its haproxy begins long before the gate, the
    home and codex-egress do, and one that is killed before it has answered ends the start."""
    until(lambda: pid_of(box, "sleep"), what="the command")


ASK = PORT + "curl -s -m 50 -o /dev/null -w '%{http_code}' http://127.0.0.1:$port/v1/models"


def test_a_broker_that_dies_comes_back_with_the_key(start, model):
    box = start("sleep", "1000", env=KEY)
    up(box)
    assert box.exec("bash", "-c", ASK, user="1000").ok().out == "200"
    for _ in range(2):
        before = pid_of(box, "haproxy")
        box.exec("kill", "-KILL", *before).ok()
        until(lambda: pid_of(box, "haproxy") not in ([], before), what="another haproxy")
        assert box.exec("bash", "-c", ASK, user="1000").ok().out == "200"
    assert credentials(model) == {f"Bearer {SECRET}"}
    told = lambda: box.exec("cat", "/run/codex/events.jsonl").out.count("its haproxy ended and is started again")  # noqa: E731
    until(lambda: told() == 2, told)


BROKER = "/usr/lib/codex-sandbox/codex-broker"


def serving(box):
    """The process of codex-broker's that keeps the haproxy there is; the others wait."""
    return box.exec("sh", "-c", "p=$(pgrep -x haproxy) && ps -o ppid= -p $p").out.split()


def test_a_brokers_process_that_is_killed_is_followed_by_the_next(start, model):
    box = start("sleep", "1000", env=KEY)
    up(box)
    first = serving(box)
    box.exec("kill", "-KILL", *first).ok()
    until(lambda: serving(box) not in ([], first), what="the next one")
    until(lambda: box.exec("bash", "-c", ASK, user="1000").out == "200", what="an answer")
    assert credentials(model) == {f"Bearer {SECRET}"}
    until(lambda: "it ended by signal 9 and is started again" in box.exec("cat", "/run/codex/events.jsonl").out)
    assert re.search(r"^broker +pid \d+, started again 1 times?$", box.exec("codex-egress", "status").out, re.M)


def test_when_the_last_of_them_is_killed_the_port_is_closed(start, model):
    box = start("sleep", "1000", env=KEY)
    up(box)
    box.exec("pkill", "-KILL", "-x", "codex-broker").ok()
    until(lambda: "stays down" in box.exec("cat", "/run/codex/events.jsonl").out, what="its end")
    until(lambda: pid_of(box, "haproxy") == [])
    assert box.exec("bash", "-c", ASK, user="1000").out == "000"
    beside = "curl -s -m 5 -o /dev/null -w '%{http_code}' https://api.openai.com"
    assert box.exec("bash", "-c", beside, user="1000").out == "000" and model.requests == []
    box.kill("TERM")
    box.wait()
    assert "from then on Codex could not reach OpenAI" in box.logs()


def test_a_session_whose_broker_lived_is_told_nothing(shell):
    assert "could not reach OpenAI" not in shell("true", env=KEY).ok().err


def test_the_command_cannot_reach_into_the_broker(start):
    box = start("sleep", "1000", env=KEY)
    up(box)
    script = r"""
for p in $(pgrep -x 'haproxy|codex-broker'); do
  for f in environ mem maps fd/5 fd/4 root/etc/shadow; do
    if dd if=/proc/$p/$f of=/dev/null bs=1 count=1 2>/dev/null; then echo "$p $f is open"; fi
  done
  kill -0 $p 2>/dev/null && echo "$p can be signalled"
  grep -H -e '^Cap\(Prm\|Eff\|Bnd\|Amb\):' -e '^NoNewPrivs' -e '^Seccomp:' /proc/$p/status
done; echo end"""
    told = box.exec("bash", "-c", script, user="1000").ok().out
    assert "is open" not in told and "can be" not in told and told.endswith("end\n"), told
    # haproxy, and codex-broker's: one that serves and those that wait
    assert len(re.findall(r"Cap...:\t0{16}$", told, re.M)) == 4 * 5, told
    assert told.count("NoNewPrivs:\t1") == 5 and told.count("Seccomp:\t2") == 5


def test_no_command_line_and_no_environment_has_the_key(start):
    """The broker's own, seen from outside; the command's environment shows that they are seen."""
    box = start("sleep", "1000", env=KEY)
    up(box)
    told = box.docker("top", box.name, "axeww", "-o", "pid,args").ok().out
    assert len(re.findall(r"^\s*\d+\s+codex-broker [\d -]+ codex-init-broker /lab-ca.pem$", told, re.M)) == 4, told
    assert re.search(r"^\s*\d+\s+haproxy -db -q -f /proc/self/fd/\d+$", told, re.M), told
    assert "sleep 1000" in told and "CODEX_HOME=/codex_home" in told and "secret" not in told, told


def test_explain_and_status_tell_of_it(start):
    box = start("sleep", "1000", env=KEY)
    up(box)
    told = box.exec("codex-egress", "explain", "api.openai.com").ok(1).out
    assert "443: by the broker alone" in told
    assert re.search(r"^broker +pid \d+, started again 0 times$", box.exec("codex-egress", "status").out, re.M)
    assert "# by the broker: api.openai.com:443" in box.exec("cat", "/etc/codex/allowed_domains.txt").out
    told = box.exec("codex-egress", "allow", "api.openai.com").ok().out
    assert "opens api.openai.com to the command" in told


# ---- Where there is none -------------------------------------------------------------------


@pytest.mark.nft  # each with the wall that it names
@pytest.mark.parametrize("why, options", [
    ("only --egress=strict", {"init": ("--egress=audit",)}),
    ("there is no credential", {"env": {}}),
    ("it needs a user id of its own", {"flags": WALLS["no capability"]}),
    ("--no-default-rules", {"init": ("--no-default-rules",)}),
    ("another place", {"command": ("codex", "exec", "-c", 'model_provider="mine"', "x")}),
    ("this is a login", {"command": ("codex", "login")}),
    ("has characters that none has", {"env": {"OPENAI_API_KEY": "sk-%[env(X)] 123456"}}),
])  # fmt: skip
def test_on_where_it_cannot_be_ends_the_start(run, why, options):
    env = {**options.get("env", KEY), "CODEX_INIT_BROKER": "on"}
    done = run(
        *options.get("command", ("true",)), env=env, init=options.get("init", ()), flags=options.get("flags")
    ).ok(100)
    assert "use the broker: --broker=on: " in done.err and why in done.err and "sk-" not in done.err, done


@pytest.mark.nft
@pytest.mark.parametrize("warned, options", [
    (None, {"init": ("--egress=audit",)}),
    (None, {"init": ("--broker=off",)}),
    ("it needs a user id of its own", {"flags": WALLS["no capability"]}),
    (None, {"command": ("env", 'model_provider="mine"', "env")}),
])  # fmt: skip
def test_auto_leaves_the_key_where_it_cannot_be(run, warned, options):
    done = run(
        *options.get("command", ("env",)), env=KEY, init=options.get("init", ()), flags=options.get("flags")
    ).ok()
    assert f"OPENAI_API_KEY={SECRET}" in done.out, done
    assert ("the broker is off" in done.err) == bool(warned) and (warned or "") in done.err


@pytest.mark.parametrize("program", ["/usr/sbin/haproxy", BROKER])
@pytest.mark.parametrize("of", ["nobody", "another user"])
def test_an_image_without_its_programs(run, tmp_path, program, of):
    """They aren't there, or somebody else than root can replace them."""
    there = tmp_path / "program"
    there.write_text("")
    there.chmod(0o755 if of == "another user" else 0o644)
    os.chown(there, 1000 if of == "another user" else 0, 0)
    hide = ["-v", f"{there}:{program}:ro"]
    done = run("env", env=KEY, options=hide).ok()
    assert f"OPENAI_API_KEY={SECRET}" in done.out
    told = [line for line in done.err.splitlines() if "the broker is off: the image has no " in line]
    assert len(told) == 1 and program in told[0] and "only root can replace" in told[0], done
    done = run("env", env={**KEY, "CODEX_INIT_BROKER": "on"}, options=hide).ok(100)
    assert "use the broker: --broker=on: " in done.err and SECRET not in done.out, done


# What Codex goes by, and what a command can leave for the next one, to get at its key.
PLANTED = {
    "a login": ("auth.json", "echo {} >auth.json", "Codex has an auth.json in its home"),
    "a link": ("auth.json", "ln -s nowhere auth.json", "Codex has an auth.json in its home"),
    "a provider": ("config.toml", "echo 'model_provider = \"x\"' >config.toml", "to another place"),
    "a place": ("config.toml", "echo 'openai_base_url = \"http://a\"' >config.toml", "to another place"),
}


@pytest.mark.nft  # where a second process can join it
@pytest.mark.parametrize("what", PLANTED)
def test_what_a_command_leaves_does_not_get_the_next_one_the_key(run, start, kept_home, what):
    home, mount = kept_home
    file, plant, why = PLANTED[what]
    run("bash", "-c", f"cd /codex_home && rm -f {file} && {plant}", env=KEY, options=mount).ok()
    done = run("env", env=KEY, options=mount).ok()
    assert SECRET not in done.said and "_API_KEY=" not in done.out, done
    assert "the broker is off" in done.err and why in done.err and "--broker=off" in done.err
    box = start("bash", "-c", "echo up; sleep 1000", env=KEY, options=mount).until_says("up\n")
    assert "_API_KEY=" not in box.exec("codex-egress", "join", "env").ok().out
    assert SECRET in run("env", env=OFF, options=mount).ok().out
    done = run("true", env={**KEY, "CODEX_INIT_BROKER": "on"}, options=mount).ok(100)
    assert why in done.err
    (home / file).unlink()
    assert "_API_KEY=" not in run("env", env=KEY, options=mount).ok().said, "the broker has it"


@pytest.mark.parametrize("plant", ["chmod 600 *", "rm *", "rm *; mkfifo ca.pem", "truncate -s 5M *"])
def test_nor_does_what_it_leaves_in_the_place_of_the_certificates(run, tmp_path, plant):
    place = tmp_path / "certificates"
    place.mkdir()
    for path in (place, place / "ca.pem"):
        path.touch()
        os.chown(path, 1000, 1000)
    place.chmod(0o755)
    mount, where = ["-v", f"{place}:/certificates"], {"SSL_CERT_FILE": "/certificates/ca.pem"}
    run("bash", "-c", f"cd /certificates; {plant}", env=OFF, options=mount).ok()
    done = run("env", env={**KEY, **where}, options=mount).ok()
    assert SECRET not in done.said and "_API_KEY=" not in done.out, done
    assert "the broker is off: its certificates aren't" in done.err and "--broker=off" in done.err
    assert SECRET in run("env", env={**OFF, **where}, options=mount).ok().out


def test_a_login_has_no_use_for_a_key(run, kept_home):
    """There is no broker then; and the codex that comes first in PATH may be an earlier command's."""
    _, mount = kept_home
    plant = "mkdir -p bin; printf '#!/bin/sh\\nenv\\n' >bin/codex; chmod +x bin/codex"
    run("bash", "-c", f"cd /codex_home; {plant}", env=KEY, options=mount).ok()
    for command in (("codex", "login"), ("codex", "-c", "a=b", "login")):
        done = run(*command, env={**KEY, "CODEX_API_KEY": SECRET}, options=mount).ok()
        assert "PATH=" in done.out and SECRET not in done.said, done
    assert SECRET in run("codex", "login", env=OFF, options=mount).ok().out


def test_what_is_given_to_codex_does_not_either(run, tmp_path):
    """It may come from the project, where a command can write."""
    tmp_path.chmod(0o755)
    for place, text in (
        ("codex_home/auth.json", '{"OPENAI_API_KEY": "sk-other-0123456789"}'),
        ("run/codex/in/config.toml", 'model_provider = "x"\n'),
    ):
        file = tmp_path / "given"
        file.write_text(text)
        file.chmod(0o644)
        done = run("env", env=KEY, options=["-v", f"{file}:/{place}:ro"]).ok()
        assert SECRET not in done.said and "the broker is off" in done.err, done


def test_a_home_that_is_kept(run, model, kept_home):
    """What a session with the broker leaves in it does no harm in one without; and back."""
    home, mount = kept_home
    for env in (KEY, OFF, KEY):
        model.script("true")
        run(*EXEC, "do it", env=env, options=mount).ok()
        assert credentials(model) == {f"Bearer {SECRET}"}
        assert (home / "auth.json").exists() == (env is KEY)
    kept = [path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


def test_a_users_setting_sends_the_key_nowhere(run, model, tmp_path):
    """A setting that names another place is obeyed by nobody who has the key."""
    drop_off = tmp_path / "in"
    drop_off.mkdir()
    tmp_path.chmod(0o755)
    (drop_off / "config.toml").write_text('model = "gpt-5-lab"\n')
    model.script("echo hello")
    options = ["-v", f"{drop_off}:/run/codex/in:ro"]
    # Codex's own option is weaker than the managed one; codex-init can't see it in a script.
    command = "codex exec --skip-git-repo-check -c openai_base''_url='\"https://allowed.test/v1\"' x"
    run("bash", "-c", command, env=KEY, options=options, allow="allowed.test").ok()
    assert credentials(model) == {f"Bearer {SECRET}"}
    assert {r["host"] for r in model.requests} == {"api.openai.com"}
