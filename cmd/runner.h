/* SPDX-License-Identifier: Apache-2.0
 *
 * From options to an exit status: inventory, transport, cluster, playbook,
 * reporters, the run itself. What up, plan and play have in common.
 */
#ifndef MUSTER_CMD_RUNNER_H
#define MUSTER_CMD_RUNNER_H

#include "proving.h"
#include "report.h"

/* Runs the playbook `text` (named `name` in messages) as `command`. Prints
 * everything there is to print. Returns the process exit status. */
int runner_run(const struct options *options, const char *command,
	       const char *name, const char *text);

/* What a command has to do around its run; any may be NULL. All get `data`, on
 * the thread of runner_run_hooked(). */
struct runner_hooks {
	/* Before anything is connected to: may refuse, and may say who takes
	 * part: `*limit`, a set of struct host * that becomes the runner's,
	 * NULL for all. */
	bool (*admit)(const struct inventory *inventory,
		      struct cluster *cluster, GHashTable **limit,
		      struct cancel *cancel, void *data, GError **error);
	/* Before the first round: `cluster` is as the inventory has it. */
	void (*begin)(struct cluster *cluster, void *data);
	/* Who prints the answer, instead of the recap or the document. The
	 * story of the steps is told only with -v then, and as such a command
	 * only reads, it takes no lock on this machine. */
	struct reporter *(*reporter)(const struct run_info *info, void *data);
	/* Who tells more than the usual reporters; may give NULL. */
	struct reporter *(*beside)(const struct run_info *info, void *data);
	/* After each round; may change the exit status it came to. True: run
	 * once more. */
	bool (*after)(const struct run_result *result, struct cancel *cancel,
		      int *status, void *data);
	/* Made after a run that came out well and was no check; NULL: no
	 * proof. The runner readies it and tells it; the caller clears it. */
	struct proving *proof;
	void *data;
};

/* The same as `hooks` have it, and as often. */
int runner_run_hooked(const struct options *options, const char *command,
		      const char *name, const char *text,
		      const struct runner_hooks *hooks);

#endif
