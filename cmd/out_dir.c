/* SPDX-License-Identifier: Apache-2.0
 *
 * Files are opened below the directory's descriptor and never through a link,
 * so that nobody who may write there can turn them to another place.
 */
#include "out_dir.h"

#include "transport/error.h"
#include "transport/host.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char *const suffixes[2] = { "out", "err" };

struct out_dir {
	char *path;
	int fd;
	GMutex lock;		/* problem */
	char *problem;
};

struct out_files {
	struct out_dir *dir;
	char *host;
	int fd[2];
};

static char *file_name(const char *host, int stream)
{
	char *name = g_strdup_printf("%s.%s", host, suffixes[stream]);

	/* the reader of inventories lets none through; it is not far away */
	return g_strdelimit(name, "/", '_');
}

static void set_problem(struct out_dir *dir, const char *host, int stream)
{
	g_autofree char *name = file_name(host, stream);
	const char *why = g_strerror(errno);

	g_mutex_lock(&dir->lock);
	if (!dir->problem)
		dir->problem = g_strdup_printf("cannot write '%s/%s': %s",
					       dir->path, name, why);
	g_mutex_unlock(&dir->lock);
}

static void remove_old(int fd, const GPtrArray *hosts)
{
	for (guint i = 0; i < hosts->len; i++) {
		const struct host *host = g_ptr_array_index(hosts, i);

		for (int stream = 0; stream < 2; stream++) {
			g_autofree char *name = file_name(host->name, stream);

			/* what cannot go cannot be written either */
			(void)unlinkat(fd, name, 0);
		}
	}
}

struct out_dir *out_dir_new(const char *path, const GPtrArray *hosts,
			    GError **error)
{
	int fd = -1;

	if (g_mkdir_with_parents(path, 0700) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
			    "--out-dir: cannot make '%s': %s", path,
			    g_strerror(errno));
		return NULL;
	}
	remove_old(fd, hosts);
	struct out_dir *dir = g_new0(struct out_dir, 1);

	dir->path = g_strdup(path);
	dir->fd = fd;
	g_mutex_init(&dir->lock);
	return dir;
}

void out_dir_free(struct out_dir *dir)
{
	if (!dir)
		return;
	close(dir->fd);
	g_mutex_clear(&dir->lock);
	g_free(dir->problem);
	g_free(dir->path);
	g_free(dir);
}

const char *out_dir_problem(const struct out_dir *dir)
{
	return dir->problem;
}

struct out_files *out_files_open(struct out_dir *dir, const char *host)
{
	struct out_files *files = g_new0(struct out_files, 1);

	files->dir = dir;
	files->host = g_strdup(host);
	for (int stream = 0; stream < 2; stream++) {
		g_autofree char *name = file_name(host, stream);

		files->fd[stream] = openat(dir->fd, name, O_WRONLY | O_CREAT |
					   O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
					   0600);
		if (files->fd[stream] < 0)
			set_problem(dir, host, stream);
	}
	return files;
}

void out_files_write(struct out_files *files, const char *bytes, size_t n,
		     bool is_stderr)
{
	int *fd = &files->fd[is_stderr];

	while (*fd >= 0 && n > 0) {
		ssize_t written = write(*fd, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			set_problem(files->dir, files->host, is_stderr);
			close(*fd);
			*fd = -1;
			return;
		}
		bytes += written;
		n -= (size_t)written;
	}
}

void out_files_close(struct out_files *files)
{
	if (!files)
		return;
	for (int stream = 0; stream < 2; stream++)
		if (files->fd[stream] >= 0)
			close(files->fd[stream]);
	g_free(files->host);
	g_free(files);
}
