"""What the tests of names share."""

GET = "curl -sS -o /dev/null -m 30 "


def reached(sinks):
    return set(sinks.seen())


def knock(*ports):
    """A script that opens a connection to each port of allowed.test, hears what the server says to
    everybody (in the cell the gate connects to it a moment later), and prints what came of it."""
    tried = " ".join(map(str, ports))
    connect = "timeout 30 bash -c 'exec 3<>/dev/tcp/allowed.test/'$p'; head -n 1 <&3 >/dev/null'"
    return f"for p in {tried}; do {connect}; echo $?; done"


# The gate takes what comes to these ports, and refuses by an alert and by a status.
WEB = f"{GET} https://allowed.test; echo $?; {GET} -f http://allowed.test; echo $?"
WEB_REFUSED = ["35", "22"]
