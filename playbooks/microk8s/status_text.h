/* SPDX-License-Identifier: Apache-2.0
 *
 * The prose of the microk8s command, much of it with exit status 0: workers
 * answer kubectl, config and status with advice instead of data, and a
 * stopped node says so with success. Pure text functions.
 */
#ifndef MUSTER_MICROK8S_STATUS_TEXT_H
#define MUSTER_MICROK8S_STATUS_TEXT_H

#include <stdbool.h>

#define STATUS_TEXT_MAX (256 * 1024)		/* bytes looked at */

enum status_state {
	STATUS_RUNNING,
	STATUS_NOT_READY,	/* started, but the API or no node is ready */
	STATUS_STOPPED,		/* `microk8s stop` was run */
	STATUS_WORKER,		/* acts as a node: ask a control plane */
	STATUS_NO_PERMISSION,	/* neither root nor in the group */
	STATUS_LOW_MEMORY,	/* the guard keeps the services off */
	STATUS_UNKNOWN		/* none of the known texts */
};

/* What `microk8s status` said, in any of its formats; either text may be
 * NULL. Texts decide, not the exit status, which is 0 for most of these. */
enum status_state status_text_parse(const char *out, const char *err);

/* Stable kebab-case name of a state ("not-ready"); never NULL. */
const char *status_state_name(enum status_state state);

/* True if any microk8s subcommand answered with the worker's prose. */
bool status_text_is_worker(const char *text);

/* True if a subcommand refused because `microk8s stop` was run. */
bool status_text_is_stopped(const char *text);

#endif
