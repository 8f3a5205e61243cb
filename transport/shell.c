/* SPDX-License-Identifier: Apache-2.0 */
#include "shell_priv.h"
#include "exec_priv.h"

#include <string.h>

#define INPUT_MAX ((size_t)32 * 1024)
#define QUOTED_MAX 4	/* bytes that one may become */
#define ROOM 4096	/* for the text around a request */

/* $1: the first request, which saves the round trip that input would cost:
 * sshd takes none before it has answered the request for the command. */
static const char stay[] =
	EXEC_SET_ENVIRONMENT
	"eval \"$1\"; exec /bin/sh -s";

/* Before the script: it runs beside the shell, so that a signal from sshd
 * finds the shell waiting, and is handed on. */
static const char before[] =
	"p=; trap 'kill -TERM \"$p\" 2>/dev/null; exit 143' TERM; "
	"command -v timeout >/dev/null 2>&1 || limit=; ";
static const char run_script[] =
	"${limit:+timeout -k 5 \"$limit\"} /bin/sh -c";

static const char after[] =
	" & p=$!; wait \"$p\"; s=$?; trap - TERM; "
	"printf '\\n%s %s\\n' \"$mark\" \"$s\" >&2; "
	"printf '\\n%s %s\\n' \"$mark\" \"$s\"; }\n";

/* The first request is on a command line, where input has no business. */
static bool takes_input(const struct session *session,
			const struct exec_request *request)
{
	return !request->input ||
		(session->shell && request->input_length <= INPUT_MAX &&
		 !memchr(request->input, '\0', request->input_length));
}

bool shell_serves(const struct session *session,
		  const struct exec_request *request)
{
	return session->expects_more && !request->as_login_user &&
		!request->on_output && takes_input(session, request) &&
		strlen(request->script) <= EXEC_SCRIPT_MAX;
}

static void forget(struct session *session)
{
	ssh_channel_free(session->shell);
	session->shell = NULL;
}

void shell_check(struct session *session)
{
	if (session->shell && (!ssh_channel_is_open(session->shell) ||
			       ssh_channel_is_eof(session->shell)))
		forget(session);
}

/* By a printf that is the shell's own. */
static void append_input(GString *text, const struct exec_request *request)
{
	if (!request->input)
		return;
	char *input = g_strndup(request->input, request->input_length);

	g_string_append(text, "printf %s");
	exec_append_quoted(text, input);
	g_string_append(text, " | ");
	explicit_bzero(input, request->input_length);
	g_free(input);
}

/* Enough for all of it, quoted: text that had to grow would leave copies of
 * secrets behind in memory. */
static gsize room_for(const struct exec_request *request)
{
	gsize words = strlen(request->script) + request->input_length;

	for (const char *const *arg = request->args; arg && *arg; arg++)
		words += strlen(*arg);
	return ROOM + QUOTED_MAX * words;
}

char *shell_text(const struct exec_request *request, const char *mark,
		 gint64 limit)
{
	GString *text = g_string_sized_new(room_for(request));

	/* in braces: all of it has to arrive before any of it runs */
	g_string_append_printf(text, "{ mark=%s limit=", mark);
	if (limit > 0)
		g_string_append_printf(text, "%" G_GINT64_FORMAT, limit);
	g_string_append(text, "; echo \"$mark\"; echo \"$mark\" >&2; ");
	g_string_append(text, before);
	append_input(text, request);
	g_string_append(text, run_script);
	exec_append_quoted(text, request->script);
	g_string_append(text, " muster");
	for (const char *const *arg = request->args; arg && *arg; arg++)
		exec_append_quoted(text, *arg);
	if (!request->input)
		g_string_append(text, " </dev/null");
	g_string_append(text, after);
	return g_string_free(text, FALSE);
}

char *shell_command_line(const char *prefix, const char *text)
{
	/* exec, so that a signal sent to the login shell hits its target */
	GString *line = g_string_new("exec ");

	g_string_append_printf(line, "%s/bin/sh -c", prefix);
	exec_append_quoted(line, stay);
	g_string_append(line, " muster");
	exec_append_quoted(line, text);
	return g_string_free(line, FALSE);
}

bool shell_end(struct session *session, gint64 deadline_us, GError **error)
{
	gint64 begun_us = g_get_monotonic_time();

	if (!session->shell)
		return true;
	(void)ssh_channel_send_eof(session->shell);
	for (;;) {
		if (!session_pump(session, error))
			return false;
		if (ssh_channel_is_closed(session->shell))
			break;
		if (!session_wait(session, begun_us, deadline_us, error))
			return false;
	}
	forget(session);
	return true;
}
