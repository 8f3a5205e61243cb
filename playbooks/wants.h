/* SPDX-License-Identifier: Apache-2.0
 *
 * What the inventory may ask of a cluster beside being one: which variables
 * have a syntax of their own, and who judges it.
 */
#ifndef MUSTER_PLAYBOOKS_WANTS_H
#define MUSTER_PLAYBOOKS_WANTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* The check of the inventory's rules (transport/inventory.h), for variables
 * of type INVENTORY_OWN. */
bool wants_check(const char *name, const char *text, size_t *at,
		 GError **error);

#endif
