"""The broker's part of make bench, in a container of the image without network: the shipped
codex-broker and haproxy and, in the gate's place, a TLS server on the gate's socket. How long it takes
from PID 1's word to the first answer, what a request costs through it on connections that stand,
beside the same server directly, and its memory. The image: CODEX_DOCKER_IMAGE, or codex-sandbox.
"""

import os
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BROKER = Path("/usr/lib/codex-sandbox/codex-broker")
IMAGE = os.environ.get("CODEX_DOCKER_IMAGE", "codex-sandbox")
NAME = f"cxbench-broker-{os.getpid()}"
TURN, READY = 1, 1  # sizes and types of init/broker/broker_ipc.h
TOKEN, ACCOUNT = 8193, 65
UID = 65313
# As codex-init starts it: the filter of its haproxy needs no_new_privs.
AS = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs")
KEY = b"sk-bench-0123456789"
HOST = "api.openai.com"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def certificate(place):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2",
         "-keyout", place / "key", "-out", place / "roots"], capture_output=True, check=False)  # fmt: skip
    assert made.returncode == 0, made.stderr


def serve(listener, context):
    def talk(plain):
        with context.wrap_socket(plain, server_side=True) as s:
            while data := s.recv(65536):
                if data.endswith(b"{}"):
                    s.sendall(ANSWER)

    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def post(port):
    return (f"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").encode()


def ask(s, text):
    """Microseconds to the first octet of the answer."""
    began = time.perf_counter()
    s.sendall(text)
    got = s.recv(1)
    took = time.perf_counter() - began
    while not got.endswith(b"{}"):
        got += s.recv(4096)
    assert b" 200 " in got, got
    return 1e6 * took


def start(web, roots):
    """The process, PID 1's end of its channel, and milliseconds until it is ready."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    credential = os.memfd_create("credential")
    os.fchown(credential, UID, UID)
    os.pwrite(credential, KEY.ljust(TOKEN + ACCOUNT, b"\0"), 0)
    # No certificate: it is a key.
    words = [*AS, BROKER, theirs.fileno(), web.fileno(), credential, credential, NAME, roots]
    process = subprocess.Popen([str(w) for w in words], env={"PATH": "/usr/bin:/bin"}, cwd="/",
                               pass_fds=(theirs.fileno(), web.fileno(), credential), stdin=subprocess.DEVNULL)
    os.close(credential)
    theirs.close()
    time.sleep(0.1)  # it waits for its turn
    began = time.perf_counter()
    ours.send(bytes(TURN))
    told = ours.recv(4096)
    took = 1000 * (time.perf_counter() - began)
    assert told and struct.unpack_from("I", told)[0] == READY, "codex-broker isn't ready"
    return process, ours, took


def haproxy_of(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return Path(f"/proc/{children[0]}")


def used(proc):
    """Processor time so far in milliseconds; kilobytes resident, and of those anonymous."""
    rows = dict(row.split(":", 1) for row in (proc / "smaps_rollup").read_text().splitlines()[1:])
    spent = int((proc / "schedstat").read_text().split()[0]) / 1e6
    return spent, *(int(rows[name].split()[0]) for name in ("Rss", "Anonymous"))


def inside(starts, requests):
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        certificate(place)
        place.chmod(0o755)  # for the broker's user
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place / "roots", place / "key")
        # As many authorities as an image has, the server's among them.
        roots = place / "all"
        roots.write_text((place / "roots").read_text()
                         + Path("/etc/ssl/certs/ca-certificates.crt").read_text())
        gate = socket.socket(socket.AF_UNIX)
        gate.bind(b"\0" + NAME.encode() + bytes(107 - len(NAME)))
        gate.listen(64)
        threading.Thread(target=serve, args=(gate, context), daemon=True).start()
        trust = ssl.create_default_context(cafile=place / "roots")
        took, spent = [], []
        for number in range(starts):
            web = socket.create_server(("127.0.0.1", 0))
            process, channel, ready = start(web, roots)
            took.append(ready)
            spent.append(used(haproxy_of(process))[0])
            if number == starts - 1:
                port = web.getsockname()[1]
                through = socket.create_connection(("127.0.0.1", port))
                direct = socket.socket(socket.AF_UNIX)
                direct.connect(gate.getsockname())
                direct = trust.wrap_socket(direct, server_hostname=HOST)
                times = {"direct": [], "through": []}
                for i in range(requests + 20):  # the first make the connections
                    for name, s in (("direct", direct), ("through", through)):
                        value = ask(s, post(port))
                        if i >= 20:
                            times[name].append(value)
                memory = used(haproxy_of(process))[1:]
            channel.close()
            process.wait()
            web.close()
    base, ours = (statistics.median(times[name]) for name in ("direct", "through"))
    print(statistics.median(took), min(took), statistics.median(spent), min(spent), base, ours, *memory)


def measure(starts, requests=2000):
    from bench import line, run

    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode:
        print(f"\nThe broker: not measured, since there is no image {IMAGE}: make image")
        return
    text = run("docker", "run", "--rm", "--pull=never", "--network=none", "--cap-add=SYS_PTRACE",
               "-v", f"{__file__}:/broker.py:ro", "--entrypoint=python3", IMAGE, "/broker.py", starts, requests)
    took, fastest, spent, least, base, ours, resident, own = (float(word) for word in text.split())
    print(f"\nThe broker: {starts} starts, {requests} requests on connections that stand, medians (fastest)")
    line("ready, ms after PID 1's word", f"{took:.1f}", f"({fastest:.1f})", "", "beside the rest; goal: 30 or less")
    line("processor time of haproxy for that, ms", f"{spent:.1f}", f"({least:.1f})")
    line("first octet through it, against direct, us", f"{ours:.0f}", f"{base:.0f}", f"x{ours / base:.2f}",
         f"{(ours - base) / 1000:+.2f} ms; goal: +0.50 or less")
    line("memory of haproxy, kB (anonymous)", f"{resident:.0f}", f"({own:.0f})", "", "goal: 25600 or less")


if __name__ == "__main__":
    inside(*map(int, sys.argv[1:]))
