#include "exposure.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "beneath.h"
#include "find.h"

/* In the caller's home directory. */
static const struct {
	const char *path, *what;
} secrets[] = {
	{".ssh", "SSH keys"},
	{".gnupg", "GnuPG keys"},
	{".aws", "AWS credentials"},
	{".azure", "Azure credentials"},
	{".config/gcloud", "Google Cloud credentials"},
	{".kube", "Kubernetes credentials"},
	{".docker", "registry credentials"},
	{".oci", "Oracle Cloud credentials"},
	{".config/doctl", "DigitalOcean credentials"},
	{".config/rclone", "credentials of cloud storage"},
	{".s3cfg", "credentials of cloud storage"},
	{".boto", "credentials of cloud storage"},
	{".terraform.d", "Terraform credentials"},
	{".vault-token", "a Vault token"},
	{".config/containers/auth.json", "registry credentials"},
	{".config/gh", "GitHub credentials"},
	{".config/hub", "GitHub credentials"},
	{".config/glab-cli", "GitLab credentials"},
	{".git-credentials", "git passwords"},
	{".config/git/credentials", "git passwords"},
	{".npmrc", "credentials of npm registries"},
	{".yarnrc.yml", "credentials of npm registries"},
	{".pypirc", "credentials of Python registries"},
	{".config/pip", "credentials of Python registries"},
	{".m2/settings.xml", "credentials of Maven repositories"},
	{".m2/settings-security.xml", "Maven's master password"},
	{".gradle/gradle.properties", "credentials of Maven repositories"},
	{".cargo/credentials", "credentials of Rust registries"},
	{".cargo/credentials.toml", "credentials of Rust registries"},
	{".gem/credentials", "RubyGems credentials"},
	{".nuget/NuGet/NuGet.Config", "NuGet credentials"},
	{".composer/auth.json", "Composer credentials"},
	{".config/composer/auth.json", "Composer credentials"},
	{".netrc", "passwords"},
	{".pgpass", "database passwords"},
	{".my.cnf", "database passwords"},
	{".password-store", "passwords"},
	{".local/share/keyrings", "passwords"},
	{".config/op", "passwords"},
	{".mozilla", "a browser's passwords and cookies"},
	{".config/google-chrome", "a browser's passwords and cookies"},
	{".config/chromium", "a browser's passwords and cookies"},
	{".config/microsoft-edge", "a browser's passwords and cookies"},
	{".config/BraveSoftware", "a browser's passwords and cookies"},
	{".thunderbird", "mail, and passwords"},
	{".bash_history", "shell history, which may contain passwords"},
	{".zsh_history", "shell history, which may contain passwords"},
	{".codex/auth.json", "Codex's login on this machine"},
	{".config/codex/auth.json", "Codex's login on this machine"},
	{".claude/.credentials.json", "an agent's login on this machine"},
	{".gemini/oauth_creds.json", "an agent's login on this machine"},
};

/* Sockets of container engines; "%" stands for XDG_RUNTIME_DIR. */
static const char *const sockets[] = {
	"/run/docker.sock",
	"/run/podman/podman.sock",
	"/run/containerd/containerd.sock",
	"%/docker.sock",
	"%/podman/podman.sock",
};

static const char engine_socket[] = "a container engine's socket: whoever can open it is root "
				    "on this machine (read-only doesn't change that)";

/* True if one is inside the other. other may be anywhere, or missing. */
static bool overlap(const char *path, const char *other)
{
	char real[PATH_MAX];

	if (!realpath(other, real))
		return false;
	return beneath_contains(path, real) || beneath_contains(real, path);
}

static const char *engine_sockets(struct plan *p, const char *real)
{
	const char *runtime = find_variable("XDG_RUNTIME_DIR"),
		   *host = find_variable("DOCKER_HOST");

	if (host && strncmp(host, "unix://", 7) == 0 && overlap(real, host + 7))
		return engine_socket;
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		const char *path = sockets[i];

		if (*path == '%' && !runtime)
			continue;
		if (*path == '%')
			path = arena_format(&p->arena, "%s%s", runtime, path + 1);
		if (overlap(real, path))
			return engine_socket;
	}
	return NULL;
}

static const char *home_secret(struct plan *p, const char *real)
{
	const char *home = find_variable("HOME");

	for (size_t i = 0; home && i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		const char *path = arena_format(&p->arena, "%s/%s", home, secrets[i].path);

		if (overlap(real, path))
			return arena_format(&p->arena, "%s (%s)", secrets[i].what, path);
	}
	return NULL;
}

const char *exposure_of(struct plan *p, const char *real, mode_t mode)
{
	const char *what;

	/* Codex sees it anyway. */
	if (beneath_contains(p->workdir, real) && !S_ISSOCK(mode))
		return NULL;
	if (strcmp(real, "/") == 0)
		return "the whole machine: every file that Codex's user may read, and every "
		       "socket";
	what = engine_sockets(p, real);
	if (what)
		return what;
	if (S_ISSOCK(mode))
		return "a socket: Codex could speak to the program behind it (read-only "
		       "doesn't "
		       "change that)";
	what = home_secret(p, real);
	if (what)
		return what;
	if (beneath_contains(real, p->workdir))
		return "everything next to the workdir, which lies in it";
	return NULL;
}

bool exposure_machine(const char *real)
{
	/* Not what is below these: projects lie there. */
	static const char *const itself[] = {"/dev", "/home", "/proc", "/root", "/run", "/sys",
		"/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/var"};

	for (size_t i = 0; i < sizeof(itself) / sizeof(itself[0]); i++)
		if (strcmp(real, itself[i]) == 0)
			return true;
	return beneath_contains("/boot", real) || beneath_contains("/etc", real);
}
