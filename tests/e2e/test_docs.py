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


@pytest.mark.parametrize("program, text", [("codex-sandbox", LAUNCHER), ("codex-init", INIT)])
def test_its_document_names_every_option(program, text):
    options = options_of(program)
    assert len(options) > 15
    spelt = lambda o: {o, o.replace("-", "_"), "--" + o[2:].replace("_", "-")}  # noqa: E731
    missing = [o for o in options if not any(f"`{s}" in text for s in spelt(o))]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_documents_name_no_option_that_is_not_there(document):
    known = set(options_of("codex-sandbox")) | set(options_of("codex-init"))
    known |= {o.replace("_", "-") for o in known}
    # Options of the engine, of Codex and of others that examples use.
    others = {"--cap-drop", "--cap-add", "--device-auth", "--with-api-key", "--json", "--filter"}
    others |= {"--mount", "--userns", "--dns", "--hostname", "--full-auto", "--last", "--init"}
    others |= {"--rm", "--ulimit", "--memory"}
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
