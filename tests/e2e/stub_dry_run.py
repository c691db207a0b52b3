"""What the tests of --dry-run share."""

import os
import select

from conftest import PATIENCE


def as_user(uid):
    return {"user": uid, "group": uid, "extra_groups": []}


def read_until(terminal, wanted):
    """What a terminal shows, up to and including the text that is waited for."""
    shown = ""
    while wanted not in shown:
        assert select.select([terminal], [], [], PATIENCE)[0], f"no {wanted!r} in {shown!r}"
        shown += os.read(terminal, 65536).decode()
    return shown
