/*
 * The names of what the host obeys. Private to host_exec_walk.c and its tests.
 */
#ifndef INIT_HOME_HOST_EXEC_NAMES_H
#define INIT_HOME_HOST_EXEC_NAMES_H

enum host_exec_name {
	OBEYED_NOT,  /* an ordinary file or directory */
	OBEYED_FILE, /* obeyed, where it isn't a directory */
	OBEYED_TREE, /* a directory in which every file is obeyed; a file or link of that name
		      */
	OBEYED_GIT,  /* a git directory, or the file or link that leads to one */
	OBEYED_SOME, /* a tool's own directory, in which some names are obeyed and no others */
	OBEYED_SOME_TOO, /* the same, but for those it is an ordinary directory */
	OBEYED_LOOK_INTO /* in a git directory: holds other git directories */
};

/* What a name means in an ordinary directory of the project. Upper and lower case are the same,
 * as they are to the file systems of some hosts. Pure. */
enum host_exec_name host_exec_name_in_project(const char *name);
/* What a name means in a git directory. Pure. */
enum host_exec_name host_exec_name_in_git(const char *name);
/* What a name means in a directory of that name which is OBEYED_SOME or OBEYED_SOME_TOO. Pure.
 */
enum host_exec_name host_exec_name_in(const char *directory, const char *name);

#endif
