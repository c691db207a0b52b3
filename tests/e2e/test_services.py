"""Services (SRV) of allowed names, and the text beside them: what mongodb+srv:// is made of. What the
lab's DNS server was asked and what reached the sinks decides."""

import json
import re

SRV, TXT = "_mongodb._tcp.cluster.test", "authSource=admin"


def cluster(dns):
    dns.add(SRV, "0 5 27017 shard-0.cluster.test.", "0 5 27017 shard.elsewhere.test.", type="SRV")
    dns.add("cluster.test", f'"{TXT}"', type="TXT")
    dns.add("shard-0.cluster.test", "45.34.0.1")
    dns.add("shard.elsewhere.test", "45.34.0.2")


# As a driver does: the service, its text, and a connection to each target.
DRIVER = f"""
for target in $(dig +short SRV {SRV} | awk '{{ print $4 ":" $3 }}'); do
  echo "target $target"
  timeout 5 bash -c "exec 3<>/dev/tcp/${{target%%.:*}}/${{target##*:}}" && echo reached
done
dig +short TXT cluster.test
"""


def test_a_service_of_an_allowed_name(shell, dns, sinks):
    cluster(dns)
    done = shell(DRIVER, allow="cluster.test *.cluster.test:27017").ok()
    assert done.lines() == ["target shard-0.cluster.test.:27017", "reached", f'"{TXT}"'], done
    assert sinks.seen() == [("tcp", "45.34.0.1", 27017)]
    assert {q.type for q in dns.asked("cluster.test")} == {"A", "AAAA", "SRV", "TXT"}
    # The one that no rule allows is told, with what would permit it.
    assert re.search(r"shard\.elsewhere\.test:27017 .*--allow shard\.elsewhere\.test:27017", done.err, re.S)


def test_a_service_elsewhere(start, dns, sinks):
    dns.add(SRV, "0 5 27017 shard.elsewhere.test.", type="SRV")
    box = start("sleep", "60", allow="cluster.test")
    dig = ("dig", "+time=4", "SRV", SRV)
    done = box.exec("bash", "-c", f"sleep 1; {' '.join(dig)}", user="1000").ok()
    assert "add --allow shard.elsewhere.test:27017" in done.out and "ANSWER: 0" in done.out, done
    events = box.exec("cat", "/run/codex/events.jsonl").ok().out
    told = [e for e in map(json.loads, events.splitlines()) if e["event"] == "refused-name"]
    assert [(e["name"], e["port"]) for e in told] == [("shard.elsewhere.test", 27017)]
    assert sinks.seen() == []


def test_nothing_else_before_a_name_leaves(shell, dns, wire):
    """Neither services that aren't on the list, nor text of names that have none."""
    cluster(dns)
    names = ("_secret._tcp", "_mongodb._udp", "secret._mongodb._tcp", "_secret._mongodb._tcp")
    script = "; ".join(f"dig SRV {name}.cluster.test" for name in names)
    shell(f"{script}; dig TXT cluster.test; dig TXT {SRV}", allow="cluster.test").ok()
    assert {q.type for q in dns.asked("cluster.test")} <= {"A", "AAAA"}
    assert not wire.carried(b"secret")


def test_a_name_of_a_proxy_has_no_services(run, dns):
    """It is the proxy's to look up."""
    dns.add("proxy.test", "45.34.0.9")
    cluster(dns)
    env = {"CODEX_INIT_PROXY": "http://proxy.test:3128"}
    done = run("dig", "SRV", SRV, allow="cluster.test", env=env).ok()
    assert "ANSWER: 0" in done.out
    assert dns.asked("cluster.test") == []
