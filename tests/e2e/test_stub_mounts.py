"""codex-sandbox: read-only paths, what the host obeys, and links that lead out of the workdir."""

import os
import pty
import socket
import subprocess

import pytest
from stub_project import GOOD, STUB, UID, project  # noqa: F401


# ---- Mounts beside the workdir -------------------------------------------------------------


def test_read_only(project):
    sdk, file = project.root / "opt" / "sdk", project.write(project.root / "a,b\"c.jar")
    sdk.mkdir(parents=True)
    c = project.dry("--read-only", sdk, "--read_only", file, "--read-only", f"{sdk}/")
    assert c.mounts[f"/app{sdk}"] == (str(sdk), "ro")
    assert c.mounts[f"/app{file}"] == (str(file), "ro")


def test_read_only_by_a_relative_path_or_a_link(project):
    sdk, link = project.root / "sdk-1.2", project.root / "sdk"
    sdk.mkdir()
    link.symlink_to(sdk)
    assert project.dry("--read-only", "../../../sdk-1.2").mounts[f"/app{sdk}"] == (str(sdk), "ro")
    # Scripts in the container use the name that was given.
    assert project.dry("--read-only", link).mounts[f"/app{link}"] == (str(sdk), "ro")
    assert project.dry("--read-only", f"{link}/../sdk").mounts[f"/app{sdk}"] == (str(sdk), "ro")


def test_read_only_around_and_inside_the_workdir(project):
    sub = project.work / "vendor"
    sub.mkdir()
    c = project.dry("-y", "--read-only", sub, "--read-only", project.home)
    place = f"/app{project.work}"
    assert c.mounts[f"{place}/vendor"][1] == "ro" and c.mounts[place][1] == "rw"
    assert c.order.index(f"/app{project.home}") < c.order.index(place)
    assert c.order.index(place) < c.order.index(f"{place}/vendor")


def test_what_may_not_be_read_only(project):
    project.refused("--read-only", project.root / "missing")
    assert "is taken" in project.refused("--read-only", project.work)
    project.refused("--read-only", "/dev/null")
    os.mkfifo(project.root / "fifo")
    project.refused("--read-only", project.root / "fifo")


def test_what_the_host_obeys_is_protected(project):
    project.write(project.work / ".git" / "config")
    (project.work / ".git" / "hooks").mkdir()
    place = f"/app{project.work}"
    c = project.dry()
    assert c.mounts[f"{place}/.git/hooks"] == (f"{project.work}/.git/hooks", "ro")
    # git writes it, and codex-init undoes what makes something run.
    assert f"{place}/.git/config" not in c.mounts
    assert c.init[c.init.index("--git-config") + 1] == f"{place}/.git"
    locked = project.dry("--lock-git-config")
    assert locked.mounts[f"{place}/.git/config"] == (f"{project.work}/.git/config", "ro")
    # What would be made beside it leads git to another one, and is removed.
    assert locked.init[locked.init.index("--git-config") + 1] == f"{place}/.git"
    assert "--git-config" not in project.dry(env={"CODEX_INIT_EGRESS": "off"}).init
    assert c.mounts[f"{place}/.codex"][1] == "ro"
    # A mount can't be renamed: without this, .git could be moved out of the way as a whole.
    assert c.mounts[f"{place}/.git"] == (f"{project.work}/.git", "rw")
    depths = [target.count("/") for target in c.order]
    assert depths == sorted(depths)
    open_ = project.dry("--no-protect")
    assert set(open_.mounts) == {"/codex_home", place}


def test_what_git_reads_beside_its_config_is_protected(project):
    project.write(project.work / ".git" / "config")
    place = f"/app{project.work}/.git"
    project.write(project.work / ".git" / "config.worktree")
    c = project.dry()
    assert c.mounts[f"{place}/config.worktree"][1] == "ro" and "--git-config" in c.init
    # The guard would take a link of the user's for one that was planted.
    (project.work / ".git" / "config.worktree").unlink()
    (project.work / ".git" / "config.worktree").symlink_to("config")
    c = project.dry()
    assert c.mounts[f"{place}/config"][1] == "ro" and "--git-config" not in c.init
    (project.work / ".git" / "config.worktree").unlink()
    # Another repository's config is in force, which nothing guards.
    project.write(project.work / ".git" / "commondir")
    c = project.dry()
    assert {c.mounts[f"{place}/{name}"][1] for name in ("commondir", "config")} == {"ro"}
    assert "--git-config" not in c.init


def test_protection_of_what_is_not_there(project):
    (project.work / ".git").mkdir()
    assert not [m for m in project.dry().mounts if "/.git/" in m]
    (project.work / ".git").rmdir()
    project.write(project.work / ".git", "gitdir: /elsewhere")
    assert not [m for m in project.dry().mounts if ".git" in m]


def test_hooks_that_are_a_link_are_told(project):
    (project.work / ".git").mkdir()
    (project.work / ".git" / "hooks").symlink_to(project.home)
    c = project.dry()
    assert "can't be protected" in project.warnings
    assert f"/app{project.work}/.git/hooks" not in c.mounts


# ---- Read-only, and yet too much -------------------------------------------------------------


def bind(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


EXPOSED = {
    "the SSH keys": (".ssh", "SSH keys"),
    "one SSH key": (".ssh/id_ed25519", "SSH keys"),
    "GnuPG's keys": (".gnupg", "GnuPG keys"),
    "AWS's credentials": (".aws", "AWS credentials"),
    "the registries'": (".docker/config.json", "registry credentials"),
    "the home": ("", "SSH keys"),
    "the host's login": (".codex", "Codex's login"),
}


@pytest.fixture
def secretive(project):  # noqa: F811
    for name in (".ssh/id_ed25519", ".gnupg/key", ".aws/credentials", ".docker/config.json",
                 ".codex/skills/a/SKILL.md", "libs/jar"):
        project.write(project.home / name, "secret")
    project.write(project.home / ".codex/auth.json", "{}")
    return project


def agreed_or_not(project, path, what, **more):
    """Refused with nobody to ask; with -y it is mounted, and told of all the same."""
    message = project.refused("--read-only", path, **more)
    assert "no terminal to ask at" in message and what in message and "to agree in advance: -y" in message
    c = project.dry("-y", "--read-only", path, **more)
    assert what in project.warnings and str(path) in project.warnings
    return c


@pytest.mark.parametrize("case", EXPOSED)
def test_secrets_read_only_are_asked_about(secretive, case):
    name, what = EXPOSED[case]
    path = secretive.home / name
    c = agreed_or_not(secretive, path, what)
    assert c.mounts[f"/app{path}"] == (str(path), "ro")
    # The opposite.
    for harmless in ("libs", ".codex/skills"):
        secretive.dry("--read-only", secretive.home / harmless)
        assert secretive.warnings == ""


# By what it would expose: paths in the home.
SECRETS = {
    "SSH keys": ".ssh",
    "GnuPG keys": ".gnupg",
    "AWS credentials": ".aws",
    "Azure credentials": ".azure",
    "Google Cloud credentials": ".config/gcloud",
    "Kubernetes credentials": ".kube",
    "registry credentials": ".docker .config/containers/auth.json",
    "Oracle Cloud credentials": ".oci",
    "DigitalOcean credentials": ".config/doctl",
    "credentials of cloud storage": ".config/rclone .s3cfg .boto",
    "Terraform credentials": ".terraform.d",
    "a Vault token": ".vault-token",
    "GitHub credentials": ".config/gh .config/hub",
    "GitLab credentials": ".config/glab-cli",
    "git passwords": ".git-credentials .config/git/credentials",
    "credentials of npm registries": ".npmrc .yarnrc.yml",
    "credentials of Python registries": ".pypirc .config/pip",
    "credentials of Maven repositories": ".m2/settings.xml .gradle/gradle.properties",
    "Maven's master password": ".m2/settings-security.xml",
    "credentials of Rust registries": ".cargo/credentials .cargo/credentials.toml",
    "RubyGems credentials": ".gem/credentials",
    "NuGet credentials": ".nuget/NuGet/NuGet.Config",
    "Composer credentials": ".composer/auth.json .config/composer/auth.json",
    "passwords": ".netrc .password-store .local/share/keyrings .config/op",
    "database passwords": ".pgpass .my.cnf",
    "a browser's passwords and cookies": ".mozilla .config/google-chrome "
        ".config/chromium .config/microsoft-edge .config/BraveSoftware",
    "mail, and passwords": ".thunderbird",
    "shell history, which may contain passwords": ".bash_history .zsh_history",
    "Codex's login on this machine": ".codex/auth.json .config/codex/auth.json",
    "an agent's login on this machine": ".claude/.credentials.json .gemini/oauth_creds.json",
}
EVERY_SECRET = [(path, what) for what, paths in SECRETS.items() for path in paths.split()]


def test_no_secret_is_known_to_the_source_alone():
    source = (STUB.parents[1] / "stub/exposure.c").read_text()
    table = source[source.index("} secrets[] = {") : source.index("static const char *const sockets")]
    assert table.count('{"') == len(EVERY_SECRET)


@pytest.mark.parametrize("path, what", EVERY_SECRET)
def test_every_secret_that_is_known(project, path, what):
    """By itself, by a directory around it, by what lies in it; and not by what only reads alike."""
    secret = project.home / path
    beside = project.write(project.home / f"{path}.not", "x")
    project.dry("--read-only", beside)
    assert project.warnings == ""
    project.dry("--read-only", project.write(project.home / "other" / path, "x"))
    assert "expose" not in project.warnings
    for shared in (secret, *secret.parents):
        project.write(secret, "{}")
        assert f"{what} ({secret})" in project.refused("--read-only", shared), shared
        if shared == project.home:
            break
    secret.unlink()
    if secret.name == "auth.json":
        return  # as a directory it is no login, which is another refusal
    inside = project.write(secret / "deep/file", "secret")
    assert f"{what} ({secret})" in project.refused("--read-only", inside)


def test_the_question_about_a_secret(secretive):
    for answer, status in ((b"y\n", 0), (b"n\n", 100), (b"\n", 100)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = secretive.start("--dry-run", "--read-only", secretive.home / ".ssh", stdin=theirs,
                               stderr=theirs)
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.close(ours)
        assert done.returncode == status, shown
        assert b"SSH keys" in shown and str(secretive.home / ".ssh").encode() in shown


def test_secrets_by_a_link(secretive):
    link = secretive.home / "innocent"
    link.symlink_to(".ssh")
    assert "SSH keys" in secretive.refused("--read-only", link)
    (secretive.home / ".kube").symlink_to("libs")
    assert "Kubernetes" in secretive.refused("--read-only", secretive.home / "libs" / "jar")


def test_the_whole_machine_read_only(project):
    c = agreed_or_not(project, "/", "the whole machine")
    assert c.mounts["/app"] == ("/", "ro")


def test_a_parent_of_the_workdir_read_only(project):
    agreed_or_not(project, project.work.parent, "next to the workdir")
    sibling = project.work.parent / "sibling"
    sibling.mkdir()
    project.dry("--read-only", sibling)
    assert project.warnings == ""


def test_an_engines_socket_read_only(project):
    path = project.root / "docker.sock"
    bind(path)
    env = {"DOCKER_HOST": f"unix://{path}"}
    agreed_or_not(project, path, "root on this machine", env=env)
    agreed_or_not(project, path.parent, "root on this machine", env=env)
    # Another program's is no less to be asked about.
    assert "a socket" in project.refused("--read-only", path)
    path.unlink()
    project.write(path, "")
    project.dry("--read-only", path)


ENGINES = {
    "docker": "/run/docker.sock",
    "podman": "/run/podman/podman.sock",
    "containerd": "/run/containerd/containerd.sock",
    "docker without root": "/run/user/1000/docker.sock",
    "podman without root": "/run/user/1000/podman/podman.sock",
}
IN_ITS_OWN_RUN = """
mount -t tmpfs none /run
mkdir -p "${1%/*}"
python3 -c 'import socket, sys; socket.socket(1).bind(sys.argv[1])' "$1"
shift
exec "$@"
"""


@pytest.mark.parametrize("name", ENGINES)
def test_the_place_of_every_engines_socket_is_known(project, name):
    """The socket itself, and whatever directory it lies in."""
    path = ENGINES[name]
    env = {"HOME": str(project.home), "PATH": os.environ["PATH"],
           "XDG_RUNTIME_DIR": "/run/user/1000"}
    for shared in (path, os.path.dirname(path), "/run"):
        command = ("unshare", "--mount", "sh", "-c", IN_ITS_OWN_RUN, "sh", path, STUB)
        done = subprocess.run([*command, "--dry-run", "--read-only", shared], env=env,
                              cwd=project.work, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 100 and "root on this machine" in done.stderr, done


def test_more_secrets_than_anybody_would_agree_to(project):
    arguments = []
    for i in range(33):
        project.write(project.home / ".ssh" / str(i), "")
        arguments += ["--read-only", project.home / ".ssh" / str(i)]
    assert "more than 32" in project.refused("-y", *arguments)
    project.dry("-y", *arguments[2:])


# ---- Links that lead out -------------------------------------------------------------------

HOSTILE = [
    (".codex", ""),
    (".codex/.environment", ""),
    (".codex/.environment/sessions", ""),
    (".codex/.environment/config.toml", "config.toml"),
    (".codex/.environment/auth.json", "auth.json"),
    (".codex/.environment/prompts", "prompts"),
    (".codex/.environment/init.sh", "config.toml"),
    (".codex/auth.json", "auth.json"),
    (".codex/config.toml", "config.toml"),
    (".codex/prompts", "prompts"),
    (".codex/prompts/a.md", "config.toml"),
    (".codex/skills/deep/down/x", ""),
    (".codex/missing", "nothing-there"),
    ("codex", ""),
    ("codex/auth.json", "auth.json"),
    ("codex/config.toml", "config.toml"),
    ("codex/prompts", "prompts"),
]


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("link,target", HOSTILE, ids=[link for link, _ in HOSTILE])
def test_a_link_that_leads_out(project, link, target, relative):
    secret = project.root / "secret"
    project.write(secret / "auth.json", GOOD)
    project.write(secret / "config.toml")
    (secret / "prompts").mkdir()
    path = project.work / link
    path.parent.mkdir(parents=True, exist_ok=True)
    for directory in (project.work / ".codex", project.work / ".codex" / ".environment"):
        if directory.exists():
            os.chown(directory, UID, UID)
    end = secret / target
    path.symlink_to(os.path.relpath(end, path.parent) if relative else end)
    project.refused()


@pytest.mark.parametrize("link", [link for link, _ in HOSTILE if "auth" not in link])
def test_a_link_that_stays_inside(project, link):
    kept = project.work / "kept"
    path = project.work / link
    path.parent.mkdir(parents=True, exist_ok=True)
    kept.mkdir()
    for directory in (kept, project.work / ".codex", project.work / ".codex" / ".environment"):
        if directory.exists():
            os.chown(directory, UID, UID)
    if link.endswith((".toml", ".sh", ".md")):
        path.symlink_to(os.path.relpath(project.write(kept / "file"), path.parent))
    else:
        path.symlink_to(kept)
    project.dry()


def test_a_link_in_the_place_of_a_mount_is_refused_wherever_it_leads(project):
    home = project.work / ".codex" / ".environment"
    home.mkdir(parents=True)
    os.chown(home, UID, UID)
    (home / "auth.json").symlink_to("../../inside.json")
    project.write(project.work / "inside.json", GOOD)
    assert "symbolic link" in project.refused()


def test_a_link_to_something_missing_inside(project):
    """It leads nowhere, so it carries nothing out."""
    for link, target in (("AGENTS.md", "../AGENTS.md"), ("skills", "../kept/skills")):
        path = project.work / ".codex" / link
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(target)
        project.dry()
    (project.work / ".codex" / ".environment").symlink_to("../missing")
    project.refused()


def test_a_directory_of_the_host_that_is_a_link_into_the_project(project):
    """What counts is where the file lies, not by which path it was reached."""
    secret = project.write(project.root / "secret.json", GOOD)
    (project.work / "settings").mkdir()
    (project.home / ".codex").symlink_to(project.work / "settings")
    inside = project.write(project.work / "settings" / "auth.json", GOOD)
    assert project.dry().mounts["/codex_home/auth.json"] == (str(inside), "ro")
    inside.unlink()
    inside.symlink_to(secret)
    assert "leads out" in project.refused()


def test_a_link_in_a_circle(project):
    (project.work / ".codex").symlink_to(".codex")
    project.refused()


def test_files_in_the_place_of_directories(project):
    project.write(project.work / ".codex")
    project.refused()
    (project.work / ".codex").unlink()
    project.write(project.work / ".codex" / ".environment")
    project.refused()


def test_a_virtual_environment_in_the_home_is_fine(project):
    """Deep in Codex's own home links to the container's files are nothing unusual."""
    bin_ = project.work / ".codex" / ".environment" / "venv" / "bin"
    bin_.mkdir(parents=True)
    os.chown(bin_.parents[1], UID, UID)
    (bin_ / "python").symlink_to("/usr/bin/python3")
    project.dry()
