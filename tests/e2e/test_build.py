"""The binaries as files, the build that makes them, and the set-up before it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["build/codex-init", "build/codex-sandbox"]
BINARIES = [*COMMANDS, "build/codex-broker"]
LIMIT_INIT = 512 * 1024


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, **options)


def output(*words):
    return run(*words, cwd=ROOT, check=True).stdout


def copy_of_the_source(to):
    """What is committed or about to be, and the sysroot, in another directory."""
    names = output("git", "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    (to / "build").mkdir(exist_ok=True)
    (to / "build/sysroot").symlink_to(ROOT / "build/sysroot")
    return to


# ---- The files -----------------------------------------------------------------------------


@pytest.mark.parametrize("binary", BINARIES)
def test_it_is_static(binary):
    assert re.search("static-pie linked|statically linked", output("file", binary))
    headers = output("readelf", "-lW", binary)
    assert "INTERP" not in headers
    assert "NEEDED" not in output("readelf", "-dW", binary)


@pytest.mark.parametrize("binary", BINARIES)
def test_it_is_hardened(binary):
    headers = output("readelf", "-lW", binary)
    assert re.search(r"Type:\s+DYN", output("readelf", "-hW", binary)), "not at a random address"
    assert "GNU_RELRO" in headers
    assert re.search(r"GNU_STACK .* RW ", headers), "the stack may be executed"
    assert not re.search(r"LOAD .* RWE ", headers), "memory that is writable and executable"
    dynamic = output("readelf", "-dW", binary)
    assert re.search(r"FLAGS.*NOW", dynamic)
    assert "TEXTREL" not in dynamic


@pytest.mark.parametrize("binary", BINARIES)
def test_it_is_stripped(binary):
    assert ", stripped" in output("file", binary)
    sections = output("readelf", "-SW", binary)
    for name in (".symtab", ".debug_info", ".note.gnu.build-id"):
        assert name not in sections


@pytest.mark.parametrize("binary", BINARIES)
def test_it_names_no_shell(binary):
    shells = re.compile(r"(^|[/\s])(ba|da|a|z|k)?sh(\s+-c)?$")
    # Shorter ones than four letters are machine code that happens to be text.
    text = output("strings", "-a", "-n", "4", binary).split("\n")
    assert [s for s in text if shells.search(s)] == []


@pytest.mark.parametrize("binary", BINARIES)
def test_it_does_not_tell_where_it_was_built(binary):
    text = output("strings", "-a", binary)
    assert str(ROOT) not in text
    assert "/build/" not in text


def test_libnl_reads_neither_environment_nor_proc_before_main():
    """But for NLCB, which is without effect: test_contract.py."""
    names = {"NLDBG", "psched", "TICKS_PER_USEC", "NLSYSCONFDIR"}
    text = output("strings", "-a", BINARIES[0])
    assert {name for name in names if name in text} == set()
    # The library itself does, or this looks for what no longer has that name.
    library = ROOT / "build/sysroot/src/libnl3"
    source = (library / "lib/utils.c").read_text() + (library / "include/netlink-private/netlink.h").read_text()
    assert {name for name in names if name in source} == names


def test_codex_init_is_small():
    assert (ROOT / BINARIES[0]).stat().st_size <= LIMIT_INIT


def test_what_holds_the_credential_is_nothing_else():
    """No rule, name server or table of the wall's is in it: a tenth of a megabyte."""
    assert (ROOT / "build/codex-broker").stat().st_size <= 100 * 1024
    text = output("strings", "-a", "build/codex-broker")
    assert "codex-egress" not in text and "nft" not in text


@pytest.mark.parametrize("binary", COMMANDS)
def test_it_knows_its_version(binary):
    version = (ROOT / "VERSION").read_text().strip()
    assert version in output(binary, "--version")


# ---- The build -----------------------------------------------------------------------------


def test_another_directory_gives_the_same_bytes(tmp_path):
    copy = copy_of_the_source(tmp_path / "somewhere with another, longer name".replace(" ", "-"))
    made = run("make", "-j2", cwd=copy)
    assert made.returncode == 0, made.stderr
    for binary in BINARIES:
        assert (copy / binary).read_bytes() == (ROOT / binary).read_bytes(), binary


