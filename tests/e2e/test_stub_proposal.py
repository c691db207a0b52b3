"""Rules that a project proposes: shown, asked about, and never used without a yes to these very bytes."""

import hashlib
import os
import pty

import pytest
from stub_dry_run import read_until
from stub_project import project  # noqa: F401
from test_stub_kept import US, Kept, kept  # noqa: F401

RULES = "# for the tests\n@pypi\nexample.org:22\n\n*.example.com\n"
LIST = ["@pypi", "example.org:22", "*.example.com"]


def propose(project, text=RULES):
    path = project.write(project.work / ".codex/egress.rules", text)
    for p in (path, path.parent):
        os.chown(p, US, US)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def allowed(command):
    return [word for word in command.init if word != "--allow"]


def start(project, answer, *options):
    """What is shown at a terminal, and the rules of the command that ran."""
    project.engine()
    project.log.write_text("")
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode() + b"\n")
    done = project.start(*options, "--exec", "true", stdin=theirs, stderr=theirs)
    shown = read_until(ours, "[y/N]") if answer else os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, shown
    ran = [a for a in project.asked() if a[1] == "run"][0]
    return shown, [ran[i + 1] for i, word in enumerate(ran) if word == "--allow"]


def test_a_yes_is_kept_for_these_very_bytes(project, kept):
    digest = propose(project)
    shown, rules = start(project, "y")
    assert rules == LIST and all(rule in shown for rule in LIST)
    assert f"agree {digest}\n" in kept.name().read_text()
    # From now on without a question, and without a terminal.
    assert allowed(project.dry()) == LIST and project.warnings == ""
    # What changes, if by a byte, asks again.
    propose(project, RULES + "evil.example\n")
    assert allowed(project.dry()) == [] and "proposes 4 rules, which aren't used" in project.warnings
    propose(project)
    assert allowed(project.dry()) == LIST


@pytest.mark.parametrize("answer", ["n", "", "maybe"])
def test_everything_else_is_a_no(project, kept, answer):
    propose(project)
    shown, rules = start(project, answer or "x")
    assert rules == [] and "@pypi" in shown and not kept.name().exists()


def test_without_a_terminal_one_line_says_how_to_agree(project, kept):
    digest = propose(project)
    for options in ([], ["-y"]):
        assert allowed(project.dry(*options)) == []
        assert len(project.warnings.splitlines()) == 1 and f"--agree {digest}" in project.warnings
    assert allowed(project.dry("--agree", digest, "--allow", "own.example")) == [*LIST, "own.example"]
    assert allowed(project.dry("--agree", "0" * 64)) == []
    for wrong in (digest[:-1], digest + "0", digest.upper(), "x" * 64):
        assert "64 digits" in project.refused("--agree", wrong)


@pytest.mark.parametrize("text, why", [
    ("--audit\n", "line 1"), ("allow a.example\n", "line 1: a line is one rule"), ("@pypi\n*.com\n", "line 2"),
    ("a.example\0b\n", "control character"), ("\x1b[2J\n", "control character"), ("10.0.0.1:80\n", "line 1"),
    # Cyrillic: what the question would show isn't what is allowed.
    ("a.example\ng\u0456thub.com\n", "line 2: not ASCII: write the name's A-label"),
    ("a.example\n" * 101, "too many rules"), ("# " + "x" * 70_000, "too large"),
])  # fmt: skip
def test_a_proposal_that_is_not_rules_is_left_out_whole(project, kept, text, why):
    digest = propose(project, text)
    for options in ([], ["--agree", digest]):
        assert allowed(project.dry(*options)) == []
        assert "left out" in project.warnings and why in project.warnings and "\x1b" not in project.warnings


@pytest.mark.parametrize("how", ["link", "link out", "directory's link", "fifo", "directory", "second name", "stranger's"])
def test_what_else_may_be_in_its_place(project, kept, how):
    digest = propose(project)
    path, outside = project.work / ".codex/egress.rules", project.root / "outside"
    outside.mkdir()
    if how == "link":
        path.rename(path.parent / "real")
        path.symlink_to("real")
    elif how == "link out":
        path.rename(outside / "real")
        path.symlink_to(outside / "real")
    elif how == "directory's link":
        path.parent.rename(project.work / "real")
        (project.work / ".codex").symlink_to("real")
    elif how == "fifo":
        path.unlink()
        os.mkfifo(path)
    elif how == "directory":
        path.unlink()
        path.mkdir()
    elif how == "second name":
        os.link(path, outside / "real")
    elif how == "stranger's":
        os.chown(path, 4711, 4711)
    if how == "link out":  # for which nothing in .codex is a reason
        assert "leads out of it" in project.refused("--agree", digest)
        return
    assert allowed(project.dry("--agree", digest)) == []
    assert "left out" in project.warnings


def test_none_is_no_word(project, kept):
    assert allowed(project.dry()) == [] and project.warnings == ""
    propose(project, "# nothing yet\n")
    assert allowed(project.dry()) == [] and project.warnings == ""
