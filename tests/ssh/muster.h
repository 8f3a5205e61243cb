/* SPDX-License-Identifier: Apache-2.0
 *
 * `muster exec` as a process, and hosts for it: one sshd on several addresses
 * of the loopback. What a run prints is kept in files, which can be looked at
 * while it goes on. One at a time.
 */
#ifndef MUSTER_TESTS_SSH_MUSTER_H
#define MUSTER_TESTS_SSH_MUSTER_H

#include "sshd.h"

#define MUSTER_HOSTS 6
#define RULE "---------------\n"
/* Sets $n to the number of the host that a script runs on. */
#define WHO "set -- $SSH_CONNECTION; n=${3##*.}; "
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* For a whole group of tests; they set what follows. */
int muster_set_up(void **state);
int muster_tear_down(void **state);

extern struct sshd *muster_sshd;
extern char *muster_hosts;	/* w01 .. w06, as root */
extern char *muster_dead;	/* and dead, where nobody listens */

/* An inventory of the hosts for another user, with `more` below; its path. */
char *muster_write_inventory(const char *name, const char *user,
			     const char *more);

/* A path, or a file's text (NULL: none), below the server's directory. */
char *muster_path(const char *name);
char *muster_read(const char *name, size_t *length);

/* Waits until that file holds `words`; "stderr" is that of the run. */
void muster_until(const char *name, const char *words);

struct muster {
	pid_t pid;
	int status;		/* exit status */
	char *out, *err;
};

/* `in` -1: /dev/null; `out` -1: a file, for muster_finish(). */
struct muster muster_start(int in, int out, const char *inventory,
			   const char *const *words);
void muster_finish(struct muster *muster);
struct muster muster_run(const char *inventory, const char *const *words);
void muster_clear(struct muster *muster);
typedef struct muster Muster;	/* for g_auto(Muster) */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Muster, muster_clear)

/* Assertions that print what else was said when they fail. */
void assert_ended(const struct muster *muster, int status);
void assert_says(const char *text, const char *words);

#endif
