"""A network namespace that isn't the sandbox's alone. The wall would cut off whoever else lives in it,
the machine itself or another container, and stay there; so nothing is built in it, and what was
built in one that outlives the sandbox is gone at its end."""

import pytest
from conftest import IMAGE, until

SERVER = "import http.server as h; h.HTTPServer(('', 8000), h.SimpleHTTPRequestHandler).serve_forever()"
ASK = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/', timeout=30).status)"
PLAIN = ("--cap-drop=ALL", "--entrypoint")


def rules(lab, container):
    """What nftables and policy routing hold in a container's network namespace, without what was counted."""
    return lab.engine.in_container(container, "nft", "-s", "list", "ruleset") + "".join(
        lab.engine.in_container(container, "ip", family, "rule") for family in ("-4", "-6")
    )


@pytest.fixture
def neighbour(docker):
    """neighbour(program...): a plain container; its name."""
    names = []

    def begin(*program):
        name = f"neighbour-{len(names)}"
        docker("rm", "-f", name)
        names.append(name)
        docker(
            *("run", "-d", "--pull=never", "--name", name, *PLAIN, program[0]),
            *(IMAGE, *program[1:]),
        ).ok()
        return name

    yield begin
    for name in names:
        docker("rm", "-f", name)


@pytest.mark.cell("nft", "flagless")
def test_the_engines_own_network(lab, run):
    """--network host in the lab: the namespace of its engine, with its bridges."""
    before = lab.engine.namespace.run("nft", "-s", "list", "ruleset")
    done = run("true", network="host").ok(111)
    assert "network namespace" in done.err and "hint:" in done.err, done
    assert lab.engine.namespace.run("nft", "-s", "list", "ruleset") == before
    assert "codex_init" not in before
    for family in ("-4", "-6"):
        assert "prohibit" not in lab.engine.namespace.ip(family, "rule")


@pytest.mark.cell("nft", "flagless")
def test_a_container_that_serves(lab, docker, run, neighbour):
    name = neighbour("/usr/bin/python3", "-c", SERVER)
    until(lambda: docker("exec", name, "python3", "-c", ASK).status == 0)
    before = rules(lab, name)
    done = run("true", network=f"container:{name}").ok(111)
    assert "it belongs to another process" in done.err and "1F40" in done.err, done
    assert rules(lab, name) == before
    assert docker("exec", name, "python3", "-c", ASK).ok().out == "200\n"


@pytest.mark.cell("nft", "flagless")
def test_one_that_only_holds_the_namespace_open(lab, run, neighbour):
    """As the pause container of a pod does. At the end it is as it was, and can be used again."""
    name = neighbour("/bin/sleep", "600")
    before = rules(lab, name)
    for _ in range(2):
        done = run("sh", "-c", "curl -sS https://evil.test/; exit 7", network=f"container:{name}")
        assert done.ok(7) and "--allow evil.test" in done.err
        assert rules(lab, name) == before


@pytest.mark.cell("nft", "flagless")
def test_what_fails_half_way_leaves_nothing(lab, run, neighbour):
    """The stage after the wall and the routes: no allowed name resolves, and names are required."""
    name = neighbour("/bin/sleep", "600")
    before = rules(lab, name)
    done = run(
        "true",
        network=f"container:{name}",
        allow="nowhere.test",
        init=["--no-default-rules", "--require-names"],
    )
    assert done.ok(111) and "resolver" in done.err
    assert rules(lab, name) == before


@pytest.mark.parametrize(
    "wall, kind", [("nft", "bridge"), ("nft", "user"), ("flagless", "bridge")], indirect=["wall"]
)
def test_a_network_of_its_own(run, network, kind):
    """The engine's resolver listens in a container's own namespace, and is nobody else."""
    run("true", network=None if kind == "bridge" else network()).ok()
