"""Logins, with the real Codex and a stand-in whose refresh tokens are good for one use: whatever
the sandbox did, the host's own login still works afterwards. The host is played by the real Codex
too, in a container without the sandbox."""

import contextlib
import json
import os
import re
import urllib.parse
import uuid

import openai
import pytest
from conftest import IMAGE, WALLS, until
from internet import address_of

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)
TURN = ("exec", "--skip-git-repo-check", "do it")
CODE = re.compile(rb"[0-9A-F]{4}-[0-9A-F]{5}")
LINK = re.compile(rb"https://auth\.openai\.com/\S+state=\S+(?=\s)")  # all of it
SECRET = "sk-lab-5ecre7-0f-the-u5er"


@pytest.fixture
def model(internet):
    internet.openai.script("echo tool output")
    return internet.openai


@pytest.fixture
def trust(lab):
    """Options of the stub that make Codex trust the lab's certificates."""
    return ("--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}")


@pytest.fixture
def turn(stub, trust):
    """turn(options...): a whole turn of Codex in the sandbox."""

    def call(*options, **more):
        return stub(*options, *trust, "--", *TURN, **more)

    return call


def place_login(directory, **kind):
    """An auth.json of uid 1000's in a directory of that user's."""
    directory.mkdir(parents=True, exist_ok=True)
    auth = directory / "auth.json"
    auth.write_text(json.dumps(openai.chatgpt_login(**kind)))
    auth.chmod(0o600)
    for path in (directory, auth):
        os.chown(path, 1000, 1000)
    return auth


@pytest.fixture
def host_codex(run, tmp_path):
    """host_codex(directory): a turn of the host's own Codex, whose ~/.codex it is."""

    def call(directory):
        tmp_path.chmod(0o755)
        options = ["--entrypoint", "codex", "--user", "1000:1000", "-v", f"{directory}:/codex_home"]
        return run(flags=(), options=options, init=TURN)

    return call


def renewals(model):
    return [r for r in model.requests if r["path"].endswith("/oauth/token")]


def still_works(host_codex, model, auth):
    """The host's Codex renews an expired login and does a turn with it."""
    before = openai.refresh_token(auth)
    assert not model.spent(before)
    model.script("echo on the host")
    done = host_codex(auth.parent).ok()
    assert "on the host" in "".join(model.outputs()), done
    assert model.spent(before) and openai.refresh_token(auth) != before


@pytest.mark.cell("nft")  # behind no wall at all
def test_the_stand_in_takes_a_refresh_token_once(host_codex, model, tmp_path):
    """What all this is about: two homes with the same login, and the second one is logged out."""
    first = place_login(tmp_path / "first", lifetime=-3600)
    second = tmp_path / "second" / "auth.json"
    second.parent.mkdir()
    second.write_bytes(first.read_bytes())
    for path in (second.parent, second):
        os.chown(path, 1000, 1000)
    still_works(host_codex, model, first)
    model.script("echo again")
    done = host_codex(second.parent)
    assert done.status != 0 and "already used" in done.said, done
    assert model.outputs() == []


@pytest.mark.cell("nft")  # the same
def test_a_read_only_mount_alone_would_spend_it(run, host_codex, model, host_home, tmp_path):
    """The opposite of the default: the file mounted read-only and nothing else done about it."""
    auth = place_login(host_home / ".codex", lifetime=-3600)
    tmp_path.chmod(0o755)
    options = ["--entrypoint", "codex", "--user", "1000:1000"]
    run(flags=(), options=[*options, "-v", f"{auth}:/codex_home/auth.json:ro"], init=TURN)
    assert model.spent(openai.refresh_token(auth))
    model.script("echo on the host")
    assert "already used" in host_codex(auth.parent).said
    assert model.outputs() == []


def test_by_default_the_hosts_login_is_used_and_left_alone(turn, host_codex, model, host_home, dns):
    auth = place_login(host_home / ".codex")
    before = auth.read_bytes()
    done = turn().ok()
    assert "tool output" in "".join(model.outputs()), done
    assert renewals(model) == [] and dns.asked("auth.openai.com") == []
    assert auth.read_bytes() == before
    # As if its time had come: the host renews it as ever.
    place = json.loads(auth.read_text())
    place["tokens"]["access_token"] = openai.jwt(-3600)
    auth.write_text(json.dumps(place))
    still_works(host_codex, model, auth)


