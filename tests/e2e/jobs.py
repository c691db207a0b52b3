"""Programs that the payload itself starts, in a container whose command is the agent (tests/lab/agent.py):
what they do is done behind the same wall as by any command. `docker exec` starts what isn't in the cell."""

import base64
import json
import pathlib
import socket
import threading
import time

from conftest import PATIENCE, Result, until
from events import check_output

LAB = "/lab"
# Where a container has the directory with the agent's socket.
PLACE = "/jobs"
AGENT = ("python3", f"{LAB}/agent.py", f"{PLACE}/agent")


class Job:
    """A program in the box, begun at once. `out` and `err` grow while it runs."""

    def __init__(self, directory, argv, input=None):
        self.argv, self._said = argv, {"out": b"", "err": b""}
        self.status, self.seconds = None, None
        self._socket = connect(directory)
        self.began = time.monotonic()
        data = None if input is None else base64.b64encode(input).decode()
        send(self._socket, argv=[str(word) for word in argv], input=data)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    for kind, value in json.loads(line).items():
                        if kind == "status":
                            self.seconds, self.status = time.monotonic() - self.began, value
                        else:
                            self._said[kind] += base64.b64decode(value)
        except OSError:
            pass  # the container has ended

    @property
    def out(self):
        return self._said["out"].decode(errors="replace")

    @property
    def err(self):
        return self._said["err"].decode(errors="replace")

    @property
    def said(self):
        return self.out + self.err

    def ended(self):
        return not self._reader.is_alive()

    def until_says(self, text, patience=PATIENCE):
        until(lambda: text in self.said or self.ended(), lambda: f"{text!r} in {self.said!r}", patience)
        assert text in self.said, self.said
        return self

    def wait(self, seconds=PATIENCE):
        """Waits for its end; returns the status."""
        self._reader.join(seconds)
        assert self.ended() and self.status is not None, f"{self.argv}: no end, only {self.said!r}"
        return self.status

    def result(self, seconds=PATIENCE):
        """The same as a Result."""
        self.wait(seconds)
        check_output(self.out)
        return Result(self.argv, self.status, self._said["out"], self._said["err"], self.seconds)

    def ok(self, status=0):
        assert self.wait() == status, self.said
        return self

    def kill(self):
        if not self.ended():
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def connect(directory):
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(pathlib.Path(directory) / "agent"))
    return made


def send(connection, **fields):
    connection.sendall(json.dumps(fields).encode() + b"\n")


def end(directory, status=0):
    """Ends the container's command."""
    with connect(directory) as made:
        send(made, end=status)
        made.recv(1)


def ready(directory):
    return (pathlib.Path(directory) / "agent").exists()
