"""What every end-to-end test is given. A test that can't run fails; none skips. One file, since
pytest looks for shared fixtures here.

    lab        the engine and the Internet it is shut in with, made once (tests/lab)
    internet   its names, servers and sinks, as new for each test
    run        `docker run` exactly as docs name it, or with what a test adds
    start      the same in the background
    boxes      the same with tools for knocking at the gate (tests/e2e/gate_box.py)
    stub       build/codex-sandbox against the lab's engine
"""

import os
import pathlib
import pty
import select
import shutil
import subprocess
import sys
import termios
import time
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))
# A root shell started by su may lack the directories of ip, nft and dockerd in PATH.
os.environ["PATH"] += ":/usr/sbin:/sbin"

import events  # noqa: E402
import lab as laboratory  # noqa: E402

STUB = ROOT / "build/codex-sandbox"
IMAGE = os.environ.get("CODEX_DOCKER_IMAGE", "codex-sandbox")
# Word for word what docs/codex-init.md tells people to type.
FLAGS = ("--cap-drop=ALL",) + tuple(
    f"--cap-add={name}" for name in ("NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL")
)
# The walls, by what `docker run` is given: nftables, and the cell's three forms.
WALLS = {
    "nft": FLAGS,
    # Nothing at all: root with what the engine gives, which is dropped.
    "flagless": (),
    # No id can be changed: the command is root without a right.
    "no capability": ("--cap-drop=ALL",),
    # Kubernetes' restricted pods, and what clusters make of them.
    "plain uid": (
        *("--user", "1000:1000", "--cap-drop=ALL", "--read-only"),
        *("--tmpfs", "/run", "--tmpfs", "/tmp"),
    ),
}
# Variables that make clients in the container trust the lab's certificates.
TRUST = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS")
CA_PATH = "/lab-ca.pem"
# In the cell these name the gate; without them programs find names as behind nftables.
PROXIES = [f"--unset={n}" for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for n in (name, name.lower())]


def until(condition, seconds=10, what="it"):
    """Polls a condition up to a deadline and returns its value once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert (
            time.monotonic() < deadline
        ), f"{what() if callable(what) else what} didn't happen in {seconds} seconds"
        time.sleep(0.02)
    return value


class Result:
    """The result of a program: status, out, err, and how long it took."""

    def __init__(self, arguments, status, out, err, seconds):
        self.arguments, self.status, self.seconds = arguments, status, seconds
        self.out, self.err = (text.decode(errors="replace") for text in (out, err))

    @property
    def said(self):
        return self.out + self.err

    def ok(self, status=0):
        """Asserts the exit status and returns self; on failure shows everything."""
        assert self.status == status, f"{self!r}"
        return self

    def lines(self):
        return self.out.splitlines()

    def __repr__(self):
        command = " ".join(map(str, self.arguments))
        return (
            f"\n$ {command}\nstatus {self.status} after {self.seconds:.2f} s"
            f"\n--- stdout\n{self.out}\n--- stderr\n{self.err}\n---"
        )


def program(arguments, timeout=60, **options):
    began = time.monotonic()
    done = subprocess.run(
        [str(a) for a in arguments],
        timeout=timeout,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        **({"stdin": subprocess.DEVNULL} if "input" not in options else {}),
        **options,
    )
    took = time.monotonic() - began
    result = Result(arguments, done.returncode, done.stdout, done.stderr, took)
    events.check_output(result.out)  # every line of events that any test reads
    return result


class Container:
    """A container in the background, removed at the end of its test."""

    def __init__(self, docker, name):
        self._docker, self.name = docker, name

    def docker(self, *arguments, **options):
        return self._docker(*arguments, **options)

    def exec(self, *command, user="root", options=()):
        """Runs a command in it beside the payload, with `docker exec`."""
        return self._docker("exec", "-u", user, *options, self.name, *command)

    def inspect(self, field):
        return self._docker("inspect", "-f", "{{%s}}" % field, self.name).out.strip()

    def logs(self):
        return self._docker("logs", self.name).said

    def until_says(self, text, seconds=15):
        until(lambda: text in self.logs() or self.gone(text), seconds, f"{text!r} in the log")
        return self

    def gone(self, text):
        assert (
            self.inspect(".State.Running") == "true"
        ), f"ended before it said {text!r}: {self.logs()}"
        return False

    def wait(self, seconds=30):
        """Waits until it ends; returns the status."""
        return int(self._docker("wait", self.name, timeout=seconds).ok().out)

    def kill(self, signal):
        return self._docker("kill", "-s", signal, self.name).ok()

    def address(self, network="bridge"):
        return self.inspect(f'(index .NetworkSettings.Networks "{network}").IPAddress')


class Runner:
    """Builds the arguments of `docker run`, in one place for all tests."""

    flags = FLAGS
    # What each command begins with.
    prefix = ()

    def __init__(self, the_lab):
        self.lab = the_lab

    def docker(self, *arguments, **options):
        return program(["docker", "-H", self.lab.engine.host, *arguments], **options)

    def arguments(self, command, allow, env, options, flags, network, init, trust):
        made = list(self.flags if flags is None else flags)
        if allow is not None:
            made += ["-e", f"OPENAI_ALLOWED_DOMAINS={allow}"]
        if trust:
            made += ["-v", f"{self.lab.ca}:{CA_PATH}:ro"]
            for name in TRUST:
                made += ["-e", f"{name}={CA_PATH}"]
        for name, value in (env or {}).items():
            made += ["-e", f"{name}={value}"]
        if network:
            made += ["--network", network]
        return [*made, *options, IMAGE, *init, *(["--", *self.prefix, *command] if command else [])]

    def run(
        self,
        *command,
        allow=None,
        env=None,
        options=(),
        flags=None,
        network=None,
        init=(),
        trust=True,
        **rest,
    ):
        """command: what runs in the container. init: options of codex-init before the "--"."""
        made = self.arguments(command, allow, env, options, flags, network, init, trust)
        return self.docker("run", "--rm", "--pull=never", *made, **rest)

    def shell(self, script, **rest):
        """The same with a script for bash."""
        return self.run("bash", "-c", script, **rest)


@pytest.fixture(scope="session")
def lab():
    images = [IMAGE, *filter(None, os.environ.get("LAB_IMAGES", "").split())]
    try:
        with laboratory.Lab(images) as made:
            yield made
    except laboratory.Missing as missing:
        pytest.exit(f"the end-to-end tests can't run: {missing}", returncode=1)


@pytest.fixture
def internet(lab):
    lab.internet.reset()
    return lab.internet


@pytest.fixture
def dns(internet):
    return internet.dns


@pytest.fixture
def dns2(internet):
    return internet.dns2


@pytest.fixture
def sinks(internet):
    return internet.sinks


@pytest.fixture
def model(internet):
    """The stand-in for OpenAI's servers."""
    return internet.openai


