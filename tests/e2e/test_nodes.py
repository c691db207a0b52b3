"""What the image holds, and its Node variants: the default in every run, all of them with
`make test-e2e ALL_NODES=1`."""

import json
import os

import pytest
from conftest import IMAGE

pytestmark = pytest.mark.cell(seldom=True)
IMAGES = [IMAGE, *os.environ.get("LAB_IMAGES", "").split()]


@pytest.fixture(params=IMAGES)
def image(request, monkeypatch):
    """run() and shell() use this image."""
    monkeypatch.setattr("conftest.IMAGE", request.param)
    return request.param


def test_node_is_the_version_the_image_says(image, docker, shell):
    label = '{{index .Config.Labels "codex-sandbox.node"}}'
    wanted = docker("image", "inspect", "-f", label, image).ok().out.strip()
    if ":node" in image:
        assert image.endswith(f":node{wanted}")
    assert shell("node --version").ok().out.startswith(f"v{wanted}.")


def test_npm_works_behind_the_wall(image, shell, sinks):
    """npm itself runs; a registry that isn't allowed is refused fast."""
    done = shell("npm --version && npm view left-pad --fetch-retries=0")
    assert done.status and done.lines()[0][0].isdigit()
    assert sinks.seen() == []


def test_codex_does_a_turn(image, run, internet):
    internet.openai.script("node -p '40 + 2'")
    run("codex", "exec", "--skip-git-repo-check", "do it", env={"CODEX_API_KEY": "sk-lab"}).ok()
    assert "42" in "".join(internet.openai.outputs())


def test_the_tools_are_there(image, shell):
    """What the image promises to hold."""
    done = shell(
        """for tool in git curl dig python3 iptables ip ipset javac node npm codex; do
        command -v $tool >/dev/null || echo missing $tool; done; javac -version"""
    ).ok()
    assert "missing" not in done.out
    assert any(version in done.out for version in ("javac 21", "javac 17"))


@pytest.mark.cell(own_uid=True, seldom=True)
def test_browsers_hide_no_names(image, shell):
    """Once installed, Chromium and its kin read these files, and Firefox its own."""
    places = [f"/etc/{p}/policies/managed" for p in ("chromium", "opt/chrome", "opt/chrome_for_testing")]
    done = shell(f"cat {' '.join(p + '/*.json' for p in places)}; cat /etc/firefox/defaults/pref/*.js; "
                 f"for f in /etc/firefox/defaults/pref/* {' '.join(p + '/*' for p in places)}; do "
                 "test -w $f && echo writable $f; done; true").ok()  # fmt: skip
    policies, firefox = done.lines()[:3], done.lines()[3:]
    assert [json.loads(p) for p in policies] == [{"EncryptedClientHelloEnabled": False}] * 3
    assert 'pref("security.tls.ech.grease_probability", 0);' in firefox
    assert "writable" not in done.out
