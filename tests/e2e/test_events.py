"""The events: what a line says, where it is written, and that nobody else's words are taken for one.
Each line that any test reads is held to docs/events.schema.json (conftest.program)."""

import datetime
import json

import pytest
from conftest import IMAGE, until
from events import BEGINNING, check_line

WALLS = pytest.mark.cell(names=True)
# A line waits for a moment for who asked.
READ = (
    "cd /run/codex; for i in {1..200}; do grep -q refused.test events.jsonl && grep -q denied.test events.jsonl && break; "
    "sleep 0.1; done; cat events.jsonl"
)
ASK = 'for name in allowed.test refused.test denied.test; do getent hosts "$name"; done; '


def lines(text):
    return [check_line(line) for line in text.splitlines() if line.startswith(BEGINNING)]


def one(found, **fields):
    """An event that has these fields. A name is asked for twice, for A and for AAAA."""
    those = [e for e in found if all(e.get(name) == value for name, value in fields.items())]
    assert those, (fields, found)
    return those[0]


@WALLS
def test_a_line_says_where_and_by_which_rule(shell):
    options = ("--hostname", "a-box", "-w", "/tmp")
    before = datetime.datetime.now(datetime.timezone.utc)
    done = shell(ASK + READ, options=options, init=("--deny", "denied.test"))
    found = lines(done.out)
    assert found, done
    for event in found:
        assert (event["container"], event["workdir"]) == ("a-box", "/tmp")
        when = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
        assert before - datetime.timedelta(seconds=2) < when
        assert when < datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    assert one(found, event="refused-name", name="denied.test")["rule"] == "denied.test"
    done = shell(ASK + READ, allow="allowed.test")
    found = lines(done.out)
    assert "rule" not in one(found, event="refused-name", name="refused.test")
    opened = [e for e in found if e["event"] == "pin" and e["name"] == "allowed.test"]
    assert opened and {e["rule"] for e in opened} == {"allowed.test"}, found


@WALLS
def test_lines_in_the_containers_log(start):
    box = start("getent", "hosts", "refused.test", init=("--events", "-"))
    box.wait()
    found = lines(box.docker("logs", box.name).err)
    assert one(found, event="refused-name", name="refused.test")
    assert one(found, event="payload")["count"] == 2
    # On standard output there is the command's alone.
    assert lines(box.docker("logs", box.name).out) == []


@pytest.mark.cell(seldom=True)
def test_a_log_that_nobody_reads_stops_nothing(start):
    """PID 1 waits for no reader: what a full pipe doesn't take is lost."""
    script = "for i in $(seq 2000); do getent hosts r$i.test; done; exit 7"
    box = start("bash", "-c", f"({script}) 2>/dev/null; exit 7", init=("--events", "-"))
    assert box.wait() == 7


def test_no_line_on_a_terminal(lab, internet, terminal):
    t = terminal(
        ["docker", "-H", lab.engine.host, "run", "--rm", "-it", IMAGE, "--events", "-", "--", "id"]
    )
    assert t.wait() == 111
    assert b"standard error is a terminal" in t.output and b"uid=" not in t.output


FORGED = '{"time":"2026-01-01T00:00:00.000000Z","event":"allowed","name":"forged.test","count":1}'


@pytest.mark.attack
@pytest.mark.cell(own_uid=True)
def test_the_command_writes_no_event(start):
    """Wherever events are, and by names that would be lines of their own."""
    script = f"""
    for f in /run/codex/events.jsonl /run/codex/host/* /run/codex/host/*/* /proc/1/fd/*; do
        echo '{FORGED}' >>"$f"
    done 2>/dev/null
    python3 -c 'import socket, sys
for name in (b"a\\n{{", b"x\\"}}\\n", b"e\\x1b[2J", b"\\\\"):
    q = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + bytes([len(name)]) + name + b"\\4test\\0\\0\\1\\0\\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM); s.settimeout(30)
    s.connect((sys.argv[1], 53)); s.sendall(len(q).to_bytes(2, "big") + q); s.recv(512)
' "$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -1)"
    echo done; sleep 600
    """
    box = start("bash", "-c", script)
    box.until_says("done")
    until(lambda: "refused-name" in box.exec("cat", "/run/codex/events.jsonl").out)
    text = box.exec("cat", "/run/codex/events.jsonl").ok().out
    assert "forged.test" not in text and text.isascii()
    assert [json.loads(line)["event"] for line in text.splitlines()].count("allowed") == 0
