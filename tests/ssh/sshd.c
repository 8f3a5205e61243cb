/* SPDX-License-Identifier: Apache-2.0
 *
 * The sshd fixture. Everything is made in a temporary directory; the server is
 * told to die with its parent, so a crashed test leaves nothing running.
 */
#include "sshd.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

gint64 in_seconds(int seconds)
{
	return g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
}

bool run_local(const char *const *argv)
{
	int status = -1;
	g_auto(GStrv) copy = g_strdupv((char **)(guintptr)argv);
	GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
			    G_SPAWN_STDERR_TO_DEV_NULL;

	return g_spawn_sync(NULL, copy, NULL, flags, NULL, NULL, NULL, NULL,
			    &status, NULL) && status == 0;
}

char *sshd_write(const struct sshd *sshd, const char *name, const char *text,
		 int mode)
{
	char *path = g_build_filename(sshd->dir, name, NULL);
	if (!g_file_set_contents(path, text, -1, NULL) ||
	    g_chmod(path, (mode_t)mode) < 0)
		g_error("cannot write %s", path);
	return path;
}

static char *new_key(const struct sshd *sshd, const char *name)
{
	char *path = g_build_filename(sshd->dir, name, NULL);
	const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N",
				    "", "-C", name, "-f", path, NULL};
	if (!run_local(argv))
		g_error("ssh-keygen failed");
	return path;
}

static char *public_key(const char *path)
{
	g_autofree char *file = g_strconcat(path, ".pub", NULL);
	char *text = NULL;
	if (!g_file_get_contents(file, &text, NULL, NULL))
		g_error("cannot read %s", file);
	/* Type and key, without the comment. */
	char *comment = strrchr(text, ' ');
	if (comment)
		*comment = '\0';
	return text;
}

unsigned sshd_free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		g_error("no free port: %s", g_strerror(errno));
	close(fd);
	return ntohs(address.sin_port);
}

static bool answers(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((guint16)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = connect(fd, (struct sockaddr *)&address,
			    sizeof(address)) == 0;
	close(fd);
	return good;
}

void die_with_parent(gpointer unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void spawn(struct sshd *sshd, char *config)
{
	g_autofree char *log = g_build_filename(sshd->dir, "log", NULL);
	char *argv[] = {(char[]){"/usr/sbin/sshd"}, (char[]){"-D"},
			(char[]){"-E"}, log, (char[]){"-f"}, config, NULL};
	g_autoptr(GError) error = NULL;

	if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
			   die_with_parent, NULL, &sshd->pid, &error))
		g_error("sshd: %s", error->message);
	gint64 deadline_us = in_seconds(20);
	while (!answers(sshd->port)) {
		if (g_get_monotonic_time() > deadline_us ||
		    waitpid(sshd->pid, NULL, WNOHANG) != 0)
			g_error("sshd did not start, see %s", log);
		poll(NULL, 0, 20);
	}
}

struct sshd *sshd_start(const char *config)
{
	struct sshd *sshd = g_new0(struct sshd, 1);

	signal(SIGPIPE, SIG_IGN);
	sshd->dir = g_dir_make_tmp("muster-sshd-XXXXXX", NULL);
	/* Users made for a test read their keys and shells from here. */
	g_chmod(sshd->dir, 0755);
	g_mkdir("/run/sshd", 0755);
	sshd->port = sshd_free_port();
	sshd->users = g_ptr_array_new_with_free_func(g_free);
	sshd->key = new_key(sshd, "key");
	sshd->other_key = new_key(sshd, "other");
	g_autofree char *host = new_key(sshd, "host");
	sshd->host_key = public_key(host);
	g_autofree char *authorized = public_key(sshd->key);
	g_autofree char *keys = sshd_write(sshd, "authorized", authorized,
					   0644);
	g_autofree char *line = g_strdup_printf("[127.0.0.1]:%u %s\n",
						sshd->port, sshd->host_key);
	sshd->known_hosts = sshd_write(sshd, "known_hosts", line, 0600);
	g_autofree char *text = g_strdup_printf(
		"%s\nPort %u\nListenAddress 127.0.0.1\nHostKey %s\n"
		"AuthorizedKeysFile %s\nStrictModes no\nUsePAM no\n"
		"PermitRootLogin yes\nPidFile none\nMaxStartups 200\n"
		"PasswordAuthentication no\n",
		config ? config : "", sshd->port, host, keys);
	g_autofree char *path = sshd_write(sshd, "config", text, 0600);
	spawn(sshd, path);
	return sshd;
}

