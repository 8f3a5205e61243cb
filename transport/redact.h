/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps secrets out of everything that leaves the process: logs, events,
 * error texts. Secrets are registered when they are made or read; join tokens
 * are also recognised by shape (32 hex digits, optionally "/" 12 hex digits).
 */
#ifndef MUSTER_TRANSPORT_REDACT_H
#define MUSTER_TRANSPORT_REDACT_H

#include <glib.h>

struct redactor;

struct redactor *redactor_new(void);
void redactor_free(struct redactor *redactor);

/* Any thread. Values shorter than 4 bytes are ignored. Copies `secret`. */
void redactor_add(struct redactor *redactor, const char *secret);

/* A copy of `text` with every secret replaced by "[redacted]"; NULL gives
 * NULL. Any thread. */
char *redactor_apply(struct redactor *redactor, const char *text);

#endif
