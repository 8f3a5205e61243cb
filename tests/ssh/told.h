/* SPDX-License-Identifier: Apache-2.0
 *
 * What a test is told: by the log of a transport, which any thread may write
 * to, and by an error.
 */
#ifndef MUSTER_TESTS_SSH_TOLD_H
#define MUSTER_TESTS_SSH_TOLD_H

#include "transport/session.h"

#include <pthread.h>

struct told {
	/* Protects text. Not a GMutex, which the thread sanitizer does not
	 * know. */
	pthread_mutex_t lock;
	GString *text;		/* lines "title/out/err/status", "-" for
				   what there was none of */
};

void told_init(struct told *told);
void told_clear(struct told *told);

/* Makes `options` tell it; borrowed as long as a transport of them lives. */
void told_listen(struct told *told, struct transport_options *options);

bool told_has(struct told *told, const char *words);
void told_forget(struct told *told);

/* An error of ours with that code and `words` in its text; prints the text. */
void assert_error(const GError *error, int code, const char *words);

#endif
