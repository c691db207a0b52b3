"""Services (SRV) of allowed names, and the text beside them: what mongodb+srv:// is made of. What the
lab's DNS server was asked and what reached the sinks decides."""

import re

import pytest

pytestmark = pytest.mark.cell(names=True)


SRV, TXT = "_mongodb._tcp.cluster.test", "authSource=admin"


def cluster(dns):
    dns.add(SRV, "0 5 27017 shard-0.cluster.test.", "0 5 27017 shard.elsewhere.test.", type="SRV")
    dns.add("cluster.test", f'"{TXT}"', type="TXT")
    dns.add("shard-0.cluster.test", "45.34.0.1")
    dns.add("shard.elsewhere.test", "45.34.0.2")


# As a driver does: the service, its text, and a connection to each target.
DRIVER = f"""
for target in $(dig $BY +short SRV {SRV} | awk '{{ print $4 ":" $3 }}'); do
  echo "target $target"
  timeout 50 bash -c "exec 3<>/dev/tcp/${{target%%.:*}}/${{target##*:}}" && echo reached
done
dig $BY +short TXT cluster.test
"""


def test_a_service_of_an_allowed_name(shell, dns, sinks, wall, by):
    cluster(dns)
    # In the cell a wildcard has no other ports.
    rule = "*.cluster.test:27017" if wall == "nft" else "shard-0.cluster.test:27017"
    done = shell(DRIVER, allow=f"cluster.test {rule}", env={"BY": by}).ok()
    assert done.lines() == ["target shard-0.cluster.test.:27017", "reached", f'"{TXT}"'], done
    assert sinks.seen() == [("tcp", "45.34.0.1", 27017)]
    assert {q.type for q in dns.asked("cluster.test")} == {"A", "AAAA", "SRV", "TXT"}
    # The one that no rule allows is told, with what would permit it.
    assert re.search(r"shard\.elsewhere\.test:27017 .*--allow shard\.elsewhere\.test:27017", done.err, re.S)


def test_a_service_elsewhere(boxes, dns, sinks, by):
    dns.add(SRV, "0 5 27017 shard.elsewhere.test.", type="SRV")
    box = boxes(allow="cluster.test")
    done = box.inside("dig", by, "+time=50", "SRV", SRV).ok()
    assert "add --allow shard.elsewhere.test:27017" in done.out and "ANSWER: 0" in done.out, done
    box.event(event="refused-name")
    told = box.events("refused-name")
    assert [(e["name"], e["port"]) for e in told] == [("shard.elsewhere.test", 27017)]
    assert sinks.seen() == []


def test_nothing_else_before_a_name_leaves(shell, dns, wire, by):
    """Neither services that aren't on the list, nor text of names that have none."""
    cluster(dns)
    names = ("_secret._tcp", "_mongodb._udp", "secret._mongodb._tcp", "_secret._mongodb._tcp")
    script = "; ".join(f"dig {by} SRV {name}.cluster.test" for name in names)
    shell(f"{script}; dig {by} TXT cluster.test; dig {by} TXT {SRV}", allow="cluster.test").ok()
    assert {q.type for q in dns.asked("cluster.test")} <= {"A", "AAAA"}
    assert not wire.carried(b"secret")


def test_a_name_of_a_proxy_has_no_services(run, dns, by):
    """It is the proxy's to look up."""
    dns.add("proxy.test", "45.34.0.9")
    cluster(dns)
    env = {"CODEX_INIT_PROXY": "http://proxy.test:3128"}
    done = run("dig", by, "SRV", SRV, allow="cluster.test", env=env).ok()
    assert "ANSWER: 0" in done.out
    assert dns.asked("cluster.test") == []
