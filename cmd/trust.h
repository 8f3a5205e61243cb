/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting to know hosts' keys at the terminal, as `muster trust` does.
 */
#ifndef MUSTER_CMD_TRUST_H
#define MUSTER_CMD_TRUST_H

#include "options.h"

#include <stdio.h>

struct trust_ways {
	const char *list;	/* a file that confirms them; NULL: ask */
	FILE *to;		/* where they are shown */
};

/* Asks `hosts` (struct host *, borrowed) for their keys, shows what is new and
 * writes it once that is confirmed. Sets *status to what `muster trust` ends
 * with. Errors: those of trust_run_new(), NO_INPUT. */
bool trust_hosts(const struct options *options, const GPtrArray *hosts,
		 const struct trust_ways *ways, struct cancel *cancel,
		 int *status, GError **error);

#endif
