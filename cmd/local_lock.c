/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock file holds one line about its holder; the file itself stays, the
 * kernel drops the lock with the process.
 */
#include "local_lock.h"

#include "transport/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct local_lock {
	int fd;
};

static char *lock_path(const char *address, unsigned port)
{
	g_autofree char *name = g_strdup_printf("%s-%u.lock", address, port);

	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '_';
	return g_build_filename(g_get_user_state_dir(), "muster", "locks",
				name, NULL);
}

static void set_locked_error(int fd, GError **error)
{
	char holder[256] = "";
	ssize_t n = pread(fd, holder, sizeof(holder) - 1, 0);

	if (n < 0)
		n = 0;
	holder[n] = '\0';
	g_strchomp(holder);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_LOCKED,
		    "another run works on this cluster: %s (wait for its end)",
		    holder);
}

struct local_lock *local_lock_take(const char *address, unsigned port,
				   const char *run_id, GError **error)
{
	g_autofree char *path = lock_path(address, port);
	g_autofree char *dir = g_path_get_dirname(path);
	g_autofree char *holder = g_strdup_printf("pid %d, run %s\n",
						  (int)getpid(), run_id);
	int fd = -1;

	if (g_mkdir_with_parents(dir, 0700) == 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
			    "cannot open '%s': %s", path, g_strerror(errno));
		return NULL;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		set_locked_error(fd, error);
		close(fd);
		return NULL;
	}
	if (ftruncate(fd, 0) != 0 ||
	    pwrite(fd, holder, strlen(holder), 0) < 0)
		g_debug("lock file without holder: %s", g_strerror(errno));
	struct local_lock *lock = g_new(struct local_lock, 1);

	lock->fd = fd;
	return lock;
}

void local_lock_free(struct local_lock *lock)
{
	if (!lock)
		return;
	close(lock->fd);
	g_free(lock);
}