def test_install_puts_both_where_it_is_told(tmp_path):
    done = run("make", "install", "PREFIX=/usr", f"DESTDIR={tmp_path}", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    files = {str(p.relative_to(tmp_path)): oct(p.stat().st_mode & 0o777)
             for p in tmp_path.rglob("*") if p.is_file()}
    presets = {f"usr/share/codex-sandbox/presets.d/{p.name}": "0o644" for p in (ROOT / "image/presets").iterdir()}
    assert files == {"usr/sbin/codex-init": "0o755", "usr/bin/codex-sandbox": "0o755", **presets}


def test_help_lists_the_targets():
    text = output("make", "help")
    for target in ("all", "image", "run", "test", "test-unit", "test-e2e", "bench", "fuzz",
                   "install", "clean"):
        assert re.search(rf"make {target} ", text), target


def test_the_fuzz_targets_compile():
    """`make fuzz` needs clang, which no other test does: so nothing else tells when what they play
    a part in has changed."""
    for target in sorted((ROOT / "tests/fuzz").glob("fuzz_*.c")):
        done = run("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wmissing-prototypes", "-Werror", "-I.",
                   "-Ibuild/gen", "-isystem", "/usr/include/libnl3", "-fsyntax-only", target, cwd=ROOT)
        assert done.returncode == 0, done.stderr


def test_no_file_names_a_mirror():
    """The mirror is this machine's to say: no file may say another."""
    hosts = set()
    for source in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if source.is_file():
            hosts |= set(re.findall(r"://([^/\s:]+)", re.sub("(?m)^#.*", "", source.read_text())))
    assert hosts
    for name in filter(None, output("git", "ls-files", "-z").split("\0")):
        if (ROOT / name).is_file():
            text = (ROOT / name).read_bytes().decode(errors="replace")
            assert [h for h in hosts if h in text] == [], name


# ---- Set-up --------------------------------------------------------------------------------


@pytest.fixture
def bare():
    """A machine where dpkg knows of no package, and apt-get tells that it was called. Not in
    tmp_path, which only root may enter."""
    with tempfile.TemporaryDirectory(prefix="codex-bare-") as name:
        place = Path(name)
        for tool, script in {
            "dpkg-query": "#!/bin/sh\n",
            "apt-get": f"#!/bin/sh\necho \"$@\" >>{place}/apt-called\nexit 100\n",
        }.items():
            (place / tool).write_text(script)
            (place / tool).chmod(0o755)
        place.chmod(0o777)
        yield place


def setup_on(bare, *goals):
    return run(str(ROOT / "ci/setup.sh"), *goals,
               env={"PATH": f"{bare}:{os.environ['PATH']}"}, cwd=bare)


def test_set_up_calls_no_apt_when_nothing_is_missing(bare):
    (bare / "dpkg-query").unlink()
    done = setup_on(bare, "build", "image", "test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (bare / "apt-called").exists()


def test_make_alone_tells_what_is_missing(bare, tmp_path):
    copy = copy_of_the_source(tmp_path / "copy")
    before = sorted(p.name for p in (copy / "build").iterdir())
    done = run("make", cwd=copy, env={"PATH": f"{bare}:{os.environ['PATH']}"})
    assert done.returncode != 0
    assert re.search("missing packages: .*gcc .*libseccomp-dev ", done.stderr)
    assert "hint: as root: ci/setup.sh build" in done.stderr
    assert not (bare / "apt-called").exists()
    assert sorted(p.name for p in (copy / "build").iterdir()) == before


def test_without_root_nothing_is_installed(bare):
    """By a copy: the clone may lie in a directory that only root may enter."""
    script = shutil.copy(ROOT / "ci/setup.sh", bare)
    done = run("setpriv", "--reuid=65534", "--clear-groups", script, "build",
               env={"PATH": f"{bare}:{os.environ['PATH']}"}, cwd=bare)
    assert done.returncode == 1
    assert re.search("not root.*libseccomp-dev", done.stderr)
    assert not (bare / "apt-called").exists()


@pytest.mark.parametrize("name", ["fedora", "ubuntu"])
def test_elsewhere_than_debian_nothing_is_installed(bare, name):
    (bare / "os-release").write_text(f"ID={name}\n")
    script = (f"mount --bind {bare}/os-release /etc/os-release && "
              f"PATH={bare}/few exec /bin/sh {ROOT}/ci/setup.sh build")
    few = bare / "few"
    few.mkdir()
    for tool in ("awk", "cat", "sed", "tr", "id", "mktemp"):
        (few / tool).symlink_to(shutil.which(tool))
    done = run("unshare", "-m", "sh", "-c", script)
    assert done.returncode == 1
    assert "this is not Debian" in done.stderr
    assert "objcopy (binutils)" in done.stderr
    assert not (bare / "apt-called").exists()


def test_a_failed_install_is_told(bare):
    done = setup_on(bare, "build")
    assert done.returncode == 1
    assert "could not install" in done.stderr
    assert "update" in (bare / "apt-called").read_text()


# What the slow parts of a set-up call, each as slow as that: it has been told of twice since.
SLOW = """#!/bin/sh
told() { grep -c ' s: ' "$SAID"; }
case $1 in
update | install) echo "Get:7 a-large-package [99 MB]" ;;
pull) echo "a-layer: Downloading" ;;
build) printf 'Step 1/1 : RUN fetch  it\\n ---> Running in 0\\na-file: half of it\\n' ;;
image) exit 1 ;;
*) exit ;;
esac
before=$(told) tries=0
until [ "$(told)" -ge $((before + 2)) ] || [ $((tries += 1)) -gt 600 ]; do sleep 0.1; done
"""


@pytest.mark.parametrize("words, tool, said", [
    (["ci/setup.sh", "build"], "apt-get", ["setup: installing", "setup: N s: Get:7 a-large-package"]),
    (["image/build.sh", "i", "0.1.0", "22", "", "0", "."], "docker",
     ["base: pulling debian:", "base: N s: a-layer: Downloading", "image: building i (Codex 0.1.0",
      "several hundred MB", "image: step 1/1: fetch it", "image: N s: a-file: half of it",
      "image: i is ready"]),
])
def test_whoever_waits_for_a_download_sees_it_go_on(bare, words, tool, said):
    (bare / tool).write_text(SLOW)
    (bare / tool).chmod(0o755)
    env = {"PATH": f"{bare}:{os.environ['PATH']}", "CODEX_BUSY_SECONDS": "1", "SAID": f"{bare}/said"}
    with open(bare / "said", "w") as to:
        done = subprocess.run(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=to, text=True)
    told = (bare / "said").read_text()
    lines = re.sub(r"\b\d+ s: ", "N s: ", done.stdout + told).splitlines()
    assert done.returncode == 0, lines
    for text in said:
        assert [line for line in lines if text in line], (text, lines)
    # Once it is over, nobody goes on telling: a pipe that the teller held open would not have ended.
    assert "nothing new" in told and told.count(" s: ") <= 4 * len(said), told


def test_what_is_there_is_told_without_delay(bare):
    """The same with nothing to wait for."""
    (bare / "docker").write_text("#!/bin/sh\nexit 0\n")
    (bare / "docker").chmod(0o755)
    env = {"PATH": f"{bare}:{os.environ['PATH']}", "CODEX_BUSY_SECONDS": "1"}
    done = run("image/build.sh", "i", "0.1.0", "22", "", "0", ".", cwd=ROOT, env=env)
    assert done.returncode == 0 and " s: " not in done.stderr and "MB" not in done.stderr, done


def test_nobody_goes_on_telling_for_a_script_that_is_gone(tmp_path):
    (tmp_path / "log").write_text("a line\n")
    said = tmp_path / "said"
    script = (f"{ROOT}/ci/busy.sh who {tmp_path}/log $$ 2>{said} & "
              f"until [ \"$(wc -l <{said})\" -ge 2 ]; do sleep 0.1; done; kill -9 $$")
    done = run("sh", "-c", 'sh -c "$0"; :', script, timeout=60,
               env={**os.environ, "CODEX_BUSY_SECONDS": "1"})
    said = said.read_text().splitlines()  # by one who has ended: the output would not have
    assert said[:2] == ["who: 1 s: a line", "who: 2 s: nothing new"] and len(said) <= 5, (said, done)


def test_an_unknown_goal_is_refused():
    done = run(str(ROOT / "ci/setup.sh"), "everything")
    assert done.returncode == 2
    assert "everything" in done.stderr


# ---- The versions in the image ---------------------------------------------------------------

NPM = """#!/bin/sh
for word; do case $word in
*@latest | *@0.171.0) echo 0.171.0; exit ;;
*@0.36.0) echo 0.36.0; exit ;;
*@7.7.7) echo 'npm error network: nobody answers' >&2; exit 1 ;;
*@7.7.8) exit ;;
*/codex@*) echo 'npm error code E404' >&2; exit 1 ;;
esac; done
"""


@pytest.fixture
def registry(bare):
    """A machine that lacks every package, with an npm whose registry has two versions."""
    (bare / "npm").write_text(NPM)
    (bare / "npm").chmod(0o755)
    return {"PATH": f"{bare}:{os.environ['PATH']}"}


@pytest.mark.parametrize("setting, complaint", [
    ("CODEX_VERSION=nonsense", "number of a version, or latest, not 'nonsense'"),
    ("CODEX_VERSION=0.171", "not '0.171'"),
    ("CODEX_VERSION=0.171.0-linux-x64", "not '0.171.0-linux-x64'"),
    ("CODEX_VERSION=", "not ''"),
    ("CODEX_VERSION=9.9.9", "there is no version 9.9.9 of @openai/codex"),
    ("CODEX_VERSION=7.7.8", "there is no version 7.7.8 of @openai/codex"),
    ("NODE_VERSION=21", "NODE_VERSION is 18, 20, 22 or 24, not '21'"),
])
def test_a_version_that_does_not_exist_is_refused_first(registry, bare, setting, complaint):
    done = run("make", "image", setting, cwd=ROOT, env=registry)
    assert done.returncode != 0
    assert complaint in done.stderr and "  hint: " in done.stderr, done.stderr
    assert not (bare / "apt-called").exists()


@pytest.mark.parametrize("version", ["latest", "0.36.0", "7.7.7"])
def test_other_versions_go_on_to_the_set_up(registry, bare, version):
    """Also one that the registry can't be asked about: the engine may have it from before."""
    done = run("make", "image", f"CODEX_VERSION={version}", cwd=ROOT, env=registry)
    assert "image: " not in done.stderr, done.stderr
    assert (bare / "apt-called").exists()


def versions(codex, environment):
    return run("/bin/sh", str(ROOT / "image/versions.sh"), codex, "0.169.0", "22", env=environment)


def test_latest_is_a_number(registry):
    assert versions("latest", registry).stdout == "0.171.0\n"


def test_latest_needs_an_answer(registry, bare):
    (bare / "npm").write_text("#!/bin/sh\necho nobody answers >&2\nexit 1\n")
    done = versions("latest", registry)
    assert done.returncode == 1 and "nobody answers" in done.stderr, done.stderr


def test_latest_without_npm_is_refused_with_a_way_out(bare):
    few = bare / "few"
    few.mkdir()
    (few / "grep").symlink_to(shutil.which("grep"))
    done = versions("latest", {"PATH": str(few)})
    assert done.returncode == 1 and "has no npm" in done.stderr
    assert versions("0.36.0", {"PATH": str(few)}).stdout == "0.36.0\n"


def test_the_usual_build_asks_no_registry(registry, bare):
    (bare / "npm").write_text(f"#!/bin/sh\ntouch {bare}/npm-called\n")
    assert versions("0.169.0", registry).stdout == "0.169.0\n"
    assert not (bare / "npm-called").exists()


# ---- What the image tells Codex ---------------------------------------------------------------


@pytest.mark.parametrize("knows, files, script", [
    ("allowed_permission_profiles requirements.toml managed_config.toml",
     ["config.toml", "requirements.toml"], False),
    ("requirements.toml managed_config.toml", ["managed_config.toml"], False),
    ("nothing", ["managed_config.toml"], True),
])
def test_each_codex_is_told_in_the_way_that_it_knows(tmp_path, knows, files, script):
    binary, command, etc = (tmp_path / name for name in ("binary", "codex", "etc"))
    binary.write_text(f"#!/bin/sh\n# {knows}\nprintf '%s\\n' \"$@\"\n")
    binary.chmod(0o755)
    command.symlink_to("binary")
    etc.mkdir()
    done = run("sh", "image/layers.sh", str(command), "image/layers", str(etc), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in etc.iterdir()) == files
    told = ["-c", 'sandbox_mode="danger-full-access"', "-c", 'approval_policy="never"']
    assert output(command, "exec", "a b").splitlines() == [*(told if script else []), "exec", "a b"]


def test_the_oldest_codex_takes_a_key_by_a_provider(tmp_path):
    """It reads none from the environment. A login, or a provider of the user's own, comes first."""
    binary, command, etc, home = (tmp_path / name for name in ("binary", "codex", "etc", "home"))
    binary.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    binary.chmod(0o755)
    command.symlink_to("binary")
    etc.mkdir()
    home.mkdir()
    run("sh", "image/layers.sh", str(command), "image/layers", str(etc), cwd=ROOT)

    def words(**env):
        env = {"PATH": os.environ["PATH"], "CODEX_HOME": str(home), **env}
        return subprocess.run([command, "exec"], env=env, text=True, stdout=subprocess.PIPE).stdout

    secret = "sk-0123456789"
    assert "model_provider" not in words()
    for name in ("OPENAI_API_KEY", "CODEX_API_KEY"):
        said = words(**{name: secret})
        assert f'model_providers.openai-key.env_key="{name}"\n' in said and secret not in said
        assert 'base_url="https://api.openai.com/v1"\n' in said
    assert "base_url=\"https://a.test\"" in words(OPENAI_API_KEY=secret, OPENAI_BASE_URL="https://a.test")
    (home / "config.toml").write_text('model_provider = "mine"\n')
    assert "model_provider" not in words(OPENAI_API_KEY=secret)
    (home / "config.toml").write_text('[model_providers.mine]\nname = "x"\n')
    assert "model_provider" in words(OPENAI_API_KEY=secret)
    (home / "auth.json").write_text("{}")
    assert "model_provider" not in words(OPENAI_API_KEY=secret)


# ---- Unit tests -----------------------------------------------------------------------------


def test_a_source_that_does_not_compile_leaves_nothing_of_before(tmp_path):
    """Tests that need it aren't linked with what it was; others are."""
    source = copy_of_the_source(tmp_path)
    program = source / "build/unit/test_stub_sha256"

    def make():
        return run("make", "UNIT_SRC=init/lib/num.c stub/sha256.c", "build/unit/test_stub_sha256", cwd=source)

    def with_error(name, then):
        text = (source / name).read_text()
        (source / name).write_text(text + "#error broken\n")
        done = make()
        (source / name).write_text(text)
        assert "broken" in done.stderr and (done.returncode == 0) == then and program.exists() == then, done

    assert make().returncode == 0 and program.exists()
    with_error("stub/sha256.c", then=False)
    with_error("tests/unit/test_stub_sha256.c", then=False)
    with_error("init/lib/num.c", then=True)


# ---- The count of the tests -----------------------------------------------------------------


@pytest.mark.parametrize("script, total", [
    ("echo '[  PASSED  ] 3 test(s).'", "3 passed, 0 failed"),
    ("echo '[  PASSED  ] 3 test(s).'; exit 1", "3 passed, 1 failed"),
    ("echo '[  PASSED  ] 3 test(s).'; echo '[  FAILED  ] 2 test(s), listed below:'; exit 2",
     "3 passed, 2 failed"),
    ("echo '[  SKIPPED ] some_test'; echo '[  PASSED  ] 3 test(s).'", "3 passed, 1 failed"),
    ("kill -SEGV $$", "0 passed, 1 failed"),
    ("exit 0", "0 passed, 1 failed"),
])
def test_the_count_of_unit_tests_is_honest(tmp_path, script, total):
    program = tmp_path / "test_one"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    done = run(str(ROOT / "ci/unit.sh"), str(program))
    assert done.stdout.splitlines()[-1] == total
    assert (done.returncode == 0) == total.endswith(" 0 failed")


def test_a_unit_test_that_was_not_built_is_a_failure(tmp_path):
    done = run(str(ROOT / "ci/unit.sh"), str(tmp_path / "test_none"))
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"
    assert done.returncode == 1
