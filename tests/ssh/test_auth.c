/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving who we are to a real sshd: keys in files, in an agent, encrypted,
 * with certificates; passwords. HOME is a directory of ours, so that default
 * keys are ours too.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/fleet.h"
#include "transport/identity.h"

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

#define PASSPHRASE "correct-horse"
#define PASSWORD "lab-password"

static struct sshd *sshd, *by_certificate;
static char *home;
static GPid agent;

#define RUN(...) run_local((const char *const[]){__VA_ARGS__, NULL})

static char *path_of(const char *name)
{
	return g_build_filename(sshd->dir, name, NULL);
}

/* A copy of the key that logs in, encrypted, alone or with its .pub. */
static char *encrypted_key(const char *name, bool has_public)
{
	char *path = path_of(name);
	g_autofree char *from = g_strconcat(sshd->key, ".pub", NULL);
	g_autofree char *to = g_strconcat(path, ".pub", NULL);

	assert_true(RUN("cp", sshd->key, path) &&
		    RUN("ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f",
			path));
	if (has_public)
		assert_true(RUN("cp", from, to));
	return path;
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

/* --- one login --- */

/* What is given; the key is the inventory's. */
struct login {
	const struct sshd *to;
	const char *user, *key, *config, *password;
	char *(*ask)(const char *prompt, void *data);
	void *ask_data;
};

/* Logs in and expects `code` (-1: success) with `words` in the text. */
static void expect(const struct login *login, int code, const char *words)
{
	const struct sshd *to = login->to ? login->to : sshd;
	struct transport_options options = sshd_options(to);
	struct host host = sshd_host(to, login->user ? login->user : "root");
	g_autofree char *config = login->config
		? sshd_write(sshd, "ssh_config", login->config, 0600) : NULL;
	g_autoptr(GError) error = NULL;
	struct rig rig;

	options.use_agent = true;
	options.ssh_config = config ? config : "none";
	options.password = login->password;
	options.ask = login->ask;
	options.ask_data = login->ask_data;
	host.private_key_file = (char *)(guintptr)login->key;
	rig_init(&rig, &options);
	struct session *session = session_new(rig.transport, &host);
	bool good = session_connect(session, in_seconds(30), &error);

	if (error)
		print_message("%s\n", error->message);
	assert_int_equal(good ? -1 : error->code, code);
	if (words)
		assert_non_null(strstr(error->message, words));
	if (!good)
		assert_null(strstr(error->message, PASSWORD));
	session_free(session);
	rig_clear(&rig);
}

/* --- keys --- */

static void test_auth_agent_opens_encrypted_file(void **state)
{
	g_autofree char *with = encrypted_key("with-pub", true);
	g_autofree char *alone = encrypted_key("alone", false);
	struct login login = {.key = with};
	(void)state;
	expect(&login, MUSTER_ERROR_KEY_FILE, "it is encrypted");
	agent_add_others(8);
	agent_add(sshd->key);
	expect(&login, -1, NULL);
	/* an OpenSSH key tells its public half unasked */
	login.key = alone;
	expect(&login, -1, NULL);
	/* nothing but the public half is there */
	g_autofree char *public = g_strconcat(with, ".pub", NULL);

	login.key = public;
	expect(&login, -1, NULL);
}

static void test_auth_ssh_config_key_hides_not_the_agents(void **state)
{
	g_autofree char *text = g_strdup_printf("IdentityFile %s\n",
						sshd->other_key);
	g_autofree char *only = g_strconcat(text, "IdentitiesOnly yes\n",
					    NULL);
	struct login login = {.config = text};
	(void)state;
	agent_add_others(2);
	agent_add(sshd->key);
	expect(&login, -1, NULL);
	login.config = only;
	expect(&login, MUSTER_ERROR_AUTH, sshd->other_key);
	login.config = "IdentityFile none\n";
	expect(&login, -1, NULL);
	/* given to muster itself it is the only one */
	login.config = NULL;
	login.key = sshd->other_key;
	expect(&login, MUSTER_ERROR_AUTH, sshd->other_key);
}

static void test_auth_several_named_keys_by_agent(void **state)
{
	g_autofree char *one = new_key("other-0"), *two = new_key("other-1");
	g_autofree char *text = g_strdup_printf(
		"IdentityFile %s\nIdentityFile %s\nIdentityFile %s\n", one,
		two, sshd->key);
	struct login login = {.config = text};
	(void)state;
	agent_add_others(2);
	agent_add(sshd->key);
	expect(&login, -1, NULL);
}

static void test_auth_default_key_is_found_in_full_agent(void **state)
{
	g_autofree char *dir = g_build_filename(home, ".ssh", NULL);
	g_autofree char *path = g_build_filename(dir, "id_ed25519", NULL);
	struct login login = {.config = "IdentitiesOnly yes\n"};
	struct login plain = {0};
	(void)state;
	agent_add_others(8);
	agent_add(sshd->key);
	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	g_autofree char *from = encrypted_key("default", false);

	assert_true(RUN("cp", from, path));
	expect(&login, -1, NULL);
	expect(&plain, -1, NULL);
	stop_agent(NULL);
	expect(&plain, MUSTER_ERROR_KEY_FILE, "it is encrypted");
	assert_true(RUN("cp", sshd->key, path));
	expect(&plain, -1, NULL);
	g_unlink(path);
	expect(&plain, MUSTER_ERROR_AUTH, "no key to offer");
}

static void test_auth_bad_key_files_are_told(void **state)
{
	g_autofree char *loose = path_of("loose");
	struct login login = {.key = loose};
	(void)state;
	assert_true(RUN("cp", sshd->key, loose) &&
		    RUN("chmod", "640", loose));
	expect(&login, MUSTER_ERROR_KEY_FILE, "chmod 600");
	login.key = "/nonexistent/key";
	expect(&login, MUSTER_ERROR_KEY_FILE, "No such file");
	login.key = sshd->known_hosts;
	expect(&login, MUSTER_ERROR_KEY_FILE, "not a private key");
}

/* --- passphrases --- */

struct person {
	const char *answer;
	gint asked;
	char *last;
};

static char *person_answers(const char *prompt, void *data)
{
	struct person *person = data;

	person->asked++;
	g_free(person->last);
	person->last = g_strdup(prompt);
	return g_strdup(person->answer);
}

struct many {
	struct rig rig;
	struct host host;
	gint good;
};

static void one_of_many(size_t index, void *data)
{
	struct many *many = data;
	struct session *session = session_new(many->rig.transport,
					      &many->host);
	(void)index;
	if (session_connect(session, in_seconds(60), NULL))
		g_atomic_int_inc(&many->good);
	session_free(session);
}

static void test_auth_passphrase_is_asked_once_for_twenty(void **state)
{
	g_autofree char *key = encrypted_key("shared", true);
	struct person person = {.answer = PASSPHRASE};
	struct transport_options options = sshd_options(sshd);
	struct many many = {.host = sshd_host(sshd, "root")};
	(void)state;
	options.ssh_config = "none";
	options.ask = person_answers;
	options.ask_data = &person;
	many.host.private_key_file = key;
	rig_init(&many.rig, &options);
	fleet_run(20, 0, one_of_many, &many);
	rig_clear(&many.rig);
	assert_int_equal(many.good, 20);
	assert_int_equal(person.asked, 1);
	assert_non_null(strstr(person.last, key));
	g_free(person.last);
}

static void test_auth_wrong_passphrase_is_asked_three_times(void **state)
{
	g_autofree char *key = encrypted_key("thrice", true);
	struct person person = {.answer = "wrong"};
	struct person silent = {.answer = NULL};
	struct login login = {.key = key, .ask = person_answers,
			      .ask_data = &person};
	(void)state;
	expect(&login, MUSTER_ERROR_KEY_FILE, "encrypted");
	assert_int_equal(person.asked, 3);
	assert_non_null(strstr(person.last, "That was not it"));
	login.ask_data = &silent;
	expect(&login, MUSTER_ERROR_KEY_FILE, "encrypted");
	assert_int_equal(silent.asked, 1);
	g_free(person.last);
	g_free(silent.last);
}

struct prompt {
	struct identities *identities;
	GMutex lock;
	GCond changed;
	bool asked, others_done;
};

/* Types nothing until somebody else has had his key. */
static char *wait_for_others(const char *text, void *data)
{
	struct prompt *prompt = data;
	gint64 deadline_us = in_seconds(20);
	(void)text;
	g_mutex_lock(&prompt->lock);
	prompt->asked = true;
	g_cond_broadcast(&prompt->changed);
	while (!prompt->others_done &&
	       g_cond_wait_until(&prompt->changed, &prompt->lock,
				 deadline_us))
		;
	g_mutex_unlock(&prompt->lock);
	return g_strdup(PASSPHRASE);
}

static gpointer have_other_key(gpointer data)
{
	struct prompt *prompt = data;

	g_mutex_lock(&prompt->lock);
	while (!prompt->asked)
		g_cond_wait(&prompt->changed, &prompt->lock);
	g_mutex_unlock(&prompt->lock);
	(void)identities_get(prompt->identities, sshd->key, false);
	g_mutex_lock(&prompt->lock);
	prompt->others_done = true;
	g_cond_broadcast(&prompt->changed);
	g_mutex_unlock(&prompt->lock);
	return NULL;
}

static void test_auth_prompt_keeps_nobody_else_waiting(void **state)
{
	g_autofree char *key = encrypted_key("slow", true);
	struct prompt prompt = {0};
	gint64 begun_us = g_get_monotonic_time();
	(void)state;
	prompt.identities = identities_new(wait_for_others, &prompt);
	GThread *thread = g_thread_new("other", have_other_key, &prompt);

	assert_non_null(identities_get(prompt.identities, key, true)->key);
	g_thread_join(thread);
	assert_true(g_get_monotonic_time() - begun_us <
		    15 * G_TIME_SPAN_SECOND);
	identities_free(prompt.identities);
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
	expect(&login, -1, NULL);
	assert_true(RUN("mv", beside, away));
	expect(&login, MUSTER_ERROR_AUTH, "refused");
	/* by name, behind one that is for another key */
	expect(&by_config, -1, NULL);
	/* the agent has the key, and not the certificate */
	agent_add(key);
	expect(&by_config, -1, NULL);
	assert_true(RUN("ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f",
			key));
	expect(&by_config, -1, NULL);
	expect(&login, MUSTER_ERROR_AUTH, "by the agent");
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
	assert_true(RUN("ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f",
			key));
	expect(&login, -1, NULL);
	expect(&unnamed, -1, NULL);
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
	struct login login = {0};
	struct login by_password = {.password = PASSWORD};
	gint64 begun_us = g_get_monotonic_time();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)state;
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	g_setenv("SSH_AUTH_SOCK", path, TRUE);
	GThread *thread = g_thread_new("agent", tell_and_die, &fd);

	expect(&login, MUSTER_ERROR_AUTH, "agent");
	/* what else there is gets its turn */
	by_password.user = sshd_add_user(sshd, NULL, NULL);
	if (by_password.user) {
		assert_true(sshd_set_password(by_password.user, PASSWORD));
		expect(&by_password, -1, NULL);
	}
	assert_true(g_get_monotonic_time() - begun_us <
		    15 * G_TIME_SPAN_SECOND);
	shutdown(fd, SHUT_RDWR);
	g_thread_join(thread);
	close(fd);
	g_unsetenv("SSH_AUTH_SOCK");
}

