#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "codex_args.h"
#include "confirm.h"
#include "exposure.h"
#include "files.h"
#include "find.h"
#include "git.h"
#include "workdir.h"
#include "hints.h"
#include "identity.h"
#include "idmap.h"
#include "proposal.h"
#include "protect.h"
#include "quote.h"
#include "report.h"
#include "trail.h"
#include "request_env.h"
#include "variables.h"
#include "writable.h"

static const char use_workdir[] = "use the workdir";

static int check_root_dir(const struct plan *p, struct error *t)
{
	const char *root = find_variable("WORKSPACE_ROOT_DIR");
	char real[PATH_MAX];

	if (!root)
		return 0;
	if (!realpath(root, real))
		return refuse_errno(t, "use WORKSPACE_ROOT_DIR", root);
	if (beneath_contains(real, p->workdir))
		return 0;
	return refuse(
		t, use_workdir, p->workdir, "it isn't inside WORKSPACE_ROOT_DIR (%s)", real);
}

static int plan_workdir(struct plan *p, const char *wanted, struct error *t)
{
	const char *why;
	struct stat st;

	p->workdir = find_named(p, use_workdir, wanted ? wanted : ".", S_IFDIR, t);
	if (!p->workdir)
		return -1;
	if (strcmp(p->workdir, "/") == 0) {
		refuse(t, use_workdir, "/", "that would give the container the whole machine");
		return refuse_hint(t, "start in a project, or name one with --work_dir");
	}
	if (!quote_mountable(p->workdir, &why))
		return refuse(t, use_workdir, p->workdir, "%s", why);
	/* It must also fit inside, together with the longest path that we need there. */
	if (strlen(p->workdir) + sizeof("/app/.codex/.environment/auth.json") > PATH_MAX)
		return refuse(t, use_workdir, p->workdir,
			"its path is too long: the container needs %zu bytes more",
			sizeof("/app/.codex/.environment/auth.json") - 1);
	if (check_root_dir(p, t) < 0)
		return -1;
	p->workdir_fd = beneath_open_resolved(p->workdir, O_RDONLY | O_DIRECTORY);
	if (p->workdir_fd < 0 || fstat(p->workdir_fd, &st) < 0)
		return refuse_errno(t, use_workdir, p->workdir);
	p->workdir_uid = st.st_uid;
	p->workdir_gid = st.st_gid;
	p->request.directory = arena_format(&p->arena, "/app%s", p->workdir);
	return mounts_add(&p->mounts, p->workdir, p->request.directory, !p->read_only, t);
}

static void warn_of_workdir(const struct plan *p)
{
	const char *home = find_variable("HOME");
	char real[PATH_MAX];

	if (!home || !realpath(home, real) || !beneath_contains(p->workdir, real)) {
		if (exposure_machine(p->workdir)) {
			log_warning("the workdir %s is the machine's own: what Codex changes "
				    "there, programs outside the sandbox obey",
				p->workdir);
			log_hint("name a project: --work_dir DIR");
		}
		return;
	}
	log_warning("the workdir %s your home directory: Codex can reach everything in it, "
		    "including keys and passwords",
		strcmp(real, p->workdir) == 0 ? "is" : "contains");
	log_hint("name a project in it: --work_dir %s/PROJECT", real);
}

/* Codex never runs as root: root's files are mapped to its user, if that is permitted. */
static int plan_root(struct plan *p, struct error *t)
{
	const mode_t wanted = p->read_only ? S_IROTH | S_IXOTH : S_IRWXO;
	struct stat st;

	if (geteuid() == 0) {
		p->roots = true;
		p->uid = p->workdir_uid;
		p->gid = p->workdir_gid;
		return 0;
	}
	if (fstat(p->workdir_fd, &st) == 0 && (st.st_mode & wanted) == wanted) {
		log_warning("%s belongs to root: Codex runs as uid %d there and can change "
			    "only what every user may",
			p->workdir, IDMAP_USER);
		return 0;
	}
	refuse(t, use_workdir, p->workdir,
		"it belongs to root, and Codex never runs as root: it could not work there");
	if (exposure_machine(p->workdir))
		return refuse_hint(t, "name a project of yours: --work_dir DIR");
	return refuse_hint(t,
		"give it to yourself: sudo chown -R %lu:%lu %s; or start codex-sandbox as "
		"root, which shows root's files to Codex as its own",
		(unsigned long)geteuid(), (unsigned long)getegid(),
		quote_shell(&p->arena, p->workdir));
}

