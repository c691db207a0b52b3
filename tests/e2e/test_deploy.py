"""The files of image/deploy: the pods of their jobs run, by podman, with what they say; the stack on a
swarm; the other agent's image and job."""

import base64
import json
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import IMAGE, PATIENCE, ROOT, program, until
from engine import host_docker
from internet import OPENAI, address_of
from podman import Podman

DEPLOY = ROOT / "image/deploy"


@pytest.fixture(scope="module")
def podman(lab):
    """With the image's Codex in its own image."""
    box = host_docker("create", IMAGE).strip()
    found = "/usr/local/lib/node_modules/@openai/codex/node_modules/@openai"
    for place, name in ((found, "openai"), ("/etc/codex", "settings")):
        host_docker("cp", f"{box}:{place}", lab.directory / name)
    host_docker("rm", box)
    more = {"etc/codex": lab.directory / "settings"}
    for name in ("codex", "codex-code-mode-host"):
        more[f"bin/{name}"] = next((lab.directory / "openai").glob(f"*/vendor/*/bin/{name}"))
    place = lab.directory / "deploy"  # the lab may be test_podman.py's as well
    place.mkdir()
    made = Podman("rootful", lab.engine.namespace, place, ROOT / "build/codex-sandbox",
                  ROOT / "build/codex-init", more)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def pod(text, name, command=None, **images):
    """The pod of a job, which this podman takes alone; with an image that it has, and perhaps another
    command."""
    template = text.split("  template:\n", 1)[1]
    spec = "\n".join(line[4:] for line in template.splitlines())
    if command:
        spec = re.sub(r"args: \[.*\]", f"args: {command}", spec)
    spec = re.sub(r"image: ([\w-]+)", r"image: localhost/\1", spec)
    return f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n{spec}\n"


