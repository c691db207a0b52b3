"""What the image has for daily work, and that installing for the user works without root; and an
image derived from it, as the documents show it."""

import pathlib
import re
import shutil
import zipfile

import pytest
from conftest import IMAGE

pytestmark = pytest.mark.cell(own_uid=True, seldom=True)

TOP = pathlib.Path(__file__).resolve().parents[2]

MAKEFILE = "hello: hello.c\n\tcc -o hello hello.c\nhellopp: hello.cc\n\tg++ -o hellopp hello.cc\n"
PACKAGE = '{"name": "greeter", "version": "1.0.0", "bin": {"greet": "greet.js"}}'


@pytest.fixture
def place(workdir):
    def write(name, text):
        path = workdir / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        shutil.chown(path, 1000, 1000)
        shutil.chown(path.parent, 1000, 1000)
        return path

    return write


def test_a_program_is_compiled(stub, place):
    place("Makefile", MAKEFILE)
    place("hello.c", '#include <stdio.h>\nint main(void) { puts("from C"); }\n')
    place("hello.cc", '#include <iostream>\nint main() { std::cout << "from C++\\n"; }\n')
    done = stub("--exec", "sh", "-c", "make -s hello hellopp && ./hello && ./hellopp").ok()
    assert done.lines() == ["from C", "from C++"]


def test_wget_and_pip_are_there(stub):
    done = stub("--exec", "sh", "-c", "wget --version | head -n 1; pip --version").ok()
    assert done.out.startswith("GNU Wget") and "\npip " in done.out


def test_npm_installs_for_the_user(stub, place):
    """npm -g: into the home, whose bin is in PATH; and it is there in the next session."""
    place("package/package.json", PACKAGE)
    place("package/greet.js", '#!/usr/bin/env node\nconsole.log("greetings")\n')
    done = stub("--exec", "sh", "-c", "npm install -g --offline --install-links ./package >/dev/null && greet")
    assert done.ok().out == "greetings\n"
    assert stub("--exec", "greet").ok().out == "greetings\n"


def test_pip_installs_for_the_user(stub, workdir):
    wheel = workdir / "greeter-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("greeter.py", "def main():\n    print('greetings')\n")
        info = "greeter-1.0.dist-info"
        made.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{info}/entry_points.txt", "[console_scripts]\ngreet-py = greeter:main\n")
        made.writestr(f"{info}/RECORD", "")
    shutil.chown(wheel, 1000, 1000)
    script = f"pip install -q --no-index ./{wheel.name} && greet-py && python3 -c 'import greeter'"
    done = stub("--exec", "sh", "-c", script).ok()
    assert done.out == "greetings\n", done
    assert stub("--exec", "greet-py").ok().out == "greetings\n"


def test_root_of_a_derived_image_installs_for_all(runner):
    """The opposite: where no sandbox runs, npm and pip keep their own places."""
    done = runner.docker("run", "--rm", "--pull=never", "--entrypoint", "sh", IMAGE, "-c",
                         "npm prefix -g; python3 -m site --user-base").ok()
    assert done.lines() == ["/usr/local", "/root/.local"]


def test_the_derived_image_of_the_documents(stub, runner, lab, sinks, tmp_path, refusal):
    text = (TOP / "docs/launcher.md").read_text()
    dockerfile, = re.findall(r"```dockerfile\n(.*?)```", text, re.S)
    context = tmp_path / "derived"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile.replace("FROM codex-sandbox", f"FROM {IMAGE}"))
    shutil.copy(lab.ca, context / "corp-ca.crt")
    (context / "corp.rules").write_text("allowed.test\n")
    runner.docker("build", "--network=none", "-q", "-t", "derived", context, timeout=300,
                  env={"DOCKER_BUILDKIT": "0", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}).ok()
    get = "curl -sS -o /dev/null https://{}; echo $?"
    script = f"{get.format('allowed.test')}; {get.format('example.com')}"
    done = stub("--image", "derived", "--allow", "@corp", "--exec", "sh", "-c", script).ok()
    assert done.lines() == ["0", str(refusal)], done
    runner.docker("rmi", "derived").ok()
