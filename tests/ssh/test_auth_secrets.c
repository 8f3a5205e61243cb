/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets that a person knows: passphrases, asked for once and by nobody's
 * leave but his who needs them; passwords, only when given.
 */
#include "login.h"
#include "transport/error.h"
#include "transport/fleet.h"
#include "transport/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sshd *sshd;

static int start_server(void **state)
{
	(void)state;
	sshd = sshd_start("PasswordAuthentication yes");
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	sshd_stop(sshd);
	return 0;
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
	g_autofree char *key = login_encrypted_key(sshd, "shared", true);
	struct person person = {.answer = LOGIN_PASSPHRASE};
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
	g_autofree char *key = login_encrypted_key(sshd, "thrice", true);
	struct person person = {.answer = "wrong"};
	struct person silent = {.answer = NULL};
	struct login login = {.to = sshd, .key = key, .ask = person_answers,
			      .ask_data = &person};
	(void)state;
	login_expect(&login, MUSTER_ERROR_KEY_FILE, "encrypted");
	assert_int_equal(person.asked, 3);
	assert_non_null(strstr(person.last, "That was not it"));
	login.ask_data = &silent;
	login_expect(&login, MUSTER_ERROR_KEY_FILE, "encrypted");
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
	return g_strdup(LOGIN_PASSPHRASE);
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
	g_autofree char *key = login_encrypted_key(sshd, "slow", true);
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

/* --- passwords --- */

static void test_auth_password_only_when_given(void **state)
{
	struct login login = {.to = sshd, .key = sshd->other_key};
	(void)state;
	login.user = sshd_add_user(sshd, NULL, NULL);
	if (!login.user)
		skip();
	assert_true(sshd_set_password(login.user, LOGIN_PASSWORD));
	login_expect(&login, MUSTER_ERROR_AUTH, "-k asks for a password");
	login.password = LOGIN_PASSWORD;
	login_expect(&login, -1, NULL);
	login.password = "not-it";
	login_expect(&login, MUSTER_ERROR_AUTH, "tried");
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
		assert_true(sshd_set_password(login.user, LOGIN_PASSWORD));
		login_expect(&login, MUSTER_ERROR_AUTH, cases[i].words);
		login.password = "not-it";
		login_expect(&login, MUSTER_ERROR_AUTH, "");
		login.password = LOGIN_PASSWORD;
		login_expect(&login, -1, NULL);
		sshd_stop(other);
	}
}

/* The hosts' password opens this jump host too, and is not to be tried. */
static void test_auth_password_is_not_for_jump_hosts(void **state)
{
	const char *user = sshd_add_user(sshd, NULL, NULL);
	struct login login = {.to = sshd, .key = sshd->key,
			      .password = LOGIN_PASSWORD};
	(void)state;
	if (!user)
		skip();
	assert_true(sshd_set_password(user, LOGIN_PASSWORD));
	g_autofree char *config = g_strdup_printf(
		"Host gate\n HostName 127.0.0.1\n Port %u\n User %s\n"
		" IdentityFile %s\n IdentitiesOnly yes\n"
		"Host 127.0.0.1\n ProxyJump gate\n",
		sshd->port, user, sshd->other_key);

	login.config = config;
	login_expect(&login, MUSTER_ERROR_AUTH, "jump host");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_auth_passphrase_is_asked_once_for_twenty),
		cmocka_unit_test(
			test_auth_wrong_passphrase_is_asked_three_times),
		cmocka_unit_test(test_auth_prompt_keeps_nobody_else_waiting),
		cmocka_unit_test(test_auth_password_only_when_given),
		cmocka_unit_test(test_auth_keyboard_interactive_and_both),
		cmocka_unit_test(test_auth_password_is_not_for_jump_hosts),
	};
	g_unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
