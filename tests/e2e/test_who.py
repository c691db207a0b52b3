"""Which process asked: what the events say of it, what they can't know, and that a payload gains
nothing by what it says of itself, by asking too much, or by ending who looks."""

import pytest
from conftest import SCOPED, until
from events import check_line

pytestmark = pytest.mark.cell("all")

# Asks for a name, or knocks at the gate, and keeps the socket: it is still there to be seen.
CLIENT = """
import socket, ssl, struct, sys, time
def name(text):
    return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".")) + b"\\0"
def ask(text, tcp, server):
    q = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name(text) + b"\\0\\1\\0\\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    s.settimeout(30); s.connect((server, 53))
    s.sendall((struct.pack("!H", len(q)) if tcp else b"") + q); s.recv(512)
    return s
def hello(host, address):
    s = socket.create_connection((address, 443), 30)
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

    return until(found, lambda: f"{fields} in {events(box)}")


def known(box, kind, names, ask):
    """Who asked, by the first of these names of which an event tells it. One waits for a second, which a
    machine may stand still; but not at each."""
    for name in names:
        ask(name)
        if who := event(box, event=kind, name=name).get("who"):
            assert name in who["line"], who
            return who
    raise AssertionError(f"who is not told: {events(box)}")


def test_who_asked_for_a_name(box):
    allowed = ["allowed.test", "other.test", "example.com"]
    b = box(allow=" ".join(allowed))
    script = "s = ask(sys.argv[1], {tcp}, server); time.sleep(2)"
    kinds = [True] if b.cell else [True, False]

    def asked(name):
        for tcp in kinds:
            python(b, script.format(tcp=tcp), name).ok()

    for tcp in kinds:
        refused = [f"refused{i}-{tcp}.test".lower() for i in range(3)]
        who = known(b, "refused-name", refused, lambda name: python(b, script.format(tcp=tcp), name).ok())  # noqa: B023
        assert who["program"].startswith("/usr/bin/python3")
        assert who["line"].endswith(".test") and who["line"].startswith("python3 -c from client")
    # The first use of an allowed name, once.
    assert known(b, "used", allowed, asked)["line"].endswith(".test")
    used = [e["name"] for e in events(b) if e["event"] == "used"]
    assert used == allowed[: len(used)], used


def test_who_knocked_at_the_gate(box):
    b = box()
    script = 's = hello(sys.argv[1], "allowed.test"); time.sleep(2)'
    others = [f"other{i}.test" for i in range(3)]
    who = known(b, "refused-tls", others, lambda name: python(b, script, name, "one").ok())
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

    until(seen)


@pytest.mark.attack
def test_who_looks_can_be_stopped_and_killed(box):
    """It is the payload's own uid. The refusals are told all the same, and soon."""
    b = box()
    for signal in ("STOP", "KILL"):
        # Where codex-init's is that, too, it may be forbidden.
        kept = b.shared and SCOPED
        b.inside("kill", f"-{signal}", asker_of(b)).ok(1 if kept else 0)
        if kept:
            b.exec("kill", f"-{signal}", asker_of(b)).ok()
        python(b, ASK, f"{signal}.test".lower(), "0").ok()
        told = event(b, event="refused-name", name=f"{signal}.test".lower())
        # Where it was ended, another may have been started at once.
        assert signal == "KILL" or "who" not in told
        seen_again(b)


def test_a_late_answer_is_passed_by(box):
    """Who looks may be slow for once: its answer is nobody's, and it goes on."""
    b = box()

    def is_kept(number):
        asker, late = until(lambda: asker_of(b)), f"late{number}.test"
        b.exec("kill", "-STOP", asker).ok()
        b.begin(*client(ASK, late, "3"))
        assert "who" not in event(b, event="refused-name", name=late)
        b.exec("kill", "-CONT", asker)
        names = [f"next{number}-{i}.test" for i in range(3)]
        known(b, "refused-name", names, lambda name: python(b, ASK, name, "1").ok())
        assert [e.get("who") for e in events(b) if e.get("name") == late] == [None]
        return asker_of(b) == asker

    # After five seconds it isn't, which a machine may stand still; but not three times.
    assert any(is_kept(number) for number in range(3))


@pytest.mark.attack
def test_nothing_is_taken_from_who_looks(box):
    """A process without the payload's filter: in the cell it could have sockets that leave."""
    b = box()
    asker = asker_of(b)
    script = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(16, {asker}, 0, 0) < 0  # PTRACE_ATTACH
links = ["exe", "cwd", "root"]
try: links += [f"fd/{{n}}" for n in os.listdir("/proc/{asker}/fd")]
except OSError: pass
else: assert os.getuid() == 0  # who may count them, no more
for path in ["mem", "environ", "maps", *links]:
    for take in (os.readlink, lambda p: open(p, "rb").read(1)):
        try: take(f"/proc/{asker}/{{path}}")
        except OSError: continue
        sys.exit(path)
"""
    python(b, script).ok()
    status = b.exec("cat", f"/proc/{asker}/status").ok().out
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
    assert {int(fields[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert fields["Uid"].split() == [str(b.uid)] * 4


@pytest.mark.attack
def test_a_forged_command_line_is_data(box):
    """What a process says of itself is escaped and cut: one line, one event, no control character."""
    b = box()
    forged = '","event":"allowed"}\n{"time":"2026-01-01T00:00:00.000000Z","event":"allowed",\x1b[2J\u202e'
    script = "s = ask(sys.argv[1], True, server); time.sleep(1)"
    names = [f"forged{i}.test" for i in range(3)]
    who = known(b, "refused-name", names, lambda name: python(b, script, name, forged + "x" * 4000).ok())
    assert len(who["line"]) == 255
    assert {e["event"] for e in events(b)} <= {"boot", "pin", "used", "refused-name"}
    assert b.exec("cat", "/run/codex/events.jsonl").out.isascii()


@pytest.mark.nft
@pytest.mark.attack
def test_a_flood_is_told_without_who(box):
    """Looking is rationed, and no answer waits for it."""
    b = box()
    script = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(30); s.connect((server, 53))
began = time.monotonic()
for i in range(3000):
    s.send(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name(f"f{i}.test") + b"\\0\\1\\0\\1"); s.recv(512)
print(time.monotonic() - began)
"""
    took = float(python(b, script).ok().out)
    until(lambda: sum(e["count"] for e in events(b) if e["event"] == "refused-name") >= 3000)
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
