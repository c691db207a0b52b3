"""The closing report is seen whatever state the payload leaves the terminal in. A real run gives the
bytes that codex-init writes; an emulator that people use, tmux, says what becomes of them after each
state. For states that it doesn't know, the bytes themselves are looked at."""

import os
import subprocess
import uuid

import pytest
from conftest import IMAGE, WALLS, until

ROWS, COLUMNS = 40, 120
ADVICE = "--allow refused.test"
MARK = b"payload's last words"

# What a payload can leave behind, by kind.
STATES = {
    "nothing": b"",
    "a line without its end": b"no newline",
    # control strings and sequences without their end
    "osc": b"\033]0;",
    "osc eight bits": b"\xc2\x9d0;",
    "osc 52": b"\033]52;c;",
    "dcs": b"\033P",
    "dcs sixel": b"\033Pq#0",
    "dcs tmux": b"\033Ptmux;\033",
    "apc": b"\033_",
    "apc kitty": b"\033_Gf=32;",
    "pm": b"\033^",
    "sos": b"\033X",
    "title of screen": b"\033k",
    "palette of the console": b"\033]P0",
    "escape": b"\033",
    "csi": b"\033[3",
    "csi with intermediate": b"\033[?1 ",
    "utf-8 cut": b"\xe2\x82",
    # attributes and colours
    "concealed": b"\033[8m",
    "black on black": b"\033[30;40m",
    "white on white": b"\033[97;107m",
    "rgb alike": b"\033[38;2;1;2;3;48;2;1;2;3m",
    "palette alike": b"\033]4;0;#000;7;#000;15;#000\033\\",
    "default colours alike": b"\033]10;#123\033\\\033]11;#123\033\\",
    "a link": b"\033]8;;http://evil.test\033\\",
    "reverse video": b"\033[?5h",
    "double height": b"\033#4",
    "protected": b"\033[1\"q",
    # character sets
    "line drawing in G0": b"\033(0",
    "line drawing in G1, shifted out": b"\033)0\016",
    "line drawing in G2, locked": b"\033*0\033n",
    "line drawing in G3, locked": b"\033+0\033o",
    "single shift two": b"\033*0\033N",
    "single shift three": b"\033+0\033O",
    "not utf-8": b"\033%@",
    # where output goes
    "alternate screen": b"\033[?1049h",
    "alternate screen 47": b"\033[?47h",
    "alternate screen 1047": b"\033[?1047h",
    "margins of one line": b"\033[1;2r",
    "margins at the bottom": b"\033[39;40r\033[39;1H",
    "margins left and right": b"\033[?69h\033[1;2s",
    "origin mode": b"\033[5;6r\033[?6h",
    "cursor at the top of a full screen": b"\033[2J" + b"x" * 120 * 39 + b"\033[H",
    "cursor at the end of the last line": b"\033[40;120Hx",
    "no wrapping": b"\033[?7l\033[40;120H",
    "insert mode": b"\033[4h",
    "synchronized output": b"\033[?2026h",
    "status line": b"\033[2$~\033[1$}",
    "printer": b"\033[5i",
    # what the next program would stumble over
    "cursor hidden": b"\033[?25l",
    "mouse": b"\033[?1000h\033[?1002h\033[?1003h\033[?1006h",
    "focus and paste": b"\033[?1004h\033[?2004h",
    "keys": b"\033[?1h\033=\033[>4;2m\033[>1u\033[>3u",
    "everything": b"\033[?1049h\033[5;6r\033[?6h\033[?7l\033[4h\033[8;30;40m\033)0\016\033[?25l\033]0;",
}


def docker_it(lab, *command, options=(), init=(), wall="nft"):
    name = f"tty-{uuid.uuid4().hex[:8]}"
    return [
        *("docker", "-H", lab.engine.host, "run", "--rm", "-it", "--name", name),
        *(*WALLS[wall], *options, IMAGE, *init, "--", *command),
    ]


@pytest.fixture(scope="module")
def closing(lab):
    """The bytes that follow the payload's last ones."""
    from conftest import Terminal

    script = f'curl -s https://refused.test; printf "{MARK.decode()}"'
    t = Terminal(docker_it(lab, "bash", "-c", script))
    assert t.wait() == 0
    t.close()
    return t.output[t.output.index(MARK) + len(MARK) :]


