"""codex-egress, root's view of a container that runs, and `--check --explain`, the same without
a container: what they say is what the wall does."""

import re
import subprocess
import time

import pytest
from conftest import ROOT, program, until
from internet import address_of

pytestmark = pytest.mark.cell
INIT = ROOT / "build/codex-init"
BOOTED = ("test", "-S", "/run/codex/control")
# What a payload does meanwhile: nothing.
IDLE = ("sleep", "600")
# And one that ends when it is told to, and stays if it is started again.
ENDS = ("sh", "-c", "[ ! -e /tmp/end ] || exec sleep 600; until [ -e /tmp/end ]; do sleep 0.1; done")
# Connects to the control socket as often as asked and says nothing.
SILENT = """
import socket, sys, time
kept = []
for _ in range(int(sys.argv[1])):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect("/run/codex/control")
    kept.append(s)
print("connected", flush=True)
time.sleep(600)
"""


def egress(box, *words, **rest):
    return box.exec("codex-egress", *words, **rest)


def booted(box):
    until(lambda: box.exec(*BOOTED).status == 0, what="the control socket")
    return box


def pins(text):
    """{(address, port): seconds left} of a status."""
    found = re.findall(r"^  (\S+) +(\d+) +(\d+) s\b", text, re.M)
    return {(address, int(port)): int(left) for address, port, left in found}


@pytest.mark.nft
def test_status_shows_a_pin_after_a_curl(start, dns):
    dns.add("later.wild.test", "45.3.0.9")
    box = booted(start(*IDLE, allow="*.wild.test:8443"))
    before = egress(box, "status").ok()
    assert ("45.3.0.9", 8443) not in pins(before.out)
    box.exec("curl", "-sS", "-m", "5", "https://later.wild.test:8443", user="1000")
    after = egress(box, "status").ok()
    assert pins(after.out)[("45.3.0.9", 8443)] > 60, after
    # What the boot opened is in both, and its life is one that runs out.
    for port in (443, 80):
        key = (address_of("api.openai.com"), port)
        assert pins(before.out)[key] >= pins(after.out)[key] > 0


def test_status_tells_what_is_going_on(boxes):
    box = booted(boxes(allow="example.com"))
    for _ in range(2):
        box.inside("curl", "-sS", "https://refused.test")
    # In the cell connecting to an address is seen by the proxy alone.
    box.inside("curl", "-sS", "-m", "5", "https://45.9.9.9:8853", proxies=True)
    can = "addresses can't be reached in the cell, names can" if box.cell else "allow with: --allow 45.9.9.9:8853"
    lines = (
        r"version    \d+\.\d+.*",
        r"egress     strict",
        r"up         \d+ s",
        rf"user       {box.uid}:{box.uid}",
        r"names      \d+ of 8 resolved at the start",
        r"boot       config \d+\.\d ms, wall \d+\.\d ms, .*",
        r"resolver   pid \d+, started again 0 times",
        r"gate       pid \d+, started again 0 times",
        r"flows      \d+ under way; \d+ connections so far, \d+ refused; \d+ bytes up, \d+ down",
        r"refused    [1-9]\d*",
        r"  refused\.test +[1-9]\d*x   allow with: --allow refused\.test",
        rf"  45\.9\.9\.9:8853 +[1-9]\d*x   {can}",
        f"wall       {'cell' if box.cell else 'nft'}.*",
        *([] if box.cell else [r"pins       [1-9]\d*"]),
    )

    def missing():
        text = egress(box, "status").ok().out
        assert "example.com  " not in text
        return [(line, text) for line in lines if not re.search(rf"^{line}$", text, re.M)]

    until(lambda: not missing(), missing)  # what a worker has counted comes a moment later


def test_status_counts_what_goes_through_the_gate(boxes):
    box = booted(boxes())
    fields = r"^flows +(\d+) under way; (\d+) connections so far, (\d+) refused; (\d+) bytes up"
    count = lambda: [int(n) for n in  # noqa: E731
                     re.search(fields, egress(box, "status").ok().out, re.M).groups()]
    tried = 1 if box.cell else 0  # by the start, whether the gate is there
    until(lambda: count() == [0, tried, 0, 0], count)
    box.inside("curl", "-sS", "https://api.openai.com/").ok()
    until(lambda: count()[:3] == [0, tried + 1, 0] and count()[3] > 0, count)


