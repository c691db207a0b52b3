"""What every end-to-end test is given. A test that can't run fails; none skips. One file, since
pytest looks for shared fixtures here.

    lab        the engine and the Internet it is shut in with, made once (tests/lab)
    internet   its names, servers and sinks, as new for each test
    run        `docker run` exactly as docs name it, or with what a test adds
    start      the same in the background
    boxes      the same with tools for knocking at the gate (tests/e2e/gate_box.py)
    stub       build/codex-sandbox against the lab's engine
"""

import ctypes
import os
import pathlib
import pty
import re
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
from internet import DNS_ADDRESS  # noqa: E402

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
# The forms in which codex-init, its workers and the command share one user id.
SHARED = ("no capability", "plain uid")
# Whether the kernel keeps its signals from them there (Landlock's scopes, ABI 6: Linux 6.12).
SCOPED = ctypes.CDLL(None).syscall(444, None, 0, 1) >= 6
EVERY = os.environ.get("CODEX_TEST_WALLS") == "all"
# The command's user id in each: with no capability it stays root's.
UID = {wall: 0 if wall == "no capability" else 1000 for wall in WALLS}
# Where its home is: on the read-only root of a plain uid there is no place for one.
HOME = {wall: "/run/codex/home" if wall == "plain uid" else "/codex_home" for wall in WALLS}
# The launcher's that are about a session, which has its wall.
COMMANDS = ("status", "explain", "allow", "deny", "undo", "rules", "attach", "join", "stop", "ls", "watch", "logs")
# The lines of codex-init's that tell which of the walls it is, and what the form itself brings about.
FORM = re.compile(
    r"^codex-init: (?:wall: (?:as told|without NET_ADMIN): the command is in the cell: .*"
    r"|wall: /etc/hosts can't be written: .*\n  hint: .*|home: /codex_home can't be written .*"
    r"|config: the command runs as uid 0, without a capability: .*)\n",
    re.M,
)
# Variables that make clients in the container trust the lab's certificates.
TRUST = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS")
CA_PATH = "/lab-ca.pem"
# In the cell these name the gate; without them programs find names as behind nftables.
PROXIES = [f"--unset={n}" for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for n in (name, name.lower())]


# How long anything is waited for that is to happen, in seconds. It costs a test that passes nothing, and
# a machine with other work may stand still for twenty: so nothing is judged by it, and there is but one.
PATIENCE = 60


class Late(AssertionError):
    """Something didn't happen in time. An attack's test that ends so was broken: nothing got out."""


def until(condition, what="it", patience=PATIENCE):
    """Polls a condition and returns its value once it is true."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise Late(f"{what() if callable(what) else what} didn't happen in {patience} seconds")
        time.sleep(0.02)
    return value


def at_best(measure, below):
    """Asserts that a time, or the longest of some, is below that at best of three: whatever else goes on
    makes one longer, and none shorter."""
    took = []
    while not took or took[-1] >= below:
        if len(took) == 3:
            raise Late(f"at best below {below} s: {took}")
        took.append(measure())


class Result:
    """The result of a program: status, out, err, and how long it took."""

    def __init__(self, arguments, status, out, err, seconds):
        self.arguments, self.status, self.seconds = arguments, status, seconds
        self.out, self.err = (text.decode(errors="replace") for text in (out, err))

    @property
    def said(self):
        return self.out + self.err

    @property
    def told(self):
        """What is on standard error beside the lines of FORM."""
        return FORM.sub("", self.err)

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


def program(arguments, timeout=2 * PATIENCE, **options):
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

    def __init__(self, docker, name, wall="nft"):
        self._docker, self.name, self.wall = docker, name, wall

    @property
    def cell(self):
        return self.wall != "nft"

    @property
    def shared(self):
        """codex-init and the command have one user id."""
        return self.wall in SHARED

    @property
    def user(self):
        """codex-init's."""
        return "1000" if self.wall == "plain uid" else "root"

    @property
    def uid(self):
        """The command's."""
        return UID[self.wall]

    def docker(self, *arguments, **options):
        return self._docker(*arguments, **options)

    def exec(self, *command, user=None, options=()):
        """Runs a command in it beside the payload, and so outside of the cell, with `docker exec`; by
        default as codex-init's own user."""
        return self._docker("exec", "-u", user or self.user, *options, self.name, *command)

    def inspect(self, field):
        return self._docker("inspect", "-f", "{{%s}}" % field, self.name).out.strip()

    def logs(self):
        return self._docker("logs", self.name).said

    def until_says(self, text, patience=PATIENCE):
        until(lambda: text in self.logs() or self.gone(text), f"{text!r} in the log", patience)
        return self

    def gone(self, text):
        assert (
            self.inspect(".State.Running") == "true"
        ), f"ended before it said {text!r}: {self.logs()}"
        return False

    def wait(self):
        """Waits until it ends; returns the status."""
        return int(self._docker("wait", self.name, timeout=5 * PATIENCE).ok().out)

    def kill(self, signal):
        return self._docker("kill", "-s", signal, self.name).ok()

    def address(self, network="bridge"):
        return self.inspect(f'(index .NetworkSettings.Networks "{network}").IPAddress')


