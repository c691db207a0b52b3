"""Which process asked: what the events say of it, what they can't know, and that a payload gains
nothing by what it says of itself, by asking too much, or by ending who looks."""

import pytest
from conftest import until
from events import check_line

pytestmark = pytest.mark.cell

# Asks for a name, or knocks at the gate, and keeps the socket: it is still there to be seen.
CLIENT = """
import socket, ssl, struct, sys, time
def name(text):
    return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".")) + b"\\0"
def ask(text, tcp, server):
    q = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name(text) + b"\\0\\1\\0\\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    s.settimeout(5); s.connect((server, 53))
    s.sendall((struct.pack("!H", len(q)) if tcp else b"") + q); s.recv(512)
    return s
def hello(host, address):
    s = socket.create_connection((address, 443), 5)
    c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    s = c.wrap_socket(s, server_hostname=host, do_handshake_on_connect=False)
    try: s.do_handshake()
    except OSError: pass
    return s
server = [l.split()[1] for l in open("/etc/resolv.conf") if l.startswith("nameserver")][0]
"""


@pytest.fixture
def box(boxes, tmp_path):
    """box(init options...): a container with the client as /client.py's beginning."""
    place = tmp_path / "client.py"
    place.write_text(CLIENT)
    tmp_path.chmod(0o755)

    def begin(*init, allow="allowed.test"):
        options = ("-v", f"{place}:/lib/client.py:ro", "-e", "PYTHONPATH=/lib")
        box = boxes(*init, allow=allow, options=options)
        until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
        return box

    return begin


def client(script, *arguments):
    return ("python3", "-c", "from client import *\n" + script, *arguments)


def python(box, script, *arguments):
    return box.inside(*client(script, *arguments))


def events(box):
    return [check_line(line) for line in box.exec("cat", "/run/codex/events.jsonl").ok().lines()]


def event(box, **fields):
    def found():
        for e in events(box):
            if all(e.get(name) == value for name, value in fields.items()):
                return e
        return None

    return until(found, 10, lambda: f"{fields} in {events(box)}")


def test_who_asked_for_a_name(box):
    b = box()
    script = "s = ask(sys.argv[1], {tcp}, server); time.sleep(2)"
    for tcp in ([True] if b.cell else [True, False]):
        refused, allowed = f"refused{tcp}.test".lower(), "allowed.test"
        python(b, script.format(tcp=tcp), refused).ok()
        who = event(b, event="refused-name", name=refused)["who"]
        assert who["program"].startswith("/usr/bin/python3")
        assert who["line"].endswith(refused) and who["line"].startswith("python3 -c from client")
        # The first use of an allowed name, once.
        python(b, script.format(tcp=tcp), allowed).ok()
    used = [e for e in events(b) if e["event"] == "used"]
    assert [e["name"] for e in used] == ["allowed.test"], used
    assert used[0]["who"]["line"].endswith("allowed.test")


def test_who_knocked_at_the_gate(box):
    b = box()
    script = 's = hello("other.test", "allowed.test"); time.sleep(2)'
    python(b, script, "one").ok()
    who = event(b, event="refused-tls", name="other.test")["who"]
    assert who["line"].endswith(" one") and who["program"].startswith("/usr/bin/python3")


def asker_of(box):
    """The pid of the one who looks, or None."""
    listing = box.exec("sh", "-c", "grep -H . /proc/[0-9]*/comm").out.splitlines()
    return next((l.split("/")[2] for l in listing if l.endswith(":codex-asker")), None)


ASK = "s = ask(sys.argv[1], True, server); time.sleep(float(sys.argv[2]))"


def seen_again(box):
    """The one who looks is there, or there again."""
    numbers = iter(range(1000))

    def seen():
        name = f"again{next(numbers)}.test"
        python(box, ASK, name, "0.5").ok()
        return "who" in event(box, event="refused-name", name=name)

    until(seen, 20)


