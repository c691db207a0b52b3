"""The laboratory's DNS: one server that is the authority for every name, on UDP and TCP.

A name has the records that a test gives it and no others; a name nobody spoke of is NXDOMAIN.
Answers can be late, missing, cut short, different each time, or hostile; every question is kept.
"""

import collections
import itertools
import socket
import struct
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

# source, port: the sender of the query.
Query = collections.namedtuple("Query", "time name type tcp source port wire")


class Dns:
    """Can be programmed while it runs; all methods are thread-safe."""

    def __init__(self):
        self._lock = threading.RLock()
        self.queries = []
        self.clear()

    def clear(self, names=None):
        """Forgets all records, behaviours and queries, and has these names and their addresses: at once,
        since a container of several tests may ask at any moment."""
        with self._lock:
            self._records = {}
            self._behaviour = collections.defaultdict(dict)
            self.queries = []
            for name, address in (names or {}).items():
                self.add(name, address)

    def add(self, name, *values, type=None, ttl=60):
        """Gives a name records: addresses, or those of another type, which replace existing ones of
        that type. Without a value, the name exists and is empty."""
        name = name.lower().rstrip(".")
        with self._lock:
            records = self._records.setdefault(name, {})
            for kind in {type or kind_of(value) for value in values}:
                records.pop(kind, None)
            for value in values:
                records.setdefault(type or kind_of(value), []).append((value, ttl))

    def alias(self, name, target, ttl=60):
        """Makes a name a CNAME of another."""
        self.add(name, target.rstrip(".") + ".", type="CNAME", ttl=ttl)

    def rotate(self, name, addresses, ttl=1):
        """Each query for the name gets the next address of the iterable, cyclically."""
        self._set(name, rotate=(itertools.cycle(addresses), ttl))

    def remove(self, name):
        with self._lock:
            self._records.pop(name.lower(), None)
            self._behaviour.pop(name.lower(), None)

    def delay(self, name, seconds):
        """Delays answers for the name. "*" stands for every name, here and below."""
        self._set(name, delay=seconds)

    def drop(self, name, times=1 << 30, udp_only=False, kind=None, edns=False):
        """Ignores that many queries for the name; only of this type, or only with EDNS."""
        self._set(name, drop=[times, udp_only, kind, edns])

    def fail(self, name, rcode="SERVFAIL"):
        self._set(name, rcode=dns.rcode.from_text(rcode))

    def truncate(self, name):
        """UDP answers for the name are empty and truncated; those by TCP are complete."""
        self._set(name, truncate=True)

    def forge(self, name, maker, udp_only=False):
        """maker(query message, honest wire) returns the packets to send instead, in order."""
        self._set(name, forge=(maker, udp_only))

    def _set(self, name, **behaviour):
        with self._lock:
            self._behaviour[name.lower().rstrip(".")].update(behaviour)

    def asked(self, name=None):
        """The queries so far, or those for a name and the names below it."""
        queries = list(self.queries)
        if name is None:
            return queries
        return [q for q in queries if q.name == name or q.name.endswith("." + name)]

    def answer(self, wire, tcp, source):
        """The packets to send for a query from source, an address and a port. Delays happen here,
        in the caller's thread."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text().lower().rstrip(".")
        kind = dns.rdatatype.to_text(question.rdtype)
        with self._lock:
            self.queries.append(Query(time.monotonic(), name, kind, tcp, *source, wire))
            behaviour = {**self._behaviour.get("*", {}), **self._behaviour.get(name, {})}
            response = self._honest(query, name, kind, behaviour)
            if left := behaviour.get("drop"):
                times, udp_only, only, edns = left
                spared = (udp_only and tcp) or (only and kind != only) or (edns and query.edns < 0)
                if times > 0 and not spared:
                    left[0] -= 1
                    return []
        if seconds := behaviour.get("delay"):
            time.sleep(seconds)
        if behaviour.get("truncate") and not tcp:
            response.answer.clear()
            response.flags |= dns.flags.TC
        packet = response.to_wire(max_size=65535)
        maker, udp_only = behaviour.get("forge", (None, False))
        if maker and not (tcp and udp_only):
            return maker(query, packet)
        return [packet]

    def _honest(self, query, name, kind, behaviour):
        response = dns.message.make_response(query, recursion_available=True)
        if "rcode" in behaviour:
            response.set_rcode(behaviour["rcode"])
            return response
        if behaviour.get("rotate") and kind == "A":
            addresses, ttl = behaviour["rotate"]
            response.answer.append(dns.rrset.from_text(name + ".", ttl, "IN", "A", next(addresses)))
            return response
        for _ in range(64):
            records = self._records.get(name)
            if records is None:
                if "rotate" not in self._behaviour.get(name, {}):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                break
            for wanted in ("CNAME",) if "CNAME" in records else (kind,):
                for value, ttl in records.get(wanted, []):
                    response.answer.append(
                        dns.rrset.from_text(name + ".", ttl, "IN", wanted, value)
                    )
            if "CNAME" not in records or kind == "CNAME":
                break
            name = records["CNAME"][0][0].lower().rstrip(".")
        return response

    def serve(self, addresses, port=53):
        """Opens the sockets in the calling thread's namespace and answers from then on."""
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            udp = socket.socket(family, socket.SOCK_DGRAM)
            udp.bind((address, port))
            tcp = socket.socket(family, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((address, port))
            tcp.listen(64)
            start(self._serve_udp, udp)
            start(self._serve_tcp, tcp)

    def _serve_udp(self, udp):
        while True:
            wire, source = udp.recvfrom(65535)
            start(self._reply_udp, udp, wire, source)

    def _reply_udp(self, udp, wire, source):
        for packet in self._tried(wire, False, source[:2]):
            udp.sendto(packet, source)

    def _serve_tcp(self, tcp):
        while True:
            connection, source = tcp.accept()
            start(self._reply_tcp, connection, source)

    def _reply_tcp(self, connection, source):
        connection.settimeout(60)
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                wire = stream.read(struct.unpack("!H", head)[0])
                for packet in self._tried(wire, True, source[:2]):
                    connection.sendall(struct.pack("!H", len(packet)) + packet)

    def _tried(self, wire, tcp, source):
        try:
            return self.answer(wire, tcp, source)
        except dns.exception.DNSException:
            self.queries.append(Query(time.monotonic(), "", "malformed", tcp, *source, wire))
            return []


def kind_of(value):
    return "AAAA" if ":" in value else "A"


def start(function, *arguments):
    """A thread that ends with the process, or quietly when its socket is closed."""

    def run():
        try:
            function(*arguments)
        except OSError:
            pass

    threading.Thread(target=run, daemon=True).start()