@pytest.mark.parametrize(
    "wall, mode", [*(("nft", mode) for mode in ("strict", "pin", "audit", "off")), ("flagless", "strict")],
    indirect=["wall"],
)  # fmt: skip
def test_an_expired_login_is_never_spent(turn, host_codex, model, host_home, mode):
    """Also where auditing or a plain init would let the renewal out."""
    auth = place_login(host_home / ".codex", lifetime=-3600)
    before = auth.read_bytes()
    done = turn(env={"CODEX_INIT_EGRESS": mode})
    assert f"the login in {auth} has expired" in done.err, done
    assert renewals(model) == []
    assert auth.read_bytes() == before
    still_works(host_codex, model, auth)


@pytest.mark.cell
def test_a_refusal_of_the_renewal_says_why(turn, model, host_home, sinks):
    place_login(host_home / ".codex", lifetime=-3600)
    done = turn()
    line = next(line for line in done.err.splitlines() if line.startswith("  auth.openai.com"))
    assert "read-only" in line and "--auth_dir" in line and "--allow" not in line, done
    assert address_of("auth.openai.com") not in sinks.addresses()


def test_the_warning_of_a_login_that_ends_soon(turn, model, host_home):
    place_login(host_home / ".codex", lifetime=600)
    assert "expires in" in turn().ok().err
    place_login(host_home / ".codex", lifetime=2 * 3600)
    assert "expires" not in turn().ok().err


@pytest.mark.cell
def test_a_login_in_a_directory_of_its_own_renews_itself(
    turn, host_codex, model, host_home, workdir
):
    """--auth_dir: the sandbox's login is renewed and stored; the host's is another, untouched."""
    hosts = place_login(host_home / ".codex", lifetime=-3600)
    own = place_login(host_home / "sandbox-login", lifetime=-3600)
    first = openai.refresh_token(own)
    done = turn("-y", "--auth_dir", own.parent).ok()
    assert "tool output" in "".join(model.outputs()), done
    assert model.spent(first) and openai.refresh_token(own) != first
    assert own.stat().st_mode & 0o777 == 0o600 and own.stat().st_uid == 1000
    assert (workdir / ".codex/.environment/auth.json").is_symlink()
    # The next session goes on from there, without another renewal.
    model.script("echo second turn")
    turn("-y", "--auth_dir", own.parent).ok()
    assert "second turn" in "".join(model.outputs()) and renewals(model) == []
    still_works(host_codex, model, hosts)


def test_one_login_for_host_and_sandbox(turn, run, host_home, model, tmp_path):
    """A directory that holds the login alone, to which the host's auth.json is a link: whoever
    renews it, the other goes on with what was renewed."""
    shared = place_login(host_home / "login", lifetime=-3600)
    codex = host_home / ".codex"
    codex.mkdir()
    (codex / "auth.json").symlink_to(shared)
    os.chown(codex, 1000, 1000)
    tmp_path.chmod(0o755)
    seen = [openai.refresh_token(shared)]

    def on_the_host():
        mounts = ["-v", f"{codex}:/codex_home", "-v", f"{shared.parent}:{shared.parent}"]
        return run(
            flags=(), options=["--entrypoint", "codex", "--user", "1000:1000", *mounts], init=TURN
        )

    def expire():
        login = json.loads(shared.read_text())
        login["tokens"]["access_token"] = openai.jwt(-3600)
        shared.write_text(json.dumps(login))

    for one in (lambda: turn("-y", "--auth_dir", shared.parent), on_the_host) * 2:
        model.script("echo my turn")
        one().ok()
        assert "my turn" in "".join(model.outputs())
        seen.append(openai.refresh_token(shared))
        expire()
    assert len(set(seen)) == 5, "each has renewed it once"
    assert all(granted for token, granted in model.renewals if token in seen)


def device_login(terminal, launcher, stub_environment, workdir, model, *options):
    """codex login --device-auth in the sandbox, allowed by somebody with a browser elsewhere."""
    command = [*launcher, *options, "login", "--device-auth"]
    t = terminal(command, cwd=workdir, env=stub_environment)
    t.until_says(b"/codex/device")
    t.until_says(b"one-time code")
    shown = until(lambda: CODE.search(t._read()), "a code").group().decode()
    asks = lambda: [r for r in model.requests if r["path"].endswith("/deviceauth/token")]  # noqa: E731
    until(lambda: len(asks()) > 1, "a second look whether it is allowed")
    assert t.process.poll() is None
    model.approve(shown)
    assert t.wait() == 0, t.output
    assert b"can't return" not in t.output
    return t.output.decode(errors="replace")


