"""The documents are held against the code: what they name exists, and what exists is named."""

import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
REQUIREMENTS = (TOP / "REQUIREMENTS.md").read_text()
DOCUMENTS = [*TOP.glob("*.md"), *TOP.glob("docs/*.md")]
README = (TOP / "README.md").read_text()
LAUNCHER = (TOP / "docs/launcher.md").read_text()
INIT = (TOP / "docs/codex-init.md").read_text()


def options_of(program):
    """The long options that a program's help lists."""
    text = subprocess.run([TOP / "build" / program, "--help"], capture_output=True, text=True,
                          check=True).stdout
    return sorted(set(re.findall(r"^\s+(?:-\w, )?(--[a-z][a-z_-]+)", text, re.M)))


def test_every_requirement_names_a_test():
    rows = [line for line in REQUIREMENTS.splitlines()
            if line.startswith("| ") and not line.startswith("| requirement")]
    assert len(rows) > 40
    for row in rows:
        assert re.search(r"`test_\w+\.(py::test_\w+|c)`", row), row


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+\.py)::", REQUIREMENTS))))
def test_the_tests_that_requirements_name_exist(name):
    source = (TOP / "tests/e2e" / name).read_text()
    for function in re.findall(rf"`{re.escape(name)}::(test_\w+)`", REQUIREMENTS):
        assert re.search(rf"^\s*def {function}\(", source, re.M), function


def test_the_unit_tests_that_requirements_name_exist():
    names = set(re.findall(r"`(test_\w+\.c)`", REQUIREMENTS))
    assert len(names) > 10
    missing = [n for n in sorted(names) if not (TOP / "tests/unit" / n).exists()]
    assert not missing


DESCRIBED = {"codex-sandbox": LAUNCHER, "codex-init": INIT}


@pytest.mark.parametrize("program", DESCRIBED)
def test_its_document_names_every_option(program):
    options = options_of(program)
    assert len(options) > 15
    spelt = lambda o: {o, o.replace("-", "_"), "--" + o[2:].replace("_", "-")}  # noqa: E731
    missing = [o for o in options if not any(f"`{s}" in DESCRIBED[program] for s in spelt(o))]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_documents_name_no_option_that_is_not_there(document):
    known = set(options_of("codex-sandbox")) | set(options_of("codex-init"))
    known |= {o.replace("_", "-") for o in known}
    # Options of the engine, of Codex and of others that examples use.
    others = {"--tmpfs", "--cap-drop", "--cap-add", "--device-auth", "--with-api-key", "--json", "--filter"}
    others |= {"--mount", "--userns", "--dns", "--hostname", "--full-auto", "--last", "--init"}
    others |= {"--rm", "--ulimit", "--memory", "--tmpfs", "--dns-option", "--security-opt"}
    others |= {"--skip-git-repo-check", "--ignore-submodules"}  # Codex's, git's
    others |= {"--by", "--follow", "--wait", "--save"}  # codex-egress's, and the launcher's commands'
    used = set(re.findall(r"(?<![\w-])(--[a-z][a-z_-]+)", document.read_text()))
    assert used <= known | others, used - known - others


def anchors(document):
    """What a link to a heading of this document may end in."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_links_between_documents_lead_somewhere(document):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#?([^):]*)\)", document.read_text()):
        place = document.parent / target if target else document
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), f"{target}#{anchor}"


def test_the_codex_that_is_shipped_is_named():
    shipped, = re.findall(r"^CODEX_DEFAULT := (\S+)$", (TOP / "image/image.mk").read_text(), re.M)
    assert f"Codex is {shipped};" in LAUNCHER


SOURCES = {p.relative_to(TOP) for p in [*TOP.rglob("init/**/*.[ch]"), *TOP.rglob("stub/**/*.[ch]"),
                                        *TOP.rglob("tests/**/*.*"), *TOP.rglob("image/**/*"),
                                        *TOP.rglob("ci/*")]}  # fmt: skip
CODE = "".join((TOP / p).read_text() for p in SOURCES if p.suffix in (".c", ".h"))


def quoted(document):
    """What stands between backticks outside of blocks."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_the_files_that_documents_name_exist(document):
    """A path from the top, or below init/; a file's name alone where it is one of ours."""
    ours = {str(p) for p in SOURCES} | {p.name for p in SOURCES} | {p.name for p in TOP.iterdir()}
    for name in quoted(document):
        if re.fullmatch(r"(init|stub|tests|ci|image|docs)/[\w./*-]*", name):
            assert list(TOP.glob(name.rstrip("/"))), name
        elif re.fullmatch(r"[\w/-]+\.(c|h|sh|py|mk)", name) and name != "init.sh" and name.islower():
            folders = [f"{p}/{name}" for p in ("init", "stub", "tests", "image", "docs")]
            assert name in ours or any((TOP / f).exists() for f in folders), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_lines_have_120_columns_at_most(document):
    """Except a table's rows, and what a block shows as it is."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    prose = [line for line in text.splitlines() if not line.startswith("| ")]
    assert [line for line in prose if len(line) > 120] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_the_names_of_code_that_documents_use_exist(document):
    for name in quoted(document):
        if re.fullmatch(r"(struct |enum )?[a-z]\w+_\w+\(\)|(LIMIT|BOUND|EXIT|STATUS)_\w+|struct \w+", name):
            word = name.removesuffix("()").split()[-1]
            assert re.search(rf"\b{word}\b", CODE), name


def test_contributing_names_every_folder_of_the_source():
    text = (TOP / "CONTRIBUTING.md").read_text()
    folders = {f"{p.parent.relative_to(TOP)}/" for p in [*TOP.glob("init/*/*.c"), *TOP.glob("stub/**/*.c")]}
    assert [f for f in sorted(folders - {"init/libc/"}) if f"`{f}`" not in text] == []


def test_the_stages_of_the_boot_are_those_of_the_table():
    table = re.findall(r'^\t\{"(\w+)", stage_', (TOP / "init/boot/boot.c").read_text(), re.M)
    table = list(dict.fromkeys(table))  # nftables' and the cell's have one name
    assert len(table) > 8
    architecture = (TOP / "docs/architecture.md").read_text()
    assert f"`{' '.join(table)}`" in architecture
    numbered = re.findall(r"^\d+\. \*\*(\w+)\*\*", architecture, re.M)
    assert [name for name in numbered if name in table] == table


@pytest.mark.parametrize("preset", sorted(p.name for p in TOP.glob("image/presets/*")))
def test_a_preset_can_be_read_and_is_in_the_documents(preset):
    lines = (TOP / "image/presets" / preset).read_text().splitlines()
    rules = [line for line in lines if line.strip() and not line.startswith("#")]
    allow = [word for rule in rules for word in ("--allow", rule)]
    done = subprocess.run([TOP / "build/codex-init", "--no-default-rules", *allow, "--check"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert rules and done.returncode == 0, done.stderr
    assert f"`{preset}`" in INIT and f"@{preset}" in README


def test_the_launchers_document_names_every_command():
    said = subprocess.run([TOP / "build/codex-sandbox", "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  ([a-z]+)", said.split("\nCommands, ")[1].split("\n\n")[0], re.M)
    assert len(commands) >= 9
    assert [c for c in commands if f"| `codex-sandbox {c}" not in LAUNCHER] == []