def secret(podman, name, **values):
    """As `kubectl create secret generic` makes it; before podman 4.4 its data alone."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    whole = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
    version = [int(n) for n in re.findall(r"\d+", podman.podman("--version"))]
    file = podman.home / f"{name}.json"
    file.write_text(json.dumps(whole if version >= [4, 4] else data))
    podman.podman("secret", "create", name, file)


def play(podman, name, text, container, *options):
    """Plays a pod to its end. Returns what its container said, with the exit status."""
    file = podman.home / f"{name}.yaml"
    file.write_text(text)
    podman.podman("play", "kube", *options, file)
    try:
        box = f"{name}-{container}"
        ended = lambda: podman.podman("inspect", "-f", "{{.State.Status}}", box).strip() == "exited"  # noqa: E731
        until(ended, lambda: podman.podman("logs", box), 2 * PATIENCE)  # a turn of Codex in it
        logs = program(podman.inside(podman.home, "podman", "logs", box)).ok()
        logs.status = int(podman.podman("inspect", "-f", "{{.State.ExitCode}}", box))
        return logs
    finally:
        podman.podman("pod", "rm", "-f", name)


JOBS = pytest.mark.parametrize("job, wall", [("job-restricted", "cell"), ("job-nft", "nft")])


def policy(podman, job):
    file = podman.home / f"{job}-policy.yaml"
    file.write_text(re.sub(r'"@.*"', '"allowed.test"', (DEPLOY / "policy.yaml").read_text()))
    return "--configmap", file


@JOBS
def test_a_job_reaches_what_its_policy_allows_and_nothing_else(podman, internet, sinks, job, wall):
    script = (
        "wget -qO- http://allowed.test/; wget -qO- http://other.test/; "
        "grep -E 'CapEff|NoNewPrivs' /proc/self/status; id -u"
    )
    text = pod((DEPLOY / f"{job}.yaml").read_text(), job, f'["--", "sh", "-c", "{script}"]')
    done = play(podman, job, text, "codex", *policy(podman, job)).ok()
    assert '"host": "allowed.test"' in done.out, done
    assert f"{wall == 'cell'}" == f"{'the cell' in done.err}", done
    assert "CapEff:\t0000000000000000" in done.out and "NoNewPrivs:\t1" in done.out, done
    assert done.lines()[-1] == "1000", done
    assert {f.address for f in sinks.seen()} == {address_of("allowed.test")}


@JOBS
def test_a_job_is_a_whole_turn_of_codex(podman, lab, internet, sinks, job, wall):
    """With the command and the secret that its file names."""
    internet.openai.script("echo the tool ran as $(id -u); wget -qO- http://other.test/; echo refused $?")
    text = pod((DEPLOY / f"{job}.yaml").read_text(), job)
    # The laboratory's certificates.
    text = text.replace("    envFrom:\n", "    env:\n    - {name: SSL_CERT_FILE, value: /lab/ca.pem}\n    envFrom:\n")
    mount, volume = "    - {name: lab, mountPath: /lab}\n", "  - {name: lab, hostPath: {path: %s}}\n" % lab.directory
    for key, line, indent in (("volumeMounts", mount, "    "), ("volumes", volume, "  ")):
        head = f"\n{indent}{key}:\n"
        text = text.replace(head, head + line) if head in text else text.rstrip() + head + line
    secret(podman, "codex-login", CODEX_API_KEY="sk-lab-key")
    try:
        done = play(podman, job, text, "codex", *policy(podman, job)).ok()
    finally:
        podman.podman("secret", "rm", "codex-login")
    assert "the tool ran as 1000" in "".join(internet.openai.outputs()), done
    assert "refused 1" in "".join(internet.openai.outputs()), done
    assert f"{wall == 'cell'}" == f"{'the cell' in done.err}", done
    assert {r["authorization"] for r in internet.openai.requests if r["method"] == "POST"} == {"key"}
    assert set(sinks.seen()) <= {("tcp", address_of(name), 443) for name in OPENAI}


# ---- Another agent ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def agent(lab, tmp_path_factory):
    """The agent's image in the lab's engine: as its file says, from a base that is there."""
    place = tmp_path_factory.mktemp("agent")
    shutil.copytree(DEPLOY / "agent", place, dirs_exist_ok=True)
    base = place / "base"
    for name in ("bin", "etc", "proc", "dev", "sys", "run", "tmp", "sbin"):
        (base / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), base / "bin/busybox")
    for name in ("sh", "cat", "id", "wget"):
        (base / "bin" / name).symlink_to("busybox")
    docker = lab.engine.docker
    with subprocess.Popen(["tar", "-C", base, "-c", "."], stdout=subprocess.PIPE) as tar:
        docker("import", "-", "agent-base", stdin=tar.stdout)
    file = place / "Dockerfile"
    file.write_text(file.read_text().replace("FROM alpine:3", "FROM agent-base")
                    .replace("--from=codex-sandbox", f"--from={IMAGE}"))
    docker("build", "-q", "-t", "my-agent", str(place))
    return "my-agent"


AGENT = ("-e", "OPENAI_ALLOWED_DOMAINS=allowed.test", "-e", "AGENT_KEY=k", "-e", "AGENT_MODEL=http://allowed.test/")
LEAVE = "wget -qO- http://api.openai.com/; echo refused $?; id -u"


@pytest.mark.parametrize("flags", [(), ("--cap-drop=ALL", "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp")])
def test_another_agent_has_its_own_rules_alone(agent, docker, internet, sinks, flags):
    done = docker("run", "--rm", "--pull=never", *flags, *AGENT, "-e", f"AGENT_TASK={LEAVE}", agent).ok()
    assert "my-agent: the model says: {" in done.out and "refused 1\n1000" in done.out, done
    assert "the cell" in done.err and "api.openai.com" in done.err, done
    assert {f.address for f in sinks.seen()} == {address_of("allowed.test")}


def test_another_agents_job(agent, podman, docker, internet, sinks):
    saved = podman.home / "agent.tar"
    docker("save", "-o", saved, agent).ok()
    podman.podman("load", "-q", "-i", saved)
    text = pod((DEPLOY / "agent/job.yaml").read_text(), "agent-task").replace("model.example.com", "allowed.test")
    secret(podman, "agent-login", AGENT_KEY="sk-agent")
    try:
        done = play(podman, "agent-task", text, "agent").ok()
    finally:
        podman.podman("secret", "rm", "agent-login")
    assert "my-agent: the model says: {" in done.out and "the cell" in done.err, done
    assert sinks.carried(b"Bearer sk-agent")
    assert {f.address for f in sinks.seen()} == {address_of("allowed.test")}


# ---- What they name --------------------------------------------------------------------------


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
    init = docker("swarm", "init", "--advertise-addr", "127.0.0.1")  # after 20 seconds it goes on by itself
    try:
        manager = lambda: docker("info", "-f", "{{.Swarm.ControlAvailable}}").out == "true\n"  # noqa: E731
        until(manager, lambda: f"a swarm after {init}")
        docker("stack", "deploy", "--resolve-image", "never", "-c", file, "codex").ok()
        states = lambda: docker("service", "ps", "--format", "{{.CurrentState}}", "codex_task").out  # noqa: E731
        until(lambda: states().count("Complete") == 10 or "Failed" in states(), states, patience=400)
        assert states().count("Complete") == 10, docker("service", "logs", "codex_task").said
        logs = lambda: docker("service", "logs", "codex_task").said  # noqa: E731
        until(lambda: logs().count("the tool ran as 1000") >= 10, logs)  # they come from each task by itself
        allowed = {("tcp", address_of(name), 443) for name in OPENAI}
        # The engine itself asks a DNS server for the image's registry.
        assert {f for f in sinks.seen() if f.port != 53} <= allowed
    finally:
        docker("stack", "rm", "codex")
        docker("swarm", "leave", "--force")
