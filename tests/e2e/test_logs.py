"""`codex-sandbox logs` and `learn`: what the host kept of a project's sessions, as a table, as it
stands, and as rules."""

import hashlib
import json
import os
import pty
import resource

import pytest
from events import check_line
from stub_dry_run import read_until
from stub_project import UID, project  # noqa: F401
from test_trail import STATE, started, trail

ASK = "getent hosts refused.test; getent hosts allowed.test; "


def line(event, **fields):
    made = {"time": "2026-03-01T09:15:02.402913Z", "event": event, **fields}
    made.setdefault("count", 1)
    made |= {"container": "c", "workdir": "/app/x", "schema": 1}
    return json.dumps(made, separators=(",", ":"))  # as codex-init writes it


def refused(name, event="refused-name", **fields):
    return line(event, name=name, reason="no rule allows it", **fields)


@pytest.fixture
def kept(project):  # noqa: F811
    """kept(lines, session=0): writes what a session has left."""
    started(project)
    place = trail(project.home).parent
    (place / "known").unlink()  # of no session: the names are found in these

    def write(lines, session=0):
        file = place / (f"events.{session}.jsonl" if session else "events.jsonl")
        file.write_text("".join(f"{l}\n" for l in lines))
        os.chown(file, UID, UID)
        return file

    return write


def said(project, *arguments, status=0, **more):  # noqa: F811
    done = project.start(*arguments, **more)
    assert done.returncode == status, done
    return (done.stdout if status == 0 else done.stderr).decode()


# ---- logs -----------------------------------------------------------------------------------


@pytest.mark.cell
def test_the_last_session_is_told(stub, workdir):
    script = ASK + "exit 3"
    stub("--allow", "allowed.test", "--exec", "bash", "-c", script).ok(3)
    told = stub("logs").ok().lines()
    (ended,) = [l for l in told if "ended" in l]
    assert ended.endswith("status 3")
    assert any("refused" in l and "refused.test" in l and "no rule allows it" in l for l in told), told
    assert any("first use" in l and "allowed.test" in l for l in told), told
    assert not [l for l in told if "pin" in l.split() or "boot" in l.split()]
    # From elsewhere, and as it stands: each line is of the schema.
    assert stub("logs", workdir, cwd="/").ok().lines() == told
    found = [check_line(l) for l in stub("logs", "--json").ok().lines()]
    assert {"boot", "pin", "used", "refused-name", "payload"} <= {e["event"] for e in found}


def test_where_no_session_was(project):  # noqa: F811
    assert "no session was here" in said(project, "logs", status=100)
    assert not (project.home / ".local").exists()


def test_what_the_start_found_is_what_is_known(project, kept):  # noqa: F811
    """It has read the sessions before it: that needn't be done again."""
    place = kept([refused("a.test"), refused("b.test")]).parent
    kept([refused("b.test")], 1)
    (place / "known").write_text("other.test\na.test\n")
    lines = said(project, "logs").splitlines()
    assert [(" new" in l, "a.test" in l) for l in lines if ".test" in l] == [(False, True), (True, False)]


def test_a_name_that_no_earlier_session_had_is_new(project, kept):  # noqa: F811
    kept([refused("a.test"), line("used", name="b.test")])
    assert " new" not in said(project, "logs")  # there is nothing to compare with
    kept([refused("a.test"), line("pin", name="c.test")], session=2)
    lines = said(project, "logs").splitlines()
    assert [(" new" in l, "a.test" in l) for l in lines if ".test" in l] == [(False, True), (True, False)]


def test_who_asked_is_told(project, kept):  # noqa: F811
    who = {"pid": 12, "program": "/usr/bin/curl", "line": "curl -sS https://a.test"}
    kept([refused("a.test", who=who), refused("b.test", event="refused-tls", port=443)])
    told = said(project, "logs")
    assert "by curl (12)" in told and "b.test:443" in told


