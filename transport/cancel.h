/* SPDX-License-Identifier: Apache-2.0
 *
 * The run's one cancel flag. Two levels: a soft stop (first Ctrl-C) lets what
 * runs on a host go on for a grace of 20 s and refuses new work; an abort
 * (second Ctrl-C) makes every blocking transport call return at once.
 */
#ifndef MUSTER_TRANSPORT_CANCEL_H
#define MUSTER_TRANSPORT_CANCEL_H

#include <glib.h>
#include <stdbool.h>

#define CANCEL_GRACE_US (20 * G_TIME_SPAN_SECOND)

struct cancel;

struct cancel *cancel_new(void);
void cancel_free(struct cancel *cancel);

/* Any thread. */
void cancel_stop(struct cancel *cancel);
void cancel_abort(struct cancel *cancel);
bool cancel_is_stopped(const struct cancel *cancel); /* soft or abort */
bool cancel_is_aborted(const struct cancel *cancel);

/* Becomes readable on abort (never read from it); for poll(2). */
int cancel_fd(const struct cancel *cancel);

/* Becomes readable on the first stop of either kind and stays so: leave it
 * out of the poll set once cancel_is_stopped(). Never read from it. */
int cancel_stop_fd(const struct cancel *cancel);

/* The deadline that holds for work begun at `begun_us`: `deadline_us`, or if
 * a soft stop came, at most max(begun, stop) + CANCEL_GRACE_US. */
gint64 cancel_deadline(const struct cancel *cancel, gint64 begun_us,
		       gint64 deadline_us);

#endif
