"""What the tests of names share."""

GET = "curl -sS -o /dev/null -m 10 "


def reached(sinks):
    return set(sinks.seen())


def knock(*ports):
    """A script that opens a connection to each port of allowed.test and prints what came of it."""
    tried = " ".join(map(str, ports))
    connect = "timeout 5 bash -c 'exec 3<>/dev/tcp/allowed.test/'$p"
    return f"for p in {tried}; do {connect}; echo $?; done"


# The gate takes what comes to these ports, and refuses by an alert and by a status.
WEB = f"{GET} https://allowed.test; echo $?; {GET} -f http://allowed.test; echo $?"
WEB_REFUSED = ["35", "22"]