@pytest.mark.cell
def test_without_credentials_codexs_own_login_works(
    turn, stub, trust, terminal, launcher, stub_environment, workdir, model, sinks
):
    refused = stub(*trust, "--", "login", "status")
    assert refused.status == 1 and "Not logged in" in refused.said, refused
    said = device_login(terminal, launcher, stub_environment, workdir, model, *trust)
    assert "auth.openai.com/codex/device" in said
    auth = workdir / ".codex/.environment/auth.json"
    assert auth.stat().st_uid == 1000 and auth.stat().st_mode & 0o777 == 0o600
    model.script("echo logged in")
    done = turn().ok()
    assert "logged in" in "".join(model.outputs()), done
    assert sinks.addresses() <= {address_of(n) for n in ("auth.openai.com", "chatgpt.com")}


SCREEN = b"\x1b[?1049h"  # Codex takes the terminal over
WAY = "a browser can't return to Codex in the container"


def test_the_way_that_leads_nowhere_is_told_beforehand(
    terminal, launcher, stub, stub_environment, workdir, host_home, docker
):
    """The page at the end of Codex's first choice is on an address of the container's own."""
    said = stub("--exec", "timeout", "1", "codex", "login").err
    assert WAY not in said, "it isn't Codex that is run"
    done = stub("login", "--with-access-token")
    assert WAY not in done.err, done
    names, words = [], " ".join(map(str, launcher))

    def session():
        t = terminal(launcher, cwd=workdir, env=stub_environment)
        running = lambda: docker("ps", "--format", "{{.Names}}").ok().lines()  # noqa: E731
        names[:] = until(running, "a container")
        t.until_says(SCREEN)
        docker("rm", "-f", *names)
        return t.output.decode(errors="replace")

    said = session()
    assert WAY in said and 'choose "Sign in with Device Code"' in said
    assert f"log in before: {words} login --device-auth\r\n" in said
    assert said.index(WAY) < said.index(SCREEN.decode())
    place_login(host_home / ".codex")
    assert WAY not in session()


def test_a_login_by_a_browser_is_told_of_the_other_way(terminal, launcher, stub_environment, workdir, docker):
    t = terminal([*launcher, "login"], cwd=workdir, env=stub_environment)
    try:
        t.until_says(b"localhost:1455")
    finally:
        docker("rm", "-f", *docker("ps", "-q").ok().lines())
    said = t.output.decode(errors="replace")
    assert WAY in said and f"in any browser: {' '.join(map(str, launcher))} login --device-auth\r\n" in said


@pytest.mark.cell("nft", "flagless", seldom=True)
def test_without_the_launcher_it_is_told_too(lab, internet, terminal, docker, wall):
    """docker run, where there is no codex-sandbox to type."""
    for words, advice in (((), "Sign in with Device Code"), (("codex", "login"), ": codex login --device-auth")):
        name = f"test-{uuid.uuid4().hex[:12]}"
        command = ["docker", "-H", lab.engine.host, "run", "--rm", "-it", "--name", name, *WALLS[wall], IMAGE]
        t = terminal([*command, *(["--", *words] if words else [])])
        try:
            t.until_says(b"localhost:1455" if words else SCREEN)
        finally:
            docker("rm", "-f", name)
        said = t.output.decode(errors="replace")
        assert WAY in said and advice in said and "codex-sandbox login" not in said


def test_the_way_back_may_be_gone_by_hand(
    turn, trust, terminal, launcher, stub_environment, workdir, model, docker
):
    """Where device codes are switched off: the address at which the browser ends is opened in the
    container."""
    t = terminal([*launcher, *trust, "login"], cwd=workdir, env=stub_environment)
    link = until(lambda: LINK.search(t._read()), "a link").group().decode()
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
    code = model.allow_browser(asked["code_challenge"])
    back = f"{asked['redirect_uri']}?{urllib.parse.urlencode({'code': code, 'state': asked['state']})}"
    name = docker("ps", "-q").ok().out.strip()
    done = docker("exec", name, "curl", "-sSL", back)  # which may end with the container
    assert t.wait() == 0, (done, t.output)
    model.script("echo logged in")
    turn().ok()
    assert "logged in" in "".join(model.outputs())


def test_a_new_login_is_possible_whatever_is_there(
    turn, stub, trust, terminal, launcher, stub_environment, workdir, model, host_home, host_codex
):
    """An old login, the host's or the sandbox's own, is no obstacle to `login`; and `logout`
    touches the sandbox's alone."""
    hosts = place_login(host_home / ".codex", lifetime=-3600)
    before = hosts.read_bytes()
    for _ in range(2):
        device_login(terminal, launcher, stub_environment, workdir, model, *trust)
    own = workdir / ".codex/.environment/auth.json"
    assert openai.refresh_token(own)
    stub(*trust, "--", "logout").ok()
    assert not own.exists() or own.stat().st_size == 0
    assert hosts.read_bytes() == before
    still_works(host_codex, model, hosts)


