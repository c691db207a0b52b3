"""The cell's three forms, for the tests of it."""

import pytest
from conftest import Runner
from internet import DNS_ADDRESS

FORMS = {
    # Nothing at all: root with what the engine gives, which is dropped.
    "flagless": (),
    # No id can be changed: the command is root without a right.
    "no capability": ("--cap-drop=ALL",),
    # Kubernetes' restricted pods, and what clusters make of them.
    "plain uid": (
        *("--user", "1000:1000", "--cap-drop=ALL", "--read-only"),
        *("--tmpfs", "/run", "--tmpfs", "/tmp"),
    ),
}
NAMED = {name: flags for name, flags in FORMS.items() if name != "plain uid"}
LIMIT = ("--pids-limit", "200")


class CellRunner(Runner):
    def __init__(self, lab, flags):
        super().__init__(lab)
        self.flags = flags


@pytest.fixture(params=FORMS)
def runner(lab, internet, request):
    """In the place of conftest's: whatever goes by it runs in each form."""
    return CellRunner(lab, FORMS[request.param])


@pytest.fixture(params=NAMED)
def named(lab, internet, request):
    """The forms in which the names are in /etc/hosts, so that programs need no proxy."""
    return CellRunner(lab, NAMED[request.param])


def left(wire, sinks):
    """What was seen of a container but its resolver's questions."""
    return [f for f in wire.seen() if f.address != DNS_ADDRESS], sinks.seen()
