/* SPDX-License-Identifier: Apache-2.0
 *
 * At most ten times a second: a line for each of a thousand hosts would cost
 * more than it tells.
 */
#include "progress.h"

#include "term.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CLEAR "\r\033[K"
#define REDRAW_US (G_TIME_SPAN_SECOND / 10)

struct progress {
	GMutex lock;		/* all below */
	size_t done, n;
	gint64 drawn_us;
};

static void draw(struct progress *progress)
{
	fprintf(stderr, CLEAR "%zu of %zu hosts done", progress->done,
		progress->n);
	fflush(stderr);
	progress->drawn_us = g_get_monotonic_time();
}

struct progress *progress_new(size_t n_hosts)
{
	const char *term = g_getenv("TERM"), *ci = g_getenv("CI");
	struct progress *progress;

	if (!isatty(STDERR_FILENO) || !term || strcmp(term, "dumb") == 0 ||
	    (ci && *ci))
		return NULL;
	progress = g_new0(struct progress, 1);
	g_mutex_init(&progress->lock);
	progress->n = n_hosts;
	draw(progress);
	return progress;
}

void progress_step(struct progress *progress)
{
	if (!progress)
		return;
	g_mutex_lock(&progress->lock);
	progress->done++;
	if (g_get_monotonic_time() >= progress->drawn_us + REDRAW_US)
		draw(progress);
	g_mutex_unlock(&progress->lock);
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	fputs(CLEAR, stderr);
	fflush(stderr);
	g_mutex_clear(&progress->lock);
	g_free(progress);
}
