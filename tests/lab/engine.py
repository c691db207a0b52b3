"""The laboratory's own container engine: Debian's dockerd in the engine namespace, with its own
data, state and socket, in process and mount namespaces that end with it. Whatever ends the test
run, even SIGKILL, ends the engine and every container in it.

Its images are those of the machine's engine. Nothing is copied where that one uses overlay2: the
records of the image are small, and each layer's files are only ever read, so the layer's place is
taken by a symbolic link. Otherwise `docker save | docker load` does it.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import time

from internet import DNS_ADDRESS
from namespaces import command


class Missing(RuntimeError):
    """Something that the tests need is missing; the text says what, and how to get it."""


def host_docker(*arguments):
    """The machine's own engine, which `make image` builds with."""
    environment = {k: v for k, v in os.environ.items() if k != "DOCKER_HOST"}
    try:
        return command("docker", *arguments, env=environment)
    except FileNotFoundError:
        raise Missing("docker isn't installed; `make test` installs it") from None
    except RuntimeError as error:
        raise Missing(f"the machine's container engine: {error}") from None


class Engine:
    def __init__(self, namespace, directory):
        self.namespace, self.directory = namespace, pathlib.Path(directory)
        self.socket = self.directory / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.data = self.directory / "data"
        self.cgroup = f"/{self.directory.name}"
        self._process = None

    def docker(self, *arguments, **options):
        return command("docker", "-H", self.host, *arguments, **options)

    def start(self, images):
        dockerd = shutil.which("dockerd", path="/usr/sbin:/usr/bin:/usr/local/bin:/sbin")
        if not dockerd:
            raise Missing("dockerd isn't installed; `make test` installs Debian's docker.io")
        records = [inspect(image) for image in images]
        linked = link_images(records, self.data)
        self._process = subprocess.Popen(
            # The tmpfs hides a containerd of the machine's, so that dockerd starts its own.
            [
                "unshare",
                *("--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *(
                    "sh",
                    "-c",
                    'mkdir -p /run/containerd; mount -t tmpfs none /run/containerd; exec "$@"',
                ),
                *("sh", dockerd),
                *("--host", self.host, "--data-root", self.data),
                *("--exec-root", self.directory / "run", "--pidfile", self.directory / "pid"),
                *("--config-file", self.directory / "daemon.json"),
                *("--dns", DNS_ADDRESS, "--cgroup-parent", self.cgroup),
                *("--storage-driver", "overlay2", "--log-level", "warn"),
                *("--bip", "172.30.0.1/16"),
                *("--default-address-pool", "base=172.29.0.0/16,size=24"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=open(self.directory / "log", "wb"),
            stderr=subprocess.STDOUT,
            preexec_fn=self.namespace.enter,
        )
        self._wait()
        for record in records:
            if record not in linked:
                self._load(record)
        known = self.docker("image", "ls", "--no-trunc", "-q")
        for record in records:
            if record["Id"] not in known:
                raise Missing(
                    f"the lab's engine doesn't know {record['Reference']}: see {self.directory}/log"
                )

    def _wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.docker("version")
            except RuntimeError as error:
                log = (self.directory / "log").read_text(errors="replace")
                if self._process.poll() is not None:
                    raise Missing(f"the lab's engine ended at once:\n{log[-2000:]}") from None
                if time.monotonic() > deadline:
                    raise Missing(
                        f"the lab's engine doesn't answer: {error}\n{log[-2000:]}"
                    ) from None
            time.sleep(0.05)

    def _load(self, record):
        environment = {k: v for k, v in os.environ.items() if k != "DOCKER_HOST"}
        with subprocess.Popen(
            ["docker", "save", record["Reference"]], stdout=subprocess.PIPE, env=environment
        ) as save:
            self.docker("load", stdin=save.stdout)

    def among_its_mounts(self):
        """What a command begins with that is to see, and make, the engine's mounts."""
        return ["nsenter", f"--mount=/proc/{self._process.pid}/ns/mnt"]

    def in_container(self, container, *arguments):
        """Runs a program of the machine's in a container's network namespace, with full
        privileges."""
        child = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        dockerd = child.read_text().split()[0]
        pid = self.docker("inspect", "-f", "{{.State.Pid}}", container).strip()
        enter = ("nsenter", "-t", dockerd, "-m", "-p", "nsenter", "-t", pid, "-n")
        return command(*enter, *arguments)

    def stop(self):
        if self._process:
            self._process.kill()  # unshare; --kill-child ends the process namespace with it
            self._process.wait()
        remove(self.directory)
        remove_cgroups(self.cgroup)


def inspect(image):
    try:
        record = json.loads(host_docker("image", "inspect", image))[0]
    except Missing as error:
        raise Missing(f"the image {image} isn't there ({error}); `make image` builds it") from None
    record["Reference"] = image if ":" in image else f"{image}:latest"
    return record


def link_images(records, data):
    """Fills a data root with these images of the machine's engine, by links to its layers. Returns
    those for which that was possible."""
    root = pathlib.Path(host_docker("info", "-f", "{{.DockerRootDir}}").strip())
    driver = host_docker("info", "-f", "{{.Driver}}").strip()
    source, target = root / "image/overlay2", data / "image/overlay2"
    if driver != "overlay2" or not (source / "imagedb").is_dir():
        return []
    (data / "overlay2/l").mkdir(parents=True)
    names = {}
    for record in records:
        content = pathlib.Path("imagedb/content") / record["Id"].replace(":", "/")
        (target / content).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / content, target / content)
        chain = ""
        for layer in record["RootFS"]["Layers"]:
            chain = digest(f"{chain} {layer}") if chain else layer
            place = pathlib.Path("layerdb") / chain.replace(":", "/")
            if not (target / place).exists():
                shutil.copytree(source / place, target / place)
                link_layer(root, data, (source / place / "cache-id").read_text().strip())
        repository = record["Reference"].rsplit(":", 1)[0]
        names.setdefault(repository, {})[record["Reference"]] = record["Id"]
    (target / "repositories.json").write_text(json.dumps({"Repositories": names}))
    return records


def link_layer(root, data, layer):
    source, target = root / "overlay2" / layer, data / "overlay2" / layer
    target.mkdir()
    for name in ("link", "lower", "committed"):
        if (source / name).exists():
            shutil.copy2(source / name, target / name)
    if (source / "lower").exists():
        (target / "work").mkdir()
    (target / "diff").symlink_to(source / "diff")
    short = (source / "link").read_text().strip()
    (data / "overlay2/l" / short).symlink_to(f"../{layer}/diff")


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def remove(directory):
    """Removes a lab's directory. Its mounts went with the mount namespace; any that are still
    visible are unmounted first, so that nothing outside is ever emptied."""
    for line in reversed(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()):
        if line.split()[4].startswith(f"{directory}/"):
            command("umount", "-l", line.split()[4])
    shutil.rmtree(directory, ignore_errors=True)


def remove_cgroups(cgroup):
    """Removes the engine's empty control groups, children first, in every hierarchy."""
    top = pathlib.Path("/sys/fs/cgroup")
    places = [top / cgroup.strip("/")] + [
        h / cgroup.strip("/") for h in top.iterdir() if h.is_dir()
    ]
    for place in places:
        for directory in sorted(place.rglob("*"), reverse=True) if place.is_dir() else []:
            if directory.is_dir():
                _rmdir(directory)
        if place.is_dir():
            _rmdir(place)


def _rmdir(directory):
    try:
        directory.rmdir()
    except OSError:
        pass
