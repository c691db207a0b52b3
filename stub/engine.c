#include "engine.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "programs.h"
#include "quote.h"

#define DEFAULT_IMAGE "codex-sandbox"

static const char find_engine[] = "find the container engine";

void engine_find(struct engine *e, struct plan *p, const char *wanted)
{
	*e = (struct engine){.name = wanted ? wanted : "docker"};
	e->program = programs_find(p, e->name, &e->passed_over);
	if (e->program || wanted)
		return;
	e->program = programs_find(p, "podman", &e->passed_over);
	if (e->program)
		e->name = "podman";
}

static const char no_permission[] =
	"sudo usermod -aG docker $USER, and log in again: whoever is in that group may use "
	"docker, and by it do what root can";

int engine_answers(const struct engine *e, struct error *t)
{
	const char *const version[] = {e->name, "version", NULL};
	struct ask a;

	if (ask(&a, e->program, version, true) == 0)
		return 0;
	refuse(t, "talk to the container engine", e->name, "%s",
		a.line[0] ? a.line : "it doesn't answer");
	if (strcmp(e->name, "docker") == 0)
		refuse_hint(t, strstr(a.line, "permission denied")
				       ? no_permission
				       : "is it running (systemctl start docker)?");
	return refuse_no_sandbox(t);
}

bool engine_shares_root(const struct engine *e)
{
	const char *const info[] = {e->name, "info", "--format", "{{.SecurityOptions}}", NULL};
	struct ask a;

	return strcmp(e->name, "docker") == 0 &&
	       (ask(&a, e->program, info, false) != 0 || strstr(a.line, "rootless"));
}

/* Distinguishes a missing image from an engine that doesn't respond. */
static int refuse_engine(
	struct arena *p, const struct engine *e, const char *image, struct error *t)
{
	const char *engine = e->name;

	if (engine_answers(e, t) < 0)
		return -1;
	refuse(t, "use the image", image, "%s doesn't have it", engine);
	if (strcmp(image, DEFAULT_IMAGE) != 0)
		refuse_hint(
			t, "build it, or get it: %s pull %s", engine, quote_shell(p, image));
	else if (strcmp(engine, "podman") == 0)
		refuse_hint(t,
			"docker builds it with `make image`; then: docker save " DEFAULT_IMAGE
			" | podman load");
	else
		refuse_hint(t, "build it with `make image`");
	return refuse_no_sandbox(t);
}

static int refuse_network(
	struct arena *p, const char *engine, const char *network, struct error *t)
{
	refuse(t, "use --network", network, "%s has no network of this name", engine);
	return refuse_hint(t, "%s network ls lists them; to create it: %s network create %s",
		engine, engine, quote_shell(p, network));
}

/* The network that must exist; NULL if none is named, or one that an engine creates itself. */
static const char *network_to_find(const struct request *r)
{
	static const char *const made[] = {
		"default", "bridge", "none", "private", "slirp4netns", "pasta"};

	for (size_t i = 0; r->network && i < sizeof(made) / sizeof(made[0]); i++)
		if (strcmp(r->network, made[i]) == 0)
			return NULL;
	return r->network;
}

int engine_refuse_second(
	const struct plan *p, const char *engine, const char *state, struct error *t)
{
	const char *name = p->request.name;

	if (strcmp(state, "running") == 0) {
		refuse(t, "start the sandbox", name,
			"it is already running: another Codex is working in this workdir");
		return refuse_hint(t,
			"join it with: %s attach (or %s attach %s); end it with: %s stop (or "
			"%s stop %s); or start a second one with a home of its own: "
			"--codex-home DIR",
			p->here, engine, name, p->here, engine, name);
	}
	refuse(t, "start the sandbox", name, "a container of this name already exists (%s)",
		state);
	return refuse_hint(t, "if it is left over from an earlier run: %s rm %s", engine, name);
}

static int refuse_no_engine(const struct engine *e, struct error *t)
{
	refuse(t, find_engine, e->name,
		e->passed_over ? "every one in PATH was skipped" : "it isn't in PATH");
	if (e->passed_over)
		refuse_hint(
			t, "add to PATH the directory of one that only root or you can change");
	else
		refuse_hint(t, "install it (on Debian: apt-get install %s)",
			strcmp(e->name, "docker") == 0 ? "docker.io" : e->name);
	return refuse_no_sandbox(t);
}

int engine_prepare(const struct engine *e, struct plan *p, struct error *t)
{
	if (!e->program)
		return refuse_no_engine(e, t);
	return programs_check_settings(p, e->name, t) < 0 ? -1
							  : programs_clean_environment(p, t);
}

/* Whoever could answer itself isn't asked (init/boot/stage_ask.c): that would be a surprise. */
static int check_ask(const struct engine *e, const struct request *r, struct error *t)
{
	if (!r->ask || strcmp(r->enforces, "cell") != 0 || !engine_shares_root(e))
		return 0;
	refuse(t, "use --ask", e->name,
		"in rootless Docker the command could answer itself, so nobody would be asked");
	return refuse_hint(t, "leave it out, or use Podman: --engine podman");
}

int engine_check(struct engine *e, struct plan *p, struct error *t)
{
	const char *image = p->request.image, *name = p->request.name,
		   *network = network_to_find(&p->request);
	const char *const has_image[] = {
		e->name, "image", "inspect", "--format", "{{.Id}}", image, NULL};
	const char *const has_container[] = {
		e->name, "container", "inspect", "--format", "{{.State.Status}}", name, NULL};
	const char *const has_network[] = {
		e->name, "network", "inspect", "--format", "{{.Name}}", network, NULL};
	struct ask of_image, of_container, of_network;
	int no_image, no_container, no_network = 0;

	if (engine_prepare(e, p, t) < 0)
		return -1;
	ask_begin(&of_image, e->program, has_image, false);
	ask_begin(&of_container, e->program, has_container, false);
	if (network)
		ask_begin(&of_network, e->program, has_network, false);
	no_image = ask_end(&of_image);
	no_container = ask_end(&of_container);
	if (network)
		no_network = ask_end(&of_network);
	if (no_image != 0)
		return refuse_engine(&p->arena, e, image, t);
	if (no_network != 0)
		return refuse_network(&p->arena, e->name, network, t);
	if (no_container == 0 && of_container.line[0])
		return engine_refuse_second(p, e->name, of_container.line, t);
	return check_ask(e, &p->request, t);
}

int engine_become(const char *program, const struct string_list *argv, struct error *t)
{
	execv(program, (char *const *)(uintptr_t)argv->word);
	refuse_errno(t, "run the container engine", program);
	return refuse_no_sandbox(t);
}
