/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads, merges, keeps a backup, replaces. kubectl locks a kubeconfig by
 * creating FILE.lock and gives up if it is there; so does this.
 */
#include "kubeconfig_file.h"

#include "transport/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0700
#define FILE_MODE 0600

/* A link is kept: people keep such files in a repository of dotfiles. */
static char *resolved(char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		return path;
	g_free(path);
	path = g_strdup(real);
	free(real);
	return path;
}

char *kubeconfig_file_path(void)
{
	const char *list = g_getenv("KUBECONFIG");
	g_auto(GStrv) paths = g_strsplit(list ? list : "", ":", -1);

	for (char **path = paths; *path; path++)
		if (**path)
			return resolved(g_strdup(*path));
	return resolved(g_build_filename(g_get_home_dir(), ".kube", "config",
					 NULL));
}

static bool fail(GError **error, const char *path, const char *why)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT, "%s: %s", path,
		    why);
	return false;
}

/* "" for a file that is not there. */
static bool read_text(const char *path, char **text, GError **error)
{
	g_autoptr(GError) why = NULL;
	gsize length = 0;

	if (!g_file_get_contents(path, text, &length, &why)) {
		*text = g_strdup("");
		return g_error_matches(why, G_FILE_ERROR,
				       G_FILE_ERROR_NOENT) ||
			fail(error, path, why->message);
	}
	if (strlen(*text) == length)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "%s: not a kubeconfig: it holds a NUL", path);
	return false;
}

static bool write_text(const char *path, const char *text, GError **error)
{
	g_autoptr(GError) why = NULL;

	return g_file_set_contents_full(
		path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT |
		G_FILE_SET_CONTENTS_DURABLE, FILE_MODE, &why) ||
		fail(error, path, why->message);
}

static bool merge_locked(const char *path,
			 const struct kubeconfig_entry *entry, bool *changed,
			 GError **error)
{
	g_autofree char *before = NULL, *after = NULL;
	g_autofree char *backup = g_strconcat(path, KUBECONFIG_BACKUP, NULL);

	if (!read_text(path, &before, error))
		return false;
	after = kubeconfig_merge(before, entry, error);
	if (!after) {
		g_prefix_error(error, "%s: ", path);
		return false;
	}
	*changed = strcmp(before, after) != 0;
	if (!*changed)
		return true;
	return (!*before || write_text(backup, before, error)) &&
		write_text(path, after, error);
}

static bool make_folder(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);

	return g_mkdir_with_parents(folder, FOLDER_MODE) == 0 ||
		fail(error, folder, g_strerror(errno));
}

bool kubeconfig_file_merge(const char *path,
			   const struct kubeconfig_entry *entry,
			   bool *changed, GError **error)
{
	g_autofree char *lock = g_strconcat(path, ".lock", NULL);

	if (!make_folder(path, error))
		return false;
	int fd = open(lock, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0);

	if (fd < 0 && errno == EEXIST) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_LOCKED,
			    "%s is there: kubectl is writing (if none runs, "
			    "remove it)", lock);
		return false;
	}
	if (fd < 0)
		return fail(error, lock, g_strerror(errno));
	bool ok = merge_locked(path, entry, changed, error);

	close(fd);
	unlink(lock);
	return ok;
}
