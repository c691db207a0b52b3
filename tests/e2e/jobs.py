"""Programs that the payload itself starts, in a container that runs: what `docker exec` starts is
not in the cell."""

import itertools
import time

from conftest import until

# Runs each script that is put into /tmp/jobs, in the background.
PAYLOAD = (
    "bash",
    "-c",
    r"""
mkdir -p /tmp/jobs && cd /tmp/jobs || exit
while :; do
    for script in *.sh; do
        [ -e "$script" ] || continue
        job=${script%.sh}
        mv "$script" "$job.run"
        (bash "$job.run" >"$job.out" 2>&1; echo $? >"$job.end.new"; mv "$job.end.new" "$job.end") &
    done
    sleep 0.02
done
""",
)


class Job:
    numbers = itertools.count(1)

    def __init__(self, box, script):
        self.box, self.path = box, f"/tmp/jobs/{next(Job.numbers)}"
        put = f"cat >{self.path}.tmp && mv {self.path}.tmp {self.path}.sh"
        until(lambda: box.exec("test", "-d", "/tmp/jobs").status == 0)
        self.began = time.monotonic()
        box.docker(
            *("exec", "-i", "-u", "1000", box.name, "sh", "-c", put), input=script.encode()
        ).ok()

    @property
    def out(self):
        return self.box.exec("cat", f"{self.path}.out").out

    def ended(self):
        return self.box.exec("test", "-e", f"{self.path}.end").status == 0

    def wait(self, seconds=30):
        """Waits for its end; returns the status. `seconds`: how long it took, roughly."""
        until(self.ended, seconds, lambda: f"the end of {self.out!r}")
        self.seconds = time.monotonic() - self.began
        return int(self.box.exec("cat", f"{self.path}.end").ok().out)

    def ok(self, status=0):
        assert self.wait() == status, self.out
        return self