/* --- passwords --- */

static void test_auth_password_only_when_given(void **state)
{
	struct login login = {.key = sshd->other_key};
	(void)state;
	login.user = sshd_add_user(sshd, NULL, NULL);
	if (!login.user)
		skip();
	assert_true(sshd_set_password(login.user, PASSWORD));
	expect(&login, MUSTER_ERROR_AUTH, "-k asks for a password");
	login.password = PASSWORD;
	expect(&login, -1, NULL);
	login.password = "not-it";
	expect(&login, MUSTER_ERROR_AUTH, "tried");
}

static void test_auth_keyboard_interactive_and_both(void **state)
{
	static const struct {
		const char *config;
		bool has_key;
		const char *words;	/* without the password */
	} cases[] = {
		{"UsePAM yes\nPasswordAuthentication no\n"
		 "KbdInteractiveAuthentication yes\n", false, "keyboard"},
		{"PasswordAuthentication yes\n"
		 "AuthenticationMethods publickey,password\n", true,
		 "wants password as well (-k asks for a password)"},
		{"UsePAM yes\nKbdInteractiveAuthentication yes\n"
		 "AuthenticationMethods publickey,keyboard-interactive\n",
		 true, "wants keyboard-interactive as well"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct sshd *other = sshd_start(cases[i].config);
		struct login login = {.to = other};

		login.user = sshd_add_user(other, NULL, NULL);
		login.key = cases[i].has_key ? other->key : other->other_key;
		if (!login.user)
			skip();
		assert_true(sshd_set_password(login.user, PASSWORD));
		expect(&login, MUSTER_ERROR_AUTH, cases[i].words);
		login.password = "not-it";
		expect(&login, MUSTER_ERROR_AUTH, "");
		login.password = PASSWORD;
		expect(&login, -1, NULL);
		sshd_stop(other);
	}
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
		cmocka_unit_test(
			test_auth_passphrase_is_asked_once_for_twenty),
		cmocka_unit_test(
			test_auth_wrong_passphrase_is_asked_three_times),
		cmocka_unit_test(test_auth_prompt_keeps_nobody_else_waiting),
		WITH_AGENT(test_auth_certificate_logs_in),
		WITH_AGENT(test_auth_certificate_in_agent_logs_in),
		cmocka_unit_test(test_auth_agent_that_dies_is_not_waited_for),
		cmocka_unit_test(test_auth_password_only_when_given),
		cmocka_unit_test(test_auth_keyboard_interactive_and_both),
	};
	/* before GLib looks at HOME, which it does once */
	home = g_dir_make_tmp("muster-home-XXXXXX", NULL);
	g_setenv("HOME", home, TRUE);
	g_unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
