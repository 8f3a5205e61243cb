/* SPDX-License-Identifier: Apache-2.0
 *
 * Ansible's host patterns: names, groups, globs, "a:b" / "a,b", ":!not",
 * ":&and", "group[0]", "group[0:2]", "~regex", "all".
 */
#ifndef MUSTER_TRANSPORT_PATTERN_H
#define MUSTER_TRANSPORT_PATTERN_H

#include "inventory.h"

/* Hosts matching `pattern`, each once, in the inventory's order; borrowed
 * elements, caller unrefs the array. A pattern that does not parse is error
 * USAGE, and so is one that matches nothing unless `allow_empty`. */
GPtrArray *pattern_select(const struct inventory *inventory,
			  const char *pattern, bool allow_empty,
			  GError **error);

/* Hosts that --limit leaves and --exclude does not take away; either may be
 * NULL. "@FILE" in them stands for the patterns in FILE, one a line. Each
 * single pattern must match a group or a host: a slip in "!w3" would work on
 * w3. That, and no host at all, is error USAGE; a file that cannot be read is
 * NO_INPUT. Borrowed elements, caller unrefs the array. */
GPtrArray *pattern_limit(const struct inventory *inventory, const char *limit,
			 const char *exclude, GError **error);

#endif