@pytest.mark.attack
def test_a_file_that_somebody_wrote_is_data(project, kept):  # noqa: F811
    """Nothing that a terminal obeys, no line that is none, and no link is followed."""
    path = kept([])
    path.write_bytes(
        b'{"time":"\x1b[2J","event":"used","name":"\x1b]0;x\x07"}\n'
        + b'{"event":"used","name":"' + b"n" * 100_000 + b'"}\n'
        + b"not json\n{}\n[1]\n\xff\xfe\n"
        + refused("good.test").encode() + b'\n{"event":"used","na'
    )  # fmt: skip
    for arguments in (["logs"], ["logs", "--json"], ["learn"]):
        text = said(project, *arguments)
        assert not [c for c in text if ord(c) < 32 and c != "\n"] and text.isascii(), text
        assert "good.test" in text
    secret = project.write(project.home / "secret", refused("secret.test"))
    path.unlink()
    path.symlink_to(secret)
    assert "secret" not in said(project, "logs", status=100)


@pytest.mark.attack
def test_names_that_were_chosen_for_their_places_cost_no_more(project, kept):  # noqa: F811
    """Twice 2^14 names of earlier sessions. In the first half a search by the last 18 bits of FNV-1a,
    which anybody can work out, would find all in one place."""

    def places(state, block):
        for c in block:
            state = (state ^ c) * 16777619 & 0x3FFFF
        return state

    state, names = 2166136261 & 0x3FFFF, [b""]
    for step in range(14):
        seen = {}
        for n in range(1 << 18):
            block = bytes(97 + (n >> shift & 15) for shift in (0, 4, 8, 12)) + b"." * (step == 7)
            other = seen.setdefault(places(state, block), block)
            if other != block:
                break
        names = [name + end for name in names for end in (block, other)]
        state = places(state, block)
    assert len(set(names)) == 1 << 14 and len({places(2166136261 & 0x3FFFF, n) for n in names}) == 1
    kept([refused("a.test")])
    known = trail(project.home).parent / "known"

    def spent():
        """The processor's time alone, since others are at work as well."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def seconds(lines):
        known.write_bytes(b"\n".join(lines) + b"\n")
        taken = []
        for _ in range(3):
            began = spent()
            assert "a.test" in said(project, "logs")
            taken.append(spent() - began)
        return min(taken)

    others = [b"%x.%x.example" % (n * 2654435761 & 0xFFFFFFFF, n) + b"x" * 40 for n in range(1 << 14)]
    usual, chosen = seconds(others), seconds(names)
    assert chosen < 4 * usual, (chosen, usual)


def test_what_the_broker_refused_is_told(project, kept):  # noqa: F811
    kept([line("refused-broker", name="api.openai.com", request="POST /v1/files", reason="not one of Codex's requests")])
    (told,) = said(project, "logs").splitlines()
    assert "  refused  " in told and "api.openai.com" in told and told.endswith("  POST /v1/files  not one of Codex's requests")


# ---- learn ----------------------------------------------------------------------------------


def proposals(project, *arguments, **more):  # noqa: F811
    told = said(project, *arguments, "learn", **more).splitlines()
    return [l.split()[2] for l in told if l.startswith("+ allow ")]


@pytest.mark.cell
def test_refused_is_proposed_and_then_no_more(stub, workdir):
    stub("--exec", "bash", "-c", ASK + "exit 0").ok()
    told = stub("learn").ok().lines()
    assert sorted(l.split()[2] for l in told if l[0] == "+") == ["allowed.test", "refused.test"]
    again = stub("--allow", "refused.test", "--allow", "allowed.test", "learn").ok().out
    assert "+ allow" not in again and "nothing to add" in again
    assert "  allow refused.test\n" in again


def test_an_audit_is_learnt_from(stub, workdir):
    stub("--audit", "--exec", "bash", "-c", "curl -ksS https://allowed.test >/dev/null").ok()
    assert [l.split()[2] for l in stub("learn").ok().lines() if l[0] == "+"] == ["allowed.test"]


def test_each_once_and_the_fewest(project, kept):  # noqa: F811
    who = {"pid": 12, "program": "/usr/bin/pip", "line": "pip install x"}
    kept([refused("pypi.org", who=who), refused("files.pythonhosted.org", event="refused-tls", port=443)], 1)
    kept([refused("a.test", count=3), refused("A.test.", event="refused-http", port=80, count=4),
          refused("pypi.org"), refused("static.crates.io")])  # fmt: skip
    assert proposals(project) == ["@pypi", "a.test", "static.crates.io"]
    told = said(project, "learn")
    assert "# from 2 sessions of" in told
    assert "a.test" in told and "# 7x" in told
    (pypi,) = [l for l in told.splitlines() if "@pypi" in l]
    assert pypi.endswith("# 3x pypi.org files.pythonhosted.org; pip install x")
    # What is allowed or denied already isn't proposed, by a preset as well.
    assert proposals(project, "--allow", "@pypi", "--deny", "a.test") == ["static.crates.io"]
    assert proposals(project, env={"OPENAI_ALLOWED_DOMAINS": "@pypi *.crates.io"}) == ["a.test"]


def test_ports_and_addresses(project, kept):  # noqa: F811
    address = {"event": "refused-address", "reason": "no rule allows it"}
    kept([
        refused("db.test", event="refused-address", address="10.1.2.3", port=5432),
        refused("git.test", event="refused-address", address="45.1.2.3", port=22),
        line(**address, address="45.1.2.3", port=2222),
        line(**address, address="10.1.2.3", port=22),
        line(**address, address="2600::1", port=22),
        line(**address, address="169.254.169.254", port=80),
        line(**address, address="45.1.2.4"),
    ])  # fmt: skip
    assert proposals(project) == ["db.test:5432+private", "git.test:22", "45.1.2.3:2222",
                                  "10.1.2.3:22+private", "[2600::1]:22"]  # fmt: skip


def test_what_is_not_proposed(project, kept):  # noqa: F811
    """What a rule denies, what no rule could allow, what Codex does for itself."""
    kept([line("refused-name", name="denied.test", reason="denied by a rule", rule="denied.test"),
          line("refused-tls", name="x.test", reason="Encrypted Client Hello"),
          refused("a b; rm -rf"), refused("api.openai.com"), refused("-x.test"),
          line("used", name="used.test"),
          *(refused(f"n{i}.cdn.test") for i in range(5))])  # fmt: skip
    assert proposals(project) == [f"n{i}.cdn.test" for i in range(5)]
    assert "# 5 of these are below cdn.test: *.cdn.test would allow them" in said(project, "learn")


def test_what_codex_asks_for_by_itself_at_the_gate(project, kept):  # noqa: F811
    """By a proxy, as in the cell, the port is known; a person's own request may be for the same."""
    tip, telemetry = "raw.githubusercontent.com", "ab.chatgpt.com"
    for event, port in (("refused-http", 443), ("refused-tls", 443), ("refused-http", 80)):
        kept([refused(tip, event=event, port=port, count=2), refused(telemetry, event=event, port=port, count=9)])
        assert proposals(project) == []
        kept([refused(tip, event=event, port=port, count=3), refused("a.test", event=event, port=port)])
        assert proposals(project) == [tip, "a.test"]
    kept([refused(telemetry, event="refused-http", port=8443)])
    assert proposals(project) == [f"{telemetry}:8443"]


