/*
 * Names of files that the host executes or takes instructions from. Private to
 * host_exec_walk.c and its tests.
 */
#ifndef INIT_HOME_HOST_EXEC_NAMES_H
#define INIT_HOME_HOST_EXEC_NAMES_H

enum host_exec_name {
	OBEYED_NOT,  /* an ordinary file or directory */
	OBEYED_FILE, /* counts unless it is a directory */
	OBEYED_TREE, /* a directory in which every file counts; or a file or link of that name
		      */
	OBEYED_GIT,  /* a git directory, or the file or link that leads to one */
	OBEYED_SOME, /* a tool's directory, in which only some names count */
	OBEYED_SOME_TOO, /* the same, but otherwise it is an ordinary directory */
	OBEYED_LOOK_INTO /* in a git directory: contains other git directories */
};

/* The meaning of a name in an ordinary directory of the project. Case is ignored, as some
 * hosts' file systems do. Pure. */
enum host_exec_name host_exec_name_in_project(const char *name);
/* The meaning of a name in a git directory. Pure. */
enum host_exec_name host_exec_name_in_git(const char *name);
/* The meaning of a name in a directory that is OBEYED_SOME or OBEYED_SOME_TOO. Pure. */
enum host_exec_name host_exec_name_in(const char *directory, const char *name);

#endif
