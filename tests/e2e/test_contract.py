"""What is promised to scripts and people: the two commands, the exit statuses, the files."""

import json
import re
import signal

import pytest
from conftest import HOME, IMAGE, UID, at_best, until
from internet import address_of

pytestmark = pytest.mark.cell("all")
# Of tests that have a wall of their own, or none.
ONCE = pytest.mark.cell("nft")


def status_fields(text):
    return dict(re.findall(r"^(\w+):[ \t]*(.*)$", text, re.M))


def test_the_payload_has_no_privilege(run, wall):
    done = run("cat", "/proc/self/status").ok()
    fields = status_fields(done.out)
    own = str(UID[wall])
    assert fields["Uid"].split() == [own] * 4
    assert fields["Gid"].split() == [own] * 4
    assert fields["Groups"].split() in ([], [own])
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"


def test_pid_1_is_codex_init_and_keeps_only_what_it_needs(shell):
    done = shell("cat /proc/1/comm /proc/1/status").ok()
    assert done.lines()[0] == "codex-init"
    needed = {12, 7, 6, 8, 5}  # NET_ADMIN SETUID SETGID SETPCAP KILL
    for name in ("CapPrm", "CapEff", "CapBnd"):
        value = int(status_fields(done.out)[name], 16)
        assert {bit for bit in range(64) if value >> bit & 1} <= needed, name


def test_an_allowed_name_is_reached(run, sinks):
    done = run("curl", "-sS", "https://api.openai.com/").ok()
    assert done.out == "this is api.openai.com\n"
    assert sinks.seen() == [("tcp", address_of("api.openai.com"), 443)]


def test_another_name_is_refused_at_once_with_a_reason(shell, sinks):
    def seconds():
        done = shell(
            "s=$(date +%s%N); curl -sS https://example.com; r=$?; e=$(date +%s%N);"
            "echo $(((e - s) / 1000000)); exit $r"
        )
        assert done.status != 0
        assert "--allow example.com" in done.err, done
        return int(done.lines()[-1]) / 1000

    at_best(seconds, 1)
    assert sinks.seen() == []


def test_openai_allowed_domains_allows_a_name(run, sinks):
    done = run("curl", "-sS", "https://example.com/", allow="example.com").ok()
    assert json.loads(done.out)["host"] == "example.com"
    assert sinks.seen() == [("tcp", address_of("example.com"), 443)]


@pytest.mark.parametrize("allow", ["example.com,example.org", " example.com\n example.org "])
def test_openai_allowed_domains_is_a_list(shell, sinks, allow):
    shell("curl -sS https://example.com/ https://example.org/", allow=allow).ok()
    assert sinks.addresses() == {address_of("example.com"), address_of("example.org")}


@pytest.mark.parametrize(
    "script, status",
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -TERM $$", 128 + signal.SIGTERM),
        ("kill -KILL $$", 128 + signal.SIGKILL),
        ("kill -SEGV $$", 128 + signal.SIGSEGV),
    ],
)
def test_the_exit_status_is_the_payloads(shell, script, status):
    shell(script).ok(status)


def test_a_command_that_is_not_there(run):
    done = run("no-such-command").ok(127)
    assert re.search(r"codex-init: payload: .*no-such-command", done.err), done


def test_a_command_that_cannot_be_executed(run):
    done = run("/etc/passwd").ok(126)
    assert re.search(r"codex-init: payload: .*/etc/passwd", done.err), done


@pytest.mark.parametrize(
    "options, quoted",
    [
        (["--no-such-option"], "--no-such-option"),
        (["--allow", "exa mple.com"], "exa mple.com"),
        (["--allow", "http://example.com/"], "http://example.com/"),
        (["--allow", "example.com:99999"], "example.com:99999"),
        (["--allow", "@no-such-preset"], "no-such-preset"),
        (["--egress=maybe"], "maybe"),
        (["--user", "root"], "root"),
        (["--allow"], "--allow"),
        (["--wall=maybe"], "--wall"),
        (["--proxy", "https://proxy.test:3128"], "--proxy"),
        (["--upstream", "not-an-address"], "not-an-address"),
    ],
)
def test_wrong_options_end_with_100_before_anything_runs(run, sinks, options, quoted, wall):
    if (quoted, wall) == ("root", "no capability"):  # there the command has no other
        assert run("id", "-u", init=options).ok().out == "0\n"
        return
    done = run("touch", "/workspace/ran", init=options).ok(100)
    assert done.err.startswith("codex-init: "), done
    assert quoted in done.err, done
    assert done.out == ""
    assert sinks.seen(dns=True) == []


def test_a_preset_that_cannot_be_read_is_no_empty_one(run):
    odd = ("--tmpfs", "/etc/codex/presets.d/odd")
    done = run("true", options=odd, init=["--deny", "@odd"]).ok(100)
    assert "odd" in done.err and "Is a directory" in done.err, done


def test_a_bad_rule_in_the_environment_is_quoted_with_its_position(run):
    done = run("true", allow="example.com bad_!name.test").ok(100)
    assert "bad_!name.test" in done.err and re.search(r"character \d+", done.err), done


