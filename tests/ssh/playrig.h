/* SPDX-License-Identifier: Apache-2.0
 *
 * Four hosts to play on, each a real sshd of its own: `m` (master), `w2` and
 * `w1` (workers, in this order) and `o` (no role). They share this machine's
 * disk, so each has the variable `dir`, a directory of its own, and all have
 * `log`, a file that commands append lines to.
 */
#ifndef MUSTER_TESTS_SSH_PLAYRIG_H
#define MUSTER_TESTS_SSH_PLAYRIG_H

#include "playbooks/run.h"
#include "sshd.h"

#define PLAYRIG_HOSTS 4

struct playrig {
	char *dir, *log;
	struct sshd *sshds[PLAYRIG_HOSTS];
	struct rig rig;
	struct inventory *inventory;
	struct cluster *cluster;
	GPtrArray *events;	/* struct event *, copies, as they came */
	/* Called with each event on the thread of playrig_run(); may be NULL.
	 */
	void (*hook)(struct playrig *p, const struct event *event);
	unsigned forks;		/* of the next run */
	bool check;
};

/* Starts and ends the servers: for a group of tests, whose state it is. */
int playrig_set_up(void **state);
int playrig_tear_down(void **state);

/* For one test: directories, transport, cluster and options as new. */
int playrig_open(void **state);
int playrig_close(void **state);

/* The same in the middle of a test. `inventory` NULL: the four hosts; else an
 * inventory text of the test's own. */
void playrig_reopen(struct playrig *p, const char *inventory);

/* Parses, checks and runs `yaml`; the caller frees the result. */
struct run_result *playrig_run(struct playrig *p, const char *yaml);

/* What became of `host`; borrowed from `result`. */
const struct host_result *playrig_host(const struct run_result *result,
				       const char *host);

/* The lines of the log, joined by blanks; newly allocated. */
char *playrig_log(const struct playrig *p);

/* DIR/HOST/name; newly allocated. */
char *playrig_path(const struct playrig *p, const char *host,
		   const char *name);

/* Makes an empty file there. */
void playrig_touch(const struct playrig *p, const char *host,
		   const char *name);
bool playrig_has(const struct playrig *p, const char *host, const char *name);

/* Once, the connection to `host` breaks when a command that names "cut-me" is
 * about to run there. */
void playrig_cut(const struct playrig *p, const char *host);

/* The first event of that kind whose host and step are those (NULL: any) from
 * `*i` on, with its index in *i; NULL if there is none. */
const struct event *playrig_event(const struct playrig *p,
				  enum event_kind kind, const char *host,
				  const char *step, guint *i);

#endif
