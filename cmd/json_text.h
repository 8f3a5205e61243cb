/* SPDX-License-Identifier: Apache-2.0
 *
 * How muster's JSON documents write times, durations and what hosts said:
 * RFC 3339 with milliseconds, integers of milliseconds, UTF-8.
 */
#ifndef MUSTER_CMD_JSON_TEXT_H
#define MUSTER_CMD_JSON_TEXT_H

#include <glib.h>
#include <jansson.h>

/* "2026-01-31T12:00:00.123Z" of microseconds since the epoch. */
json_t *json_time(gint64 us);

/* A string; bytes that are no UTF-8 become U+FFFD. NULL gives null. */
json_t *json_text(const char *text);

/* The same of `n` bytes. */
json_t *json_bytes(const char *bytes, size_t n);

/* Milliseconds of microseconds. */
json_int_t json_ms(gint64 us);

#endif