@pytest.mark.nft
def test_asking_doesnt_count_twice(start):
    """What a status has read from the wall is still one refusal in the closing summary."""
    box = booted(start(*ENDS))
    box.exec("curl", "-sS", "-m", "5", "https://45.9.9.9:8853", user="1000")
    for _ in range(3):
        assert "45.9.9.9:8853" in egress(box, "status").ok().out
    box.exec("touch", "/tmp/end", user="1000")  # which may end with the container
    box.wait()
    counted = re.search(r"45\.9\.9\.9:8853 +(\d+)x", box.logs())
    assert counted and int(counted[1]) == 1, box.logs()


def test_a_worker_that_was_started_again(start):
    box = booted(start(*IDLE))
    pid = re.search(r"^resolver   pid (\d+),", egress(box, "status").out, re.M)[1]
    box.exec("bash", "-c", f"kill -9 {pid}")
    again = rf"^resolver   pid (?!{pid},)\d+, started again 1 time$"
    until(lambda: re.search(again, egress(box, "status").out, re.M), what="the restart")


NETWORK = "45.0.0.0/8:5432"
NO_ADDRESS = "  note       addresses can't be reached in the cell, names can\n"
ALLOW = f"allowed.test:22,8443 *.wild.test @pypi {NETWORK}"
ASKED = [
    ("api.openai.com", 0, "always allowed"),
    ("allowed.test:22", 0, "OPENAI_ALLOWED_DOMAINS"),
    ("allowed.test:443", 1, "remedy     --allow allowed.test:443"),
    ("a.wild.test", 0, "*.wild.test"),
    ("bad.wild.test", 1, "deny bad.wild.test"),
    ("wild.test", 1, "remedy     --allow wild.test"),
    ("pypi.org", 0, "preset @pypi"),
    ("example.com", 1, "no rule matches"),
    ("45.1.2.3:5432", 0, NETWORK),
    ("45.1.2.3:443", 1, "remedy     --allow 45.1.2.3:443"),
    ("169.254.169.254", 1, "no rule can allow these"),
]


def test_explain_in_a_container(start, wall):
    rules = ALLOW if wall == "nft" else ALLOW.replace(NETWORK, "")  # which the cell can't have
    box = booted(start(*IDLE, allow=rules, init=["--deny", "bad.wild.test"]))
    for place, status, says in ASKED:
        if box.cell and says == NETWORK:
            continue
        done = egress(box, "explain", place).ok(status)
        assert done.out.startswith(f"{place}: {'refused' if status else 'allowed'}\n"), done
        assert says in done.out and done.err == "", done
        # No container is needed for the same answer.
        same = box.exec("codex-init", "--deny", "bad.wild.test", "--check", "--explain", place)
        note = NO_ADDRESS if box.cell and place[0].isdigit() else ""
        assert (same.out + note, same.status) == (done.out, status), same


def test_what_explain_says_is_what_happens(boxes, dns):
    dns.add("a.wild.test", "45.3.0.1")
    box = booted(boxes("--deny", "bad.wild.test", allow="*.wild.test"))
    dns.add("bad.wild.test", "45.3.0.2")
    for name in ("a.wild.test", "bad.wild.test", "example.com", "api.openai.com"):
        said = egress(box, "explain", f"{name}:443").status
        got = box.inside("curl", "-sS", "-m", "50", "-o", "/dev/null", f"https://{name}/").status
        assert (said == 0) == (got == 0), (name, said, got)


@pytest.mark.cell(own_uid=True)
def test_the_payload_cannot_ask(start):
    box = booted(start(*IDLE))
    done = egress(box, "status", user="1000").ok(111)
    assert done.out == "" and "only root may ask" in done.err, done
    done = box.exec("python3", "-c", SILENT, "1", user="1000")
    assert "PermissionError" in done.err, done
    assert box.exec("stat", "-c", "%U %a", "/run/codex/control").out == "root 600\n"


@pytest.mark.cell(own_uid=True)
def test_the_payload_cannot_ask_either_when_it_is_the_payload(shell):
    done = shell("until test -e /run/codex/control; do :; done; codex-egress status; echo $?;"
                 "rm -f /run/codex/control; mv /run/codex /run/x; ls /run/codex/control")
    assert done.lines() == ["111", "/run/codex/control"], done
    assert "only root may ask" in done.err


@pytest.mark.cell(own_uid=True)
def test_a_hundred_connections_that_say_nothing(lab, start):
    box = booted(start(*IDLE))
    command = ["docker", "-H", lab.engine.host, "exec", box.name, "python3", "-c", SILENT, "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as silent:
        try:
            assert silent.stdout.readline() == "connected\n"
            for _ in range(5):
                assert "egress     strict" in egress(box, "status").ok().out
            count = len(box.exec("ls", "/proc/1/fd").lines())
            assert count < 40, count
            # PID 1 sleeps: it isn't kept awake by them.
            spent = lambda: sum(  # noqa: E731
                map(int, box.exec("cat", "/proc/1/stat").out.rsplit(")", 1)[1].split()[11:13]))
            before = spent()
            time.sleep(1)
            assert spent() - before < 20
        finally:
            silent.kill()
    # And the payload is none the worse for it.
    box.exec("curl", "-sS", "-o", "/dev/null", "-m", "50", "https://api.openai.com/",
             user="1000", options=("-e", "CURL_CA_BUNDLE=/lab-ca.pem")).ok()


@pytest.mark.cell(own_uid=True)
def test_no_control_directory_is_no_end(run):
    done = run("true", options=["--read-only", "--tmpfs", "/codex_home:uid=1000,gid=1000"]).ok()
    assert "create /run/codex: Read-only file system: " in done.err, done
    assert "no codex-egress" in done.err, done


def test_it_comes_back_after_a_restart(start):
    box = booted(start(*ENDS))
    box.exec("touch", "/tmp/end", user=str(box.uid))
    box.wait()
    box.docker("start", box.name).ok()
    until(lambda: egress(box, "status").status == 0 or box.gone("status"), what="an answer")


@pytest.mark.cell("nft")
def test_nobody_to_ask(run):
    done = run("codex-egress", "status", init=["--egress=off"], flags=()).ok(111)
    assert "nothing answers there" in done.err, done


@pytest.mark.parametrize(
    "words, quoted",
    [
        ([], "Usage"),
        (["permit", "x"], "permit: there is no such command"),
        (["rules", "x"], "rules: it takes no argument"),
        (["allow"], "allow: it takes one RULE"),
        (["undo", ""], "a rule has 1 to 512 characters"),
        (["--by", "me", "status"], "status: --by is for rules"),
        (["--by", "me", "events"], "events: --by is for rules"),
        (["--by", "me", "events", "--follow"], "events: --by is for rules"),
        (["--by", "me", "follow"], "follow: --by is for rules"),
        (["--by", "me", "join", "true"], "join: --by is for rules"),
        (["--by"], "--by: it takes a name"),
        (["status", "x"], "status: it takes no argument"),
        (["explain"], "explain: it takes one"),
        (["explain", "a", "b"], "explain: it takes one"),
        (["deny"], "deny: it takes one RULE"),
        (["deny", "a", "b"], "deny: it takes one RULE"),
        (["deny", ""], "a rule has 1 to 512 characters"),
        (["deny", "a" * 513], "a rule has 1 to 512 characters"),
        (["explain", "https://example.com"], "URL"),
        (["events", "follow"], "events: it takes --follow, or nothing"),
        (["events", "--follow", "--follow"], "events: it takes --follow, or nothing"),
        (["explain", "a.test:0"], "ports go from 1 to 65535"),
        (["explain", "a\x1b[2J"], "a?[2J"),
    ],
)
def test_wrong_words(words, quoted):
    done = program(["codex-egress", *words], executable=INIT).ok(100)
    assert quoted in done.err and done.out == "", done


def test_help_and_version():
    text = program(["codex-egress", "--help"], executable=INIT).ok().out
    verbs = ["status", "explain", "allow", "deny", "undo", "credential", "rules", "watch", "follow",
             "events", "join"]
    assert re.findall(r"^  (\w+)", text, re.M) == verbs
    assert re.match(r"codex-egress \d+\.\d+", program(["codex-egress", "--version"],
                                                      executable=INIT).ok().out)


@pytest.mark.parametrize("place, status, says", ASKED[:2] + ASKED[3:5] + ASKED[7:])
def test_check_explain_needs_no_container(place, status, says):
    rules = ALLOW.replace("@pypi ", "")
    done = program(
        [INIT, "--deny", "bad.wild.test", "--check", "--explain", place],
        env={"OPENAI_ALLOWED_DOMAINS": rules},
    ).ok(status)
    assert says in done.out and done.err == "", done


def test_explain_without_check():
    done = program([INIT, "--explain", "example.com"]).ok(100)
    assert "--explain: it goes with --check" in done.err, done
    done = program([INIT, "--check", "--explain", "a.test:99999"]).ok(100)
    assert "--explain a.test:99999: ports go from 1 to 65535" in done.err, done
