"""Podman in the laboratory: in the engine's network namespace, and in mount and process namespaces
of its own that end with the test run, whatever ends that.

It runs as root, or as a user of a machine that has one more line in passwd, subuid and subgid: the
files are mounted over, in the private mount namespace alone. Its image is a static shell and
build/codex-init, imported in a second; what the real image holds is another test's matter.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import tempfile

from engine import Missing, remove_cgroups
from internet import DNS_ADDRESS
from lab import BASE
from namespaces import command

USER, FIRST_SUBID = 4321, 500000
APPLETS = "sh cat id ls touch env grep stat sleep pwd echo wget nslookup ip true".split()

CONTAINERS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
dns_servers = ["{dns}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "/mnt/libpod"
[network]
network_backend = "netavark"
network_config_dir = "{directory}/networks"
default_rootless_network_cmd = "slirp4netns"
"""

STORAGE = """[storage]
driver = "{driver}"
graphroot = "{directory}/home/storage"
rootless_storage_path = "{directory}/home/storage"
runroot = "/mnt/storage"
"""

# $1: the directory; $2: the user; $3: an init, since podman leaves processes to be reaped. Tells
# when all is in place. What is in use lies in /mnt: podman takes 50 bytes of path for it at most.
SETUP = """set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0700,uid="$2",gid="$2" none /mnt
if [ "$2" != 0 ]; then
  for name in passwd group subuid subgid; do
    [ -e /etc/$name ] || : >/etc/$name
    mount --bind "$1/etc/$name" /etc/$name
  done
  mkdir -p /dev/net
  [ -e /dev/net/tun ] || : >/dev/net/tun
  mount --bind "$1/tun" /dev/net/tun
fi
mount --make-rshared /
echo ready
exec "$3" --egress=off -- sleep infinity
"""


class Podman:
    """kind: "rootful" or "rootless". namespace: the network namespace to run in."""

    def __init__(self, kind, namespace, directory, stub, init, more=None):
        """more: what the image has besides, by its place there."""
        self.kind, self.namespace, self._more = kind, namespace, more or {}
        self.uid = USER if kind == "rootless" else 0
        # Its own: files of tests that run in one process share the laboratory's.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"podman-{kind}-", dir=directory))
        self.directory.chmod(0o755)
        self.home = self.directory / "home"
        self._stub, self._init = stub, init
        self._process = self._pid = None
        # Podman has one place for the control groups of all: whoever is the last there sweeps it.
        self._among = open(BASE / "podman", "w")

    def start(self):
        fcntl.flock(self._among, fcntl.LOCK_SH)
        for program in ("podman", "runc", "busybox", "slirp4netns", "newuidmap", "strace"):
            if not shutil.which(program):
                raise Missing(f"{program} isn't installed; `make test` installs it")
        for name in ("home", "etc", "networks", "bin"):
            (self.directory / name).mkdir(parents=True)
        for name in ("home", "networks"):
            os.chown(self.directory / name, self.uid, self.uid)
        values = {"directory": self.directory, "dns": DNS_ADDRESS,
                  "driver": "vfs" if self.uid else "overlay"}
        (self.directory / "containers.conf").write_text(CONTAINERS.format(**values))
        (self.directory / "storage.conf").write_text(STORAGE.format(**values))
        # Readable for the user, whatever the modes above the source are.
        self.stub = pathlib.Path(shutil.copy(self._stub, self.directory / "bin"))
        if self.uid:
            self._add_user()
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", SETUP, "sh", self.directory, str(self.uid), self._init],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=self.namespace.enter)
        said = self._process.stdout.readline()
        if said != b"ready\n":
            raise Missing(f"podman's namespaces: {said.decode()}")
        child = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self._pid = child.read_text().split()[0]
        self._import()

    def _add_user(self):
        etc, name = self.directory / "etc", "sandboxed"
        for file, line in (
            ("passwd", f"{name}:x:{USER}:{USER}::{self.home}:/bin/sh"),
            ("group", f"{name}:x:{USER}:"),
            ("subuid", f"{name}:{FIRST_SUBID}:65536"),
            ("subgid", f"{name}:{FIRST_SUBID}:65536"),
        ):
            old = pathlib.Path("/etc") / file
            text = old.read_text() if old.exists() and not file.startswith("sub") else ""
            (etc / file).write_text(f"{text}{line}\n")
        os.mknod(self.directory / "tun", 0o020666, os.makedev(10, 200))
        (self.directory / "tun").chmod(0o666)

    def _import(self):
        root = self.directory / "rootfs"
        for name in ("sbin", "bin", "etc/codex", "tmp", "proc", "sys", "dev", "run", "workspace",
                     "codex_home"):
            (root / name).mkdir(parents=True)
        os.chown(root / "codex_home", 1000, 1000)  # as in the real image
        shutil.copy(self._init, root / "sbin/codex-init")
        (root / "sbin/codex-egress").symlink_to("codex-init")
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        for applet in APPLETS:
            (root / "bin" / applet).symlink_to("busybox")
        for place, source in self._more.items():
            command("cp", "-aT", "--link", source, root / place)
        (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\ncodex:x:1000:1000::/:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\ncodex:x:1000:\n")
        archive = self.directory / "rootfs.tar"
        command("tar", "-C", root, "-cf", archive, ".")
        self.podman("import", "-q", "--change", 'ENTRYPOINT ["/sbin/codex-init"]',
                    "--change", 'CMD ["sh"]', "--change", "WORKDIR /workspace", archive,
                    "codex-sandbox")

    def inside(self, directory, *arguments, env=None):
        """The command that runs a program there as the user, with none of our environment."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": self.home,
            "TERM": "xterm",
            "XDG_RUNTIME_DIR": "/mnt",
            "CONTAINERS_CONF": self.directory / "containers.conf",
            "CONTAINERS_STORAGE_CONF": self.directory / "storage.conf",
            **(env or {}),
        }
        user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return ["nsenter", "-t", self._pid, "-m", "-p", "-n", "env", "-i", "-C", directory,
                *(f"{name}={value}" for name, value in environment.items()),
                *(user if self.uid else ()), *arguments]

    def podman(self, *arguments):
        return command(*map(str, self.inside(self.home, "podman", *arguments)))

    def project(self, name):
        """A workdir owned by the user (for root: by uid 1000)."""
        place = self.home / name
        place.mkdir()
        os.chown(place, self.owner, self.owner)
        return place

    @property
    def owner(self):
        return self.uid or 1000

    def stop(self):
        if self._process:
            self._process.kill()  # and with it, everything in its process namespace
            self._process.communicate()
            try:
                fcntl.flock(self._among, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_cgroups("/libpod_parent")
            except BlockingIOError:
                pass
        self._among.close()
