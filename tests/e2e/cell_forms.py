"""The cell's three forms, for the tests of it."""

import pytest
from conftest import WALLS, Runner
from internet import DNS_ADDRESS

FORMS = {name: flags for name, flags in WALLS.items() if name != "nft"}
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