@pytest.fixture(scope="module")
def tmux(tmp_path_factory):
    """tmux(bytes): what the screen shows after them, attributes included, and its modes. tmux doesn't
    know DECSTR, and so keeps origin mode; with the margins gone it means nothing to what follows."""
    directory = tmp_path_factory.mktemp("tmux")
    base = ["tmux", "-S", str(directory / "socket"), "-f", "/dev/null", "-u"]
    modes = "alternate_on cursor_flag insert_flag keypad_cursor_flag keypad_flag mouse_any_flag"
    modes += " mouse_sgr_flag wrap_flag scroll_region_upper scroll_region_lower"
    form = " ".join(f"{name}=#{{{name}}}" for name in modes.split())

    def ask(*words):
        return subprocess.run([*base, *words], capture_output=True, text=True, check=True).stdout

    def show(data):
        number = uuid.uuid4().hex[:8]
        file, go, taken = (directory / f"{number}.{kind}" for kind in ("bytes", "go", "taken"))
        file.write_bytes(data)
        command = f"stty raw -echo; until [ -e {go} ]; do sleep 0.01; done; cat {file}; exec sleep 600"
        ask("new-session", "-d", "-s", number, "-x", str(COLUMNS), "-y", str(ROWS), command)
        # What it has taken in is on the screen.
        ask("pipe-pane", "-t", number, f"exec cat >{taken}")
        go.touch()
        until(lambda: taken.exists() and taken.read_bytes() == data, lambda: f"{data!r}, only {taken.read_bytes()!r},")
        result = (
            ask("capture-pane", "-p", "-e", "-t", number),
            ask("display-message", "-p", "-t", number, form),
        )
        ask("kill-session", "-t", number)
        return result

    # A server that is there as long as the tests are.
    ask("new-session", "-d", "-s", "base", "sleep 3600")
    yield show
    ask("kill-server")


def rows_of(text):
    return [line.rstrip() for line in text.splitlines()]


def first_of(text):
    """The row that the report begins in."""
    rows = [i for i, row in enumerate(rows_of(text)) if row.startswith("codex-init: refused ")]
    return rows[0] if rows else None


@pytest.mark.parametrize("state", STATES)
def test_the_report_is_seen_in_tmux(closing, tmux, state):
    shown, modes = tmux(b"before\r\n" + STATES[state] + closing)
    assert first_of(shown) is not None, shown
    # No attribute and no line drawing either: an escape or a shift would stand in the row.
    assert [row for row in rows_of(shown) if ADVICE in row and row.isprintable()], repr(shown)
    assert modes == tmux(b"before\r\n" + closing)[1]


UNDONE_BY = {
    "palette": b"\033]104\033\\",
    "palette of the console": b"\033]R\033\\",
    "colours of text and ground": b"\033]110\033\\\033]111\033\\",
    "selection": b"\033]117\033\\\033]119\033\\",
    "a link": b"\033]8;;\033\\",
    "a picture above the text": b"\033_Ga=d\033\\",
    "reverse video": b"\033[?5l",
    "margins left and right": b"\033[?69l",
    "origin mode": b"\033[?6l",
    "soft reset": b"\033[!p",
    "status line": b"\033[0$}",
    "printer": b"\033[4i",
    "VT52": b"\033<",
    "Tektronix": b"\033\003",
    "synchronized output": b"\033[?2026l",
    "not UTF-8": b"\033%G",
    "the console's fonts": b"\033[10m",
    "mouse, eight kinds": b"\033[?9l\033[?1000l\033[?1001l\033[?1002l\033[?1003l",
    "mouse in pixels": b"\033[?1016l",
    "kitty's keys": b"\033[<99u\033[=0u",
    "xterm's keys": b"\033[>4;0m",
    "keyboard locked": b"\033[2l",
}


@pytest.mark.parametrize("state", UNDONE_BY)
def test_what_undoes_it_comes_before_the_report(closing, state):
    assert UNDONE_BY[state] in closing[: closing.index(b"codex-init:")]


