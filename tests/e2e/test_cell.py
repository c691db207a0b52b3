"""The cell: a container without NET_ADMIN, in the three forms that people start. What both walls
must do is tested where the nft wall's tests are: those marked `cell` run in it as well (conftest.py)."""

import json
import re
import uuid

import pytest
from cell_forms import FORMS, LIMIT, CellRunner, left, named, runner  # noqa: F401
from conftest import IMAGE, ROOT, program, until
from internet import DNS_ADDRESS, OPENAI, address_of

# Files that nothing is marked in, and why.
BESIDE = {
    "broker_(ask|chatgpt|host_key|streams)": "where a process can join, with a login that it can't have, and the launcher's",
    "cell": "its own tests",
    "deploy": "each platform has its wall",
    "docs_commands": "the commands have what the documents give them",
    "exec": "what docker exec starts is not in the cell",
    "lab": "the laboratory's own",
    "pins_in_use": "the cell opens no addresses",
    "plain_init": "no wall",
    "podman|rootless_docker": "other engines, with both walls where they can have them",
    "stub_commands": "of an engine that only answers",
    "stub_ask|stub_notify": "with both walls by themselves",
    "stub_publish": "nobody comes into a cell",
}


def test_each_file_is_held_to_the_cell_or_has_a_reason():
    """Each whose tests start containers: a fixture of conftest.py's or a runner of its own says so."""
    unmarked = set()
    for path in (ROOT / "tests/e2e").glob("test_*.py"):
        text = path.read_text()
        starts = re.search(r"\ndef \w+\([^)]*\b(run|shell|start|boxes|stub|runner|podman|docker)\b", text)
        if starts and not re.search(r'mark\.cell\b|indirect=\["wall"\]', text):
            unmarked.add(path.stem.removeprefix("test_"))
    reasons = {name: [r for r in BESIDE if re.match(r, name)] for name in unmarked}
    assert [name for name, found in reasons.items() if not found] == []
    assert {reason for found in reasons.values() for reason in found} == set(BESIDE), "one is no longer needed"


def test_it_says_which_wall_it_is(start):
    box = start("sleep", "1000")
    box.until_says("codex-init: wall: without NET_ADMIN: the command is in the cell")


def test_status_says_so_too(named):
    done = named.shell("cat /run/codex/status.json").ok()
    assert json.loads(done.out)["wall"] == "cell"


def test_what_a_plain_uid_is_told_to_add_gives_it_the_status_and_the_events(lab, internet):
    """Docker gives the tmpfs the mode of the image's /run."""
    plain = CellRunner(lab, FORMS["plain uid"])
    script = "test -s /run/codex/events.jsonl && codex-egress status"
    told = plain.shell(script)
    option = re.search(r"hint: give the container one that its user can write: (--tmpfs \S+)$", told.err, re.M)
    assert told.status != 0 and option, told
    done = plain.shell(f"until {script}; do sleep 0.1; done", options=option[1].split()).ok()
    assert re.search("^wall +cell", done.out, re.M) or "cell" in done.out, done


