"""The table of folders in docs/architecture.md, the picture of it, and the source agree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ROOT / "ci/rooms.py"
TABLE = """
| folder | runs as | what it is | uses |
|---|---|---|---|
| `init/main.c` | root | | upper |
| `init/upper/` | root | | lower, side/*_ipc |
| `init/side/` | uid 1 | | lower |
| `init/lower/` | any | | |
"""


def rooms(command, where=ROOT):
    return subprocess.run([sys.executable, where / "ci/rooms.py", command], capture_output=True, text=True)


class Tree:
    """A small source with a table of its own."""

    def __init__(self, root):
        self.root = root
        (root / "ci").mkdir()
        (root / "docs").mkdir()
        shutil.copy(ROOMS, root / "ci")
        (root / "docs/architecture.md").write_text(TABLE)
        self.add("init/lower/low.h", "int low(void);\n")
        self.add("init/lower/low.c", '#include "low.h"\nint low(void) { return 1; }\n')
        self.add("init/upper/up.c", '#include "../lower/low.h"\nint up(void) { return low(); }\n')

    def add(self, path, text):
        source = self.root / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        if path.endswith(".c"):
            built = self.root / "build/unit" / path.replace(".c", ".o")
            built.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["gcc", "-c", "-o", built, source], check=True)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def wrong(tree):
    ended = rooms("check", tree.root)
    assert ended.returncode in (0, 1), ended.stderr
    return ended.stdout.splitlines()[:-1]


def test_the_source_goes_by_the_table():
    subprocess.run(["make", "-s", "unit-objects"], cwd=ROOT, check=True)
    ended = rooms("check")
    assert ended.returncode == 0, ended.stdout
    calls = int(re.search(r"(\d+) of them with their calls", ended.stdout).group(1))
    assert calls > 100, "the objects were not looked at"


def test_the_picture_is_the_tables():
    before = (ROOT / "docs/architecture.svg").read_text()
    copy = subprocess.run(
        [sys.executable, "-c", "import rooms; print(rooms.drawing(rooms.table()), end='')"],
        cwd=ROOT / "ci", capture_output=True, text=True, check=True, env={"PYTHONDONTWRITEBYTECODE": "1"},
    ).stdout
    assert copy == before, "make docs"


def test_what_the_table_allows_passes(tree):
    assert wrong(tree) == []
    tree.add("init/side/side_ipc.h", "")
    tree.add("init/upper/talk.c", '#include "../side/side_ipc.h"\n')
    assert wrong(tree) == []


def test_an_include_that_runs_up(tree):
    tree.add("init/upper/up.h", "")
    tree.add("init/lower/bad.c", '#include "../upper/up.h"\n')
    assert wrong(tree) == ["init/lower/bad.c includes init/upper/up.h; docs/architecture.md does not allow it"]


def test_more_than_what_a_worker_says(tree):
    tree.add("init/side/inner.h", "")
    tree.add("init/upper/talk.c", '#include "../side/inner.h"\n')
    assert wrong(tree) == ["init/upper/talk.c includes init/side/inner.h; docs/architecture.md does not allow it"]


def test_a_call_without_an_include(tree):
    tree.add("init/lower/bad.c", "int up(void);\nint bad(void) { return up(); }\n")
    assert wrong(tree) == ["init/lower/bad.c calls init/upper/up.c; docs/architecture.md does not allow it"]


def test_two_files_that_call_each_other(tree):
    tree.add("init/lower/a.c", "int b(void);\nint a(void) { return b(); }\n")
    assert wrong(tree) == []
    tree.add("init/lower/b.c", "int a(void);\nint b(void) { return a(); }\n")
    assert wrong(tree) == ["a circle: init/lower/a.c init/lower/b.c; docs/architecture.md does not allow it"]


def test_a_folder_that_is_not_in_the_table(tree):
    tree.add("init/new/new.c", "")
    assert wrong(tree) == ["new/: not in the table; docs/architecture.md does not allow it"]


def test_what_runs_with_privilege_is_counted():
    subprocess.run(["make", "-s", "unit-objects"], cwd=ROOT, check=True)
    lines = rooms("tcb").stdout.splitlines()
    parts = [int(line.split()[0]) for line in lines[:-1]]
    assert lines[-1] == f"{sum(parts)} lines of code run with privilege"
    # What reads the network is not among it.
    assert not any("clienthello" in line for line in lines)
    assert sum(parts) > 5000


def test_a_long_file_says_why_it_is_one():
    """More than 400 lines, or 500 of a test: its first comment has the reason, `one file, ...`."""
    silent = []
    for path in [*ROOT.glob("init/**/*.[ch]"), *ROOT.glob("stub/**/*.[ch]"), *ROOT.glob("tests/**/*.[chp]*")]:
        text = path.read_text() if path.suffix in (".c", ".h", ".py") else ""
        comment = re.match(r'(?:#!.*\n)?(/\*.*?\*/|""".*?""")', text, re.S)
        long = text.count("\n") > (500 if "tests" in path.relative_to(ROOT).parts else 400)
        if long and not (comment and re.search(r"\bone file\b", comment[0], re.I)):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []
