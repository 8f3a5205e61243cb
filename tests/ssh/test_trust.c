/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting to know hosts, with real servers: what each kind of known_hosts line
 * makes of a key, what is written and what never is; and the command, without
 * a terminal.
 */
#include "sshd.h"
#include "cmd/cmd.h"
#include "transport/error.h"
#include "transport/trust.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct sshd *sshd, *other;

static int start_servers(void **state)
{
	(void)state;
	sshd = sshd_start(NULL);
	other = sshd_start(NULL);
	return 0;
}

static int stop_servers(void **state)
{
	(void)state;
	sshd_stop(sshd);
	sshd_stop(other);
	return 0;
}

static char *read_file(const char *path)
{
	char *text = NULL;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

/* A line for the server, with its own key or another. */
static char *line(const char *marker, const char *key, const char *end)
{
	return g_strdup_printf("%s[127.0.0.1]:%u %s%s", marker, sshd->port,
			       key, end);
}

/* --- pieces --- */

struct asked {
	struct rig rig;
	struct host host;
	struct session *session;
	struct trust_offer *offer;
	char *path;
};

static void ask(struct asked *a, const char *known_hosts)
{
	struct transport_options options = sshd_options(sshd);
	g_autoptr(GError) error = NULL;

	a->path = sshd_write(sshd, "known-test", known_hosts, 0600);
	options.known_hosts = a->path;
	options.ssh_config = "none";
	rig_init(&a->rig, &options);
	a->host = sshd_host(sshd, "root");
	a->session = session_new(a->rig.transport, &a->host);
	a->offer = trust_ask(a->session, in_seconds(30), &error);
	if (!a->offer)
		fail_msg("%s", error->message);
}

static void asked_clear(struct asked *a)
{
	trust_offer_free(a->offer);
	session_free(a->session);
	rig_clear(&a->rig);
	g_free(a->path);
}

static char *nothing(void)
{
	return g_strdup("");
}

static char *own_key(void)
{
	return line("", sshd->host_key, "\n");
}

static char *own_key_dos(void)
{
	return line("", sshd->host_key, "\r\n");
}

static char *own_key_unended(void)
{
	return line("", sshd->host_key, "");
}

static char *other_key(void)
{
	return line("", other->host_key, "\n");
}

static char *other_key_dos(void)
{
	return line("", other->host_key, "\r\n");
}

static char *both_keys(void)
{
	g_autofree char *one = other_key(), *two = own_key();

	return g_strconcat(one, two, NULL);
}

static char *revoked(void)
{
	g_autofree char *one = own_key();
	g_autofree char *two = line("@revoked ", sshd->host_key, "\n");

	return g_strconcat(one, two, NULL);
}

static char *authority(void)
{
	return line("@cert-authority ", other->host_key, "\n");
}

static char *unreadable(void)
{
	return line("", "ssh-ed25519 not-base64!", "\n");
}

static char *behind_long_line(void)
{
	g_autofree char *filler = g_strnfill(20000, 'A');
	g_autofree char *last = other_key();

	return g_strdup_printf("far ssh-rsa %s\n%s", filler, last);
}

static char *hashed(const char *key)
{
	g_autofree char *text = line("", key, "\n");
	g_autofree char *path = sshd_write(sshd, "to-hash", text, 0600);
	const char *const argv[] = {"ssh-keygen", "-q", "-H", "-f", path,
				    NULL};

	assert_true(run_local(argv));
	char *got = read_file(path);

	assert_true(g_str_has_prefix(got, "|1|"));
	return got;
}

static char *own_key_hashed(void)
{
	return hashed(sshd->host_key);
}

static char *other_key_hashed(void)
{
	return hashed(other->host_key);
}

static char *of_another_port(void)
{
	return g_strdup_printf("[127.0.0.1]:%u %s\n", sshd->port + 1,
			       other->host_key);
}

static void test_trust_lines_are_judged_and_kept(void **state)
{
	static const struct {
		char *(*make)(void);
		enum trust_state want;
		int code;		/* for TRUST_REFUSED */
	} cases[] = {
		{nothing, TRUST_NEW, 0},
		{of_another_port, TRUST_NEW, 0},
		{own_key, TRUST_KNOWN, 0},
		{own_key_dos, TRUST_KNOWN, 0},
		{own_key_unended, TRUST_KNOWN, 0},
		{own_key_hashed, TRUST_KNOWN, 0},
		{both_keys, TRUST_KNOWN, 0},
		{other_key, TRUST_REFUSED, MUSTER_ERROR_HOST_KEY_CHANGED},
		{other_key_dos, TRUST_REFUSED, MUSTER_ERROR_HOST_KEY_CHANGED},
		{other_key_hashed, TRUST_REFUSED,
		 MUSTER_ERROR_HOST_KEY_CHANGED},
		{behind_long_line, TRUST_REFUSED,
		 MUSTER_ERROR_HOST_KEY_CHANGED},
		{revoked, TRUST_REFUSED, MUSTER_ERROR_HOST_KEY_REVOKED},
		{unreadable, TRUST_REFUSED, MUSTER_ERROR_HOST_KEY_UNREADABLE},
		/* told, and not taken for a line that knows the host */
		{authority, TRUST_REFUSED, MUSTER_ERROR_HOST_KEY_UNREADABLE},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = cases[i].make();
		g_autoptr(GError) error = NULL;
		struct asked a;

		ask(&a, text);
		if (a.offer->state != cases[i].want)
			fail_msg("case %zu: state %d", i, (int)a.offer->state);
		if (cases[i].want == TRUST_REFUSED) {
			assert_int_equal(a.offer->why->code, cases[i].code);
			assert_false(trust_accept(a.session, a.offer, &error));
		}
		g_autofree char *after = read_file(a.path);

		assert_string_equal(after, text);
		asked_clear(&a);
	}
}

static void test_trust_accept_writes_a_line_of_its_own(void **state)
{
	static const char *const before[] = {
		"", "# mine\n", "far ssh-ed25519 AAAA", "far x\r\n"};
	g_autofree char *want = own_key();
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(before); i++) {
		struct asked a, again;
		g_autoptr(GError) error = NULL;

		ask(&a, before[i]);
		assert_true(g_str_has_prefix(a.offer->fingerprint, "SHA256:"));
		if (!trust_accept(a.session, a.offer, &error) ||
		    !trust_accept(a.session, a.offer, &error))
			fail_msg("%s", error->message);
		g_autofree char *after = read_file(a.path);
		bool ended = !*before[i] || g_str_has_suffix(before[i], "\n");
		g_autofree char *text = g_strconcat(
			before[i], ended ? "" : "\n", want, NULL);

		assert_string_equal(after, text);
		asked_clear(&a);
		ask(&again, after);
		assert_int_equal(again.offer->state, TRUST_KNOWN);
		asked_clear(&again);
	}
}

