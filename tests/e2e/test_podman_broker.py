"""The broker by the launcher with Podman, as root and without: the machine's credential stays with it."""

import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest
from conftest import IMAGE, ROOT, until
from podman import Podman
from test_broker import SECRET, credentials
from test_broker_chatgpt import BUNDLE, SIGNATURE, stored, token
from test_podman import call, work  # noqa: F401

# What the broker needs of the real image: programs, what they load, and what they trust.
TAKE = r"""p="/usr/sbin/haproxy /usr/bin/openssl"
tar -chf - $p $(ldd $p | grep -o '/[^ :]*\.so[^ :]*' | sort -u) /etc/ssl/certs/ca-certificates.crt /usr/lib/codex-sandbox/codex-broker /etc/codex
"""
ASK = r"""port=$(grep -o '[0-9]*/v1' /etc/codex/managed_config.toml) && wget -q -O - http://127.0.0.1:${port%/v1}/v1/models"""
CHECK = (
    r"printf 'GET /backend-api/wham/accounts/check HTTP/1.1\r\nHost: chatgpt.com\r\nConnection: close\r\n\r\n' |"
    f" busybox timeout 50 openssl s_client -quiet -verify_return_error -CAfile {BUNDLE} -connect chatgpt.com:443 2>/dev/null; :"
)


@pytest.fixture(scope="module", params=["rootful", "rootless"])
def podman(request, lab):
    place = lab.directory / f"broker-{request.param}"
    taken = subprocess.run(["docker", "-H", lab.engine.host, "run", "--rm", "--pull=never", "--network=none",
                            "--entrypoint=sh", IMAGE, "-c", TAKE], stdout=subprocess.PIPE, check=True)  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(taken.stdout)) as tar:
        tar.extractall(place)
    more = {name: place / name for name in os.listdir(place) if name != "etc"}
    made = Podman(request.param, lab.engine.namespace, lab.directory, ROOT / "build/codex-sandbox",
                  ROOT / "build/codex-init", more={**more, "etc/ssl": place / "etc/ssl", "etc/codex": place / "etc/codex"})  # fmt: skip
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def words(podman, lab):
    """Options by which the lab's server is trusted."""
    file = podman.home / "ca.pem"
    shutil.copyfile(lab.ca, file)
    file.chmod(0o644)
    return ["--read-only", file, "-e", f"SSL_CERT_FILE=/app{file}"]


@pytest.fixture
def login(podman):
    """login(contents): the machine's auth.json, stored as Codex does: by a rename."""
    place = podman.home / ".codex"
    place.mkdir()

    def store(contents):
        new = place / ".auth-new"
        new.write_text(json.dumps(contents))
        new.chmod(0o600)
        for path in (place, new):
            os.chown(path, podman.owner, podman.owner)
        return new.rename(place / "auth.json")

    yield store
    shutil.rmtree(place)


def test_a_key_stays_with_the_broker(call, model, login, words):  # noqa: F811
    login({"OPENAI_API_KEY": SECRET})
    look = "env; cat /codex_home/auth.json"
    done = call(*words, "--exec", "sh", "-c", f"{ASK} && {look}").ok()
    assert credentials(model) == {f"Bearer {SECRET}"} and SECRET not in done.said, done
    done = call(*words, "--broker=off", "--exec", "sh", "-c", look).ok()
    assert SECRET in done.out, done


def test_a_chatgpt_login_does_too_and_is_renewed(podman, call, work, model, login, words):  # noqa: F811
    login(stored(token("A")))
    begin = podman.inside(work, podman.stub, "--engine", "podman", "--broker=on", *words, "--exec",
                          "sh", "-c", "cat /codex_home/auth.json; echo up; exec sleep 600")  # fmt: skip
    with subprocess.Popen(list(map(str, begin)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as session:
        try:
            said = b""
            while b"up\n" not in said:
                said += (line := session.stdout.readline())
                assert line, said
            assert SIGNATURE.encode() not in said and b"codex-sandbox-broker" in said
            (name,) = podman.podman("ps", "--format", "{{.Names}}").split()

            def asked():
                got = podman.podman("exec", "--user", "1000" if not podman.uid else "0", name, "sh", "-c", CHECK)
                return "200 OK" in got and model.requests[-1]["headers"]["authorization"][-1]

            assert asked() == "A"
            login(stored(token("B")))
            until(lambda: asked() == "B", "a request with the second token")
        finally:
            podman.podman("rm", "--force", "--all")
    done = call(*words, "--exec", "cat", "/codex_home/auth.json").ok()
    assert SIGNATURE in done.out, "without the option it is mounted"
