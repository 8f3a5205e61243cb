/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes and prunes the per-host logs. Each entry is appended in one write,
 * so that threads need no lock between them.
 */
#include "hostlog.h"

#include "transport/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define RUNS_KEPT 20
#define STREAM_MAX (64 * 1024)	/* bytes of one stream that are logged */

struct hostlog {
	char *dir;
	struct redactor *redactor;
};

static gint newest_first(gconstpointer a, gconstpointer b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*y, *x);
}

static void remove_run(const char *dir)
{
	g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
	const char *name;

	while (files && (name = g_dir_read_name(files)) != NULL) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		g_unlink(path);
	}
	g_rmdir(dir);
}

/* Run ids begin with the time, so their order is that of time. */
static void prune(const char *parent)
{
	g_autoptr(GDir) entries = g_dir_open(parent, 0, NULL);
	g_autoptr(GPtrArray) runs = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (entries && (name = g_dir_read_name(entries)) != NULL)
		if (g_str_has_prefix(name, "20"))
			g_ptr_array_add(runs, g_strdup(name));
	g_ptr_array_sort(runs, newest_first);
	for (guint i = RUNS_KEPT; i < runs->len; i++) {
		g_autofree char *dir = g_build_filename(
			parent, g_ptr_array_index(runs, i), NULL);

		remove_run(dir);
	}
}

struct hostlog *hostlog_new(const char *run_id, struct redactor *redactor,
			    GError **error)
{
	g_autofree char *parent = g_build_filename(g_get_user_state_dir(),
						   "muster", NULL);
	g_autofree char *dir = g_build_filename(parent, run_id, NULL);

	if (g_mkdir_with_parents(dir, 0700) != 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
			    "cannot create '%s': %s", dir,
			    g_strerror(errno));
		return NULL;
	}
	prune(parent);
	struct hostlog *log = g_new0(struct hostlog, 1);

	log->dir = g_steal_pointer(&dir);
	log->redactor = redactor;
	return log;
}

void hostlog_free(struct hostlog *log)
{
	if (!log)
		return;
	g_free(log->dir);
	g_free(log);
}

const char *hostlog_dir(const struct hostlog *log)
{
	return log->dir;
}

static void append_stream(GString *entry, const char *mark, const char *text)
{
	const char *line = text;
	const char *end = text ? text + strnlen(text, STREAM_MAX) : NULL;

	while (line && line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((stop ? stop : end) - line);

		g_string_append_printf(entry, "%s %.*s\n", mark, (int)length,
				       line);
		line = stop ? stop + 1 : end;
	}
	if (end && *end)
		g_string_append_printf(entry, "%s [more]\n", mark);
}

void hostlog_write(const struct host *host, const char *title,
		   const char *out, const char *err, int status,
		   gint64 elapsed_us, void *data)
{
	struct hostlog *log = data;
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
	g_autofree char *path = g_strdup_printf("%s/%s.log", log->dir,
						host->name);
	g_autoptr(GString) entry = g_string_new(NULL);

	g_string_printf(entry, "%s %s: status %d, %.3f s\n", time, title,
			status, (double)elapsed_us / G_USEC_PER_SEC);
	append_stream(entry, "  |", out);
	append_stream(entry, "  !", err);
	g_autofree char *clean = redactor_apply(log->redactor, entry->str);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	/* a full disk here must not stop a run that is half-way */
	ssize_t ignored = write(fd, clean, strlen(clean));

	(void)ignored;
	close(fd);
}
