"""A container that is told what to do while it runs, behind either wall: by programs that its command
starts (jobs.py), and by bytes of a test's choice (tests/lab/knock.py)."""

import functools
import json
import pathlib
import shutil
import uuid

import jobs
from conftest import PATIENCE, PROXIES, ROOT, Container, Runner, until
from internet import address_of

DECODE_ERROR, ACCESS_DENIED = 50, 49


class Answer:
    def __init__(self, told):
        self.bytes, self.end = bytes.fromhex(told["got"]), told["end"]
        self.seconds = told["seconds"]

    @property
    def alert(self):
        """The description of a fatal alert that is all that was said; else None."""
        if len(self.bytes) == 7 and self.bytes[:6] == b"\x15\x03\x03\0\x02\x02":
            return self.bytes[6]
        return None

    @property
    def served(self):
        """A ServerHello: a TLS server took the hello."""
        return self.bytes[:1] == b"\x16" and self.bytes[5:6] == b"\x02"

    @property
    def text(self):
        return self.bytes.decode("latin-1")

    @property
    def statuses(self):
        """The status of each HTTP response in what came."""
        parts = self.text.split("HTTP/1.1 ")[1:]
        return [int(part[:3]) for part in parts]

    def __repr__(self):
        return f"<{self.bytes[:600]!r} then {self.end} after {self.seconds} s>"


class Box(Container):
    def __init__(self, docker, name, wall, directory):
        super().__init__(docker, name, wall)
        self.directory, self._jobs = directory, []

    def begin(self, *argv, input=None, proxies=False):
        """A program that the payload starts: a Job. It knows no proxy, unless it is to have the cell's."""
        prefix = () if proxies or not self.cell else ("env", *PROXIES)
        self._jobs.append(jobs.Job(self.directory, (*prefix, *argv), input))
        return self._jobs[-1]

    def inside(self, *argv, timeout=2 * PATIENCE, **rest):
        """The same, and its end: a Result."""
        return self.begin(*argv, **rest).result(timeout)

    def script(self, script, **rest):
        return self.begin("bash", "-c", script, **rest)

    def shell(self, script, **rest):
        return self.inside("bash", "-c", script, **rest)

    def end(self, status=0):
        """Ends the command, and waits for the container's end."""
        jobs.end(self.directory, status)
        return self.wait()

    def remove(self):
        """Programs first, so that their connections end while there is somebody to end them."""
        for job in self._jobs:
            job.kill()
        self.docker("rm", "-f", self.name)
        shutil.rmtree(self.directory, ignore_errors=True)

    @functools.cached_property
    def proxy(self):
        """Where a client may find the gate as a proxy: with nftables at every address of port 80."""
        if not self.cell:
            return "45.99.0.1", 80
        url = self.shell("echo $HTTP_PROXY", proxies=True).ok().out.strip()
        host, port = url.removeprefix("http://").split(":")
        return host, int(port)

    def address(self, name):
        """The address that the payload is given for a name."""
        return self.inside("getent", "ahostsv4", name).ok().out.split()[0]

    def at(self, name):
        """What a program aims at that has looked the name up before."""
        return name if self.cell else address_of(name)

    def knock(self, *attempts, timeout=2 * PATIENCE, **rest):
        """Each attempt is (name or address, port, items...): bytes to send, or what else knock.py takes."""
        made = [
            {
                "to": [address, port],
                "send": [item.hex() if isinstance(item, bytes) else item for item in items],
                **rest,
            }
            for address, port, *items in attempts
        ]
        told = self.inside(
            *("python3", f"{jobs.LAB}/knock.py"), input=json.dumps(made).encode(), timeout=timeout
        ).ok()
        return [Answer(answer) for answer in json.loads(told.out)]

    def hello(self, *attempts, **rest):
        """The same where what a TLS server says first is enough."""
        return self.knock(*attempts, enough=7, **rest)

    def events(self, kind=None):
        lines = self.exec("cat", "/run/codex/events.jsonl").ok().lines()
        events = [json.loads(line) for line in lines]
        return [e for e in events if kind is None or e["event"] == kind]

    def event(self, **fields):
        """Waits for an event that has these fields, and returns it."""

        def found():
            for event in self.events():
                if all(event.get(name) == value for name, value in fields.items()):
                    return event
            return None

        return until(found, lambda: f"{fields} among {self.events()[-12:]}")

    def worker(self, name):
        """The process id, inside, of codex-init's worker of that name; None: there is none."""
        listing = self.exec("sh", "-c", "grep -H . /proc/[0-9]*/comm").out.splitlines()
        return next((int(line.split("/")[2]) for line in listing if line.endswith(f":codex-{name}")), None)

    def ready(self):
        until(lambda: jobs.ready(self.directory) or self.gone("the agent"), "the agent")
        return self


def begin(lab, *init, wall="nft", allow="", options=(), env=None, network=None):
    """A container in the background that does what it is told; the caller removes it."""
    name = f"box-{uuid.uuid4().hex[:12]}"
    directory = pathlib.Path(lab.directory) / "jobs" / name
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    shares = ["-v", f"{ROOT}/tests/lab:{jobs.LAB}:ro", "-v", f"{directory}:{jobs.PLACE}"]
    runner = Runner(lab, wall, named=True)
    runner.prefix = ()  # each program is told by itself whether it knows the proxy
    made = runner.arguments(jobs.AGENT, allow, env, [*shares, *options], None, network, list(init), True)
    runner.docker("run", "-d", "--pull=never", "--name", name, *made).ok()
    return Box(runner.docker, name, wall, directory)