@pytest.fixture
def wire(lab, internet):
    """Every packet that containers send, captured at their own end of the wire: also those to the
    gateway and to each other, which the Internet never sees."""
    lab.wire.mark()
    return lab.wire


@pytest.fixture(scope="module")
def wall(request):
    """Which of WALLS runner's containers have: each in turn for a test that is marked `cell`."""
    return getattr(request, "param", "nft")


def pytest_generate_tests(metafunc):
    """cell: the test is held to in the cell as well, without flags; cell("all"): in each of its forms.
    names=True: with programs that know no proxy. nft: not this one of a file that is marked."""
    marker = metafunc.definition.get_closest_marker("cell")
    differs = metafunc.definition.get_closest_marker("nft")
    if marker and "wall" in metafunc.fixturenames:
        walls = ["nft"] if differs else WALLS if marker.args else ("nft", "flagless")
        metafunc.parametrize("wall", list(walls), indirect=True)


@pytest.fixture
def runner(lab, internet, wall, request):
    made = Runner(lab)
    made.flags = WALLS[wall]
    marker = request.node.get_closest_marker("cell")
    if wall != "nft" and marker and marker.kwargs.get("names"):
        made.prefix = ("env", *PROXIES)
    return made


@pytest.fixture
def docker(runner):
    return runner.docker


@pytest.fixture
def run(runner):
    return runner.run


@pytest.fixture
def shell(runner):
    return runner.shell


@pytest.fixture
def start(runner, network):
    """start(command..., run()'s parameters): a Container. It isn't removed when it ends by itself,
    so that its log and status can be read."""
    names = []

    def begin(
        *command,
        allow=None,
        env=None,
        options=(),
        flags=None,
        network=None,
        init=(),
        trust=True,
        name=None,
    ):
        name = name or f"test-{uuid.uuid4().hex[:12]}"
        names.append(name)
        made = runner.arguments(command, allow, env, options, flags, network, init, trust)
        runner.docker("run", "-d", "--pull=never", "--name", name, *made).ok()
        return Container(runner.docker, name)

    yield begin
    if names:
        runner.docker("rm", "-f", *names)


@pytest.fixture
def boxes(lab, internet, wall, network):
    """boxes(init options..., what gate_box.begin() takes): a Box that is ready."""
    from gate_box import begin  # which imports from here

    made = []

    def make(*init, **rest):
        made.append(begin(lab, *init, **{"wall": wall, **rest}))
        return made[-1].ready()

    yield make
    for box in made:
        box.remove()


