"""The server's side of a WebSocket (RFC 6455), as far as Codex uses it: unfragmented text, no
extensions. Only for the laboratory's stand-in."""

import base64
import hashlib
import struct

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def accept(key):
    """The value of Sec-WebSocket-Accept."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def read(file):
    """One frame: (opcode, payload), or None at the end."""
    head = file.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", file.read(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", file.read(8))
    mask = file.read(4) if head[1] & 0x80 else b"\0\0\0\0"
    data = file.read(size)
    wide = (mask * (size // 4 + 1))[:size]
    return head[0] & 15, (int.from_bytes(data, "big") ^ int.from_bytes(wide, "big")).to_bytes(size, "big")


def frame(payload, opcode=TEXT):
    size = len(payload)
    head = bytes([0x80 | opcode])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 65536:
        return head + b"\x7e" + struct.pack(">H", size) + payload
    return head + b"\x7f" + struct.pack(">Q", size) + payload


def serve(rfile, wfile, answer):
    """Answers each text with the texts that answer(text) gives, until the client has had enough."""
    while (got := read(rfile)) and got[0] != CLOSE:
        opcode, payload = got
        if opcode == PING:
            wfile.write(frame(payload, PONG))
        if opcode == TEXT:
            for text in answer(payload):
                wfile.write(frame(text))
        wfile.flush()
