"""The Internet of the laboratory: whatever address is asked for, somebody answers, and every packet
that arrives is kept. Nothing here reaches further than the namespace it is started in.

    dns     the resolver that containers are given, at DNS_ADDRESS (and ::), see dns_server.py
    dns2    another one that knows no names, at DNS_ADDRESS2
    web     https on 443 and http on 80, for any name under the test CA; api.openai.com,
            chatgpt.com and auth.openai.com are played by openai.py
    ports   any other TCP port: says hello, keeps what it is told
    proxy   an HTTP proxy on port 3128, see proxy.py
    sinks   a capture of everything that came in by the wire

Addresses of BLACK_HOLE and BLACK_HOLE6 exist, and never answer. The https server at RETRY asks each
client for a second hello.
"""

import collections
import hashlib
import ipaddress
import select
import socket
import ssl
import struct
import threading
import time

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

import oddities
import openai
import proxy
from dns_server import Dns, start

DNS_ADDRESS, DNS_ADDRESS6 = "45.77.0.53", "2a0f:77::53"
DNS_ADDRESS2 = "45.77.0.54"
GREETING = b"hello from the lab\n"
CATCH_ALL = 7
RETRY = "45.198.0.1"
BLACK_HOLE, BLACK_HOLE6 = "45.199.0.0/16", "2a0f:77:dead::/48"
OPENAI = ("api.openai.com", "chatgpt.com", "auth.openai.com")
# Names that exist in every test; the addresses follow from the name, see address_of().
NAMES = OPENAI + (
    "ab.chatgpt.com",
    "chat.openai.com",
    "auth0.openai.com",
    "platform.openai.com",
    "openai.com",
    "example.com",
    "www.example.com",
    "example.org",
    "allowed.test",
    "other.test",
    "attacker.test",
)

Flow = collections.namedtuple("Flow", "protocol address port")
Packet = collections.namedtuple("Packet", "time protocol source address port data")


def address_of(name):
    """The address of a name unless a test sets another: public, unique, the same in every run."""
    digest = hashlib.sha256(name.encode()).digest()
    return f"45.{80 + digest[0] % 40}.{digest[1]}.{1 + digest[2] % 254}"


def address6_of(name):
    return f"2a0f:77:{hashlib.sha256(name.encode()).hexdigest()[:4]}::1"


class Web:
    """What the servers on 443 and 80 answer; openai.Server calls handle()."""

    def __init__(self):
        self.openai = openai.StandIn()
        self.requests = []
        self.pages = {}

    def clear(self):
        self.requests = []
        self.pages = {}
        self.openai.script()

    def handle(self, method, host, path, headers, body):
        name = host.rsplit(":", 1)[0].lower()
        self.requests.append((method, name, path))
        if name in OPENAI:
            if path == "/":
                return openai.Reply(200, f"this is {name}\n".encode(), "text/plain")
            return self.openai.handle(method, host, path, headers, body)
        if (name, path) in self.pages:
            return openai.Reply(200, self.pages[name, path], "application/octet-stream")
        told = {"host": name, "path": path, "method": method, "body": body.decode("latin-1")}
        return openai.Reply(200, told)

    def hosts(self):
        return {host for _, host, _ in list(self.requests)}


class PlainServer(openai.Server):
    """The same without TLS."""

    def finish_request(self, request, client_address):
        request.settimeout(30)
        self.RequestHandlerClass(request, client_address, self)


def certified(name):
    """What a certificate for a name or an address names. Authorities put no underscore in one:
    a wildcard covers such names."""
    return f"*.{name.partition('.')[2]}" if "_" in name else name.removeprefix("::ffff:")


class Certificates:
    """Certificates for whatever name a client asks for, under one CA made for this run. One key is in
    all of them: to make one may take longer on a busy machine than the client waits."""

    def __init__(self):
        self.authority = trustme.CA()
        self._contexts = {}
        self._lock = threading.Lock()
        pattern = self.authority.issue_cert("lab.test")
        self._key = pattern.private_key_pem
        self._pattern = x509.load_pem_x509_certificate(pattern.cert_chain_pems[0].bytes())
        self._signer = load_pem_private_key(self.authority.private_key_pem.bytes(), None)

    def issue(self, name):
        """The pattern for another name or address."""
        try:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
        except ValueError:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = x509.CertificateBuilder(
            issuer_name=self._pattern.issuer,
            subject_name=self._pattern.subject,
            public_key=self._pattern.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self._pattern.not_valid_before,
            not_valid_after=self._pattern.not_valid_after,
        )
        for extension in self._pattern.extensions:
            is_names = extension.oid == x509.SubjectAlternativeName.oid
            made = made.add_extension(names if is_names else extension.value, extension.critical)
        pem = made.sign(self._signer, SHA256()).public_bytes(Encoding.PEM)
        return trustme.LeafCert(self._key.bytes(), pem, [])

    def context(self):
        """For a server: picks the certificate by the name in the hello, or the address."""
        context = self._context("lab.test")
        context.sni_callback = self._choose
        return context

    def retrying(self):
        """One that takes no group but one for which clients send no key before they are asked."""
        context = self._context("retry.lab.test")
        context.set_ecdh_curve("secp384r1")
        context.sni_callback = self._choose
        return context

    def prepare(self, names):
        for name in names:
            self._context(name)

    def _choose(self, connection, name, _):
        connection.context = self._context(name or connection.getsockname()[0])

    def _context(self, name):
        with self._lock:
            if name not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self.issue(certified(name)).configure_cert(context)
                context.set_alpn_protocols(["http/1.1"])
                self._contexts[name] = context
            return self._contexts[name]


