"""Holds lines of codex-init's events to docs/events.schema.json. The part of JSON Schema that it
uses, and no other: a word that isn't known here is an error."""

import json
import pathlib
import re

SCHEMA = json.loads(
    (pathlib.Path(__file__).resolve().parents[2] / "docs/events.schema.json").read_text()
)
TYPES = {"object": dict, "string": str, "integer": int}
# Lines of events in what a program printed: no other program begins one like this.
BEGINNING = '{"time":"'


def _object(value, schema, where):
    missing = [name for name in schema.get("required", ()) if name not in value]
    assert not missing, f"{where}: without {missing}"
    known = schema.get("properties", {})
    for name, inner in value.items():
        assert name in known, f"{where}: {name} is unknown"
        check(inner, known[name], f"{where}.{name}")


CHECKS = {
    "type": lambda value, want: isinstance(value, TYPES[want]) and not isinstance(value, bool),
    "enum": lambda value, want: value in want,
    "const": lambda value, want: value == want,
    "pattern": lambda value, want: re.search(want, value),
    "minLength": lambda value, want: len(value) >= want,
    "maxLength": lambda value, want: len(value) <= want,
    "minimum": lambda value, want: value >= want,
    "maximum": lambda value, want: value <= want,
}


def check(value, schema=SCHEMA, where="the line"):
    """Asserts that the value is what the schema says."""
    for word, want in schema.items():
        if word in ("$schema", "title", "required", "properties"):
            continue
        if word == "additionalProperties":
            assert want is False
            continue
        assert CHECKS[word](value, want), f"{where}: {value!r} isn't of {word} {want!r}"
    if schema.get("type") == "object":
        _object(value, schema, where)


def check_line(line):
    """Returns the event."""
    # RFC 8259 says nothing about a name that comes twice; here none does.
    def pairs(items):
        assert len(dict(items)) == len(items), f"a name comes twice: {line}"
        return dict(items)

    event = json.loads(line, object_pairs_hook=pairs)
    assert line.isascii()
    check(event)
    return event


def check_output(text):
    """Checks whatever lines of events are in a program's output."""
    for line in text.splitlines():
        if line.startswith(BEGINNING):
            check_line(line)
