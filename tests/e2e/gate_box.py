"""What the tests of the gate share: a container that lives for one file of them, and knocks at it
with bytes of their choice (tests/lab/knock.py)."""

import json
import uuid

from conftest import FLAGS, ROOT, Container, Runner, until

LAB = "/lab"
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
    def knock(self, *attempts, timeout=60, **rest):
        """Each attempt is (address, port, items...): bytes to send, or what else knock.py takes."""
        made = [
            {
                "to": [address, port],
                "send": [item.hex() if isinstance(item, bytes) else item for item in items],
                **rest,
            }
            for address, port, *items in attempts
        ]
        told = self.docker(
            *("exec", "-i", "-u", "1000", self.name, "python3", f"{LAB}/knock.py"),
            input=json.dumps(made).encode(),
            timeout=timeout,
        ).ok()
        return [Answer(answer) for answer in json.loads(told.out)]

    def hello(self, *attempts, **rest):
        """The same where what a TLS server says first is enough."""
        return self.knock(*attempts, enough=7, **rest)

    def shell(self, script, **options):
        return self.docker("exec", "-u", "1000", self.name, "bash", "-c", script, **options)

    def events(self, kind=None):
        lines = self.exec("cat", "/run/codex/events.jsonl").ok().lines()
        events = [json.loads(line) for line in lines]
        return [e for e in events if kind is None or e["event"] == kind]

    def event(self, seconds=5, **fields):
        """Waits for an event that has these fields, and returns it."""

        def found():
            for event in self.events():
                if all(event.get(name) == value for name, value in fields.items()):
                    return event
            return None

        return until(found, seconds, lambda: f"{fields} among {self.events()[-12:]}")

    def worker(self, uid):
        """The process id, inside, of the worker with that uid; None: there is none."""
        listing = self.exec("sh", "-c", "grep -H ^Uid: /proc/[0-9]*/status").out
        for line in listing.splitlines():
            path, ids = line.split(":Uid:")
            if ids.split()[0] == str(uid):
                return int(path.split("/")[2])
        return None

    def ready(self):
        until(lambda: self.exec("test", "-s", "/run/codex/status.json").status == 0, 30)
        return self


def begin(lab, *init, allow="", command=("sleep", "600"), options=(), env=None, network=None):
    """A container in the background that has the lab's Python beside it; the caller removes it."""
    runner = Runner(lab)
    name = f"gate-{uuid.uuid4().hex[:12]}"
    mounted = ["-v", f"{ROOT}/tests/lab:{LAB}:ro", *options]
    made = runner.arguments(
        command, allow, env, mounted, FLAGS, network, list(init), True
    )
    runner.docker("run", "-d", "--pull=never", "--name", name, *made).ok()
    return Box(runner.docker, name)
