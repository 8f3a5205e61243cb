/* SPDX-License-Identifier: Apache-2.0
 *
 * --no-fold: lines of many hosts as they come, "host: " before each. A line is
 * written whole or not yet, so those of two hosts never mix.
 */
#ifndef MUSTER_CMD_STREAM_H
#define MUSTER_CMD_STREAM_H

#include "transport/cancel.h"

#include <stddef.h>

struct stream;

/* Standard output of hosts goes to `out_fd`, standard error to `err_fd`, made
 * harmless (harmless.h) where that is a terminal. When nobody reads any more,
 * `cancel` (borrowed) is aborted. */
struct stream *stream_new(int out_fd, int err_fd, bool has_color,
			  struct cancel *cancel);
void stream_free(struct stream *stream);

/* errno of what could not be written, or 0. */
int stream_errno(struct stream *stream);

/* One host's share in it. */
struct stream_host;
struct stream_host *stream_host_new(struct stream *stream, const char *host);
void stream_host_add(struct stream_host *host, const char *bytes, size_t n,
		     bool is_stderr);
/* Writes what is left of a line without an end, and frees. */
void stream_host_free(struct stream_host *host);

#endif
