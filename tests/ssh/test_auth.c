/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving who we are to a real sshd: keys in files, in an agent, with
 * certificates. HOME is a directory of ours, so that default
 * keys are ours too.
 */
#include "login.h"
#include "transport/error.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct sshd *sshd, *by_certificate;
static char *home;
static GPid agent;

static char *path_of(const char *name)
{
	return g_build_filename(sshd->dir, name, NULL);
}

static char *new_key(const char *name)
{
	char *path = path_of(name);

	if (access(path, F_OK) != 0)
		assert_true(RUN("ssh-keygen", "-q", "-t", "ed25519", "-N", "",
				"-f", path));
	return path;
}

static int start_servers(void **state)
{
	(void)state;
	sshd = sshd_start("PasswordAuthentication yes");
	g_autofree char *authority = new_key("ca");
	g_autofree char *config = g_strdup_printf(
		"AuthorizedKeysFile none\nTrustedUserCAKeys %s.pub",
		authority);

	by_certificate = sshd_start(config);
	return 0;
}

static int stop_servers(void **state)
{
	(void)state;
	sshd_stop(sshd);
	sshd_stop(by_certificate);
	RUN("rm", "-rf", home);
	g_free(home);
	return 0;
}

/* --- an agent --- */

static void agent_add(const char *key)
{
	assert_true(RUN("ssh-add", "-q", key));
}

static int start_agent(void **state)
{
	g_autofree char *path = path_of("agent");
	char *argv[] = {(char[]){"ssh-agent"}, (char[]){"-D"}, (char[]){"-a"},
			path, NULL};
	gint64 deadline_us = in_seconds(10);
	(void)state;
	g_unlink(path);
	assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH |
				  G_SPAWN_DO_NOT_REAP_CHILD |
				  G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
				  &agent, NULL));
	while (access(path, F_OK) < 0 && g_get_monotonic_time() < deadline_us)
		g_usleep(10000);
	g_setenv("SSH_AUTH_SOCK", path, TRUE);
	return 0;
}

static int stop_agent(void **state)
{
	(void)state;
	if (agent) {
		kill(agent, SIGTERM);
		waitpid(agent, NULL, 0);
	}
	agent = 0;
	g_unsetenv("SSH_AUTH_SOCK");
	return 0;
}

static void agent_add_others(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("other-%u", i);
		g_autofree char *path = new_key(name);

		agent_add(path);
	}
}

/* --- keys --- */

static void test_auth_agent_opens_encrypted_file(void **state)
{
	g_autofree char *with = login_encrypted_key(sshd, "with-pub", true);
	g_autofree char *alone = login_encrypted_key(sshd, "alone", false);
	struct login login = {.to = sshd, .key = with};
	(void)state;
	login_expect(&login, MUSTER_ERROR_KEY_FILE, "it is encrypted");
	agent_add_others(8);
	agent_add(sshd->key);
	login_expect(&login, -1, NULL);
	/* an OpenSSH key tells its public half unasked */
	login.key = alone;
	login_expect(&login, -1, NULL);
	/* nothing but the public half is there */
	g_autofree char *public = g_strconcat(with, ".pub", NULL);

	login.key = public;
	login_expect(&login, -1, NULL);
}

static void test_auth_ssh_config_key_hides_not_the_agents(void **state)
{
	g_autofree char *text = g_strdup_printf("IdentityFile %s\n",
						sshd->other_key);
	g_autofree char *only = g_strconcat(text, "IdentitiesOnly yes\n",
					    NULL);
	struct login login = {.to = sshd, .config = text};
	(void)state;
	agent_add_others(2);
	agent_add(sshd->key);
	login_expect(&login, -1, NULL);
	login.config = only;
	login_expect(&login, MUSTER_ERROR_AUTH, sshd->other_key);
	login.config = "IdentityFile none\n";
	login_expect(&login, -1, NULL);
	/* given to muster itself it is the only one */
	login.config = NULL;
	login.key = sshd->other_key;
	login_expect(&login, MUSTER_ERROR_AUTH, sshd->other_key);
}

