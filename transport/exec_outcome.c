/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of a command: its result, its error and what the log is told.
 */
#include "exec.h"
#include "error.h"
#include "exec_priv.h"
#include "run_priv.h"
#include "session_priv.h"
#include "sudo.h"

#include <string.h>

#define TAIL_LINES 3
#define TAIL_BYTES 600

char *exec_tail(const struct session *session, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *clean = redactor_apply(session->transport->redactor,
						valid);
	g_auto(GStrv) lines = g_strsplit(clean, "\n", -1);
	GString *out = g_string_new(NULL);
	int taken = 0;

	for (guint i = g_strv_length(lines); i > 0 && taken < TAIL_LINES;
	     i--) {
		char *line = g_strstrip(lines[i - 1]);
		for (char *c = line; *c; c++)
			if (g_ascii_iscntrl(*c))
				*c = ' ';
		if (!*line)
			continue;
		if (taken++ > 0)
			g_string_prepend(out, " | ");
		g_string_prepend(out, line);
	}
	if (out->len > TAIL_BYTES) {
		const char *from = g_utf8_find_next_char(
			out->str + out->len - TAIL_BYTES, NULL);
		g_string_erase(out, 0, from - out->str);
		g_string_prepend(out, "...");
	}
	return g_string_free(out, FALSE);
}

static char *said(const struct session *session,
		  const struct exec_request *request, const struct run *run)
{
	if (request->private_output)
		return g_strdup("(what it said is secret)");
	g_autofree char *err = exec_tail(session, run->err->str);
	return *err ? g_steal_pointer(&err) : exec_tail(session, run->out->str);
}

/* The prelude never ran: sudo's doing, or the login shell's. */
static void set_not_started(const struct session *session,
			    const struct exec_request *request,
			    const struct run *run, GError **error)
{
	const char *user = session_user(session);
	g_autofree char *prefix = sudo_prefix(session->host, user,
					      run->become);
	g_autofree char *text = exec_tail(session, run->err->str);

	if (*prefix && !request->as_login_user) {
		sudo_set_error(error, request->title, user, run->become, text,
			       run->status);
		return;
	}
	g_autofree char *words = *text ? g_steal_pointer(&text)
				       : exec_tail(session, run->out->str);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "%s: the login shell of '%s' does not run commands: exit "
		    "status %d: %s", request->title, user, run->status, words);
}

bool exec_judge(const struct session *session,
		const struct exec_request *request, const struct run *run,
		bool started, GError **error)
{
	size_t max = run->keep_max;

	if (run->overflow || run->out->len > max || run->err->len > max) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT_LIMIT,
			    "%s: printed more than %zu bytes",
			    request->title, max);
		return false;
	}
	g_autofree char *words = said(session, request, run);
	if (run->become->refused) {
		set_not_started(session, request, run, error);
		return false;
	}
	if (run->signal) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_SIGNALLED,
			    "%s: killed by signal %s%s%s", request->title,
			    run->signal, *words ? ": " : "", words);
		return false;
	}
	if (!started) {
		set_not_started(session, request, run, error);
		return false;
	}
	if (run->status == 0 || request->accept_failure)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "%s: exit status %d%s%s", request->title, run->status,
		    *words ? ": " : "", words);
	return false;
}

struct exec_result *exec_new_result(struct run *run, gint64 elapsed_us)
{
	struct exec_result *result = g_new0(struct exec_result, 1);

	result->out_length = run->out->len;
	result->err_length = run->err->len;
	result->out = g_string_free(g_steal_pointer(&run->out), FALSE);
	result->err = g_string_free(g_steal_pointer(&run->err), FALSE);
	result->status = run->status;
	result->elapsed_us = elapsed_us;
	return result;
}

void exec_result_free(struct exec_result *result)
{
	if (!result)
		return;
	g_free(result->out);
	g_free(result->err);
	g_free(result);
}

void exec_log(const struct session *session,
	      const struct exec_request *request, const struct run *run,
	      const GError *why, gint64 elapsed_us)
{
	const struct transport *transport = session->transport;
	if (!transport->log)
		return;

	bool secret = request->private_output;
	bool ended = !why || why->code == MUSTER_ERROR_COMMAND;
	g_autofree char *err = secret ? NULL : g_strdup(run->err->str);
	if (!ended) {
		g_autofree char *before = g_steal_pointer(&err);
		err = g_strconcat(before ? before : "", why->message, NULL);
	}
	transport->log(session->host, request->title,
		       secret ? NULL : run->out->str, err,
		       ended ? run->status : -1, elapsed_us,
		       transport->log_data);
}

void exec_add_what_sudo_said(const struct session *session,
			     const struct run *run, GError **error)
{
	g_autofree char *text = exec_tail(session, run->err->str);

	if (!*error || (*error)->code != MUSTER_ERROR_DEADLINE ||
	    !run->become->prompt || run->started || !*text)
		return;
	g_autoptr(GError) before = g_steal_pointer(error);

	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_SUDO,
		    "%s; sudo never let us in, it said: %s", before->message,
		    text);
}