def hosts(init, allow):
    """What puts the names into the hosts file of a cell that can't write it (docs/codex-init.md)."""
    check = [ROOT / "build/codex-init", *init, "--check", "--hosts"]
    made = program(check, env={"OPENAI_ALLOWED_DOMAINS": allow or ""}).ok()
    return [*made.lines()[0].split(), "-e", f"CODEX_INIT_UPSTREAM={DNS_ADDRESS}"]


class Runner:
    """Builds the arguments of `docker run`, in one place for all tests. named: for programs that know
    no proxy."""

    def __init__(self, the_lab, wall="nft", named=False):
        self.lab, self.wall, self.flags = the_lab, wall, WALLS[wall]
        self.named = named and wall != "nft"
        # What each command begins with.
        self.prefix = ("env", *PROXIES) if self.named else ()

    def added(self, allow, init):
        """What a plain uid's container needs besides: a place for events, status and a home with programs,
        and names in the hosts file."""
        if self.wall != "plain uid":
            return []
        return ["--tmpfs", "/run/codex:exec", *(hosts(init, allow) if self.named else [])]

    def docker(self, *arguments, **options):
        return program(["docker", "-H", self.lab.engine.host, *arguments], **options)

    def arguments(self, command, allow, env, options, flags, network, init, trust):
        made = [*self.flags, *self.added(allow, init)] if flags is None else list(flags)
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
    """cell: the test is held to in the cell as well, without flags; cell("all"): in each of its forms;
    cell(wall...): in these. CODEX_TEST_WALLS=all: every `cell` alone is cell("all"). names=True: with
    programs that know no proxy. own_uid=True: not where codex-init and the command share a user id.
    seldom=True: in the cell with CODEX_TEST_WALLS=all alone, since it has little to do with the wall.
    nft: not this one of a file that is marked."""
    marker = metafunc.definition.get_closest_marker("cell")
    its_own = [name for m in metafunc.definition.iter_markers("parametrize") for name in m.args[0].split(", ")]
    if not marker or "wall" not in metafunc.fixturenames or "wall" in its_own:
        return
    walls = marker.args or (("all",) if EVERY else ("nft", "flagless"))
    if metafunc.definition.get_closest_marker("nft") or marker.kwargs.get("seldom") and not EVERY:
        walls = ("nft",)
    elif walls == ("all",):
        # What the launcher starts is in one form only.
        one = marker.kwargs.get("own_uid") or "launcher" in metafunc.fixturenames
        walls = ("nft", "flagless") if one else WALLS
    metafunc.parametrize("wall", list(walls), indirect=True)


@pytest.fixture
def runner(lab, internet, wall, request):
    marker = request.node.get_closest_marker("cell")
    return Runner(lab, wall, named=bool(marker and marker.kwargs.get("names")))


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
        return Container(runner.docker, name, runner.wall)

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
    for name in names:  # another one may have its addresses
        until(lambda: runner.docker("network", "rm", "-f", name).status == 0, f"the end of {name}")  # noqa: B023


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


def end_sessions(lab):
    """Removes what the launcher has begun in a lab: a session outlives a client that was killed, and the next
    test would find it."""
    docker = ["docker", "-H", lab.engine.host]

    def none():
        left = program([*docker, "ps", "-aq", "--filter", "label=codex-sandbox.workdir"]).ok().lines()
        if left:
            program([*docker, "rm", "-f", *left])
        return not left

    until(none, "the end of all sessions")


@pytest.fixture
def by(wall):
    """How `dig` asks: in the cell there are no datagrams."""
    return "+notcp" if wall == "nft" else "+tcp"


@pytest.fixture
def refusal(wall):
    """What curl ends with for an https name that no rule allows: without an address, or refused by the proxy."""
    return 6 if wall == "nft" else 56


@pytest.fixture
def launcher(wall):
    """How a session is started: build/codex-sandbox, and which wall it has."""
    return [STUB, *([] if wall == "nft" else ["--wall=cell"])]