static void test_auth_several_named_keys_by_agent(void **state)
{
	g_autofree char *one = new_key("other-0"), *two = new_key("other-1");
	g_autofree char *text = g_strdup_printf(
		"IdentityFile %s\nIdentityFile %s\nIdentityFile %s\n", one,
		two, sshd->key);
	struct login login = {.to = sshd, .config = text};
	(void)state;
	agent_add_others(2);
	agent_add(sshd->key);
	login_expect(&login, -1, NULL);
}

static void test_auth_default_key_is_found_in_full_agent(void **state)
{
	g_autofree char *dir = g_build_filename(home, ".ssh", NULL);
	g_autofree char *path = g_build_filename(dir, "id_ed25519", NULL);
	struct login login = {.to = sshd, .config = "IdentitiesOnly yes\n"};
	struct login plain = {.to = sshd};
	(void)state;
	agent_add_others(8);
	agent_add(sshd->key);
	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	g_autofree char *from = login_encrypted_key(sshd, "default", false);

	assert_true(RUN("cp", from, path));
	login_expect(&login, -1, NULL);
	login_expect(&plain, -1, NULL);
	stop_agent(NULL);
	login_expect(&plain, MUSTER_ERROR_KEY_FILE, "it is encrypted");
	assert_true(RUN("cp", sshd->key, path));
	login_expect(&plain, -1, NULL);
	g_unlink(path);
	login_expect(&plain, MUSTER_ERROR_AUTH, "no key to offer");
}

static void test_auth_bad_key_files_are_told(void **state)
{
	g_autofree char *loose = path_of("loose");
	struct login login = {.to = sshd, .key = loose};
	(void)state;
	assert_true(RUN("cp", sshd->key, loose) &&
		    RUN("chmod", "640", loose));
	login_expect(&login, MUSTER_ERROR_KEY_FILE, "chmod 600");
	login.key = "/nonexistent/key";
	login_expect(&login, MUSTER_ERROR_KEY_FILE, "No such file");
	login.key = sshd->known_hosts;
	login_expect(&login, MUSTER_ERROR_KEY_FILE, "not a private key");
}

/* --- certificates --- */

/* A key of its own, signed for root; the certificate's path. */
static char *certified_key(const char *name, char **certificate)
{
	g_autofree char *authority = path_of("ca");
	char *key = new_key(name);
	g_autofree char *public = g_strconcat(key, ".pub", NULL);

	assert_true(RUN("ssh-keygen", "-q", "-s", authority, "-I", name, "-n",
			"root", public));
	*certificate = g_strconcat(key, "-cert.pub", NULL);
	return key;
}

static void test_auth_certificate_logs_in(void **state)
{
	g_autofree char *beside = NULL, *other = NULL;
	g_autofree char *key = certified_key("certified", &beside);
	g_autofree char *ignored = certified_key("certified2", &other);
	g_autofree char *away = path_of("certificate-elsewhere");
	g_autofree char *text = g_strdup_printf(
		"IdentityFile %s\nCertificateFile %s\nCertificateFile %s\n",
		key, other, away);
	struct login login = {.to = by_certificate, .key = key};
	struct login by_config = {.to = by_certificate, .config = text};
	(void)state;
	login_expect(&login, -1, NULL);
	assert_true(RUN("mv", beside, away));
	login_expect(&login, MUSTER_ERROR_AUTH, "refused");
	/* by name, behind one that is for another key */
	login_expect(&by_config, -1, NULL);
	/* the agent has the key, and not the certificate */
	agent_add(key);
	login_expect(&by_config, -1, NULL);
	assert_true(RUN("ssh-keygen", "-q", "-p", "-N", LOGIN_PASSPHRASE, "-f",
			key));
	login_expect(&by_config, -1, NULL);
	login_expect(&login, MUSTER_ERROR_AUTH, "by the agent");
}