def test_the_emulator_can_tell(closing, tmux):
    """The opposite: without what comes before the report, states do hide it."""
    report = closing[closing.index(b"codex-init:") :]
    for state in ("osc", "apc", "concealed", "line drawing in G0"):
        assert first_of(tmux(STATES[state] + report)[0]) is None, state
    assert "mouse_any_flag=1" in tmux(STATES["mouse"] + report)[1]


def test_what_was_on_the_screen_stays(closing, tmux):
    """The program's own words too, but what lies below the cursor."""
    shown = tmux(b"$ codex-sandbox\r\nits output" + closing)[0]
    assert rows_of(shown)[:2] == ["$ codex-sandbox", "its output"] and first_of(shown) == 2
    # A program that was killed in the alternate screen: what was there before is back.
    shown = tmux(b"$ codex-sandbox\r\n\033[?1049h\033[2JTUI" + closing)[0]
    assert rows_of(shown)[0] == "$ codex-sandbox" and first_of(shown) == 2 and "TUI" not in shown
    # One that ended long ago: tmux still knows where the cursor was then, and goes there if told to.
    shown = tmux(b"$ less\r\n\033[?1049h\033[?1049l$ codex-sandbox\r\nits output" + closing)[0]
    assert rows_of(shown)[:3] == ["$ less", "$ codex-sandbox", "its output"] and first_of(shown) == 3


PLANTS = ": >.envrc; "
LEFT = {
    "an unterminated string": r"printf '\033]0;'",
    "concealed line drawing": r"printf '\033[8m\033(0'",
    "a stopped output": 'exec python3 -c "import termios; termios.tcflow(1, termios.TCOOFF)"',
    "a stopped output, and a full one": 'python3 -c "import termios, os\n'
    "termios.tcflow(1, termios.TCOOFF); os.set_blocking(1, False)\n"
    'try:\n while os.write(1, b"x" * 1000): pass\nexcept BlockingIOError: pass"',
    "a writer that goes on": r"(trap '' TERM HUP; while :; do printf '\033]0;'; done) & sleep 0.3",
}


# In the last two PID 1 ends what is left with no right but its uid's.
@pytest.mark.parametrize(
    "wall, left",
    [*(("nft", left) for left in LEFT), ("no capability", "a writer that goes on"),
     ("plain uid", "a stopped output, and a full one")],
    indirect=["wall"],
)  # fmt: skip
def test_what_the_host_obeys_is_told(lab, internet, terminal, tmux, tmp_path, wall, left):
    tmp_path.chmod(0o755)
    command = ("bash", "-c", PLANTS + LEFT[left] + "\nexit 0")

    def shows(number):
        work = tmp_path / str(number)
        work.mkdir()
        if wall != "no capability":
            os.chown(work, 1000, 1000)
        options = ["-v", f"{work}:/app/work", "-w", "/app/work", "--pids-limit", "200"]
        t = terminal(docker_it(lab, *command, options=options, wall=wall))
        assert t.wait() == 0
        return rows_of(tmux(t.output[-20000:])[0])

    # A terminal that takes nothing is waited for no longer than a second, which the engine may stand still
    # on a busy machine; but not three times.
    told = "codex-init: 1 file in the project that programs on your machine obey has changed:"
    shown = next((rows for rows in map(shows, range(3)) if told in rows), [])
    assert told in shown
    at = [row.split() for row in shown].index(["new", ".envrc"])
    # Nothing of the payload's comes later.
    assert [row for row in shown[at + 1 :] if row] == [
        "  hint: read them before you use git, an editor or a shell in there"
    ]


def test_a_failing_hook_cannot_hide_why(lab, internet, terminal, tmux, tmp_path):
    """Its message, too, comes when the hook's processes are gone and the terminal is put right."""
    tmp_path.chmod(0o755)
    script = tmp_path / "init.sh"
    script.write_text("#!/bin/bash\nprintf '\\033]0;'; exit 3\n")
    script.chmod(0o755)
    t = terminal(docker_it(lab, "true", options=["-v", f"{tmp_path}:/run/codex/in:ro"]))
    assert t.wait() == 112
    assert "it ended with status 3" in tmux(t.output)[0]
