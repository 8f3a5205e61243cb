/* SPDX-License-Identifier: Apache-2.0
 *
 * A real sshd for a program's tunnels, far ends for them (servers of the
 * test's own on 127.0.0.1), and a client that goes through.
 */
#ifndef MUSTER_TESTS_SSH_TUNNELRIG_H
#define MUSTER_TESTS_SSH_TUNNELRIG_H

#include "sshd.h"
#include "told.h"
#include "transport/tunnel.h"

#define BIG ((size_t)12 * 1024 * 1024)	/* bytes: more than any window */

struct tunnelrig {
	struct sshd *sshd;
	struct rig rig;
	struct host host;	/* root there */
	struct told told;
};

/* Of the group of tests that runs. */
extern struct tunnelrig tunnelrig;

int tunnelrig_set_up(void **state);
int tunnelrig_tear_down(void **state);

/* A server, each of whose connections is served on a thread. */
struct far_end {
	unsigned port;
	int fd;
	GThread *thread;
	void (*serve)(int fd);
};

void tunnelrig_start(struct far_end *server, void (*serve)(int fd));
void tunnelrig_stop(struct far_end *server);

/* Ways to serve. Sends back what comes. */
void tunnelrig_echo(int fd);
/* Talks first, ends first, and never reads: BIG bytes, each i * 31 >> 3. */
void tunnelrig_big(int fd);

/* Writes all of it, or less if the other side has gone. */
void tunnelrig_write(int fd, const char *bytes, size_t length);

/* Reads to the end; fails the test if it has to wait longer than 30 s. */
GString *tunnelrig_read(int fd);

/* A tunnel to that port of 127.0.0.1, as seen from the host. */
struct tunnel *tunnelrig_open(unsigned port);

/* A connection through it; the caller closes it. */
int tunnelrig_dial(const struct tunnel *tunnel);

/* What goes in comes back, over a connection of its own. */
void tunnelrig_expect_echo(const struct tunnel *tunnel, const char *text);

#endif
