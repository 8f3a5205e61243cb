/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean ...?": the known name that a mistyped one is closest to.
 */
#ifndef MUSTER_TRANSPORT_NEAREST_H
#define MUSTER_TRANSPORT_NEAREST_H

#include <glib.h>

/* The element of `names` (char *) closest to `name`, or NULL if none is near:
 * a third of the name may differ, three characters at most. Borrowed from the
 * array. */
const char *nearest_name(const char *name, const GPtrArray *names);

#endif
