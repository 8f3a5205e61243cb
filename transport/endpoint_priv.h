/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files behind endpoint.h share.
 */
#ifndef MUSTER_TRANSPORT_ENDPOINT_PRIV_H
#define MUSTER_TRANSPORT_ENDPOINT_PRIV_H

#include "endpoint.h"

/* Absent, or ssh_config's word for it. */
bool endpoint_is_none(const char *value);

/* Puts a copy of `value` in *to, unless it is none. */
void endpoint_replace(char **to, const char *value);

/* Fills `endpoint` from what ssh -G printed for `name`; keys that are named in
 * it already stay first. Error DATA. */
bool endpoint_take_settings(struct endpoint *endpoint, GHashTable *settings,
			    const char *name, GError **error);

#endif