def test_the_command_has_no_privilege(run):
    done = run("cat", "/proc/self/status").ok()
    fields = dict(line.split(":\t", 1) for line in done.lines() if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"


def test_roots_workdir_makes_nobody_root(lab, internet, tmp_path):
    """Only in a rootless engine is uid 0 a user, and stays (test_rootless_docker.py)."""
    flagless = CellRunner(lab, FORMS["flagless"])
    tmp_path.chmod(0o755)
    done = flagless.run("id", "-u", options=["-v", f"{tmp_path}:/project", "-w", "/project"]).ok()
    assert done.out == "1000\n" and "belongs to root" in done.err, done


def test_docker_run_it_and_no_more(lab, internet, terminal, sinks):
    """What README begins with, word for word: Codex's screen, in the cell."""
    docker = CellRunner(lab, ()).docker
    first = (ROOT / "README.md").read_text()[:600]
    words = re.search(r"`(docker run -it codex-sandbox)`", first).group(1).split()
    name = f"test-{uuid.uuid4().hex[:12]}"
    words = [{"codex-sandbox": IMAGE, "run": f"--host={lab.engine.host} run --name {name}"}.get(w, w) for w in words]
    t = terminal(" ".join(words).split())
    try:
        t.until_says(b"the command is in the cell")
        t.until_says(b"\x1b[?1049h")  # Codex takes the terminal over
        t.until_says(b"Sign in with Device Code")
        none = docker("inspect", "-f", "{{.HostConfig.CapAdd}} {{.HostConfig.Privileged}} {{.HostConfig.CapDrop}}", name)
        assert none.ok().out == "[] false []\n"
    finally:
        docker("rm", "-f", name)
    assert {f.address for f in sinks.seen()} <= {address_of(n) for n in OPENAI}


# ---- Names -----------------------------------------------------------------------------------


def test_programs_find_names_by_the_hosts_file(named, sinks):
    done = named.shell(
        "getent ahosts allowed.test; curl --noproxy '*' -sS https://allowed.test/",
        allow="allowed.test",
    ).ok()
    assert "127.64." in done.out and address_of("allowed.test") not in done.out
    assert sinks.seen() == [("tcp", address_of("allowed.test"), 443)]


def test_names_under_wildcards_by_tcp(named, sinks, dns):
    dns.add("a.wild.test", "45.20.0.1")
    done = named.shell(
        "dig +tcp +short a.wild.test; curl --noproxy '*' -sSk https://a.wild.test/ | head -c 100;"
        "curl --noproxy '*' -sS http://b.other.test/",
        allow="*.wild.test",
    )
    assert done.status == 6 and done.lines()[0].startswith("127.64.")
    assert sinks.seen() == [("tcp", "45.20.0.1", 443)]
    assert dns.asked("other.test") == []


def test_other_ports_go_by_the_name_too(named, sinks):
    done = named.shell(
        "exec 3<>/dev/tcp/allowed.test/2222 && echo hello >&3 && head -n 1 <&3",
        allow="allowed.test:2222",
    )
    assert ("tcp", address_of("allowed.test"), 2222) in sinks.seen(), done


def test_a_port_that_the_names_rule_does_not_have(named, sinks):
    """If it is another rule's, the gate is there and tells of it; else nobody is."""
    knock = "timeout 30 bash -c 'exec 3<>/dev/tcp/allowed.test/%d && cat <&3'; echo $?;"
    done = named.shell(knock % 2222 + knock % 2223, allow="allowed.test other.test:2222")
    assert done.lines() == ["1", "1"] and "Connection refused" in done.err, done
    assert "refused 1 request to 1 place" in done.err and "--allow allowed.test:2222\n" in done.err, done
    assert sinks.seen() == []


def test_an_address_by_the_proxy(start, sinks):
    """What programs that know the proxy aim at an address is told as that, and no rule is proposed."""
    script = "curl -sS -m 50 https://45.1.2.3/; curl -sS -m 50 http://45.1.2.3:8080/; curl -sS -m 50 'https://[2a0f:77::1]/'"
    box = start("bash", "-c", script, init=("--events", "-"))
    assert box.wait() != 0
    why, said = "addresses can't be reached in the cell, names can", box.logs()
    told = [e for e in map(json.loads, re.findall('{"time".*?"schema":1}', said)) if e["event"] == "refused-http"]
    places = [("45.1.2.3", 443), ("45.1.2.3", 8080), ("2a0f:77::1", 443)]
    found = sorted((e["address"], e["port"], e["reason"]) for e in told)
    assert found == sorted((*place, why) for place in places), said
    for place in ("45.1.2.3:443", "45.1.2.3:8080", "[2a0f:77::1]:443"):
        assert re.search(rf"^  {re.escape(place)} +1x +{why}$", said, re.M), said
    assert f"codex-sandbox: {why}\n" in said and "--allow" not in said
    assert sinks.seen() == []


def test_private_names(named, dns, sinks):
    dns.add("db.corp.test", "10.20.30.40")
    named.shell(
        "exec 3<>/dev/tcp/db.corp.test/5432; echo x >&3; head -n 1 <&3", allow="db.corp.test:5432+private"
    )
    assert sinks.seen() == [("tcp", "10.20.30.40", 5432)]


def test_what_is_passed_by_the_engine_does_as_well(lab, internet, sinks):
    """A plain uid can't write /etc/hosts: --check --hosts prints what puts the names there."""
    rules = ("--allow", "allowed.test", "--allow", "*.wild.test")
    init = program([ROOT / "build/codex-init", *rules, "--check", "--hosts"]).ok()
    passed = init.lines()[0].split()
    assert "hostAliases:" in init.out and "127.64.0.0" in init.out
    plain = CellRunner(lab, FORMS["plain uid"])
    internet.dns.add("a.wild.test", "45.20.0.1")
    done = plain.shell(
        "curl --noproxy '*' -sS https://allowed.test/ -o /dev/null -w '%{http_code} ';"
        "dig +tcp +short a.wild.test",
        options=[*passed, "-e", f"CODEX_INIT_UPSTREAM={DNS_ADDRESS}"],
        init=rules,
    ).ok()
    assert done.out.startswith("200 127.64."), done
    assert "/etc/hosts" not in done.err
    assert sinks.seen() == [("tcp", address_of("allowed.test"), 443)]


def test_a_container_that_is_started_again(lab, start, docker, sinks):
    box = start("curl", "-sS", "https://api.openai.com/")
    assert box.wait() == 0
    docker("start", box.name).ok()
    assert box.wait() == 0
    assert box.logs().count("this is api.openai.com") == 2


def test_a_private_address_for_a_public_name_is_not_believed(run, dns, sinks, wire):
    dns.add("inside.test", "10.20.30.40")
    assert run("curl", "-sS", "https://inside.test/", allow="inside.test").status != 0
    assert left(wire, sinks) == ([], [])


def test_names_that_a_rule_denies_or_none_allows(run, sinks, dns):
    rules = ["--allow", "*.wild.test", "--deny", "a.wild.test"]
    assert run("curl", "-sS", "https://a.wild.test/", init=rules).status != 0
    assert sinks.seen() == [] and dns.asked("a.wild.test") == []


# ---- What can't work is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    "init, quoted",
    [
        (["--allow", "10.0.0.0/8:5432+private"], "10.0.0.0/8:5432+private"),
        (["--allow", "45.1.2.3:443"], "45.1.2.3/32:443"),
        (["--allow", "*.wild.test:22"], "*.wild.test:22"),
        (["--egress=audit"], "--egress=audit"),
        (["--egress=pin"], "--egress=pin"),
        (["--publish", "8080"], "--publish"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(run, sinks, init, quoted):
    done = run("echo", "ran", init=init).ok(100)
    assert quoted.split("/")[0] in done.err and "NET_ADMIN" in done.err and "ran" not in done.out, done
    assert sinks.seen(dns=True) == []


def test_a_setting_that_would_open_the_loopback_device_ends_the_start(runner, sinks):
    setting = ("--sysctl", "net.ipv4.conf.lo.accept_local=1")
    done = runner.run("echo", "ran", options=setting).ok(111)
    assert "accept_local" in done.err and "ran" not in done.out
    assert sinks.seen(dns=True) == []


def test_a_connection_for_standard_input_ends_the_start(runner):
    """Whoever starts the container may have handed one down; the command would have it."""
    script = (
        "import os, socket; s = socket.create_server(('127.0.0.1', 0));"
        "c = socket.create_connection(s.getsockname()); os.dup2(c.fileno(), 0);"
        "os.execv('/sbin/codex-init', ['codex-init', '--', 'echo', 'ran'])"
    )
    made = [*runner.flags, "--entrypoint", "python3", IMAGE, "-c", script]
    done = runner.docker("run", "--rm", "--pull=never", *made).ok(111)
    assert "descriptor 0" in done.err and "ran" not in done.out, done


# ---- What goes on inside ---------------------------------------------------------------------


def test_servers_on_loopback(run):
    script = (
        "python3 -m http.server -b 0.0.0.0 8123 >/dev/null 2>&1 &"
        "until curl -s http://localhost:8123/ >/dev/null; do sleep 0.1; done;"
        "curl -sS -o /dev/null -w '%{http_code}' http://localhost:8123/;"
        "curl -sS -o /dev/null -w '%{http_code}' http://$(hostname -i | cut -d' ' -f1):8123/"
    )
    assert run("bash", "-c", script).ok().out == "200200"


def test_nobody_comes_in(start, docker, runner):
    box = start("python3", "-m", "http.server", "-b", "0.0.0.0", "8123")
    until(lambda: ":1FBB" in box.exec("cat", "/proc/net/tcp").out)
    assert box.exec("curl", "-sS", "-m", "50", "http://127.0.0.1:8123/").status == 0
    address = box.address()
    tried = docker(
        *("run", "--rm", "--pull=never", "--entrypoint", "curl"),
        *(runner.arguments((), None, None, (), (), None, (), False)),
        *("-sS", "-m", "2", f"http://{address}:8123/"),
    )
    assert tried.status in (7, 28), tried


def up(box):
    """The command runs, `sleep`, and so all that comes before it is there."""
    until(lambda: box.exec("pgrep", "-x", "sleep").status == 0, "the command")
    return box


def test_a_name_that_is_denied_while_it_runs(lab, internet, start):
    """codex-egress narrows in the cell as well; where all have one uid it opens nothing."""
    box = up(start("sleep", "1000", allow="allowed.test"))
    if box.exec("test", "-S", "/run/codex/control").status:
        return  # a plain uid to whom /run isn't open has no codex-egress
    user = box.inspect(".Config.User") or "root"
    assert box.exec("codex-egress", "explain", "allowed.test", user=user).status == 0
    box.exec("codex-egress", "deny", "allowed.test", user=user).ok()
    assert box.exec("codex-egress", "explain", "allowed.test", user=user).status == 1


def asks_the_proxy(url):
    """A program that goes by the proxy that the command is given."""
    return ("bash", "-c", "export HTTPS_PROXY=$(tr '\\0' '\\n' </proc/$(pgrep -u 1000 sleep)/environ"
            f" | sed -n s/^HTTPS_PROXY=//p); http_proxy=$HTTPS_PROXY curl -sS -m 50 {url}")


def test_rules_at_run_time_in_the_cell(start, runner, sinks):
    """Where the command has a uid of its own, names can be allowed; addresses can't be reached."""
    if runner.flags != FORMS["flagless"]:
        return  # see above
    box = up(start("sleep", "1000", allow="allowed.test"))
    by_proxy = asks_the_proxy("https://other.test/")
    assert box.exec(*by_proxy, user="1000").status != 0
    assert not sinks.seen()
    box.exec("codex-egress", "allow", "other.test").ok()
    box.exec(*by_proxy, user="1000").ok()
    assert {f.address for f in sinks.seen()} == {address_of("other.test")}
    told = box.exec("codex-egress", "allow", "45.5.0.0/16:443").ok(1)
    assert "can't be reached in the cell" in told.out
    for rule in ("other.test:2222", "*.wild.test:22"):
        assert "in the cell" in box.exec("codex-egress", "allow", rule).ok(1).out
    box.exec("codex-egress", "undo", "other.test").ok()
    sinks.mark()
    assert box.exec(*by_proxy, user="1000").status != 0
    assert not sinks.seen()


# ---- The launcher ----------------------------------------------------------------------------


def test_the_launcher_asks_for_no_capability(stub):
    line = stub("--wall=cell", "--dry-run").ok().out
    assert "--cap-" not in line and "--wall cell" in line
    assert "--cap-add=NET_ADMIN" in stub("--dry-run").ok().out
    for option in (["--audit"], ["--publish", "8080"]):
        assert stub("--wall=cell", *option, "--dry-run").status == 100, option
    assert stub("--wall=maybe", "--dry-run").status == 100


def test_the_launchers_sandbox_is_a_cell(stub, workdir, sinks):
    script = "id -u; touch made; curl -sS -o /dev/null -w '%{http_code}' https://8.8.8.8; codex-egress"
    done = stub("--wall=cell", "--exec", "sh", "-c", script)
    assert done.lines()[0] == "1000" and "in the cell" in done.err, done
    assert (workdir / "made").stat().st_uid == 1000
    assert sinks.seen() == []


def test_a_private_address_of_etc_hosts_at_run_time(start, runner, sinks):
    """No wall stands behind the gate: it isn't led there before a rule says that it may be."""
    if runner.flags != FORMS["flagless"]:
        return  # see above
    box = up(start("sleep", "1000", allow="allowed.test", options=["--add-host", "inner.test:10.77.0.9"]))
    knock = asks_the_proxy("http://inner.test/")
    box.exec("codex-egress", "allow", "inner.test").ok()
    box.exec(*knock, user="1000")
    assert not sinks.seen()
    box.exec("codex-egress", "allow", "inner.test+private").ok()
    box.exec(*knock, user="1000")
    assert {f.address for f in sinks.seen()} == {"10.77.0.9"}
    box.exec("codex-egress", "undo", "inner.test+private").ok()
    sinks.mark()
    box.exec(*knock, user="1000")
    assert not sinks.seen()
