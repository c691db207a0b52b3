"""--publish: a server of the container's is reached from the machine, by that port alone, and by
nobody else; and it is no way out."""

import json
import subprocess

import pytest
from conftest import IMAGE, STUB, until

SERVER = """
import http.server, sys, threading
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(b"served by " + sys.argv[1].encode())
    def log_message(self, *_): pass
for port in sys.argv[2:]:
    server = http.server.ThreadingHTTPServer(("", int(port)), Hello)
    threading.Thread(target=server.serve_forever).start()
print("serving", flush=True)
"""
GET = ("curl", "-sS", "-m", "30", "--noproxy", "*")
IN_VAIN = (*GET, "-m", "3")


@pytest.fixture
def host(lab):
    """host(words...): run on the machine that the engine runs on."""

    def call(*words):
        return subprocess.run(["ip", "netns", "exec", lab.engine.namespace.name, *words],
                              capture_output=True, text=True, timeout=60)

    return call


@pytest.fixture
def serve(terminal, stub_environment, workdir, runner):
    """serve(options...): a container with servers at 3000 and 4000."""

    def begin(*options):
        words = [STUB, *options, "--exec", "python3", "-c", SERVER, "it", "3000", "4000"]
        t = terminal(words, cwd=workdir, env=stub_environment)
        t.until_says(b"serving")
        return t

    yield begin
    # The port is the next one's.
    names = runner.docker("ps", "-aq").ok().out.split()
    if names:
        runner.docker("rm", "-f", *names)


@pytest.fixture
def address(runner):
    """The address of the container that runs."""

    def look():
        name = until(lambda: runner.docker("ps", "-q").ok().out.split(), "it in the engine's list")[0]
        networks = json.loads(runner.docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", name).out)
        return next(iter(networks.values()))["IPAddress"]

    return look


@pytest.mark.parametrize("option, port", [("3000", 3000), ("8080:3000", 8080), ("127.0.0.1:8081:3000", 8081)])
def test_the_machine_reaches_it(serve, host, option, port):
    t = serve("--publish", option)
    assert host(*GET, f"http://127.0.0.1:{port}/").stdout == "served by it"
    # As often as wanted, side by side.
    done = host("sh", "-c", f"for n in 1 2 3 4 5; do {' '.join(GET[:4])} http://127.0.0.1:{port}/ & done; wait")
    assert done.stdout == 5 * "served by it"
    t.type(b"\x03")


def test_that_port_alone(serve, host, address):
    serve("--publish", "3000")
    assert host(*GET, f"http://{address()}:3000/").stdout == "served by it"
    done = host(*IN_VAIN, f"http://{address()}:4000/")
    assert done.returncode != 0 and done.stdout == "", done


def test_nothing_without_it(serve, host, address):
    serve()
    assert host(*IN_VAIN, f"http://{address()}:3000/").returncode != 0


def test_a_neighbour_does_not_reach_it(serve, runner, address):
    serve("--publish", "3000")
    target = f"http://{address()}:3000/"
    done = runner.docker("run", "--rm", "--pull=never", "--entrypoint", "curl", IMAGE, *IN_VAIN[1:], target)
    assert done.status != 0 and "served" not in done.out, done


def lan(host):
    """An address of the machine's that isn't the engine's own."""
    links = json.loads(host("ip", "-j", "-4", "address").stdout)
    return next(a["local"] for link in links if not link["ifname"].startswith(("lo", "docker", "br-"))
                for a in link["addr_info"])


def test_another_address_lets_others_in(serve, host):
    """At an address of the machine's, with the source that a client there has."""
    serve("--publish", "0.0.0.0:8080:3000")
    assert host(*GET, f"http://{lan(host)}:8080/").stdout == "served by it"
    assert host(*GET, "http://127.0.0.1:8080/").stdout == "served by it"


def test_by_default_the_machine_alone(serve, host):
    serve("--publish", "8080:3000")
    assert host(*IN_VAIN, f"http://{lan(host)}:8080/").returncode != 0


def test_it_is_no_way_out(stub, wire, host, lab):
    """From a published port, towards whom may connect to it, nothing begins."""
    gateway = json.loads(host("ip", "-j", "-4", "address", "show", "docker0").stdout)[0]["addr_info"][0]["local"]
    script = f"""
import socket
for target in (("{gateway}", 9), ("{lan(host)}", 9), ("198.51.100.1", 9)):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(2)
        s.bind(("", 3000))
        try:
            s.connect(target), s.send(b"secret"), s.recv(1)
            print("answered")
        except OSError as error:
            print(error)
        s.close()
"""
    done = stub("--publish", "0.0.0.0:3000", "--exec", "python3", "-c", script).ok()
    assert "answered" not in done.out
    # What the resolver asks aside.
    assert [p for p in wire.packets() if p.protocol in ("tcp", "udp") and p.port != 53] == []
