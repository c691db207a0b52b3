"""`codex-egress watch`: what is decided, as it is decided, and commands beside it. And that a
watcher that hangs or dies is in nobody's way."""

import pytest
from conftest import until
from flows import booted, egress, refused_by_dns
from internet import address_of

NEW = address_of("new.test")


pytestmark = pytest.mark.cell("all")


@pytest.fixture
def box(boxes, dns):
    dns.add("new.test", NEW)
    return booted(boxes(allow="good.test"))


def refuse(box, name="new.test"):
    box.shell(f"getent hosts {name} || curl -sS -m 5 https://{name}/")


def processes(box):
    script = "cd /proc; grep -lz '^watch$' [0-9]*/cmdline | cut -d/ -f1"
    return box.exec("sh", "-c", script).lines()


def curl(box, url):
    return box.inside("curl", "-sS", "-m", "30", url)


def test_each_event_is_seen_as_it_is_in_the_log(box, watch):
    assert refused_by_dns(box, "before.test", "not allowed")  # by one question: there is one line
    box.event(name="before.test")
    watcher = watch(box)
    hello = watcher.next("hello")
    assert hello["version"] == 1 and hello["ask"] == 0 and hello["refused"] > 0
    refuse(box)
    box.event(name="new.test")  # it waits for a moment for who asked
    egress(box, "deny", "other.test")
    watcher.next("denied", name="other.test")
    seen = [line for line in watcher.seen if "time" in line]
    assert any(e["event"].startswith("refused") and e["name"] == "new.test" for e in seen)
    # From then on, all of them, and nothing else: word for word.
    assert not any(e.get("name") == "before.test" for e in seen)
    logged = box.events()
    assert seen == logged[logged.index(seen[0]) :][: len(seen)]
    assert watcher.leave() == 0


def test_the_events_so_far_and_as_they_come(box, watch):
    refuse(box, "before.test")
    box.event(name="before.test")
    said = egress(box, "events").out
    assert "before.test" in said and box.exec("cat", "/run/codex/events.jsonl").ok().out.startswith(said)
    follower = watch(box, "events", word="--follow")
    follower.next("refused-name", name="before.test")
    egress(box, "deny", "other.test")
    follower.next("denied", name="other.test")
    # Each once, in order, and no greeting or question.
    assert follower.seen == box.events()[: len(follower.seen)]


def test_events_that_somebody_else_has_written(box):
    """Where it has PID 1's user id the command can: what it writes moves no cursor."""
    box.exec("sh", "-c", r"printf '\033[2Jnew\n' >>/run/codex/events.jsonl").ok()
    assert "\n?[2Jnew\n" in egress(box, "events").out


def test_events_that_nobody_gets(box):
    for words in ("events", "events --follow"):
        done = box.exec("sh", "-c", f"codex-egress {words} >/dev/full").ok(111)
        assert "events.jsonl: No space left on device" in done.err


def test_events_that_are_written_elsewhere(start):
    box = booted(start("sleep", "600", init=("--events", "/tmp/other")))
    done = egress(box, "events", status=111)
    assert "/run/codex/events.jsonl: there is no such file" in done.err and "--events" in done.err
    assert done.out == ""


@pytest.mark.cell(own_uid=True)
def test_commands_beside_it(box, watch):
    watcher, other = watch(box, "--by", "alice"), watch(box)
    other.next("hello")
    assert watcher.say("allow new.test") == "new.test: allowed"
    assert other.next("allowed", name="new.test")["by"] == "alice"
    assert curl(box, "https://new.test/").ok()
    assert watcher.say("explain new.test:443").startswith("new.test:443: allowed\n  rule  ")
    assert watcher.say("undo new.test") == "new.test: undone"
    assert watcher.say("undo new.test", 1).startswith("new.test: nothing to undo")
    assert watcher.say("deny new.test") == "new.test: denied"
    assert curl(box, "https://new.test/").status != 0
    assert "explain" in watcher.say("explain", 100)
    # The answers are for whoever asked.
    assert not [line for line in other.rest() if line["event"] == "reply"]


@pytest.mark.cell(own_uid=True)
@pytest.mark.parametrize(
    "command, why",
    (
        ("allow a..test", "at character 3"),
        ("allow " + "a" * 600, "too long"),
        ("deny", "it is allow, deny or undo RULE"),
        ("explain a/b", ""),
        ("answer 7", "answer NUMBER allow"),
        ("answer x allow", "answer NUMBER allow"),
        ("answer 99999999999 allow", "answer NUMBER allow"),
        ("reboot \x1b[2J", "it is allow, deny or undo RULE"),
    ),
)
def test_what_bad_commands_get(box, watch, command, why):
    watcher = watch(box)
    watcher.send(command)
    reply = watcher.next("reply")
    assert reply["status"] == 100 and why in reply["text"], reply
    assert reply["command"] == command[: len(reply["command"])]
    assert watcher.say("answer 7 allow", 1) == "there is no question 7"
    assert box.events("allowed") == []


def test_there_is_room_for_some(box, watch):
    watchers = [watch(box) for _ in range(4)]
    for watcher in watchers:
        watcher.next("hello")
    assert "watch already" in egress(box, "watch", status=111).err
    # Others are answered meanwhile, and whoever leaves makes room.
    egress(box, "status")
    watchers[0].leave()
    watchers.append(watch(box))
    watchers[-1].next("hello")
    watchers[1].process.kill()
    egress(box, "deny", "new.test")
    watchers[-1].next("denied", name="new.test")


@pytest.mark.cell(own_uid=True)
def test_a_watcher_that_hangs(box, watch):
    """It is dropped when the kernel holds no more for it; nobody waits for it meanwhile."""
    watcher, good = watch(box), watch(box)
    watcher.next("hello")
    good.next("hello")
    pids = processes(box)
    assert len(pids) == 2, pids
    box.exec("kill", "-STOP", pids[0]).ok()
    # More events than any buffer holds.
    script = "for i in {1..700}; do codex-egress allow n.test; codex-egress undo n.test; done"
    box.docker("exec", box.name, "bash", "-ec", f"{script} >/dev/null", timeout=120).ok()
    box.exec("kill", "-CONT", pids[0]).ok()
    until(lambda: len(processes(box)) == 1, "the end of the one that hung")
    # The engine's client ends a moment later.
    ended = until(lambda: [w for w in (watcher, good) if w.process.poll() is not None], "its client's end")
    left = good if ended == [watcher] else watcher
    assert left.next("undone", name="n.test") and left.say("allow new.test")
    assert curl(box, "https://new.test/").ok()


def test_only_root_watches(box):
    """codex-init's user, that is."""
    for user in {"1000", "65311"} - {box.user}:
        done = box.exec("codex-egress", "watch", user=user)
        assert done.status == 111 and "only root may ask" in done.err
    assert egress(box, "--by", "", "watch", status=100)


def test_the_end_of_the_sandbox_ends_it(start, dns, watch):
    box = start("sh", "-c", "until test -e /tmp/end; do sleep 0.1; done", allow="good.test")
    booted(box)
    watcher = watch(box)
    watcher.next("hello")
    box.exec("touch", "/tmp/end", user="1000").ok()
    assert watcher.process.wait(60) != 0
