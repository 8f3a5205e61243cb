/* SPDX-License-Identifier: Apache-2.0
 *
 * Ansible's host patterns: names, groups, globs, "a:b" / "a,b", ":!not",
 * ":&and", "group[0]", "group[0:2]", "~regex", "all".
 */
#ifndef MUSTER_TRANSPORT_PATTERN_H
#define MUSTER_TRANSPORT_PATTERN_H

#include "inventory.h"

/* Hosts matching `pattern`, each once, in Ansible's order (inventory order);
 * borrowed elements, caller unrefs the array. A pattern that does not parse
 * or matches nothing is error USAGE unless `allow_empty`. */
GPtrArray *pattern_select(const struct inventory *inventory,
			  const char *pattern, bool allow_empty,
			  GError **error);

#endif
