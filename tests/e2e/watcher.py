"""A person who watches: `codex-egress watch` in a box, its lines and what is said to it."""

import json
import queue
import subprocess
import threading
import time

from conftest import PATIENCE


class Watcher:
    def __init__(self, lab, box, *options, word="watch"):
        docker = ["docker", "-H", lab.engine.host]
        self.process = subprocess.Popen(
            [*docker, "exec", "-i", "-u", box.user, box.name, "codex-egress", *options, word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.seen, self._lines = [], queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put((time.monotonic(), json.loads(line)))
        self._lines.put((time.monotonic(), None))

    def next(self, event, **fields):
        """Waits for a line of that kind with these fields; what comes before it is passed by."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                at, line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line, f"no {event} {fields} among {self.seen}"
            self.seen.append(line)
            if line["event"] == event and all(line.get(k) == v for k, v in fields.items()):
                return {**line, "at": at}

    def rest(self, seconds=0.5):
        """What comes within that time."""
        deadline, found = time.monotonic() + seconds, []
        while (left := deadline - time.monotonic()) > 0:
            try:
                found.append(self._lines.get(timeout=left)[1])
            except queue.Empty:
                break
        return [line for line in found if line]

    def say(self, command, status=0):
        """A command, and its answer's text."""
        self.send(command)
        reply = self.next("reply")
        assert (reply["command"], reply["status"]) == (command, status), reply
        return reply["text"]

    def send(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def leave(self):
        self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def close(self):
        self.process.kill()
        self.process.wait()
