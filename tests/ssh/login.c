/* SPDX-License-Identifier: Apache-2.0
 *
 * A transport of its own for each login, so that nothing is remembered.
 */
#include "login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

char *login_encrypted_key(const struct sshd *sshd, const char *name,
			  bool has_public)
{
	char *path = g_build_filename(sshd->dir, name, NULL);
	g_autofree char *from = g_strconcat(sshd->key, ".pub", NULL);
	g_autofree char *to = g_strconcat(path, ".pub", NULL);

	assert_true(RUN("cp", sshd->key, path) &&
		    RUN("ssh-keygen", "-q", "-p", "-N", LOGIN_PASSPHRASE,
			"-f", path));
	if (has_public)
		assert_true(RUN("cp", from, to));
	return path;
}

void login_try(const struct transport_options *options,
	       const struct host *host, int code, const char *words)
{
	g_autoptr(GError) error = NULL;
	struct rig rig;

	rig_init(&rig, options);
	struct session *session = session_new(rig.transport, host);
	bool good = session_connect(session, in_seconds(30), &error);

	if (error)
		print_message("%s\n", error->message);
	assert_int_equal(good ? -1 : error->code, code);
	if (words)
		assert_non_null(strstr(error->message, words));
	if (!good)
		assert_null(strstr(error->message, LOGIN_PASSWORD));
	assert_int_equal(session_is_connected(session), good);
	session_free(session);
	rig_clear(&rig);
}

void login_expect(const struct login *login, int code, const char *words)
{
	const struct sshd *to = login->to;
	struct transport_options options = sshd_options(to);
	struct host host = sshd_host(to, login->user ? login->user : "root");
	g_autofree char *config = login->config
		? sshd_write(to, "ssh_config", login->config, 0600) : NULL;

	options.use_agent = true;
	options.ssh_config = config ? config : "none";
	options.password = login->password;
	options.ask = login->ask;
	options.ask_data = login->ask_data;
	host.private_key_file = (char *)(guintptr)login->key;
	login_try(&options, &host, code, words);
}
