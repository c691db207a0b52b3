#!/usr/bin/python3
"""The laboratory: a container engine whose whole outside world is a few threads of this process.

    lab.py            checks that the lab works, in a few seconds, and takes it down again
    lab.py -- CMD     runs CMD with DOCKER_HOST and LAB_CA set, then takes the lab down

A lab's directory, namespaces and control groups carry its process id, and the directory holds a
lock while the lab lives; what a killed run left behind is taken away by the next.
"""

import fcntl
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from engine import Engine, Missing, remove, remove_cgroups  # noqa: E402
from internet import Internet, Wire  # noqa: E402
from namespaces import Namespace, connect  # noqa: E402

BASE = pathlib.Path("/var/lib/codex-sandbox-lab")
PREFIX = "codex-lab-"


class Lab:
    """A context manager. images: the names of those that the engine gets."""

    def __init__(self, images=("codex-sandbox",)):
        if os.geteuid() != 0:
            raise Missing("the lab needs root: it makes network namespaces and runs an engine")
        name = f"{PREFIX}{os.getpid()}"
        self.images = images
        self.directory = BASE / name
        self._namespaces = [Namespace(f"{name}-engine"), Namespace(f"{name}-internet")]
        self.engine = Engine(self._namespaces[0], self.directory)
        self.internet = Internet(self._namespaces[1], "in0")
        self.wire = Wire()
        self.ca = self.directory / "ca.pem"
        self._lock = None

    def __enter__(self):
        BASE.mkdir(parents=True, exist_ok=True)
        with open(BASE / "lock", "w") as one_at_a_time:  # or one without its lock yet would be stale
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            remove_stale()
            self.directory.mkdir()
            self._lock = open(self.directory / "lock", "w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            for namespace in self._namespaces:
                namespace.create()
            connect(*self._namespaces)
            self.internet.start()
            self._namespaces[0].call(self.wire.serve)
            self.internet.certificates.authority.cert_pem.write_to_path(self.ca)
            self.ca.chmod(0o644)
            (self.directory / "daemon.json").write_text("{}")
            self.engine.start(self.images)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.engine.stop()
        self.internet.stop()
        for namespace in self._namespaces:
            namespace.delete()
        self._lock.close()

    @property
    def environment(self):
        return {**os.environ, "DOCKER_HOST": self.engine.host, "LAB_CA": str(self.ca)}


def remove_stale():
    """Removes the labs whose process is gone. Their engines ended with them."""
    for directory in BASE.glob(f"{PREFIX}*"):
        try:
            with open(directory / "lock", "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(directory)
        except (BlockingIOError, FileNotFoundError):  # it is at work, or takes itself away
            continue
        remove_cgroups(f"/{directory.name}")
        for part in ("engine", "internet"):
            Namespace(f"{directory.name}-{part}").delete()


def main():
    with Lab() as lab:
        if sys.argv[1:2] == ["--"]:
            return subprocess.run(sys.argv[2:], env=lab.environment, check=False).returncode
        print(lab.engine.docker("version", "-f", "engine {{.Server.Version}} is up"), end="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as missing:
        sys.exit(f"lab: {missing}")