@pytest.fixture
def stub(stub_environment, workdir, launcher):
    """stub(arguments..., env={}, cwd=workdir): build/codex-sandbox with the lab's engine."""

    def call(*arguments, env=None, cwd=workdir, **rest):
        environment = {**stub_environment, **(env or {})}
        begin = launcher[:1] if arguments[0] in COMMANDS else launcher
        return program([*begin, *arguments], env=environment, cwd=cwd, **rest)

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

    def until_says(self, text):
        missed = f"{text!r} on the terminal"
        until(lambda: text in self._read(), lambda: f"{missed}, only {self.output!r},")

    def wait(self):
        ended = lambda: self._read() is not None and self.process.poll() is not None  # noqa: E731
        until(ended, lambda: f"its end, after {self.output!r},")
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
def terminal(request):
    """terminal(arguments...): a Terminal, closed with the test."""
    made = []

    def begin(arguments, **options):
        made.append(Terminal(arguments, **options))
        return made[-1]

    yield begin
    for one in made:
        one.close()
    if made and "stub_environment" in request.fixturenames:
        end_sessions(request.getfixturevalue("lab"))


@pytest.fixture(scope="session", autouse=True)
def tools():
    """Checks for all programs that tests call, at once rather than one by one."""
    missing = [name for name in ("docker", "ip", "nft", "podman", "strace", "zstd") if not shutil.which(name)]
    if missing:
        pytest.exit(f"missing: {' '.join(missing)}; `make test` installs them", returncode=1)


# The files that take longest are begun first: the last of them would keep one worker at work alone. Those
# that mostly wait are between others.
LONGEST = ("deny", "gate_streams", "ask_attacks", "rations", "wall", "pins_in_use", "podman", "broker_streams", "git_config", "resolver",
           "allow", "networks", "gate_load", "home", "who", "gate_tls", "trail", "cell_attacks", "build", "gate_proxy", "names_rules",
           "login", "ask", "stub_notify", "stub_races")  # fmt: skip

# A test with one of these fixtures judges an attack by what got out, not by what the client says.
JUDGES = {"sinks", "wire"}
TOTALS = {"passed": 0, "failed": 0, "leaked": 0}
# What failed, as pytest names it, for one more try by itself when nothing else runs (tests/tests.mk). More
# than a few are no coincidence, and an attack that got through once got through.
FAILED = {}
AGAIN = ROOT / "build/results/again"
AGAIN_MOST = 10


def pytest_addoption(parser):
    parser.addoption("--attack", action="store_true", help="only the attacks, and their last line")
    parser.addoption("--again", action="store_true", help="only what failed before, added to that run's total")


def pytest_configure(config):
    if config.getoption("--again"):
        passed, *config.args = AGAIN.read_text().splitlines()
        TOTALS["passed"] = int(passed)
    if not hasattr(config, "workerinput"):
        AGAIN.unlink(missing_ok=True)
    config.addinivalue_line("markers", "cell: it runs with nftables and in the cell, flagless; cell(\"all\"): in each of its forms")
    config.addinivalue_line("markers", "nft: what it tests is nftables', or differs in the cell (docs/codex-init.md)")
    config.addinivalue_line("markers", "attack: an attack that the sinks and the wire can't judge")


def pytest_collection_modifyitems(config, items):
    rank = {f"test_{name}.py": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
    if config.getoption("--attack"):
        items[:] = filter(is_attack, items)


def is_attack(item):
    return bool(JUDGES & set(item.fixturenames) or item.get_closest_marker("attack"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if is_attack(item) and call.when == "call" and call.excinfo and call.excinfo.errisinstance(AssertionError):
        if not call.excinfo.errisinstance(Late):
            report.user_properties.append(("leaked", True))


def pytest_runtest_logreport(report):
    """A test counts once; an error in its setup or teardown, or a skip, counts as a failure."""
    if report.when == "call" and report.passed:
        TOTALS["passed"] += 1
    elif not report.passed:
        TOTALS["failed"] += 1
        TOTALS["leaked"] += ("leaked", True) in report.user_properties
        FAILED[report.nodeid] = True


def pytest_unconfigure(config):
    """The last line, in the form that ci/test.sh adds up; not from each worker. An attack leaked if
    its test failed, and is broken if the test couldn't be run."""
    if hasattr(config, "workerinput"):
        return
    passed, failed, leaked = TOTALS.values()
    if config.getoption("--attack"):
        print(f"\n{leaked} leaked, {failed - leaked} broken, {passed + failed} attacks")
    else:
        if 0 < len(FAILED) <= AGAIN_MOST and not leaked and not config.getoption("--again"):
            AGAIN.parent.mkdir(parents=True, exist_ok=True)
            AGAIN.write_text("\n".join((str(passed), *FAILED)) + "\n")
        print(f"\n{passed} passed, {failed} failed")
