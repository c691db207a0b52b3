"""Every command in the documents is run as a reader would type it: each block marked `sh`, line by
line, in the lab. What isn't run stands in NOT_RUN with the reason.

A session with Codex is run without a terminal, so that it ends where Codex itself starts."""

import os
import pathlib
import re
import shutil
import subprocess
import uuid

import pytest
from conftest import IMAGE, ROOT, until
from test_login import place_login

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
KINDS = {"sh", "text", "toml", "dockerfile"}
SESSION = "stdin is not a terminal"  # the first that Codex says
CODE = re.compile(r"[0-9A-F]{4}-[0-9A-F]{5}")

NOT_RUN = {
    "make run": "installs packages and builds an image; the demo in it is test_codex.py's matter",
    "make test": "is what runs this",
    "make attack": "runs a part of the same tests",
    "make check-clang": "needs a compiler that the tests do without",
    "make build/unit": "is how each of the unit tests is built and run",
    "docker exec CONTAINER curl -sL 'http://localhost:1455": "answers while Codex waits for a browser: "
    "test_login.py::test_the_way_back_may_be_gone_by_hand",
    "jq -r .tokens.access_token": "needs a session that has a ChatGPT login by the broker: "
    "test_broker_chatgpt.py::test_the_next_of_the_brokers_processes_has_the_renewed_token",
    "make format": "would change the sources under the tests",
    "make image": "made the image that everything here runs in; test_build.py has its variables",
}

# What is a name of the reader's own, and what stands for it here.
NAMES = {
    "/path/to": "{root}/path/to",
    "/home/you": "{root}/home",
    "/opt/": "{root}/opt/",
    "source=/etc/": "source={root}/etc/",
    "CONTAINER": "{container}",
    " -it ": " -i ",
    " --auth_dir": " -y --auth_dir",  # a yes to the question whether it may be writable
}


def blocks(kind):
    """(document, line, text) of each block of that kind."""
    for document in DOCUMENTS:
        text = document.read_text()
        for found in BLOCK.finditer(text):
            if found[1] == kind:
                yield document, text.count("\n", 0, found.start()) + 2, found[2]


def commands(text):
    """A block's lines, those that a backslash continues in one, without comments."""
    whole = re.sub(r"\\\n\s*", "", text)
    lines = (re.sub(r"(^|\s)#\s.*$", "", line).strip() for line in whole.splitlines())
    return [line for line in lines if line]


def reason(command):
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)


def dockerfile(document, line):
    """The Dockerfile that the reader saw last in this document."""
    seen = [text for d, at, text in blocks("dockerfile") if d == document and at < line]
    return seen[-1] if seen else ""