class Ports:
    """Every TCP port that has no server of its own."""

    def __init__(self):
        self.told = []

    def clear(self):
        self.told = []

    def serve(self):
        listener = dual_stack(CATCH_ALL)
        start(self._accept, listener)

    def _accept(self, listener):
        while True:
            connection, _ = listener.accept()
            start(self._serve, connection)

    def _serve(self, connection):
        connection.settimeout(60)
        with connection:
            connection.sendall(GREETING)
            while data := connection.recv(65536):
                self.told.append(data)


class Sinks:
    """Every packet that came in by the wire since the last mark."""

    ALL = 0x0003
    OUTGOING = 4
    # More packets than the kernel has room for: a flood that goes on is no reason to read for ever.
    HELD = 50000
    UNREACHABLE = 3
    ENGINES = frozenset({("icmp", UNREACHABLE)})
    # What IPv6 does on a link by itself: membership reports and neighbour discovery.
    LINK_CHATTER = {130, 131, 132, 133, 134, 135, 136, 137, 143}

    def __init__(self):
        self._packets = []
        self._before = set()
        self._lock = threading.Lock()

    def mark(self, quiet=0.1):
        """What comes from now on is seen. Waits, no longer than two seconds, until nothing has come
        for `quiet`: the ends of connections that a container had before are late packets. One
        that comes later still isn't seen, if it carries nothing: a busy machine may stop anybody."""
        for _ in range(int(2 / quiet)):
            before = self._read()
            time.sleep(quiet)
            if before == self._read():
                break
        with self._lock:
            self._before |= {connection(p) for p in self._packets if p.protocol == "tcp"}
            self._packets.clear()

    def serve(self, device):
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self.ALL))
        capture.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        capture.bind((device, self.ALL))
        self._keep(capture)

    def _keep(self, capture):
        capture.setblocking(False)
        self._captured = capture
        start(self._capture)

    def _capture(self):
        """Reads meanwhile, so that there is always room for more."""
        while True:
            select.select([self._captured], [], [])
            self._read()

    def _read(self):
        """Reads all that the kernel has captured so far; returns how many packets there are now."""
        with self._lock:
            for _ in range(self.HELD):
                try:
                    frame, (_, _, kind, _, _) = self._captured.recvfrom(65535)
                except BlockingIOError:
                    break
                if kind != self.OUTGOING and (packet := parse(frame)):
                    if not (packet.protocol == "icmp6" and packet.port in self.LINK_CHATTER):
                        self._packets.append(packet)
            return len(self._packets)

    def packets(self):
        self._read()
        new = self._packets.copy()
        return [p for p in new if not (empty(p) and connection(p) in self._before)]

    def seen(self, dns=False):
        """Where packets went, each destination once, in order: [("tcp", address, port), ...]. For
        ICMP the port is its type. Questions to the lab's own resolver are left out unless asked
        for: the engine's embedded resolver forwards in every container's name. So is the engine's
        word that a container is gone for which something comes late: no payload can send one."""
        flows = dict.fromkeys(Flow(p.protocol, p.address, p.port) for p in self.packets())
        ours = (DNS_ADDRESS, DNS_ADDRESS2, DNS_ADDRESS6)
        known = {("udp", 53), ("tcp", 53), ("icmp", self.UNREACHABLE)}
        return [f for f in flows if (f.protocol, f.port) not in self.ENGINES and
                (dns or (f.protocol, f.port) not in known or f.address not in ours)]

    def addresses(self):
        return {flow.address for flow in self.seen()}

    def to(self, address):
        return [packet for packet in self.packets() if packet.address == address]

    def carried(self, data):
        """Whether the bytes stood in any packet."""
        return any(data in packet.data for packet in self.packets())


class Wire(Sinks):
    """The same on every interface of the engine's side, for what containers send."""

    SOURCES = ("172.29.", "172.30.", "fd77:1:", "fe80:")
    GATEWAY = "172.30.0.1"
    ENGINES = frozenset()  # told by its address here

    def serve(self):
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self.ALL))
        capture.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._keep(capture)

    def packets(self):
        sent = (p for p in super().packets() if p.source.startswith(self.SOURCES))
        return [p for p in sent if p.source != self.GATEWAY]