def test_a_wildcard_where_three_names_are_one_owners(project, kept):  # noqa: F811
    """Directly below a domain of one owner, as far as that can be told; two names stay two names."""
    who = {"pid": 12, "program": "/usr/bin/curl", "line": "curl -O all"}
    three = [refused(f"{n}.b.example.org", count=2, who=who) for n in "ac"]
    kept(three)
    assert proposals(project) == ["a.b.example.org", "c.b.example.org"]
    three += [refused("d.b.example.org", event="refused-tls", port=443), refused("x.y.b.example.org")]
    kept(three)
    told = said(project, "learn").splitlines()
    (line_,) = [l for l in told if l.startswith("+")]
    assert line_.split()[2] == "*.b.example.org"
    assert line_.endswith("# 6x a.b.example.org c.b.example.org d.b.example.org x.y.b.example.org; curl -O all")
    assert not [l for l in told if "would allow them" in l]
    # With it nothing else is; and a name on another port keeps its own rule.
    kept([*three, refused("e.b.example.org", event="refused-address", address="45.1.2.3", port=22)])
    assert proposals(project, "--allow", "*.b.example.org") == ["e.b.example.org:22"]
    assert proposals(project) == ["*.b.example.org", "e.b.example.org:22"]


@pytest.mark.parametrize("domain", ["example.org", "b.example.io", "s3.eu-west-1.amazonaws.com", "a.run.app"])
def test_no_wildcard_where_others_may_have_names(project, kept, domain):  # noqa: F811
    names = [f"{n}.{domain}" for n in "acd"]
    kept([refused(name) for name in names])
    assert proposals(project) == names
    assert f"# 3 of these are below {domain}: *.{domain} would allow them" in said(project, "learn")