def test_a_device_login_may_live_in_a_directory_of_its_own(
    turn, trust, terminal, launcher, stub_environment, workdir, model, host_home
):
    place = host_home / "sandbox-login"
    place.mkdir()
    os.chown(place, 1000, 1000)
    options = ("-y", "--auth_dir", place, *trust)
    device_login(terminal, launcher, stub_environment, workdir, model, *options)
    auth = place / "auth.json"
    assert auth.stat().st_uid == 1000 and auth.stat().st_mode & 0o777 == 0o600
    model.script("echo logged in")
    turn("-y", "--auth_dir", place).ok()
    assert "logged in" in "".join(model.outputs())


def test_after_a_read_only_login_a_session_without_one(turn, stub, trust, host_home, model):
    """The mount point that stays behind, an empty file, is no broken login."""
    auth = place_login(host_home / ".codex")
    turn().ok()
    auth.unlink()
    done = stub(*trust, "--", "login", "status")
    assert done.status == 1 and "Not logged in" in done.said, done


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "CODEX_API_KEY"])
def test_an_api_key_passes_by_name(turn, model, workdir, host_home, variable):
    done = turn("-e", variable, env={variable: SECRET}).ok()
    assert "tool output" in "".join(model.outputs()), done
    kinds = {r["authorization"] for r in model.requests if r["path"].endswith("/responses")}
    assert kinds == {"key"}
    assert SECRET not in done.said
    # A login is never overridden by a key that somebody's own program needs.
    place_login(host_home / ".codex")
    model.script("echo tool output")
    turn("-e", "OPENAI_API_KEY", env={"OPENAI_API_KEY": SECRET}).ok()
    kinds = {r["authorization"] for r in model.requests if r["path"].endswith("/responses")}
    assert kinds == {"chatgpt"}
    for path in (p for p in workdir.rglob("*") if p.is_file()):
        assert SECRET.encode() not in path.read_bytes(), path


def test_a_key_may_be_stored_as_the_sandboxs_login(turn, stub, trust, workdir, model):
    """Interactive Codex takes no key from the environment, but one that was logged in with."""
    stub(*trust, "--", "login", "--with-api-key", input=f"{SECRET}\n".encode()).ok()
    auth = workdir / ".codex/.environment/auth.json"
    assert SECRET in auth.read_text() and auth.stat().st_mode & 0o777 == 0o600
    turn().ok()
    kinds = {r["authorization"] for r in model.requests if r["path"].endswith("/responses")}
    assert kinds == {"key"}


def test_a_key_is_on_no_command_line_and_in_no_record(
    terminal, launcher, stub, stub_environment, workdir, docker, host_home
):
    script = "echo 'it is' up; read x; curl -sS -m 30 https://refused.example; true"
    arguments = ["-e", "OPENAI_API_KEY", "--exec", "sh", "-c", script]
    env = {**stub_environment, "OPENAI_API_KEY": SECRET, "CODEX_INIT_VERBOSE": "1"}
    t = terminal([*launcher, *arguments], cwd=workdir, env=env)
    t.until_says(b"it is up")  # not what a verbose start says
    lines = command_lines()
    assert any(b"OPENAI_API_KEY" in line for line in lines)
    assert not [line for line in lines if SECRET.encode() in line]
    name = docker("ps", "-q", "--latest").ok().out.strip()
    records = docker("exec", name, "sh", "-c", "cat /run/codex/*.json* /etc/codex/*").said
    told = docker("exec", name, "sh", "-c", "env").ok().out
    assert '"event"' in records and SECRET not in records
    assert f"OPENAI_API_KEY={SECRET}" in told.splitlines(), "it is there, for Codex"
    logs = docker("logs", name).said
    t.type(b"\n")
    assert t.wait() == 0
    assert b"refused.example" in t.output, "the closing summary came"
    assert SECRET.encode() not in t.output and SECRET not in logs
    dry = stub("-e", "OPENAI_API_KEY", "--dry-run", env={"OPENAI_API_KEY": SECRET}).ok()
    assert " OPENAI_API_KEY " in dry.out and SECRET not in dry.said


def command_lines():
    """Of all processes of the machine; those that end meanwhile are none any more."""
    lines = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            lines.append(file.read())
    return lines


def test_logging_out_of_a_directory_of_its_own(stub, trust, model, host_home, workdir):
    auth = place_login(host_home / "sandbox-login")
    options = ("-y", "--auth_dir", auth.parent, *trust)
    assert "Logged in" in stub(*options, "--", "login", "status").ok().said
    stub(*options, "--", "logout").ok()
    assert not auth.exists()
    assert "Not logged in" in stub(*options, "--", "login", "status").ok(1).said
