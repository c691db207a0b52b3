"""Run as a sandbox's command: starts what tests tell it to as children of its own, which therefore are
behind the same wall as any command. What `docker exec` starts isn't in the cell. Nothing but Python's
standard library.

    agent.py SOCKET

SOCKET is a path in a directory that the host shares. Each connection is a job. It begins with a line
of JSON: {"argv": [word...], "input": base64 or null}, or {"end": status}, which ends the command.
Lines come back: {"out": base64} and {"err": base64} as they are written, and {"status": number} at
the end. A job whose connection is closed is killed.
"""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading


class Job:
    def __init__(self, connection):
        self.connection, self.lock = connection, threading.Lock()
        self.lines = connection.makefile("rb")

    def tell(self, **fields):
        with self.lock:
            try:
                self.connection.sendall(json.dumps(fields).encode() + b"\n")
            except OSError:
                pass  # nobody listens any more

    def run(self):
        asked = json.loads(self.lines.readline() or "{}")
        if "end" in asked:
            os._exit(asked["end"])
        if "argv" in asked:
            self.tell(status=self.carry_out(asked))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def carry_out(self, asked):
        said = asked.get("input")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        pipes["stdin"] = subprocess.DEVNULL if said is None else subprocess.PIPE
        try:
            child = subprocess.Popen(asked["argv"], start_new_session=True, **pipes)
        except OSError as error:
            self.tell(err=base64.b64encode(f"agent: {error}\n".encode()).decode())
            return 127
        threading.Thread(target=self.watch, args=(child,), daemon=True).start()
        readers = [threading.Thread(target=self.read, args=(k, getattr(child, f"std{k}"))) for k in ("out", "err")]
        for reader in readers:
            reader.start()
        if said is not None:
            try:
                child.stdin.write(base64.b64decode(said))
                child.stdin.close()
            except BrokenPipeError:
                pass
        for reader in readers:
            reader.join()
        status = child.wait()
        return status if status >= 0 else 128 - status

    def read(self, kind, pipe):
        while data := os.read(pipe.fileno(), 1 << 16):
            self.tell(**{kind: base64.b64encode(data).decode()})

    def watch(self, child):
        self.lines.read()
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)


def main():
    path = sys.argv[1]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    os.chmod(path + ".new", 0o666)
    listener.listen(128)
    os.rename(path + ".new", path)  # whoever finds it can connect
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=Job(connection).run, daemon=True).start()


if __name__ == "__main__":
    main()