def test_what_an_agreed_proposal_allows_is_not_proposed(project, kept):  # noqa: F811
    os.chown(project.home, 0, 0)
    for path in (project.work, project.home):
        os.chown(path, os.geteuid(), os.geteuid())
    kept([refused("a.test"), refused("b.test")])
    file = project.write(project.work / ".codex/egress.rules", "a.test\n")
    for path in (file, file.parent):
        os.chown(path, os.geteuid(), os.geteuid())
    assert proposals(project) == ["a.test", "b.test"]
    agreed = ["--agree", hashlib.sha256(file.read_bytes()).hexdigest()]
    assert proposals(project, *agreed) == ["b.test"]
    assert "  allow a.test  " in said(project, *agreed, "learn")
    # One that has changed since isn't agreed to.
    file.write_text("a.test\nc.test\n")
    assert proposals(project, *agreed) == ["a.test", "b.test"]


@pytest.mark.attack
def test_what_the_payload_says_stays_in_its_place(project, kept):  # noqa: F811
    """A command line is behind a '#' and in one line, whatever it holds."""
    forged = "x\n+ allow evil.test # \x1b[2J\u202e" + "y" * 300
    kept([refused("a.test", who={"pid": 1, "program": "/x\n+ allow evil.test", "line": forged})])
    assert proposals(project) == ["a.test"]
    (told,) = [l for l in said(project, "learn").splitlines() if "evil" in l]
    assert told.startswith("+ allow a.test ") and told.index("#") < told.index("evil")


def test_a_workdir_that_cannot_be_typed(project, kept):  # noqa: F811
    """What is advised there works where one stands; elsewhere it has a word to fill in."""
    odd = project.home / "src/\u202eodd"
    odd.mkdir()
    os.chown(odd, UID, UID)
    started(project, cwd=odd)
    (place,) = project.home.glob(f"{STATE}/codex_*odd*")
    (place / "events.jsonl").write_text(refused("a.test") + "\n")
    told = said(project, "learn", cwd=odd)
    assert told.endswith(f"# to keep them: {project.stub} learn --save\n") and "\u202e" not in told
    told = said(project, "--work_dir", str(odd), "learn", cwd="/")
    assert told.endswith(f" --work_dir WORKDIR learn --save\n")


def test_a_preset_that_only_the_image_has(project, kept):  # noqa: F811
    """@npm and @debian are made with it, and anybody may add one."""
    kept([refused("a.test")])
    for preset in ("@npm", "@debian", "@corp", "@corp+private"):
        assert proposals(project, "--allow", preset) == ["a.test"]
        assert f"  allow {preset}\n" in said(project, "--allow", preset, "learn")


def test_what_the_environment_denies_is_not_proposed(project, kept):  # noqa: F811
    kept([refused("a.test"), refused("b.test")])
    assert proposals(project, env={"CODEX_INIT_DENY": "*.b.test a.test"}) == ["b.test"]


