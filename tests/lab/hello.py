"""ClientHellos, as a real TLS library writes them, and malformed ones. Bytes in, bytes out."""

import ssl
import struct

SERVER_NAME, SUPPORTED_GROUPS, KEY_SHARE = 0, 10, 51
ENCRYPTED_CLIENT_HELLO, ESNI = 0xFE0D, 0xFFCE


def client(name, **settings):
    """The ClientHello of Python's ssl for that name ("" or None: without a name)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for setting, value in settings.items():
        setattr(context, setting, value)
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name or None).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def random_of(hello):
    """The 32 octets that identify a hello on the wire."""
    return hello[11:43]


def taken_apart(hello):
    """The message up to its extensions, and these as [(type, body)]."""
    message = hello[5:]
    at = 4 + 2 + 32
    at += 1 + message[at]  # session id
    at += 2 + struct.unpack_from("!H", message, at)[0]  # cipher suites
    at += 1 + message[at]  # compression
    fixed, at, extensions = message[:at], at + 2, []
    while at < len(message):
        kind, size = struct.unpack_from("!HH", message, at)
        extensions.append((kind, message[at + 4 : at + 4 + size]))
        at += 4 + size
    return fixed, extensions


def put_together(fixed, extensions):
    listed = b"".join(struct.pack("!HH", kind, len(body)) + body for kind, body in extensions)
    body = fixed[4:] + struct.pack("!H", len(listed)) + listed
    return record(b"\x01" + len(body).to_bytes(3, "big") + body)


def record(fragment, kind=22, version=0x0301):
    return struct.pack("!BHH", kind, version, len(fragment)) + fragment


def over_records(hello, sizes):
    """The same message in records of these sizes, the last of them repeated."""
    message, records, sizes = hello[5:], b"", list(sizes)
    while message:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        records += record(message[:size])
        message = message[size:]
    return records


def changed(hello, **changes):
    """with_: [(type, body)] added at the end; without: types left out; replace: {type: body}."""
    fixed, extensions = taken_apart(hello)
    replace = changes.get("replace", {})
    extensions = [
        (kind, replace.get(kind, body))
        for kind, body in extensions
        if kind not in changes.get("without", ())
    ]
    return put_together(fixed, extensions + list(changes.get("with_", ())))


def names(*listed):
    """The body of a server_name extension."""
    made = b"".join(b"\0" + struct.pack("!H", len(name)) + name for name in listed)
    return struct.pack("!H", len(made)) + made


def named(*listed):
    """A hello whose server_name extension holds these octets."""
    return changed(client("allowed.test"), replace={SERVER_NAME: names(*listed)})


def asks_for_a_second(name):
    """One without a key share: a server of TLS 1.3 asks for a second hello (RFC 8446 4.1.4)."""
    return changed(client(name), replace={KEY_SHARE: b"\0\0"})


def second(first, name):
    """What such a client sends next, for any name."""
    _, extensions = taken_apart(client(name))
    body = dict(extensions)
    return changed(
        first, replace={SERVER_NAME: body[SERVER_NAME], KEY_SHARE: body[KEY_SHARE]}
    )


def grease_ech():
    """encrypted_client_hello as Chromium fills it without a key of the server's."""
    head = b"\0" + struct.pack("!HHBH", 1, 1, 77, 32) + b"e" * 32
    return head + struct.pack("!H", 144) + b"p" * 144