@pytest.mark.attack
def test_who_looks_can_be_stopped_and_killed(box):
    """It is the payload's own uid. The refusals are told all the same, and soon."""
    b = box()
    for signal in ("STOP", "KILL"):
        b.inside("kill", f"-{signal}", asker_of(b)).ok()
        python(b, ASK, f"{signal}.test".lower(), "0").ok()
        told = event(b, event="refused-name", name=f"{signal}.test".lower())
        # Where it was ended, another may have been started at once.
        assert signal == "KILL" or "who" not in told
        seen_again(b)


def test_a_late_answer_is_passed_by(box):
    """Who looks may be slow for once: its answer is nobody's, and it goes on."""
    b = box()
    asker = asker_of(b)
    b.exec("kill", "-STOP", asker).ok()
    b.begin(*client(ASK, "late.test", "3"))
    assert "who" not in event(b, event="refused-name", name="late.test")
    b.exec("kill", "-CONT", asker).ok()
    python(b, ASK, "next.test", "1").ok()
    assert event(b, event="refused-name", name="next.test")["who"]["line"].endswith("next.test 1")
    assert asker_of(b) == asker
    assert [e.get("who") for e in events(b) if e.get("name") == "late.test"] == [None]


@pytest.mark.attack
def test_nothing_is_taken_from_who_looks(box):
    """A process without the payload's filter: in the cell it could have sockets that leave."""
    b = box()
    asker = asker_of(b)
    script = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(16, {asker}, 0, 0) < 0  # PTRACE_ATTACH
for path in ("mem", "fd", "environ", "exe", "maps"):
    try: os.listdir("/proc/{asker}/fd") if path == "fd" else (
        os.readlink("/proc/{asker}/exe") if path == "exe" else open(f"/proc/{asker}/{{path}}", "rb").read(1))
    except OSError: continue
    sys.exit(path)
"""
    python(b, script).ok()
    status = b.exec("cat", f"/proc/{asker}/status").ok().out
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
    assert {int(fields[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert fields["Uid"].split() == ["1000"] * 4


@pytest.mark.attack
def test_a_forged_command_line_is_data(box):
    """What a process says of itself is escaped and cut: one line, one event, no control character."""
    b = box()
    forged = '","event":"allowed"}\n{"time":"2026-01-01T00:00:00.000000Z","event":"allowed",\x1b[2J\u202e'
    python(b, "s = ask('forged.test', True, server); time.sleep(1)", forged + "x" * 4000).ok()
    who = event(b, event="refused-name", name="forged.test")["who"]
    assert len(who["line"]) == 255
    assert {e["event"] for e in events(b)} <= {"boot", "pin", "used", "refused-name"}
    assert b.exec("cat", "/run/codex/events.jsonl").out.isascii()


@pytest.mark.nft
@pytest.mark.attack
def test_a_flood_is_told_without_who(box):
    """Looking is rationed, and no answer waits for it."""
    b = box()
    script = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect((server, 53))
began = time.monotonic()
for i in range(3000):
    s.send(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name(f"f{i}.test") + b"\\0\\1\\0\\1"); s.recv(512)
print(time.monotonic() - began)
"""
    took = float(python(b, script).ok().out)
    until(lambda: sum(e["count"] for e in events(b) if e["event"] == "refused-name") >= 3000, 20)
    known = [e for e in events(b) if "who" in e]
    assert 1 <= len(known) <= 10 * (took + 3)


@pytest.mark.nft
def test_another_users_process_is_unknown(box):
    """docker exec as root: nobody but root may see what it has open."""
    b = box()
    b.exec(*client(ASK, "roots.test", "1")).ok()
    assert "who" not in event(b, event="refused-name", name="roots.test")


def test_who_is_not_kept_for_a_process_that_is_gone(box):
    """Its number is another's by then, or nobody's: nothing is said of either."""
    b = box()
    b.exec("kill", "-STOP", asker_of(b)).ok()
    python(b, ASK, "gone.test", "0").ok()
    b.exec("sh", "-c", f"kill -CONT {asker_of(b)}")
    assert "who" not in event(b, event="refused-name", name="gone.test")


@pytest.mark.nft
def test_no_one_looks_without_a_wall(run):
    done = run("sh", "-c", "cat /proc/[0-9]*/comm", init=("--egress=off",))
    assert "codex-asker" not in done.ok().out
