"""The laboratory's two network namespaces, and nothing that leads out of them.

    engine     the container engine and its bridges; one exit, a veth to
    internet   where every address of the world is a local one

Neither has an interface to the machine's real network. Both are made before anything is started in
them, and sealed() fails loudly if that were ever not so.
"""

import ctypes
import json
import os
import signal
import subprocess
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

ENGINE_ADDRESS, INTERNET_ADDRESS = "172.31.255.2", "172.31.255.1"
ENGINE_ADDRESS6, INTERNET_ADDRESS6 = "fd77:ffff::2", "fd77:ffff::1"
# Networks of containers that are reached without address translation (IPv6 has none here).
CONTAINERS6 = "fd77:1::/32"


def command(*arguments, **options):
    """Runs a program that must succeed; the exception has its output."""
    done = subprocess.run(arguments, capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespace:
    """A named network namespace, as created by `ip netns`."""

    def __init__(self, name):
        self.name, self.path = name, f"/run/netns/{name}"

    def create(self):
        command("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        return command("ip", "-n", self.name, *arguments)

    def run(self, *arguments, **options):
        return command("ip", "netns", "exec", self.name, *arguments, **options)

    def sysctl(self, **settings):
        for name, value in settings.items():
            self.run("sysctl", "-qw", f"{name.replace('__', '.')}={value}")

    def enter(self):
        """In a forked child: moves it here, and ends it with its parent."""
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        descriptor = os.open(self.path, os.O_RDONLY)
        if LIBC.setns(descriptor, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(descriptor)

    def call(self, function, *arguments):
        """Calls a function in a thread that is in this namespace. Sockets opened there stay there,
        which is how the servers of the Internet get theirs."""
        result = []

        def enter():
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if LIBC.setns(descriptor, CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), f"setns {self.path}")
                finally:
                    os.close(descriptor)
                result.append((True, function(*arguments)))
            except BaseException as error:  # passed to the caller's thread
                result.append((False, error))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        well, value = result[0]
        if not well:
            raise value
        return value

    def sealed(self, *only):
        """Raises unless these are the only interfaces and no route leads anywhere else."""
        links = {link["ifname"] for link in json.loads(self.ip("-j", "link", "show"))}
        if links - {"lo", *only}:
            raise RuntimeError(f"namespace {self.name} has other interfaces: {sorted(links)}")
        for family in ("-4", "-6"):
            routes = json.loads(self.ip(family, "-j", "route", "show", "table", "all") or "[]")
            strays = {route.get("dev") for route in routes} - {None, "lo", *only}
            if strays:
                raise RuntimeError(f"namespace {self.name} has routes by {sorted(strays)}")

    def delete(self):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


def connect(engine, internet):
    """Connects the two by a veth and makes every address of both families local to the Internet."""
    engine.ip("link", "add", "up0", "type", "veth", "peer", "name", "in0", "netns", internet.name)
    engine.sysctl(
        net__ipv4__ip_forward=1,
        net__ipv6__conf__all__forwarding=1,
        net__ipv6__conf__all__accept_dad=0,
        net__ipv6__conf__default__accept_dad=0,
    )
    internet.sysctl(
        net__ipv6__conf__all__accept_dad=0,
        net__ipv6__conf__default__accept_dad=0,
        net__ipv4__conf__all__rp_filter=0,
        net__ipv4__conf__default__rp_filter=0,
        net__ipv4__conf__in0__rp_filter=0,
    )
    for namespace, device, address, address6 in (
        (engine, "up0", ENGINE_ADDRESS, ENGINE_ADDRESS6),
        (internet, "in0", INTERNET_ADDRESS, INTERNET_ADDRESS6),
    ):
        namespace.ip("address", "add", f"{address}/30", "dev", device)
        namespace.ip("address", "add", f"{address6}/64", "dev", device, "nodad")
        namespace.ip("link", "set", device, "up")
    engine.ip("route", "add", "default", "via", INTERNET_ADDRESS)
    engine.ip("-6", "route", "add", "default", "via", INTERNET_ADDRESS6)
    internet.ip("-6", "route", "add", CONTAINERS6, "via", ENGINE_ADDRESS6)
    # The route back is looked up before the table in which everything is local.
    for family, everything in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
        internet.ip(family, "rule", "add", "pref", "1", "iif", "in0", "lookup", "local")
        internet.ip(family, "rule", "add", "pref", "100", "lookup", "local")
        internet.ip(family, "rule", "add", "pref", "50", "lookup", "main")
        internet.ip(family, "rule", "del", "pref", "0")
        internet.ip(family, "route", "add", "local", everything, "dev", "lo", "table", "local")
    engine.sealed("up0")
    internet.sealed("in0")