/* Somebody else writes between the question and the answer. */
static void test_trust_key_written_meanwhile_counts(void **state)
{
	static const struct {
		char *(*make)(void);
		bool good;
	} cases[] = {{own_key, true}, {other_key, false}, {revoked, false}};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = cases[i].make();
		g_autoptr(GError) error = NULL;
		struct asked a;

		ask(&a, "");
		assert_int_equal(a.offer->state, TRUST_NEW);
		assert_true(g_file_set_contents(a.path, text, -1, NULL));
		assert_int_equal(trust_accept(a.session, a.offer, &error),
				 cases[i].good);
		g_autofree char *after = read_file(a.path);

		assert_string_equal(after, text);
		asked_clear(&a);
	}
}

/* --- the command --- */

struct done {
	int status;
	char *out, *err;
};

static void become_trust(const char *out, const char *err, char **argv)
{
	int fds[] = {open("/dev/null", O_RDONLY | O_CLOEXEC),
		     open(out, O_WRONLY | O_CLOEXEC),
		     open(err, O_WRONLY | O_CLOEXEC)};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();	/* no terminal to ask at */
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	int status = cmd_trust((int)g_strv_length(argv), argv);

	fflush(NULL);
	_exit(status);
}

static struct done trust(const char *inventory, const char *known,
			 const char *option, const char *value)
{
	g_autofree char *file = sshd_write(sshd, "inventory", inventory, 0600);
	g_autofree char *out = sshd_write(sshd, "out", "", 0600);
	g_autofree char *err = sshd_write(sshd, "err", "", 0600);
	const char *words[] = {"trust", "-i", file, "-F", "none",
		"--known-hosts", known, "-T", "5", option, value, NULL};
	g_auto(GStrv) argv = g_strdupv((char **)(guintptr)words);
	struct done done = {0};
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become_trust(out, err, argv);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	done.status = WEXITSTATUS(status);
	done.out = read_file(out);
	done.err = read_file(err);
	print_message("%s%s", done.out, done.err);
	return done;
}

static void done_clear(struct done *done)
{
	g_free(done->out);
	g_free(done->err);
}

static char *fingerprint_of(const struct sshd *server)
{
	g_autofree char *file = sshd_write(sshd, "one-key", server->host_key,
					   0600);
	char *argv[] = {(char[]){"ssh-keygen"}, (char[]){"-lf"}, file, NULL};
	g_autofree char *out = NULL;

	assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
				 NULL, &out, NULL, NULL, NULL));
	g_auto(GStrv) words = g_strsplit(out, " ", -1);

	return g_strdup(words[1]);
}

