"""Run inside a container: opens connections, sends exactly the bytes it is given, and tells what
came back. Nothing but Python's standard library.

    knock.py < attempts.json > answers.json

An attempt is {"to": [address, port], "send": [item...], "seconds": 30}. An item is a hexadecimal
string to send at once, a number of seconds to wait, "read" to wait for an answer, or "half" to end
our half. An answer is {"got": hexadecimal, "end": "eof", "reset", "open" or an error, "seconds"}.
"""

import concurrent.futures
import errno
import json
import socket
import sys
import time

# How much of an answer is read.
MOST = 1 << 16


def tell(attempt):
    got, end, began = b"", "open", time.monotonic()
    seconds = attempt.get("seconds", 30)
    try:
        with socket.create_connection(tuple(attempt["to"]), seconds) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for item in attempt["send"]:
                if item == "half":
                    s.shutdown(socket.SHUT_WR)
                elif item == "read":
                    got += s.recv(MOST)
                elif isinstance(item, str):
                    s.sendall(bytes.fromhex(item))
                else:
                    time.sleep(item)
            got, end = read(s, got, began + seconds, attempt.get("enough"))
    except OSError as error:
        end = "reset" if error.errno == errno.ECONNRESET else str(error)
    return {"got": got.hex(), "end": end, "seconds": round(time.monotonic() - began, 3)}


def read(s, got, deadline, enough):
    """Reads until the other side closes, that many bytes arrived, or the time is up."""
    while enough is None or len(got) < enough:
        s.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = s.recv(MOST)
        except TimeoutError:
            return got, "open"
        except OSError as error:
            return got, "reset" if error.errno == errno.ECONNRESET else str(error)
        if not data:
            return got, "eof"
        if len(got) < MOST:
            got += data
    return got, "open"


def main():
    attempts = json.load(sys.stdin)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        json.dump(list(pool.map(tell, attempts)), sys.stdout)


if __name__ == "__main__":
    main()
