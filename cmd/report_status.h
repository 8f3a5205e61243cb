/* SPDX-License-Identifier: Apache-2.0
 *
 * What drift is, and the two ways of telling it: the inventory and the cluster
 * side by side, and one JSON document.
 */
#ifndef MUSTER_CMD_REPORT_STATUS_H
#define MUSTER_CMD_REPORT_STATUS_H

#include "report.h"

#include "playbooks/verify/proof.h"

/* One thing in which the cluster is not as the inventory has it. */
struct drift {
	const char *name;	/* of the condition, or "channel"; static */
	GPtrArray *hosts;	/* char *: hosts of the inventory, in order;
				   empty: of the whole cluster; owned */
	char *evidence;		/* one line; owned */
	const char *cause;	/* code of the catalogue, or NULL; static */
};

/* Reads a judged proof; struct drift *, with a free function. */
GPtrArray *status_drift(const struct cluster *cluster,
			const struct proof *proof);

/* Borrowed; filled in before the reporter's finish. */
struct status_telling {
	const GPtrArray *drift;
	int exit_status;
};

/* The table, or with --json schema muster.status/1, on standard output. */
struct reporter *report_status_new(const struct run_info *info,
				   const struct status_telling *telling);

#endif