static void test_trust_command_compares_with_a_list(void **state)
{
	g_autofree char *right = fingerprint_of(sshd);
	g_autofree char *wrong = fingerprint_of(other);
	const struct {
		const char *text;
		const char *fingerprint;
		int status;
		const char *words;
	} cases[] = {
		{"one %s\n", right, 0, "1 key written"},
		{"# one x\r\n127.0.0.1,other %s\r\n", right, 0,
		 "1 key written"},
		{"256 %s one (ED25519)\n", right, 0, "1 key written"},
		{"one %s\n", wrong, 76, "another key for it"},
		{"two %s\n", right, 4, "no line for it"},
		{"# one %s\n", right, 4, "no line for it"},
				{"", right, 4, "no line for it"},
	};
	g_autofree char *inventory = g_strdup_printf(
		"one ansible_host=127.0.0.1 ansible_port=%u\n", sshd->port);
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) parts = g_strsplit(cases[i].text, "%s", 2);
		g_autofree char *text = parts[0] && parts[1]
			? g_strconcat(parts[0], cases[i].fingerprint,
				      parts[1], NULL) : g_strdup("");
		g_autofree char *list = sshd_write(sshd, "list", text, 0600);
		g_autofree char *known = sshd_write(sshd, "known-cmd", "",
						    0600);
		struct done done = trust(inventory, known, "--fingerprints",
					 list);
		g_autofree char *after = read_file(known);

		if (done.status != cases[i].status)
			fail_msg("case %zu: exit %d", i, done.status);
		assert_true(strstr(done.out, cases[i].words) ||
			    strstr(done.err, cases[i].words));
		assert_non_null(strstr(done.out, right));
		assert_int_equal(*after != '\0', cases[i].status == 0);
		done_clear(&done);
	}
}

static void test_trust_command_without_terminal_writes_nothing(void **state)
{
	g_autofree char *inventory = g_strdup_printf(
		"[all]\none ansible_host=127.0.0.1 ansible_port=%u\n"
		"two ansible_host=127.0.0.1 ansible_port=%u\n", sshd->port,
		other->port);
	g_autofree char *known = sshd_write(sshd, "known-cmd", "", 0600);
	(void)state;
	struct done done = trust(inventory, known, "-q", NULL);
	g_autofree char *after = read_file(known);

	assert_int_equal(done.status, 1);
	assert_non_null(strstr(done.err, "no terminal"));
	assert_string_equal(after, "");
	done_clear(&done);
	done = trust(inventory, known, "--fingerprints", "/nonexistent");
	assert_int_equal(done.status, 66);
	done_clear(&done);
}

static void test_trust_command_tells_changed_and_known(void **state)
{
	g_autofree char *inventory = g_strdup_printf(
		"one ansible_host=127.0.0.1 ansible_port=%u\n"
		"two ansible_host=127.0.0.1 ansible_port=%u\n", sshd->port,
		other->port);
	g_autofree char *text = g_strdup_printf(
		"[127.0.0.1]:%u %s\n[127.0.0.1]:%u %s\n", sshd->port,
		sshd->host_key, other->port, sshd->host_key);
	g_autofree char *known = sshd_write(sshd, "known-cmd", text, 0600);
	g_autofree char *list = sshd_write(sshd, "list", "", 0600);
	(void)state;
	struct done done = trust(inventory, known, "--fingerprints", list);
	g_autofree char *after = read_file(known);

	assert_int_equal(done.status, 76);
	assert_non_null(strstr(done.out, "1 host is known already"));
	assert_non_null(strstr(done.err, "two: check host key:"));
	assert_string_equal(after, text);
	done_clear(&done);
}

/* Hosts behind one that is down fail in one line, not each in its own. */
static void test_trust_command_folds_what_lies_behind_a_dead_gate(
	void **state)
{
	g_autoptr(GString) inventory = g_string_new(NULL);
	g_autofree char *known = sshd_write(sshd, "known-cmd", "", 0600);
	(void)state;
	for (int i = 1; i <= 9; i++)
		g_string_append_printf(inventory, "w%d ansible_host=10.9.9.%d "
				       "ansible_ssh_common_args='-J "
				       "root@127.0.0.1:1'\n", i, i);
	struct done done = trust(inventory->str, known, "-q", NULL);
	guint lines = 0;

	for (const char *c = done.err; *c; c++)
		lines += *c == '\n';
	assert_int_equal(done.status, 4);
	assert_int_equal(lines, 2);
	assert_non_null(strstr(done.err, "root@127.0.0.1:1: "));
	assert_non_null(strstr(done.err, "w[1-9]: jump host "));
	done_clear(&done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust_lines_are_judged_and_kept),
		cmocka_unit_test(test_trust_accept_writes_a_line_of_its_own),
		cmocka_unit_test(test_trust_key_written_meanwhile_counts),
		cmocka_unit_test(test_trust_command_compares_with_a_list),
		cmocka_unit_test(
			test_trust_command_without_terminal_writes_nothing),
		cmocka_unit_test(test_trust_command_tells_changed_and_known),
		cmocka_unit_test(
			test_trust_command_folds_what_lies_behind_a_dead_gate),
	};
	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
