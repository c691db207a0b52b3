"""The closing summary: names rather than addresses, presets, and the line to paste."""

import os

import pytest
from conftest import STUB, program
from internet import address_of

pytestmark = pytest.mark.cell

CODEX = """#!/bin/sh
for name in $NAMES; do getent hosts $name; done
exit 0
"""


@pytest.fixture
def session(terminal, launcher, stub_environment, workdir):
    """session(names, options...): what is said in a session whose Codex asks for these names."""
    home = workdir / ".codex/.environment"
    (home / "bin").mkdir(parents=True)
    (home / "bin/codex").write_text(CODEX)
    (home / "bin/codex").chmod(0o755)
    for path in (home.parent, home, home / "bin", home / "bin/codex"):
        os.chown(path, 1000, 1000)
    home.chmod(0o700)

    def run(names, *options):
        t = terminal([*launcher, *options, "-e", f"NAMES={names}"], cwd=workdir, env=stub_environment)
        assert t.wait() == 0
        return t.output.decode().replace("\r\n", "\n")

    return run


def test_the_last_line_allows_what_was_refused(session, launcher):
    said = session("a.refused.test pypi.org files.pythonhosted.org b.refused.test", "--allow", "allowed.test")
    assert "allow with: --allow pypi.org, or --allow @pypi" in said
    last = said[said.index("codex-init: again, with these allowed: ") :].removesuffix("\n")
    assert all(len(line) <= 80 for line in last.splitlines()[1:]), last
    words = last.replace(" \\\n   ", "").partition("allowed: ")[2].split()
    assert words[0] == str(STUB) and words[-2:] == ["resume", "--last"]
    assert words[1:-2] == [*launcher[1:], "--allow", "allowed.test", "-e", "'NAMES=a.refused.test", "pypi.org",
                           "files.pythonhosted.org", "b.refused.test'", "--allow", "a.refused.test",
                           "--allow", "@pypi", "--allow", "b.refused.test"]  # fmt: skip


def test_with_nothing_refused_it_only_goes_on(session):
    said = session("allowed.test", "--allow", "allowed.test")
    assert "again, with" not in said and "to continue this session: " in said


def test_what_a_rule_denies_is_not_offered(session):
    said = session("denied.test", "--deny", "denied.test")
    assert "--allow denied.test" not in said and "to continue this session: " in said


def test_a_name_on_another_port_is_named(stub, wall):
    """The client asked for a name, and went to a port that its rule doesn't have. In the cell the gate
    is on it if another rule has it, and connecting to an address causes no event."""
    script = "exec 3<>/dev/tcp/allowed.test/22"
    rules = ("--allow", "allowed.test", "--allow", "other.test:22")
    done = stub(*rules, "--exec", "bash", "-c", script)
    assert "allow with: --allow allowed.test:22\n" in done.err, done
    if wall != "nft":
        return
    # By its address alone, it is an address.
    address = address_of("example.org")
    done = stub("--allow", "allowed.test", "--exec", "bash", "-c", f"exec 3<>/dev/tcp/{address}/22")
    assert f"allow with: --allow {address}:22\n" in done.err, done


def test_what_was_allowed_meanwhile_is_not_offered_but_kept(terminal, launcher, stub_environment, workdir):
    """The rules given meanwhile are what the next session needs: as options, or kept."""
    home = workdir / ".codex/.environment"
    (home / "bin").mkdir(parents=True)
    (home / "bin/codex").write_text(
        "#!/bin/sh\ngetent hosts new.test old.test bad.test\n"
        "echo asked; until [ -e go ]; do sleep 0.1; done\n"
    )
    (home / "bin/codex").chmod(0o755)
    for path in (home.parent, home, home / "bin", home / "bin/codex"):
        os.chown(path, 1000, 1000)
    home.chmod(0o700)
    t = terminal(launcher, cwd=workdir, env=stub_environment)
    t.until_says(b"asked")
    command = lambda *words, cwd=workdir: program([STUB, *words], env=stub_environment, cwd=cwd)  # noqa: E731
    command("allow", "new.test").ok()
    command("deny", "bad.test").ok()
    status = command("status").ok().out
    (told,) = [l for l in status.splitlines() if l.split()[:1] == ["new.test"]]
    assert told.endswith("allowed meanwhile"), status
    (workdir / "go").touch()
    assert t.wait() == 0
    said = t.output.decode().replace("\r\n", "\n").replace(" \\\n   ", "")
    places = {l.split()[0]: l for l in said.splitlines() if l.startswith("  ") and ".test " in l}
    assert places["new.test"].endswith("allowed meanwhile"), said
    assert places["bad.test"].endswith("denied meanwhile"), said
    assert places["old.test"].endswith("allow with: --allow old.test"), said
    # As it is typed from any directory.
    here = f"  {STUB} --work_dir {workdir}"
    assert f"{here} allow new.test --save\n{here} deny bad.test --save\n" in said
    (line,) = [l for l in said.splitlines() if l.endswith("allow new.test --save")]
    command(*line.split()[1:], cwd="/").ok()
    assert "allow new.test" in command("config").ok().out
    last = said[said.index("codex-init: again, with these rules: ") :]
    assert last.split()[6:] == [*launcher[1:], "--allow", "new.test", "--deny", "bad.test", "--allow", "old.test",
                                "resume", "--last"]  # fmt: skip