static void test_auth_certificate_in_agent_logs_in(void **state)
{
	g_autofree char *beside = NULL;
	g_autofree char *key = certified_key("in-agent", &beside);
	struct login login = {.to = by_certificate, .key = key};
	struct login unnamed = {.to = by_certificate};
	(void)state;
	agent_add(key);		/* takes the certificate along */
	g_unlink(beside);
	assert_true(RUN("ssh-keygen", "-q", "-p", "-N", LOGIN_PASSPHRASE, "-f",
			key));
	login_expect(&login, -1, NULL);
	login_expect(&unnamed, -1, NULL);
}

/* --- an agent that is not well --- */

/* Tells its one key, and is gone when it is to sign. */
static gpointer tell_and_die(gpointer data)
{
	int fd = *(int *)data;
	g_autofree char *file = g_strconcat(sshd->key, ".pub", NULL);
	g_autofree char *text = NULL;
	gsize n = 0;

	assert_true(g_file_get_contents(file, &text, NULL, NULL));
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	g_autofree guchar *blob = g_base64_decode(words[1], &n);
	g_autoptr(GByteArray) answer = g_byte_array_new();
	const guint32 numbers[] = {GUINT32_TO_BE((guint32)(13 + n)),
				   GUINT32_TO_BE(1),
				   GUINT32_TO_BE((guint32)n), 0};
	const guint8 kind = 12;

	g_byte_array_append(answer, (const guint8 *)&numbers[0], 4);
	g_byte_array_append(answer, &kind, 1);
	g_byte_array_append(answer, (const guint8 *)&numbers[1], 8);
	g_byte_array_append(answer, blob, (guint)n);
	g_byte_array_append(answer, (const guint8 *)&numbers[3], 4);
	for (;;) {
		int one = accept(fd, NULL, NULL);
		guint8 request[4096];

		if (one < 0)
			return NULL;
		if (recv(one, request, sizeof(request), 0) == 5)
			(void)send(one, answer->data, answer->len,
				   MSG_NOSIGNAL);
		close(one);
	}
}

static void test_auth_agent_that_dies_is_not_waited_for(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_autofree char *path = path_of("dying");
	struct login login = {.to = sshd};
	struct login by_password = {.to = sshd, .password = LOGIN_PASSWORD};
	gint64 begun_us = g_get_monotonic_time();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)state;
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	g_setenv("SSH_AUTH_SOCK", path, TRUE);
	GThread *thread = g_thread_new("agent", tell_and_die, &fd);

	login_expect(&login, MUSTER_ERROR_AUTH, "agent");
	/* what else there is gets its turn */
	by_password.user = sshd_add_user(sshd, NULL, NULL);
	if (by_password.user) {
		assert_true(sshd_set_password(by_password.user,
					      LOGIN_PASSWORD));
		login_expect(&by_password, -1, NULL);
	}
	assert_true(g_get_monotonic_time() - begun_us <
		    15 * G_TIME_SPAN_SECOND);
	shutdown(fd, SHUT_RDWR);
	g_thread_join(thread);
	close(fd);
	g_unsetenv("SSH_AUTH_SOCK");
}

#define WITH_AGENT(f) cmocka_unit_test_setup_teardown(f, start_agent, \
						      stop_agent)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_auth_agent_opens_encrypted_file),
		WITH_AGENT(test_auth_ssh_config_key_hides_not_the_agents),
		WITH_AGENT(test_auth_several_named_keys_by_agent),
		WITH_AGENT(test_auth_default_key_is_found_in_full_agent),
		cmocka_unit_test(test_auth_bad_key_files_are_told),
		WITH_AGENT(test_auth_certificate_logs_in),
		WITH_AGENT(test_auth_certificate_in_agent_logs_in),
		cmocka_unit_test(test_auth_agent_that_dies_is_not_waited_for),
	};
	/* before GLib looks at HOME, which it does once */
	home = g_dir_make_tmp("muster-home-XXXXXX", NULL);
	g_setenv("HOME", home, TRUE);
	g_unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