/* Codex must own its home, so this has to make the same choice as codex-init. */
static int plan_user(struct plan *p, const struct cli *c, struct error *t)
{
	const char *user = request_env_setting(&c->env, "CODEX_INIT_USER");
	const char *egress = request_env_setting(&c->env, "CODEX_INIT_EGRESS");

	if (user && !*user)
		user = NULL;
	p->uid = p->workdir_uid;
	p->gid = p->workdir_gid;
	if (p->uid == 0)
		p->uid = p->gid = IDMAP_USER;
	else if (p->gid == 0)
		p->gid = p->uid; /* as codex-init does: group 0 would give access to root's
				    files */
	if (user && strcmp(user, "codex") == 0)
		p->uid = p->gid = IDMAP_USER;
	else if (user && !request_env_ids(user, &p->uid, &p->gid)) {
		refuse(t, "use CODEX_INIT_USER", user,
			"Codex's home has to belong to that user, and the name is known only "
			"in "
			"the image");
		return refuse_hint(t, "give it as UID:GID");
	}
	if (!user && p->workdir_uid == 0 && plan_root(p, t) < 0)
		return -1;
	/* As a plain init, codex-init remains root unless it is given a user. */
	if (!user && !c->audit && egress && strcmp(egress, "off") == 0)
		p->request.user = arena_format(&p->arena, "%lu:%lu",
			p->roots ? IDMAP_USER : (unsigned long)p->uid,
			p->roots && !p->gid ? IDMAP_USER : (unsigned long)p->gid);
	return 0;
}

/* A directory beneath the workdir that we may create: its path without links. */
static int check_own(
	struct plan *p, const char *relative, const char **clean, bool *there, struct error *t)
{
	char real[PATH_MAX];
	struct stat st;

	*clean = relative;
	*there = false;
	switch (beneath_look(p->workdir_fd, p->workdir, relative, real)) {
	case BENEATH_ABSENT:
		return 0;
	case BENEATH_INSIDE:
		break;
	case BENEATH_NOWHERE:
		return refuse(t, use_workdir, p->workdir,
			"%s is a symbolic link to something that isn't there", relative);
	case BENEATH_OUTSIDE:
		refuse(t, use_workdir, p->workdir, "%s is a symbolic link that leads out of it",
			relative);
		return refuse_hint(t, "remove the link; the directory is then created");
	case BENEATH_CLOSED:
		return refuse(t, use_workdir, p->workdir, "%s can't be examined: %s", relative,
			strerror(EACCES));
	}
	if (stat(real, &st) < 0)
		return refuse_errno(t, use_workdir, real);
	if (!S_ISDIR(st.st_mode) || strcmp(real, p->workdir) == 0)
		return refuse(t, use_workdir, p->workdir, "%s is not a directory of its own",
			relative);
	*clean = arena_copy(&p->arena, real + strlen(p->workdir) + 1);
	*there = true;
	return 0;
}

/* True if an earlier run ended between creating the home and changing its owner. */
static bool is_unfinished(const struct plan *p)
{
	int fd = p->home_is_ours ? workdir_open(p, p->home, O_RDONLY | O_DIRECTORY) : -1;
	bool empty = fd >= 0 && workdir_is_empty(fd);

	if (fd >= 0)
		close(fd);
	return empty;
}

static int check_home_owner(struct plan *p, bool there, struct error *t)
{
	static const char operation[] = "use Codex's home";
	unsigned long uid = p->uid, gid = p->gid;
	uid_t owner = geteuid();
	struct stat st;

	if (there) {
		if (stat(p->home, &st) < 0)
			return refuse_errno(t, operation, p->home);
		owner = st.st_uid;
	}
	if (geteuid() == 0 && owner == 0 && (!there || is_unfinished(p)))
		return 0; /* it will be created with the right owner */
	if (owner == p->uid)
		return 0;
	if (!there) {
		refuse(t, operation, p->home,
			"Codex runs as uid %lu here and must own it, and only root can create "
			"it "
			"for another user",
			uid);
		return refuse_hint(t, "with CODEX_INIT_USER=%lu:%lu Codex runs as you",
			(unsigned long)geteuid(), (unsigned long)getegid());
	}
	refuse(t, operation, p->home,
		"it belongs to uid %lu, and Codex, as uid %lu, must own it",
		(unsigned long)owner, uid);
	return refuse_hint(
		t, "as root: chown -R %lu:%lu %s", uid, gid, quote_shell(&p->arena, p->home));
}

static int plan_own_home(struct plan *p, bool *there, struct error *t)
{
	bool dot_codex_there;

	if (check_own(p, ".codex", &p->dot_codex, &dot_codex_there, t) < 0)
		return -1;
	p->home_path = arena_format(&p->arena, "%s/.environment", p->dot_codex);
	if (check_own(p, p->home_path, &p->home_path, there, t) < 0)
		return -1;
	p->home_is_ours = true;
	p->home = arena_format(&p->arena, "%s/%s", p->workdir, p->home_path);
	p->request.env_dir =
		arena_format(&p->arena, "%s/.codex/.environment", p->request.directory);
	return 0;
}

