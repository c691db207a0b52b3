"""`docker exec`: whoever the engine lets in has the names that the rules allow, root too."""

import pytest
from conftest import until
from internet import address_of


@pytest.fixture(params=["bridge", "user-defined"])
def box(request, start):
    """A container of one name, on Docker's first network and on one with Docker's own resolver."""
    network = request.getfixturevalue("network")() if request.param == "user-defined" else None
    made = start("sleep", "600", allow="allowed.test", network=network)
    until(lambda: made.exec("test", "-s", "/run/codex/status.json").status == 0)
    return made


@pytest.mark.parametrize("user", ["root", "codex"])
def test_whoever_is_let_in_has_the_names_of_the_rules(box, sinks, user):
    sinks.mark()
    assert address_of("allowed.test") in box.exec("dig", "+short", "allowed.test", user=user).ok().out
    assert address_of("allowed.test") in box.exec("dig", "+tcp", "+short", "allowed.test", user=user).ok().out
    box.exec("curl", "-sS", "-o", "/dev/null", "https://allowed.test", user=user).ok()
    assert set(sinks.seen()) == {("tcp", address_of("allowed.test"), 443)}


@pytest.mark.parametrize("user", ["root", "codex"])
def test_and_is_told_why_it_has_no_others(box, sinks, user):
    sinks.mark()
    said = box.exec("dig", "refused.test", user=user).ok().out
    assert "NXDOMAIN" in said and "--allow refused.test" in said
    assert sinks.seen(dns=True) == []


def test_another_server_is_ours_too(start, sinks):
    """But for root where the engine's own resolver has to ask such servers as root."""
    box = start("sleep", "600", allow="allowed.test")
    until(lambda: box.exec("test", "-s", "/run/codex/status.json").status == 0)
    sinks.mark()
    said = box.exec("dig", "@9.9.9.9", "refused.test").ok().out
    assert "NXDOMAIN" in said and "--allow refused.test" in said
    assert sinks.seen(dns=True) == []


def test_by_name_it_is_the_commands_user(box):
    assert box.exec("sh", "-c", "id -u; echo $HOME $CODEX_HOME", user="codex").ok().out == (
        "1000\n/codex_home /codex_home\n")
