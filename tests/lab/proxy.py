"""A corporate HTTP proxy for the laboratory: CONNECT and nothing else, on PORT of every address.

Wherever it is asked to go, it goes to the laboratory's own server for that port, so that the name
it was given is all that it knows. What it was asked is kept; a test may have it ask for a user and
a password, or refuse.
"""

import base64
import collections
import socket

from dns_server import start

PORT = 3128

Asked = collections.namedtuple("Asked", "target authorization source")


class Proxy:
    def __init__(self, everything_else):
        self._other_port = everything_else
        self.clear()

    def clear(self):
        self.asked = []
        self._login = None
        self._refuse = {}

    def require(self, user, password):
        told = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._login = f"Basic {told}"

    def refuse(self, target, status, phrase="from the proxy"):
        """status: the reply to requests for that host:port."""
        self._refuse[target] = (status, phrase)

    def targets(self):
        return [asked.target for asked in list(self.asked)]

    def serve(self, listener):
        start(self._accept, listener)

    def _accept(self, listener):
        while True:
            connection, source = listener.accept()
            start(self._serve, connection, source[0])

    def _serve(self, connection, source):
        connection.settimeout(30)
        with connection, connection.makefile("rb") as stream:
            method, target, _ = stream.readline().decode("latin-1").split()
            fields = {}
            while line := stream.readline().decode("latin-1").strip():
                name, _, value = line.partition(":")
                fields[name.lower()] = value.strip()
            authorization = fields.get("proxy-authorization", "")
            self.asked.append(Asked(target, authorization, source))
            status = 200 if method == "CONNECT" else 405
            if self._login and authorization != self._login:
                status = 407
            status, phrase = self._refuse.get(target, (status, "from the proxy"))
            connection.sendall(f"HTTP/1.1 {status} {phrase}\r\n\r\n".encode("latin-1"))
            if status == 200:
                self._pass_on(connection, int(target.rsplit(":", 1)[1]))

    def _pass_on(self, connection, port):
        with socket.create_connection(
            ("127.0.0.1", port if port in (80, 443) else self._other_port), 30
        ) as server:
            server.settimeout(30)
            start(_copy, server, connection)
            _copy(connection, server)


def _copy(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
    finally:
        to.shutdown(socket.SHUT_WR)