@ONCE
def test_without_net_admin_there_is_no_nftables(run, sinks):
    done = run("echo", "ran", flags=("--cap-drop=ALL",), init=["--wall=nft"]).ok(111)
    assert "ran" not in done.out
    assert "  hint: " in done.err and "NET_ADMIN" in done.err, done
    assert sinks.seen(dns=True) == []


@ONCE
def test_egress_off_is_a_plain_init(docker, lab, sinks):
    flags = ("--cap-drop=ALL", "-v", f"{lab.ca}:/ca:ro", "-e", "SSL_CERT_FILE=/ca")
    done = docker(
        "run",
        "--rm",
        *flags,
        IMAGE,
        "--egress=off",
        "--",
        "bash",
        "-c",
        "id -u; curl -sS https://example.com; ls /run/codex 2>&1; exit 5",
    ).ok(5)
    assert done.lines()[0] == "0"
    assert ("tcp", address_of("example.com"), 443) in sinks.seen()


@pytest.mark.cell(own_uid=True)
def test_the_files_in_the_container(start):
    box = start("sleep", "600", allow="example.com")
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    rules = box.exec("cat", "/etc/codex/allowed_domains.txt").ok().out
    for name in ("api.openai.com", "chatgpt.com", "auth.openai.com", "example.com"):
        assert re.search(rf"^[^#\n]*\b{re.escape(name)}\b", rules, re.M), rules
    status = json.loads(box.exec("cat", "/run/codex/status.json").ok().out)
    assert status["egress"] == "strict"
    for line in box.exec("cat", "/run/codex/events.jsonl").ok().lines():
        json.loads(line)
    modes = box.exec(
        "stat",
        "-c",
        "%U %a %n",
        "/etc/codex/allowed_domains.txt",
        "/run/codex/status.json",
        "/etc/codex/requirements.toml",
        "/etc/codex/config.toml",
    ).ok()
    for line in modes.lines():
        owner, mode, name = line.split()
        assert owner == "root" and int(mode, 8) & 0o022 == 0, name
    # The payload can't change any of them.
    assert box.exec("sh", "-c", "echo x >>/etc/codex/allowed_domains.txt", user="1000").status


# A line waits for a moment for who asked.
SAID = "for i in {1..300}; do grep -q example.com /run/codex/events.jsonl && break; sleep 0.1; done"


def test_events_are_json_lines(shell):
    done = shell(f"curl -sS https://example.com; {SAID}; cat /run/codex/events.jsonl")
    events = [json.loads(line) for line in done.lines() if line.startswith("{")]
    assert any("example.com" in json.dumps(event) for event in events), done


@pytest.mark.parametrize("callbacks", ["debug", "verbose"])
def test_libnl_does_not_print_its_messages(run, callbacks):
    assert run("true", env={"NLCB": callbacks}).ok().err == run("true").ok().err


def test_the_environment(run, wall):
    done = run("env", env={"KEPT": "a b"}).ok()
    env = dict(line.split("=", 1) for line in done.lines())
    assert env["HOME"] == env["CODEX_HOME"] == HOME[wall]
    assert env["PATH"].startswith(f"{HOME[wall]}/bin:")
    assert env["SANDBOX_ENV_DIR"] and env["KEPT"] == "a b"
    assert not [name for name in env if name.startswith("SANDBOX_ENV_FILE")]


def test_workspace_and_home_are_the_payloads(shell, wall):
    own = ["--tmpfs", "/workspace:uid=1000,gid=1000"] if wall == "plain uid" else []  # its root is read-only
    script = "pwd; id -un; touch /workspace/a $CODEX_HOME/b && stat -c %U /workspace/a"
    name = "codex" if UID[wall] else "root"
    assert shell(script, options=own).ok().lines() == ["/workspace", name, name]


@ONCE
def test_check_prints_the_policy_and_changes_nothing(docker, sinks):
    done = docker(
        "run",
        "--rm",
        "--cap-drop=ALL",
        IMAGE,
        "--check",
        "--allow",
        "*.example.com:22",
        "--deny",
        "bad.example.com",
    ).ok()
    for rule in ("*.example.com:22", "bad.example.com", "api.openai.com"):
        assert rule in done.out
    assert sinks.seen(dns=True) == []


@ONCE
def test_version_and_help(docker):
    assert re.search(r"\d+\.\d+", docker("run", "--rm", IMAGE, "--version").ok().out)
    text = docker("run", "--rm", IMAGE, "--help").ok().out
    for option in ("--allow", "--deny", "--egress", "--upstream", "--proxy", "--user", "--home-from"):
        assert option in text


def test_quiet_says_nothing_and_verbose_more(run):
    quiet = run("curl", "-so", "/dev/null", "https://example.com", init=["-q"])
    assert quiet.status and quiet.err == ""
    assert "wall" in run("true", init=["-v"]).ok().err


@ONCE
def test_codex_is_what_runs_by_default(docker):
    assert "codex" in docker("image", "inspect", "-f", "{{.Config.Cmd}}", IMAGE).ok().out
    made = docker("image", "inspect", "-f", "{{.Config.Entrypoint}} {{.Config.User}}", IMAGE)
    assert made.out.split() == ["[/sbin/codex-init]"]
