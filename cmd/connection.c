/* SPDX-License-Identifier: Apache-2.0
 *
 * A password comes from a terminal, a file or a pipe, never from an argument
 * or the environment: others can read those.
 */
#include "connection.h"

#include "ask.h"

#include "transport/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX_BYTES 4096

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	g_clear_pointer(secret, g_free);
}

static bool ask_for(char **to, const char *prompt, const char *option,
		    struct cancel *cancel, GError **error)
{
	*to = ask_secret(prompt, cancel);
	if (*to)
		return true;
	if (cancel_is_stopped(cancel))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "stopped");
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "%s: there is no terminal to ask at%s", option,
			    strcmp(option, "-K") == 0
			    ? " (give --become-password-file FILE)" : "");
	return false;
}

/* The first line of a file; - is standard input. */
static bool read_secret(char **to, const char *path, GError **error)
{
	char line[FILE_MAX_BYTES] = "";
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");

	if (!file) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "cannot read '%s': %s", path, g_strerror(errno));
		return false;
	}
	bool has_line = fgets(line, sizeof(line), file) != NULL;

	if (!is_stdin)
		fclose(file);
	line[strcspn(line, "\r\n")] = '\0';
	if (has_line && *line)
		*to = g_strdup(line);
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "'%s' has no password in its first line",
			    is_stdin ? "standard input" : path);
	explicit_bzero(line, sizeof(line));
	return *to != NULL;
}

static bool get_become_password(struct connection *c, const struct options *o,
				struct cancel *cancel, GError **error)
{
	if (o->become_password_file)
		return read_secret(&c->become_password,
				   o->become_password_file, error);
	if (!o->ask_become_password)
		return true;
	if (!ask_for(&c->become_password, o->ask_password
		     ? "Password for sudo (empty: the one for SSH): "
		     : "Password for sudo: ", "-K", cancel, error))
		return false;
	if (!*c->become_password && c->password) {
		g_free(c->become_password);
		c->become_password = g_strdup(c->password);
	}
	return true;
}

/* On the thread of a host; a line is one write. */
static void print_note(const struct host *host, const char *text, void *data)
{
	(void)data;
	fprintf(stderr, "muster: %s: %s\n", host->name, text);
}

bool connection_init(struct connection *connection,
		     const struct options *options, struct cancel *cancel,
		     GError **error)
{
	struct connection *c = connection;
	const struct options *o = options;

	memset(c, 0, sizeof(*c));
	if ((o->ask_password &&
	     !ask_for(&c->password, "Password for SSH: ", "-k", cancel,
		      error)) ||
	    !get_become_password(c, o, cancel, error)) {
		connection_clear(c);
		return false;
	}
	c->transport = (struct transport_options) {
		.host_key_policy = o->host_key_policy,
		.known_hosts = o->known_hosts,
		.ssh_config = o->ssh_config,
		.user = o->user,
		.private_key_file = o->private_key_file,
		.jump = o->jump,
		.connect_forks = (unsigned)o->connect_forks,
		.use_agent = true,
		.password = c->password,
		.become_password = c->become_password,
		.ask = ask_is_possible() ? ask_secret : NULL,
		.ask_data = cancel,
		.connect_timeout_us = o->connect_timeout_us,
		.note = print_note,
	};
	return true;
}

void connection_clear(struct connection *connection)
{
	wipe(&connection->password);
	wipe(&connection->become_password);
}
