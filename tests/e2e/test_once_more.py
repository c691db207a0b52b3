"""A few tests that failed beside others are tried once more by themselves; nothing else is forgiven."""

import shutil

import pytest
from conftest import ROOT, program

GOOD = "def test_good(): pass\n"
ONCE = """
import pathlib
def test_once():
    mark = pathlib.Path(__file__).with_name("mark")
    seen = mark.exists()
    mark.touch()
    assert seen
"""
ATTACK = """
import pytest
@pytest.mark.attack
def test_attack(): assert False
"""
LATE = """
import pathlib
import conftest
import pytest
@pytest.mark.attack
def test_late():
    mark = pathlib.Path(__file__).with_name("late")
    seen = mark.exists()
    mark.touch()
    conftest.until(lambda: seen, patience=0)
"""


@pytest.fixture
def suite(tmp_path):
    """Runs pytest on tests of these names and texts, in a tree with this one's conftest.py: what `make
    test-e2e` calls, and then what it calls when that failed. Returns both results, or the first alone."""
    tests = tmp_path / "tests"
    (tests / "e2e").mkdir(parents=True)
    shutil.copy(ROOT / "tests/conftest.py", tests)
    shutil.copytree(ROOT / "tests/lab", tests / "lab")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")

    def run(**texts):
        for name, text in texts.items():
            (tests / f"e2e/test_{name}.py").write_text(text)
        pytest_ = ("/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider")
        first = program((*pytest_, "-n", "2", "--dist", "loadfile", "tests/e2e"), cwd=tmp_path)
        if not (tmp_path / "build/results/again").exists():
            return first, None
        return first, program((*pytest_, "-n", "0", "--again"), cwd=tmp_path)

    return run


def test_what_does_not_fail_by_itself_is_passed(suite):
    first, again = suite(good=GOOD, once=ONCE)
    assert first.ok(1).lines()[-1] == "1 passed, 1 failed"
    assert again.ok().lines()[-1] == "2 passed, 0 failed"


def test_an_attack_that_was_only_late(suite):
    first, again = suite(good=GOOD, late=LATE)
    assert first.ok(1).lines()[-1] == "1 passed, 1 failed"
    assert again.ok().lines()[-1] == "2 passed, 0 failed"


def test_what_fails_by_itself_has_failed(suite):
    first, again = suite(good=GOOD, once=ONCE, bad="def test_bad(): assert False\n")
    assert first.ok(1).lines()[-1] == "1 passed, 2 failed"
    assert again.ok(1).lines()[-1] == "2 passed, 1 failed"


def test_an_attack_that_got_through_once_is_not_tried_again(suite):
    first, again = suite(good=GOOD, once=ONCE, attack=ATTACK)
    assert first.ok(1).lines()[-1] == "1 passed, 2 failed"
    assert again is None


def test_many_are_no_coincidence(suite):
    first, again = suite(good=GOOD, once=ONCE, bad="".join(f"def test_{n}(): assert False\n" for n in range(10)))
    assert first.ok(1).lines()[-1] == "1 passed, 11 failed"
    assert again is None


def test_nothing_is_tried_again_where_all_is_well(suite):
    first, again = suite(good=GOOD)
    assert first.ok().lines()[-1] == "1 passed, 0 failed"
    assert again is None


@pytest.mark.parametrize("first, few, again", [(0, False, 0), (1, False, 0), (1, True, 0), (1, True, 1)])
def test_make_test_e2e(tmp_path, first, few, again):
    """With pytests that end so: only what failed, and only a few, is run again, and that counts."""
    (tmp_path / "ci").mkdir()
    (tmp_path / "build/results").mkdir(parents=True)
    scripts = {
        "ci/setup.sh": "exit 0",
        "pytest": f'case "$*" in *--again*) echo second; exit {again};; esac; echo first\n'
        + ("printf '1\\nname\\n' >build/results/again\n" if few else "")
        + f"exit {first}",
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "Makefile").write_text(f"all image: ;\ninclude {ROOT}/tests/tests.mk\n")
    done = program(["make", "-s", "test-e2e", "PYTEST=./pytest"], cwd=tmp_path)
    assert (done.status == 0) == (first == 0 or few and again == 0), done
    said = ["first", *(["once more, by themselves:", "name", "second"] if few else [])]
    assert [line for line in done.lines() if line in ("name", "second", "first", "once more, by themselves:")] == said


# ---- Unit tests: programs, each with a script ------------------------------------------------

PASSED, BAD = "echo '[  PASSED  ] 1 test(s).'", "echo '[  FAILED  ] 1 test(s), listed below:'; exit 1"


@pytest.mark.parametrize("then, passed", [
    (BAD, 1),
    (f"echo 'x.c:1: runtime error: x'; {BAD}", 0),
    (f"echo '==1==ERROR: LeakSanitizer: x'; {PASSED}; exit 1", 1),
    ("kill -SEGV $$", 0),
])  # fmt: skip
@pytest.mark.parametrize("beside", [0, 3])
def test_a_unit_test(tmp_path, then, passed, beside):
    """`then` is what one does at first; beside it are others that fail whenever they are run."""
    scripts = {"good": PASSED, "once": f"cd {tmp_path}; if [ -e mark ]; then {PASSED}; else touch mark; {then}; fi"}
    scripts |= {f"bad{n}": BAD for n in range(beside)}
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = program([ROOT / "ci/unit.sh", *(tmp_path / name for name in scripts)])
    forgiven = then == BAD and beside == 0
    if then == BAD and not forgiven:
        passed = 0
    failed = beside + (not forgiven)
    assert done.ok(1 if failed else 0).lines()[-1] == f"{1 + passed} passed, {failed} failed"
    assert ("once more" in done.out) == (0 < beside + (then == BAD) <= 3)
