"""A newcomer's path, with a real engine and the real Codex: refused; asked, and allowed at a terminal,
and the same curl goes on; kept; the next session has no question, and nothing is left to learn."""

import re
import subprocess

import pytest
from conftest import ROOT, STUB, until
from watching import rows

NAME = "example.com"
# Codex's one tool call: it waits until somebody watches, and tries once.
CURL = f"curl -sS -m 50 -o /dev/null -w 'status %{{http_code}}' https://{NAME}; echo \" ended $?\""


@pytest.fixture
def turn(lab, internet, stub_environment, workdir, wall):
    """turn(options..., script=...): codex-sandbox runs one turn of Codex; a process."""
    made = []

    def begin(*options, script):
        internet.openai.script(script)
        made.append(subprocess.Popen(
            [STUB, f"--wall={'nft' if wall == 'nft' else 'cell'}", *options, "--read-only", lab.ca, "-e", f"SSL_CERT_FILE=/app{lab.ca}",
             "-e", f"CURL_CA_BUNDLE=/app{lab.ca}", "-e", "CODEX_API_KEY", "--",
             "exec", "--skip-git-repo-check", "fetch it"],
            env={**stub_environment, "CODEX_API_KEY": "sk-lab"}, cwd=workdir, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return made[-1]

    yield begin
    for one in made:
        one.kill()
        one.wait()


def transcript():
    """That of the README; times, numbers and curl's options are no promise."""
    block = next(b for b in re.findall(r"^```text\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
                 if b.startswith("$ codex-sandbox watch"))
    return [timeless(line) for line in block.splitlines()[1:]]


def proposed(stub):
    return [line.split()[2] for line in stub("learn").ok().lines() if line.startswith("+")]


def timeless(row):
    row = re.sub(r"\d\d:\d\d:\d\d", "hh:mm:ss", row)
    row = re.sub(r"\(curl -sS .*https://example\.com, pid \d+\)", "(curl https://example.com, pid N)", row)
    return re.sub(r"  \d+s$", "  Ns", re.sub(r"(kept in) .*", r"\1 FILE", row))


@pytest.mark.cell
def test_refused_asked_allowed_kept_and_asked_no_more(
        turn, terminal, stub, stub_environment, workdir, internet, dns, host_home, wall):
    # 1. Refused, with the reason and what would allow it: by DNS, in the cell by the gate.
    first = turn(script=CURL)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0 and ("ended 6" if wall == "nft" else "ended 56") in "".join(internet.openai.outputs())
    assert f"--allow {NAME}" in said and dns.asked(NAME) == []

    assert proposed(stub) == [NAME]

    # 2. Asked in a second terminal; allowed, and kept. The same curl goes on: it tries once.
    seen = terminal([STUB, "watch", "--wait"], cwd=workdir, env=stub_environment)
    second = turn("--ask", script=f"until [ -e go ]; do sleep 0.1; done; {CURL}")
    seen.until_says(b"the sandbox asks")
    (workdir / "go").touch()
    row = re.compile(rb"%s:443\? a allow[^?]*\? explain  (\d+)s" % NAME.encode())
    until(lambda: len(set(row.findall(rows(seen)))) > 1, lambda: rows(seen))
    assert dns.asked(NAME) == []
    seen.type(b"A")
    second.communicate(timeout=120)
    assert second.returncode == 0
    assert "status 200 ended 0" in "".join(internet.openai.outputs())
    assert seen.wait() == 0 and b"the sandbox has ended" in rows(seen)
    assert rows(seen).count(b"  ask  ") == 1
    shown = [timeless(row) for row in re.split(r"[\r\n]|(?<=s)(?=\d\d:)|(?<=quits)|(?<=\ds)(?=example)",
                                              rows(seen).replace(b"\007", b"").decode())]
    for line in transcript():
        assert line == "..." or line in shown, f"{line!r} isn't in {shown}"
    kept, = (host_home / ".config/codex-sandbox/projects").iterdir()
    assert kept.read_text().splitlines()[-1] == f"allow {NAME}"
    assert NAME in stub("config").ok().out

    # 3. The next session needs no question: nobody watches, and it is allowed.
    third = turn("--ask", script=CURL)
    _, said = third.communicate(timeout=120)
    assert third.returncode == 0 and "status 200 ended 0" in "".join(internet.openai.outputs())
    assert "--allow" not in said
    assert proposed(stub) == []
    # That name, and no other.
    fourth = turn("--ask", script=CURL.replace(NAME, f"other.{NAME}"))
    _, said = fourth.communicate(timeout=120)
    assert "ended 0" not in "".join(internet.openai.outputs()) and f"other.{NAME}" in said
