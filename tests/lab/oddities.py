"""What the laboratory's web servers do besides answering pages: the ways in which real servers are
slow, long-lived or broken. Each is a path that works for every name.

    /websocket   RFC 6455, with the handshake; echoes each message until the client closes
    /digest      reads the body and tells its length and SHA-256
    /reset       takes the request and answers with a TCP reset
    /silence     takes the request and never answers
    /endless     answers with a body that doesn't end, as fast as the client takes it
"""

import base64
import hashlib
import os
import socket
import struct
import time

import openai

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BLOCK = b"\0" * 65536
CLOSE = 8


class Handler(openai.Handler):
    def _odd(self):
        path, _, _ = self.path.partition("?")
        odd = getattr(self, f"serve_{path[1:]}", None)
        if not path[1:].isalpha() or odd is None:
            self._serve()
            return
        self.server.stand_in.requests.append((self.command, self._name(), self.path))
        odd()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = _odd

    def _name(self):
        return self.headers.get("host", "").rsplit(":", 1)[0].lower()

    def serve_websocket(self):
        if self.headers.get("upgrade", "").lower() != "websocket":
            self._serve()
            return
        key = self.headers["sec-websocket-key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        self.connection.settimeout(None)
        while head := self.rfile.read(2):
            code, size = head[0] & 15, head[1] & 127
            if size > 125:
                wide = self.rfile.read(2 if size == 126 else 8)
                size = int.from_bytes(wide, "big")
            mask, data = self.rfile.read(4), self.rfile.read(size)
            data = bytes(octet ^ mask[i % 4] for i, octet in enumerate(data))
            length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
            self.wfile.write(head[:1] + length + data)
            if code == CLOSE:
                return

    def serve_digest(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        told = f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def serve_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())

    def serve_silence(self):
        self.connection.settimeout(None)
        while self.connection.recv(4096):
            pass
        self.close_connection = True

    def serve_endless(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            self.wfile.write(BLOCK)
