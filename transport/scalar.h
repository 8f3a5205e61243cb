/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed values as people write them: in inventories, playbooks and options.
 */
#ifndef MUSTER_TRANSPORT_SCALAR_H
#define MUSTER_TRANSPORT_SCALAR_H

#include <glib.h>
#include <stdbool.h>

/* Microseconds of "35", "35s", "2m", "1h", "500ms"; false, and *us as it was,
 * if `text` is none of these. */
bool scalar_duration(const char *text, gint64 *us);

/* true/yes/on/1/y/t and their opposites, any case; false, and *value as it
 * was, for anything else. */
bool scalar_bool(const char *text, bool *value);

#endif
