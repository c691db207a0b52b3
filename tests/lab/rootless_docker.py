"""Rootless Docker in the laboratory: Debian's dockerd below rootlesskit, as the user and in the
namespaces of rootless Podman (podman.py), and with its small image. It ends with them."""

import shutil
import subprocess
import time

from engine import Missing
from internet import DNS_ADDRESS
from namespaces import command
from podman import Podman

# What Docker's own dockerd-rootless.sh does, without looking for what is installed.
DAEMON = """rm -f /run/docker /run/containerd /run/xtables.lock
exec dockerd "$@"
"""
SOCKET = "unix:///mnt/docker.sock"


class RootlessDocker(Podman):
    def __init__(self, namespace, directory, stub, init):
        super().__init__("rootless", namespace, directory, stub, init)
        self.directory = self.directory.with_name("docker-rootless")
        self.home = self.directory / "home"

    def _import(self):
        if not shutil.which("rootlesskit"):
            raise Missing("rootlesskit isn't installed; `make test` installs it")
        self._serve()
        super()._import()

    def _serve(self):
        words = self.inside(
            self.home, "rootlesskit",
            *("--net=slirp4netns", "--mtu=65520", "--disable-host-loopback", "--port-driver=builtin"),
            *("--copy-up=/etc", "--copy-up=/run", "--propagation=rslave"),
            *("sh", "-c", DAEMON, "sh", "--host", SOCKET, "--data-root", self.home / "data"),
            *("--exec-root", "/mnt/docker", "--pidfile", "/mnt/docker.pid", "--storage-driver", "vfs"),
            *("--dns", DNS_ADDRESS, "--log-level", "warn"))
        log = self.directory / "log"
        with open(log, "wb") as out:
            self._daemon = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.podman("version")
            except RuntimeError as error:
                if self._daemon.poll() is not None or time.monotonic() > deadline:
                    raise Missing(f"rootless dockerd: {error}\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)

    def inside(self, directory, *arguments, env=None):
        return super().inside(directory, *arguments, env={"DOCKER_HOST": SOCKET, **(env or {})})

    def podman(self, *arguments):
        """Docker's client takes what is asked for here."""
        arguments = [a for a in arguments if a != "-q"]
        return command(*map(str, self.inside(self.home, "docker", *arguments)))

    def stop(self):
        super().stop()
        if self._daemon:
            self._daemon.wait()
        # Containers' layers belong to ids that only root may remove.
        shutil.rmtree(self.home / "data", ignore_errors=True)

    _daemon = None