@pytest.fixture
def watch(lab):
    """watch(box, options...): a Watcher (tests/e2e/watcher.py), who leaves with the test."""
    from watcher import Watcher

    made = []

    def begin(box, *options, **more):
        made.append(Watcher(lab, box, *options, **more))
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.fixture
def network(runner):
    """network(options...): the name of a user-defined network, removed with the test."""
    names = []

    def create(*options):
        names.append(f"net-{uuid.uuid4().hex[:8]}")
        runner.docker("network", "create", *options, names[-1]).ok()
        return names[-1]

    yield create
    for name in names:
        runner.docker("network", "rm", name)


@pytest.fixture
def host_home(tmp_path):
    """A home directory for the user who runs the stub."""
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def workdir(tmp_path):
    """A project owned by uid 1000."""
    place = tmp_path / "project"
    place.mkdir()
    tmp_path.chmod(0o755)
    os.chown(place, 1000, 1000)
    return place


@pytest.fixture
def stub_environment(lab, internet, host_home):
    """The stub's environment: no more than it needs."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(host_home),
        "TERM": "xterm-256color",
        "DOCKER_HOST": lab.engine.host,
        "CODEX_DOCKER_IMAGE": IMAGE,
    }


@pytest.fixture
def stub(stub_environment, workdir, wall):
    """stub(arguments..., env={}, cwd=workdir): build/codex-sandbox with the lab's engine."""

    def call(*arguments, env=None, cwd=workdir, **rest):
        environment = {**stub_environment, **(env or {})}
        cell = ["--wall=cell"] if wall != "nft" else []
        return program([STUB, *cell, *arguments], env=environment, cwd=cwd, **rest)

    return call


class Terminal:
    """A program at a terminal."""

    def __init__(self, arguments, **options):
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 120))  # without a size nothing would be drawn
        self.output = b""
        self.process = subprocess.Popen(
            [str(a) for a in arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            **options,
        )
        os.close(slave)

    def type(self, data):
        os.write(self._master, data)

    def until_says(self, text, seconds=15):
        missed = f"{text!r} on the terminal"
        until(lambda: text in self._read(), seconds, lambda: f"{missed}, only {self.output!r},")

    def wait(self, seconds=30):
        ended = lambda: self._read() is not None and self.process.poll() is not None  # noqa: E731
        until(ended, seconds, lambda: f"its end, after {self.output!r},")
        self._read()
        return self.process.returncode

    def _read(self):
        while select.select([self._master], [], [], 0)[0]:
            try:
                if not (data := os.read(self._master, 65536)):
                    break
            except OSError:  # EIO: the other side is closed
                break
            self.output += data
        return self.output

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal():
    """terminal(arguments...): a Terminal, closed with the test."""
    made = []

    def begin(arguments, **options):
        made.append(Terminal(arguments, **options))
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.fixture(scope="session", autouse=True)
def tools():
    """Checks for all programs that tests call, at once rather than one by one."""
    missing = [name for name in ("docker", "ip", "nft", "podman", "strace", "zstd") if not shutil.which(name)]
    if missing:
        pytest.exit(f"missing: {' '.join(missing)}; `make test` installs them", returncode=1)


# A test with one of these fixtures judges an attack by what got out, not by what the client says.
JUDGES = {"sinks", "wire"}
TOTALS = {"passed": 0, "failed": 0, "leaked": 0}


def pytest_addoption(parser):
    parser.addoption("--attack", action="store_true", help="only the attacks, and their last line")


def pytest_configure(config):
    config.addinivalue_line("markers", "cell: it runs with nftables and in the cell, flagless; cell(\"all\"): in each of its forms")
    config.addinivalue_line("markers", "nft: what it tests is nftables', or differs in the cell (docs/codex-init.md)")
    config.addinivalue_line("markers", "attack: an attack that the sinks and the wire can't judge")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--attack"):
        items[:] = [
            item
            for item in items
            if JUDGES & set(item.fixturenames) or item.get_closest_marker("attack")
        ]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call" and call.excinfo and call.excinfo.errisinstance(AssertionError):
        report.user_properties.append(("leaked", True))


def pytest_runtest_logreport(report):
    """A test counts once; an error in its setup or teardown, or a skip, counts as a failure."""
    if report.when == "call" and report.passed:
        TOTALS["passed"] += 1
    elif not report.passed:
        TOTALS["failed"] += 1
        TOTALS["leaked"] += ("leaked", True) in report.user_properties


def pytest_unconfigure(config):
    """The last line, in the form that ci/test.sh adds up; not from each worker. An attack leaked if
    its test failed, and is broken if the test couldn't be run."""
    if hasattr(config, "workerinput"):
        return
    passed, failed, leaked = TOTALS.values()
    if config.getoption("--attack"):
        print(f"\n{leaked} leaked, {failed - leaked} broken, {passed + failed} attacks")
    else:
        print(f"\n{passed} passed, {failed} failed")
