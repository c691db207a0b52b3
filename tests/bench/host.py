"""The host's side for make bench: codex-sandbox with a client that is no engine's. It knows one
sandbox, and enters it as `docker exec` does; so what is measured is ours, and not dockerd's."""

import os
import pty
import re
import select
import subprocess
import threading
import time

from bench import PLACE, STUB

CLIENT = """#!/bin/sh
if [ $1 = container ]; then echo {id} true 0 nft {work}; exit; fi
while [ $1 != /sbin/codex-egress ]; do shift; done
shift
exec {enter} /bin/codex-egress "$@"
"""


class Host:
    def __init__(self, enter):
        self.home = PLACE / "host"
        self.work = self.home / "project"
        self.work.mkdir(parents=True, exist_ok=True)
        self.client = self.home / "docker"
        self.client.write_text(CLIENT.format(id="f" * 64, work=self.work, enter=" ".join(map(str, enter))))
        self.client.chmod(0o755)
        self.env = {"HOME": str(self.home), "PATH": f"{self.home}:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm"}

    def keep(self, sessions):
        """Events of this project's sessions, the last one first."""
        done = subprocess.run([STUB, "--dry-run"], cwd=self.work, env=self.env, capture_output=True, text=True)
        name = re.search(r"--name (\S+)", done.stdout)[1]
        place = self.home / ".local/state/codex-sandbox" / name
        place.mkdir(parents=True, exist_ok=True)
        for number, lines in enumerate(sessions):
            (place / (f"events.{number}.jsonl" if number else "events.jsonl")).write_text(lines)
        known = re.findall(r'"name":"([^"]*)"', "".join(sessions[1:]))
        (place / "known").write_text("".join(f"{name}\n" for name in dict.fromkeys(known)))

    def time(self, *words):
        """Milliseconds, and what was said."""
        began = time.perf_counter()
        done = subprocess.run([str(w) for w in words], cwd=self.work, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=True)
        return 1000 * (time.perf_counter() - began), done.stdout


class Screen:
    """`codex-sandbox watch` at a terminal, and when each question was on it."""

    def __init__(self, host):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen([STUB, "watch"], cwd=host.work, env=host.env, stdin=theirs, stdout=theirs,
                                        stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.text, self.seen = b"", {}
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while self.process.poll() is None:
            if not select.select([self.ours], [], [], 0.2)[0]:
                continue
            try:
                self.text = self.text[-4000:] + os.read(self.ours, 65536)
            except OSError:
                return
            now = time.monotonic()
            for name in re.findall(rb"  ask     (?:\033\[\d*m)*([\w.-]+):443", self.text):
                self.seen.setdefault(name.decode(), now)

    def wait(self, found, seconds=10):
        until = time.monotonic() + seconds
        while not (value := found(self)):
            if time.monotonic() > until:
                raise TimeoutError(self.text.decode(errors="replace"))
            time.sleep(0.001)
        return value

    def close(self):
        self.process.kill()
        self.process.wait()
        self._thread.join()
        os.close(self.ours)