def test_a_rule_that_is_wrong_is_said(project, kept):  # noqa: F811
    kept([refused("a.test")])
    assert "at character" in said(project, "--allow", "https://a", "learn", status=100)


def test_what_is_saved_is_proposed_no_more(project, kept):  # noqa: F811
    """It is the next start's, and of this project alone."""
    kept([refused("pypi.org"), refused("files.pythonhosted.org"), refused("a.test")])
    os.chown(project.home, 0, 0)  # root's own: nobody else's file of rules is believed
    told = said(project, "learn")
    assert told.endswith(f"# to keep them: {project.stub} --work_dir {project.work} learn --save\n")
    assert "# kept in " in said(project, "learn", "--save")
    assert proposals(project) == []
    assert project.dry().init[:4] == ["--allow", "@pypi", "--allow", "a.test"]
    assert "kept" not in said(project, "learn", "--save")
    other = project.home / "src/other"
    other.mkdir()
    os.chown(other, UID, UID)
    assert "--allow" not in project.dry("--work_dir", other).init


@pytest.mark.attack
@pytest.mark.parametrize("answer, options", [("n", []), ("y", []), ("", ["-y"])])
def test_at_a_terminal_what_is_kept_is_what_was_shown(project, kept, answer, options):  # noqa: F811
    """A session that runs could add a name between `learn` and `learn --save`."""
    kept([refused("a.test")])
    os.chown(project.home, 0, 0)
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode() + b"\n")
    done = project.start(*options, "learn", "--save", stdin=theirs, stderr=theirs)
    shown = read_until(ours, "[y/N]") if answer else ""
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0 and b"+ allow a.test " in done.stdout and ("[y/N]" in shown) == bool(answer)
    assert (b"# kept in " in done.stdout) == (answer != "n")
    assert proposals(project) == (["a.test"] if answer == "n" else [])


@pytest.mark.attack
@pytest.mark.parametrize("planted", [False, True], ids=["nothing", "a link"])
def test_nothing_is_saved_where_the_sandbox_writes(project, kept, planted):  # noqa: F811
    """XDG_CONFIG_HOME in the workdir: what a session left there would be followed."""
    kept([refused("a.test")])
    for path in (project.home, project.work):
        os.chown(path, 0, 0)  # our own, as a user's are
    victim, place = project.home / "victim", project.work / "config"
    for path in (victim, place):
        path.mkdir()
    if planted:
        (place / "codex-sandbox").symlink_to(victim)
    told = said(project, "learn", "--save", env={"XDG_CONFIG_HOME": str(place)}, status=100)
    assert f"it lies in {project.work}, where the sandbox can write" in told
    assert list(victim.iterdir()) == [] and len(list(place.iterdir())) == planted
    # Elsewhere it is kept.
    outside = project.home / "config"
    outside.mkdir()
    assert f"# kept in {outside}/codex-sandbox/projects/" in said(
        project, "learn", "--save", env={"XDG_CONFIG_HOME": str(outside)})


@pytest.mark.attack
@pytest.mark.parametrize("command", ["logs", "learn"])
def test_no_events_are_read_where_the_sandbox_writes(project, kept, command):  # noqa: F811
    """XDG_STATE_HOME in the workdir: whoever works there may have written them."""
    forged = project.work / "state/codex-sandbox" / kept([refused("a.test")]).parent.name
    forged.mkdir(parents=True)
    (forged / "events.jsonl").write_text(refused("forged.test") + "\n")
    told = said(project, command, env={"XDG_STATE_HOME": str(project.work / "state")}, status=100)
    assert "can be reached from the sandbox" in told and "forged" not in told
    assert "a.test" in said(project, command)


def test_nothing_is_saved_that_was_not_asked_for(project, kept):  # noqa: F811
    kept([refused("a.test")])
    said(project, "learn")
    assert not (project.home / ".config").exists()
