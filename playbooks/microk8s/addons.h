/* SPDX-License-Identifier: Apache-2.0
 *
 * Addons: the list in which a person asks for them, and what `microk8s status
 * --format yaml` says of them. Pure text functions; callers own every result.
 */
#ifndef MUSTER_MICROK8S_ADDONS_H
#define MUSTER_MICROK8S_ADDONS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define ADDONS_STATUS_MAX ((size_t)256 * 1024)	/* bytes looked at */
#define ADDONS_MAX 512				/* of one status */

struct addon_want {
	char *name;		/* "dns" or "core/dns" */
	char *argument;		/* what follows the colon, or NULL */
};

/* The addons of "dns ingress,metallb:10.0.0.5-10.0.0.9,10.0.1.5": blanks end
 * one, and so does a comma if what follows it can be the name of another;
 * else the comma is part of the argument. struct addon_want *, with a free
 * function, in the order given. NULL with error DATA and *at. */
GPtrArray *addons_parse(const char *text, size_t *at, GError **error);

/* A rule for such a list: see param_rule. */
bool addons_check(const char *name, const char *text, size_t *at,
		  GError **error);

struct addon {
	char *name, *repository;	/* "dns", "core" */
	bool is_enabled;
};

/* Those of the status (struct addon *, with a free function), in its order;
 * NULL if it names none: not ready, or prose instead of YAML. Read line by
 * line: descriptions stand there unquoted, which a YAML reader may refuse. */
GPtrArray *addons_status(const char *text);

/* The addon a name with or without its repository means, or NULL; borrowed. */
const struct addon *addons_find(const GPtrArray *addons, const char *name);

#endif
