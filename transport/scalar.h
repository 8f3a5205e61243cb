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

/* Whether `text` is a DNS name (RFC 1035, underscores too, no final dot), and
 * not an address that went wrong. */
bool scalar_is_dns_name(const char *text);

/* "HOST:PORT", HOST a DNS name or an IPv4 address: *host (newly allocated) and
 * *port; false, and both as they were, for anything else. */
bool scalar_server(const char *text, char **host, unsigned *port);

#endif