static char *sudoers_path(const char *user)
{
	return g_build_filename("/etc/sudoers.d", user, NULL);
}

void sshd_stop(struct sshd *sshd)
{
	if (!sshd)
		return;
	kill(sshd->pid, SIGTERM);
	waitpid(sshd->pid, NULL, 0);
	for (guint i = 0; i < sshd->users->len; i++) {
		const char *user = g_ptr_array_index(sshd->users, i);
		const char *const argv[] = {"userdel", "-f", user, NULL};
		g_autofree char *rule = sudoers_path(user);
		g_unlink(rule);
		run_local(argv);
	}
	const char *const argv[] = {"rm", "-rf", sshd->dir, NULL};
	run_local(argv);
	g_ptr_array_unref(sshd->users);
	g_free(sshd->dir);
	g_free(sshd->key);
	g_free(sshd->other_key);
	g_free(sshd->host_key);
	g_free(sshd->known_hosts);
	g_free(sshd);
}

const char *sshd_add_user(struct sshd *sshd, const char *shell,
			  const char *sudoers)
{
	static unsigned n_users;	/* of all servers */
	g_autofree char *user = g_strdup_printf("mt%d-%u", (int)getpid(),
						n_users++);
	/* "*": no password, but not locked either. */
	const char *const argv[] = {"useradd", "-d", sshd->dir, "-M", "-p",
				    "*", "-s", shell ? shell : "/bin/sh", user,
				    NULL};
	if (geteuid() != 0 || !run_local(argv))
		return NULL;
	g_ptr_array_add(sshd->users, g_strdup(user));
	if (sudoers) {
		g_autofree char *rule = sudoers_path(user);
		g_autofree char *text = g_strdup_printf("%s %s\n", user,
							sudoers);
		if (!g_file_set_contents(rule, text, -1, NULL))
			return NULL;
		g_chmod(rule, 0440);
	}
	return g_ptr_array_index(sshd->users, sshd->users->len - 1);
}

bool sshd_set_password(const char *user, const char *password)
{
	/* the test's own password, on a command line of this machine */
	g_autofree char *hash = g_strdup_printf(
		"printf '%%s:%%s\\n' '%s' '%s' | chpasswd -c SHA256", user,
		password);
	const char *const argv[] = {"sh", "-c", hash, NULL};

	return run_local(argv);
}

char *sshd_log(const struct sshd *sshd)
{
	g_autofree char *path = g_build_filename(sshd->dir, "log", NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		g_error("cannot read %s", path);
	return text;
}

guint sshd_count(const struct sshd *sshd, const char *words)
{
	g_autofree char *text = sshd_log(sshd);
	guint n = 0;

	for (const char *at = text; (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* The children of the server: one for each connection. */
void sshd_drop(const struct sshd *sshd)
{
	g_autofree char *command = g_strdup_printf(
		"kill -9 $(ps -o pid= --ppid %d)", (int)sshd->pid);
	const char *const argv[] = {"sh", "-c", command, NULL};

	if (!run_local(argv))
		g_error("no connection to drop");
}

struct host sshd_host(const struct sshd *sshd, const char *user)
{
	static char name[] = "testhost", address[] = "127.0.0.1";

	return (struct host){
		.name = name,
		.address = address,
		.port = sshd->port,
		.user = (char *)(guintptr)user,
		.private_key_file = sshd->key,
	};
}

struct transport_options sshd_options(const struct sshd *sshd)
{
	return (struct transport_options){
		.host_key_policy = HOST_KEY_STRICT,
		.known_hosts = sshd->known_hosts,
		.connect_timeout_us = 20 * G_TIME_SPAN_SECOND,
	};
}

void rig_init(struct rig *rig, const struct transport_options *options)
{
	g_autoptr(GError) error = NULL;

	rig->cancel = cancel_new();
	rig->redactor = redactor_new();
	rig->transport = transport_new(options, NULL, rig->cancel,
				       rig->redactor, &error);
	if (!rig->transport)
		g_error("transport_new: %s", error->message);
}

void rig_clear(struct rig *rig)
{
	transport_free(rig->transport);
	redactor_free(rig->redactor);
	cancel_free(rig->cancel);
}
