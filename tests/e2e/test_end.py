"""The end of a session, whatever the payload leaves behind: on time, and with its report. Every
container here has a limit of processes, or the machine would be the storm's."""

import os
import re
import select
import subprocess
import time
import uuid

import pytest
from conftest import at_best, until
from test_broker import KEY

# Five seconds are promised from the payload's end to the container's; one more is for a machine
# that is busy with other tests, and for the engine to notice.
PROMISED = 5 + 1

# Chains of processes: each process forks the next and exits, in a session of its own, deaf to
# TERM. Then the program itself ends at once (0), or when it gets TERM (1). It begins when the file that
# its last word names is there.
STORM = r"""
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int chains = atoi(argv[1]), stays = atoi(argv[2]);
	char go[100];
	(void)argc;
	snprintf(go, sizeof(go), "/end/%s", argv[3]);
	while (access(go, F_OK) < 0)
		usleep(10000);
	for (int i = 0; i < chains; i++) {
		if (fork() != 0)
			continue;
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		setsid();
		for (;;)
			if (fork() > 0)
				_exit(0);
	}
	while (stays)
		pause();
	usleep(300000);
	return 0;
}
"""
# Processes that only use up the processor.
SPIN = STORM.replace("if (fork() > 0)\n\t\t\t\t_exit(0);", ";")


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("end")
    directory.chmod(0o755)
    for name, code in (("storm", STORM), ("spin", SPIN)):
        command = ["gcc", "-static", "-O1", "-x", "c", "-o", directory / name, "-"]
        subprocess.run(command, input=code, text=True, check=True)
    return directory


def pid_of(token):
    """The machine's number for the first process with this word on its command line."""
    for pid in sorted(map(int, filter(str.isdigit, os.listdir("/proc")))):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if token.encode() in words and words[0].startswith(b"/end/"):
            return pid
    return None


@pytest.fixture
def storm(start, programs):
    """storm(program, count, stays...): the container, and a descriptor of its payload's end."""
    opened = []

    def begin(program, count, stays=0, options=(), init=()):
        token = uuid.uuid4().hex
        box = start(
            *("bash", "-c", 'curl -sS https://refused.test; exec "$@"', "sh"),
            *(f"/end/{program}", str(count), str(stays), token),
            options=["-v", f"{programs}:/end:ro", "--pids-limit", "2000", *options],
            init=init,
        )
        opened.append(os.pidfd_open(until(lambda: pid_of(token), box.logs)))
        (programs / token).touch()
        return box, opened[-1]

    yield begin
    for descriptor in opened:
        os.close(descriptor)


def seconds_to_the_end(box, payload):
    """And its report has come."""
    assert select.select([payload], [], [], 60)[0], "the payload itself never ended"
    began = time.monotonic()
    assert box.wait() == 0
    took = time.monotonic() - began
    assert "--allow refused.test" in box.logs()
    return took


@pytest.mark.parametrize(
    "wall, chains", [("nft", 20), ("nft", 100), ("nft", 400), ("flagless", 100)], indirect=["wall"]
)
def test_a_storm_of_forks_does_not_delay_the_end(storm, chains):
    at_best(lambda: seconds_to_the_end(*storm("storm", chains)), PROMISED)


def test_processes_that_use_up_the_processor_do_not_delay_the_end(storm):
    at_best(lambda: seconds_to_the_end(*storm("spin", 200)), PROMISED)


def test_a_storm_behind_another_init(storm):
    """As the child of docker's --init, where nobody but its own descendants may be signalled: no
    time is promised, but an end, and the report."""
    seconds_to_the_end(*storm("storm", 20, options=["--init"]))


@pytest.mark.parametrize("wall", ["nft", "no capability"], indirect=True)
def test_docker_stop_in_a_storm_gets_the_report(storm):
    def stop():
        box, _ = storm("storm", 100, stays=1)
        time.sleep(1)
        done = box.docker("stop", "-t", "60", box.name).ok()
        assert box.wait() == 128 + 15
        assert "--allow refused.test" in box.logs()
        return done.seconds

    at_best(stop, 10)  # what docker stop allows by itself


def test_the_killer_holds_little(start):
    """Root in name: two capabilities, a filter, no descriptor of the payload's; the payload can't
    touch it, and it is gone with the payload."""
    box = start("bash", "-c", "kill -KILL $(pgrep codex-killer) 2>&1; echo tried; exec sleep 600")
    box.until_says("tried")
    pid = box.exec("pgrep", "codex-killer").ok().out.strip()
    status = dict(
        line.split(":\t", 1) for line in box.exec("cat", f"/proc/{pid}/status").ok().lines()
    )
    assert int(status["CapEff"], 16) == 1 << 5 | 1 << 7 == int(status["CapBnd"], 16)
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert "Operation not permitted" in box.logs()
    box.docker("kill", "-s", "TERM", box.name).ok()
    assert box.wait() == 128 + 15


@pytest.mark.cell("nft", "flagless")
def test_the_workers_have_their_say(start):
    """What they have only counted is told after a stubborn straggler was killed, too."""
    box = start(
        *("bash", "-c"),
        "for i in $(seq 300); do getent ahosts n$i.refused.test; done;"
        "(trap '' TERM; exec sleep 60) & exit 0",
    )
    assert box.wait() == 0
    told = re.search(r"^codex-init: refused (\d+) requests", box.logs(), re.M)
    # A program that has waited for five seconds asks again.
    assert told and 300 <= int(told[1]) < 330, box.logs()


def test_the_brokers_waiting_processes_do_not_hold_it_up(shell, workdir):
    """It waits for what the command has left behind, and not for them."""
    count = "while :; do pgrep -xc codex-broker >>/app/count; sleep 0.1; done"
    script = f"(trap '' TERM; {count}) >/dev/null 2>&1 & until grep -qsx 4 /app/count; do sleep 0.1; done"
    shell(script, env=KEY, options=["-v", f"{workdir}:/app"]).ok()
    counts = (workdir / "count").read_text().split()
    assert "4" in counts and counts[-1] == "1", counts  # one that forks is counted twice for a moment