BLOCKS = [pytest.param(*block, id=f"{block[0].name}:{block[1]}") for block in blocks("sh")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_every_block_says_what_it_is(document):
    kinds = [found[1] for found in BLOCK.finditer(document.read_text())]
    assert set(kinds) <= KINDS, kinds
    assert document.read_text().count("\n```") == 2 * len(kinds), "a fence without its other end"


def test_what_is_not_run_is_there():
    all_of_them = [c for _, _, text in blocks("sh") for c in commands(text)]
    assert len(all_of_them) > 30
    for start in NOT_RUN:
        assert any(c.startswith(start) for c in all_of_them), start


@pytest.fixture(scope="module")
def image(lab, tmp_path_factory):
    """In the lab `codex-sandbox` is the image under test, trusting the lab's certificates; and
    Debian's image is as near to it as the lab has one."""

    def docker(*arguments):
        return lab.engine.docker(*arguments).strip()

    place = tmp_path_factory.mktemp("image")
    shutil.copy(lab.ca, place / "ca.pem")
    (place / "Dockerfile").write_text(
        f"FROM {IMAGE}\nCOPY ca.pem /\nENV SSL_CERT_FILE=/ca.pem\nENV CODEX_CA_CERTIFICATE=/ca.pem\n"
    )
    before = docker("image", "ls", "-q", "codex-sandbox:latest")
    if before:  # without a name it would go with the image that is built on it
        docker("tag", before, "codex-sandbox:before")
    docker("build", "-q", "-t", "codex-sandbox", str(place))
    docker("tag", "codex-sandbox", "debian:trixie-slim")
    yield "codex-sandbox"
    docker("image", "rm", "-f", "debian:trixie-slim", "codex-sandbox")
    if before:
        docker("tag", "codex-sandbox:before", "codex-sandbox")
        docker("image", "rm", "codex-sandbox:before")


@pytest.fixture
def reader(image, lab, internet, tmp_path, docker, start):
    """A machine as the documents suppose one. Returns run(command): a completed process."""
    return Reader(lab, internet, tmp_path, docker, start)


class Reader:
    def __init__(self, lab, internet, root, docker, start):
        self.root, self.ca, self.model = root, lab.ca, internet.openai
        self.cwd = root / "path/to/project"
        self._docker, self._start, self._container = docker, start, None
        self.model.script("curl -sS https://example.com")
        internet.dns.add("proxy.corp.example", "45.70.0.1")
        place_login(root / "home/.codex")
        self._place()
        self.environment = {
            "PATH": f"{ROOT / 'build'}:{os.environ['PATH']}",
            "HOME": str(root / "home"),
            "TERM": "xterm-256color",
            "DOCKER_HOST": lab.engine.host,
            "DESTDIR": str(root / "installed"),
            **dict.fromkeys(("OPENAI_API_KEY", "DATABASE_URL", "AGENT_KEY"), "sk-lab"),
        }

    def _place(self):
        """What the documents' commands find: a project, tools, keys, scripts."""
        script = "#!/bin/sh\necho prepared\n"
        for where in (self.cwd, self.root / "path/to/java-project"):
            (where / "build").mkdir(parents=True)
            shutil.copy(ROOT / "build/codex-init", where / "build")
            subprocess.run(["git", "init", "-q", where], check=True)
            for name in ("sandbox-setup.sh", "sandbox-setup-java-25.sh", "my-agent"):
                (where / name).write_text(script)
                (where / name).chmod(0o755)
            shutil.copy(self.ca, where / "corp-ca.crt")
            (where / "corp.rules").write_text("git.corp.example\n")
        for name in ("home/keys/deploy", "etc/codex/requirements.toml", "path/ca.pem"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text("")
        for name in ("opt/tools", "home/.m2/repository"):
            (self.root / name).mkdir(parents=True)
        self.root.chmod(0o755)
        subprocess.run(["chown", "-R", "1000:1000", self.root], check=True)

    def container(self):
        """One that runs, for the commands that are about such a one."""
        if not self._container:
            name = f"codex_docs_{uuid.uuid4().hex[:8]}"
            made = self._start("sleep", "1000", allow="*.example.com example.com", name=name)
            ready = lambda: made.exec("test", "-S", "/run/codex/control").status == 0  # noqa: E731
            until(ready, "the control socket")
            self._container = made
        return self._container.name

    def prepare(self, command):
        if "my_net" in command:
            self._docker("network", "create", "my_net")
        if "docker exec" in command:
            self.container()

    def run(self, command):
        self.prepare(command)
        for name, ours in NAMES.items():
            command = command.replace(
                name, ours.format(root=self.root, container=self._container and self._container.name)
            )
        if command.startswith("cd "):
            self.cwd = pathlib.Path(command[3:])
            return subprocess.CompletedProcess(command, 0, "", "")
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=ROOT if re.match(r"make\b", command) else self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            return self._finish(command, process)

    def _finish(self, command, process):
        """Waits for its end. What it has made belongs to the reader, who isn't root."""
        out = ""
        for line in process.stdout:
            out += line
            # A person elsewhere who allows the login whose code is shown.
            if "--device-auth" in command and (code := CODE.search(line)):
                self.model.approve(code[0])
        status = process.wait()
        subprocess.run(["chown", "-R", "1000:1000", self.root], check=True)
        return subprocess.CompletedProcess(command, status, out, "")


def is_session(command):
    """Does it start Codex for a person?"""
    starts = re.search(r"^([A-Z_]+=(\"[^\"]*\"|\S)+ )*codex-sandbox\b|docker run .* codex-sandbox( --broker=on)?$", command)
    return starts and not re.search(r" (exec|--exec|login|--dry-run)\b", command)


@pytest.mark.parametrize("document, line, text", BLOCKS)
def test_the_documents_commands_work(reader, docker, document, line, text):
    (reader.cwd / "Dockerfile").write_text(dockerfile(document, line))
    containers = lambda: set(docker("ps", "-aq").out.split())  # noqa: E731
    before = containers()
    try:
        for command in commands(text):
            if reason(command):
                continue
            done = reader.run(command)
            told = f"$ {command}\nstatus {done.returncode}\n{done.stdout}"
            if is_session(command):
                assert done.returncode == 1 and SESSION in done.stdout, told
            else:
                assert done.returncode == 0, told
    finally:
        docker("rm", "-f", *(containers() - before))  # of `docker run` without --rm
        docker("network", "rm", "my_net")


def test_the_transcript_is_a_real_one(reader):
    """The README begins with a session; each of its lines is in a real one, in that order."""
    transcript = next(text for _, _, text in blocks("text") if text.startswith("$ codex-sandbox"))
    command, *lines = transcript.splitlines()
    done = reader.run(command.removeprefix("$ "))
    said = re.sub(r" in \d+ms:", " in 0ms:", done.stdout)  # a time is no promise
    version = re.compile(r"OpenAI Codex v[\d.]+")  # that of the README is test_docs.py's matter
    said = version.sub("OpenAI Codex v0", said)
    said = said.replace(str(reader.cwd), "/home/you/shop").splitlines()
    for line in (version.sub("OpenAI Codex v0", line) for line in lines):
        if line != "...":
            assert line in said, f"{line!r} isn't in\n{done.stdout}"
            said = said[said.index(line) + 1 :]
