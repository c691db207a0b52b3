/*
 * Names of files that the host executes or takes instructions from. Private to
 * host_exec_walk.c and its tests.
 */
#ifndef INIT_HOME_HOST_EXEC_NAMES_H
#define INIT_HOME_HOST_EXEC_NAMES_H

enum host_exec_name {
	HOST_EXEC_NO,       /* an ordinary file or directory */
	HOST_EXEC_FILE,     /* counts unless it is a directory */
	HOST_EXEC_TREE,     /* a directory in which every file counts; or a file or link of that
			     * name
			     */
	HOST_EXEC_GIT,      /* a git directory, or the file or link that leads to one */
	HOST_EXEC_SOME,     /* a tool's directory, in which only some names count */
	HOST_EXEC_SOME_TOO, /* the same, but otherwise it is an ordinary directory */
	HOST_EXEC_DESCEND   /* in a git directory: contains other git directories */
};

/* The meaning of a name in an ordinary directory of the project. Case is ignored, as some
 * hosts' file systems do. Pure. */
enum host_exec_name host_exec_name_in_project(const char *name);
/* The meaning of a name in a git directory. Pure. */
enum host_exec_name host_exec_name_in_git(const char *name);
/* The meaning of a name in a directory that is HOST_EXEC_SOME or HOST_EXEC_SOME_TOO. Pure. */
enum host_exec_name host_exec_name_in(const char *directory, const char *name);

#endif
