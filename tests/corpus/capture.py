"""Captures what real clients send first: TLS hellos into hello/, heads of HTTP into http/.

usage: /usr/bin/python3 tests/corpus/capture.py NAME tls|http -- COMMAND...

Runs COMMAND in a network namespace of its own, where nothing leads out, with the names in HOSTS
at 127.0.0.1 and a sink on tcp/443 or tcp/80 that reads until the client pauses, then hangs up.
What the first connection sent is kept as NAME.bin. Needs root; COMMAND has PATH and HOME only.

Codex is a static binary: copied out of the image (docker cp -L ID:/usr/local/bin/codex .), it is
captured as any other: env HOME=... CODEX_API_KEY=none ./codex exec --skip-git-repo-check hello
"""
import os
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = "127.0.0.1 api.openai.com chatgpt.com shop.example www.example.test\n"


def sink(listener, got):
    """Keeps what the first connection sends; the client waits for an answer after it."""
    while True:
        connection, _ = listener.accept()
        connection.settimeout(0.5)
        data = b""
        try:
            while part := connection.recv(65536):
                data += part
        except (TimeoutError, ConnectionError):
            pass
        connection.close()
        if data:
            got.append(data)


def main():
    name, kind, command = sys.argv[1], sys.argv[2], sys.argv[4:]
    port, folder = {"tls": (443, "hello"), "http": (80, "http")}[kind]
    if os.environ.get("CAPTURE_INSIDE") != "1":
        os.environ["CAPTURE_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hosts = f"/run/capture-hosts.{os.getpid()}"
    with open(hosts, "w", encoding="ascii") as f:
        f.write(HOSTS)
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    os.unlink(hosts)
    got = []
    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=sink, args=(listener, got), daemon=True).start()
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        client = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            client.wait(20)
        except subprocess.TimeoutExpired:
            client.kill()
    if not got:
        sys.exit(f"{name}: the client sent nothing")
    with open(f"{HERE}/{folder}/{name}.bin", "wb") as f:
        f.write(got[0])
    print(f"{name}: {len(got[0])} octets")


if __name__ == "__main__":
    main()
