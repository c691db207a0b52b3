"""The files of image/deploy: the pods of their jobs run, by podman, with what they say; the stack's
names are those that an engine takes."""

import pathlib
import re

import pytest
from conftest import IMAGE, ROOT, program, until
from internet import OPENAI, address_of
from podman import Podman

DEPLOY = ROOT / "image/deploy"


@pytest.fixture(scope="module")
def podman(lab):
    made = Podman("rootful", lab.engine.namespace, lab.directory, ROOT / "build/codex-sandbox",
                  ROOT / "build/codex-init")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def pod(text, name, command):
    """The pod of a job, which this podman takes alone; with another command, and an image that it has."""
    template = text.split("  template:\n", 1)[1]
    spec = "\n".join(line[4:] for line in template.splitlines())
    spec = re.sub(r"args: \[.*\]", f"args: {command}", spec)
    spec = spec.replace("image: codex-sandbox", "image: localhost/codex-sandbox")
    spec = re.sub(r"\n *- secretRef:.*", "", spec)
    return f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n{spec}\n"


@pytest.mark.parametrize("job, wall", [("job-restricted", "cell"), ("job-nft", "nft")])
def test_a_job_reaches_what_its_policy_allows_and_nothing_else(podman, internet, sinks, job, wall):
    policy = podman.home / f"{job}-policy.yaml"
    text = (DEPLOY / "policy.yaml").read_text()
    policy.write_text(re.sub(r'"@.*"', '"allowed.test"', text))
    script = (
        "wget -qO- http://allowed.test/; wget -qO- http://other.test/; "
        "grep -E 'CapEff|NoNewPrivs' /proc/self/status; id -u"
    )
    file = podman.home / f"{job}.yaml"
    file.write_text(pod((DEPLOY / f"{job}.yaml").read_text(), job, f'["--", "sh", "-c", "{script}"]'))
    podman.podman("play", "kube", "--configmap", policy, file)
    try:
        name = f"{job}-codex"
        status = lambda: podman.podman("inspect", "-f", "{{.State.Status}}", name).strip()  # noqa: E731
        until(lambda: status() == "exited", 30)
        logs = program(podman.inside(podman.home, "podman", "logs", name))
        said = logs.ok().out
        assert '"host": "allowed.test"' in said, logs
        assert f"{wall == 'cell'}" == f"{'the cell' in logs.err}", logs
        assert "CapEff:\t0000000000000000" in said and "NoNewPrivs:\t1" in said, said
        assert said.splitlines()[-1] == "1000", said
        assert {f.address for f in sinks.seen()} == {address_of("allowed.test")}
    finally:
        podman.podman("pod", "rm", "-f", job)


def test_what_the_files_name_is_there():
    for file in pathlib.Path(DEPLOY).glob("*.yaml"):
        text = file.read_text()
        for preset in re.findall(r"@(\w+)", text):
            assert (ROOT / "image/presets" / preset).exists() or preset in ("npm", "debian"), preset


def test_a_stack_of_ten_tasks_of_codex(lab, internet, sinks, docker, tmp_path):
    """Each task of the swarm does a whole turn of the real Codex, and reaches nothing else."""
    internet.openai.script("echo the tool ran as $(id -u)")
    text = (DEPLOY / "stack.yaml").read_text().replace("image: codex-sandbox", f"image: {IMAGE}")
    text = text.replace('"@github @pypi @npm"', '"allowed.test"')
    mounted = f"    volumes: ['{lab.ca}:/ca.pem:ro']\n    deploy:\n"
    text = text.replace("    deploy:\n", mounted).replace(
        "      CODEX_API_KEY:\n", "      CODEX_API_KEY: sk-lab-key\n      SSL_CERT_FILE: /ca.pem\n"
    )
    file = tmp_path / "stack.yaml"
    file.write_text(text)
    docker("swarm", "init", "--advertise-addr", "127.0.0.1").ok()
    try:
        docker("stack", "deploy", "--resolve-image", "never", "-c", file, "codex").ok()
        states = lambda: docker("service", "ps", "--format", "{{.CurrentState}}", "codex_task").out  # noqa: E731
        until(lambda: states().count("Complete") == 10 or "Failed" in states(), 400, states)
        assert states().count("Complete") == 10, docker("service", "logs", "codex_task").said
        assert docker("service", "logs", "codex_task").said.count("the tool ran as 1000") >= 10
        allowed = {("tcp", address_of(name), 443) for name in OPENAI}
        # The engine itself asks a DNS server for the image's registry; and its kernel refuses what
        # comes late for containers of other tests, which no task can do: it has no raw socket.
        assert {f for f in sinks.seen() if f.port != 53 and f.protocol != "icmp"} <= allowed
    finally:
        docker("stack", "rm", "codex")
        docker("swarm", "leave", "--force")