static int plan_home(struct plan *p, const struct cli *c, struct error *t)
{
	bool there = true;
	const char *path;

	if (plan_own_home(p, &there, t) < 0)
		return -1;
	if (beneath_refuse_links(
		    p->workdir_fd, p->workdir, p->dot_codex, ".environment", true, t) < 0)
		return -1;
	if (c->codex_home) {
		path = find_named(p, "use --codex-home", c->codex_home, S_IFDIR, t);
		if (!path)
			return -1;
		p->home = path;
		p->home_is_ours = false;
		p->request.env_dir = "/codex_home";
		there = true;
		if (confirm_outside(p, path, "as Codex's home", t) < 0)
			return -1;
	} else if (beneath_refuse_links(p->workdir_fd, p->workdir, p->home_path, "auth.json",
			   false, t) < 0) {
		return -1;
	}
	if (check_home_owner(p, there, t) < 0)
		return -1;
	/* Two Codex can share a workdir if each has its own home. */
	p->request.name =
		quote_container_name(&p->arena, p->workdir, p->home_is_ours ? NULL : p->home);
	return mounts_add(&p->mounts, p->home, "/codex_home", true, t);
}

/* What is to run. */
static int plan_command(struct plan *p, const struct cli *c, struct error *t)
{
	if (!c->exec)
		return codex_args_take(c->rest, &p->request.rest, &p->read_only, t);
	for (char **word = c->rest; *word; word++)
		string_list_add(&p->request.rest, *word);
	return 0;
}

int plan_make(struct plan *p, const struct cli *c, struct error *t)
{
	const char *egress;

	*p = (struct plan){.workdir_fd = -1};
	request_env_terminal(&p->request);
	if (plan_command(p, c, t) < 0)
		return -1;
	argv_pass(&p->request, "CODEX_INIT_LAUNCHER", hints_launcher(p, c));
	if (plan_workdir(p, c->work_dir, t) < 0)
		return -1;
	warn_of_workdir(p);
	if (plan_user(p, c, t) < 0 || plan_home(p, c, t) < 0 || variables_take(p, c, t) < 0 ||
		files_add(p, c, t) < 0)
		return -1;
	p->here = hints_here(p, c);
	argv_pass(&p->request, "CODEX_INIT_LAUNCHER_HERE", hints_pasted(p->here));
	if (writable_add(p, c, t) < 0)
		return -1;
	if ((p->read_only || !c->no_protect) && protect_add(p, t) < 0)
		return -1;
	egress = request_env_setting(&c->env, "CODEX_INIT_EGRESS");
	/* As a plain init, codex-init guards nothing. */
	p->unguarded = !c->audit && egress && strcmp(egress, "off") == 0;
	p->lock_git_config = c->lock_git_config;
	if (git_add(p, !c->no_protect, t) < 0)
		return -1;
	identity_take(p);
	proposal_take(p, c);
	if (request_env_take(&p->request, &p->arena, c, t) < 0)
		return -1;
	report_plan(p);
	trail_plan(p);
	mounts_sort(&p->mounts);
	if (workdir_settle(p, false, t) < 0)
		return -1;
	if (idmap_plan(p, t) < 0)
		return -1;
	p->request.mounts = p->mounts.mount;
	p->request.mounts_count = p->mounts.count;
	hints_print(p, c);
	return 0;
}

int plan_place(struct plan *p, const struct cli *c, struct error *t)
{
	*p = (struct plan){.workdir_fd = -1};
	if (plan_workdir(p, c->work_dir, t) < 0)
		return -1;
	if (c->codex_home) {
		p->home = find_named(p, "use --codex-home", c->codex_home, S_IFDIR, t);
		if (!p->home || mounts_add(&p->mounts, p->home, "/codex_home", true, t) < 0)
			return -1;
	}
	p->request.name = quote_container_name(&p->arena, p->workdir, p->home);
	p->here = hints_here(p, c);
	return 0;
}

int plan_engine(struct plan *p, const char *engine, const char *program, struct error *t)
{
	struct request *r = &p->request;
	bool podman = strcmp(engine, "podman") == 0;

	r->engine = engine;
	r->program = program;
	/* In rootless podman, the user's own files would otherwise belong to root inside. */
	r->keep_id = podman && geteuid() != 0;
	if (podman || !r->selinux || strcmp(r->selinux, "relabel") != 0)
		return 0;
	/* docker can change labels only with -v, which accepts no path with a colon. */
	refuse(t, "use --selinux", r->selinux, "%s can't do that with --mount", engine);
	return refuse_hint(t, "--selinux=disable, or label the project yourself: chcon -Rt "
			      "container_file_t");
}

void plan_free(struct plan *p)
{
	if (p->workdir_fd >= 0)
		close(p->workdir_fd);
	mounts_free(&p->mounts);
	string_list_free(&p->proposed);
	string_list_free(&p->request.env);
	string_list_free(&p->request.file_env);
	string_list_free(&p->request.allow);
	string_list_free(&p->request.deny);
	string_list_free(&p->request.rest);
	string_list_free(&p->request.add_host);
	string_list_free(&p->request.publish);
	string_list_free(&p->request.writable);
	arena_free(&p->arena);
}