def parse(frame):
    """A frame's Packet, or None for what isn't IP."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800:
        length = (frame[14] & 15) * 4
        protocol, rest = frame[23], frame[14 + length :]
        source, address = socket.inet_ntop(2, frame[26:30]), socket.inet_ntop(2, frame[30:34])
    elif kind == 0x86DD:
        protocol, rest = frame[20], frame[54:]
        source = socket.inet_ntop(socket.AF_INET6, frame[22:38])
        address = socket.inet_ntop(socket.AF_INET6, frame[38:54])
        if protocol == 0 and len(rest) > 8:  # a hop-by-hop header, as on membership reports
            protocol, rest = rest[0], rest[8 + rest[1] * 8 :]
    else:
        return None
    names = {1: "icmp", 58: "icmp6", 6: "tcp", 17: "udp"}
    port = 0
    if protocol in (6, 17) and len(rest) >= 4:
        port = struct.unpack_from("!H", rest, 2)[0]
    elif protocol in (1, 58) and rest:
        port = rest[0]
    name = names.get(protocol, f"ip{protocol}")
    return Packet(time.monotonic(), name, source, address, port, bytes(rest))


def connection(packet):
    """The connection that a packet of TCP's belongs to."""
    return packet.source, packet.data[:2], packet.address, packet.port


def empty(packet):
    """Whether it is a segment of TCP's that neither begins anything nor carries anything."""
    if packet.protocol != "tcp" or len(packet.data) < 20:
        return False
    return not packet.data[13] & 2 and len(packet.data) <= (packet.data[12] >> 4) * 4


def dual_stack(port):
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen(1024)
    return listener


class DualStackServer(openai.Server):
    request_queue_size = 1024  # hundreds may come at once, while others have the processor

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.RequestHandlerClass = oddities.Handler

    def finish_request(self, request, client_address):
        if request.getsockname()[0].endswith(f":{RETRY}"):
            request = self.retrying.wrap_socket(request, server_side=True)
            self.RequestHandlerClass(request, client_address, self)
            return
        super().finish_request(request, client_address)

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class PlainDualStackServer(PlainServer, DualStackServer):
    pass


class Internet:
    """All of it together. start() opens the sockets in the namespace it is given."""

    def __init__(self, namespace, device):
        self.namespace, self.device = namespace, device
        self.dns, self.web, self.ports, self.sinks = Dns(), Web(), Ports(), Sinks()
        self.dns2 = Dns()
        self.proxy = proxy.Proxy(CATCH_ALL)
        self.certificates = Certificates()
        self._servers = []
        self._dns_addresses = {DNS_ADDRESS, DNS_ADDRESS6}

    @property
    def openai(self):
        return self.web.openai

    def start(self):
        self.certificates.prepare(OPENAI)
        for address in (f"{DNS_ADDRESS}/32", f"{DNS_ADDRESS2}/32", f"{DNS_ADDRESS6}/128"):
            self.namespace.ip("address", "add", address, "dev", "lo")  # for bind()
        rules = f"""
            table inet catch_all {{
                chain incoming {{
                    type nat hook prerouting priority dstnat
                    tcp dport != {{ 53, 80, 443, {proxy.PORT} }} redirect to :{CATCH_ALL}
                }}
                chain black_hole {{
                    type filter hook prerouting priority filter
                    ip daddr {BLACK_HOLE} drop
                    ip6 daddr {BLACK_HOLE6} drop
                }}
            }}"""
        self.namespace.run("nft", "-f", "-", input=rules)
        self.namespace.call(self._open)
        self.reset()

    def answer_dns_at(self, address):
        """The DNS server is at this address, too, from now on."""
        if address not in self._dns_addresses:
            self._dns_addresses.add(address)
            length = 128 if ":" in address else 32
            self.namespace.ip("address", "add", f"{address}/{length}", "dev", "lo", *(("nodad",) if ":" in address else ()))
            self.namespace.call(self.dns.serve, [address])

    def _open(self):
        self.sinks.serve(self.device)
        self.dns.serve([DNS_ADDRESS, DNS_ADDRESS6])
        self.dns2.serve([DNS_ADDRESS2])
        self.ports.serve()
        self.proxy.serve(dual_stack(proxy.PORT))
        context = self.certificates.context()
        for kind, port in ((DualStackServer, 443), (PlainDualStackServer, 80)):
            server = kind(("::", port), self.web, context)
            server.retrying = self.certificates.retrying()
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def reset(self):
        """As at the start of a test: the usual names, nothing recorded; nor what comes late from the one
        before."""
        self.sinks.mark(quiet=0.02)
        self.dns.clear({name: address_of(name) for name in NAMES})
        self.dns2.clear()
        self.web.clear()
        self.ports.clear()
        self.proxy.clear()

    def stop(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()
