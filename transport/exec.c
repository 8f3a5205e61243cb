/* SPDX-License-Identifier: Apache-2.0
 *
 * One channel, one script. A short fixed prelude on the command line marks on
 * both streams where the script's own output begins (what rc files print comes
 * before it, and without a mark sudo never let us in), sets the environment,
 * and starts the script under timeout(1), so that it ends on time even when
 * nobody is left to tell it to.
 */
#include "exec.h"
#include "error.h"
#include "exec_priv.h"
#include "run_priv.h"
#include "session_priv.h"
#include "shell_priv.h"
#include "sudo.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define OUTPUT_MAX ((size_t)1024 * 1024)
#define COMMAND_MAX ((size_t)120 * 1024) /* Linux: 128 KiB for one argument */
#define TIMEOUT_SLACK_S 10	/* the far end's deadline comes after ours */
#define NO_TIMEOUT_US G_TIME_SPAN_DAY /* so far off a deadline is none there */

/* $1 mark, $2 seconds or 0, then the arguments of /bin/sh. */
static const char prelude[] =
	"printf \"%s\\n\" \"$1\"; printf \"%s\\n\" \"$1\" >&2; limit=$2; "
	"shift 2; " EXEC_SET_ENVIRONMENT
	"if [ \"$limit\" -gt 0 ] && command -v timeout >/dev/null 2>&1; then "
	"exec timeout -k 5 \"$limit\" /bin/sh \"$@\"; fi; "
	"exec /bin/sh \"$@\"";

static void append_quoted(GString *out, const char *word)
{
	g_string_append_c(out, '\'');
	for (const char *c = word; *c; c++) {
		if (*c == '\'')
			g_string_append(out, "'\\''");
		else
			g_string_append_c(out, *c);
	}
	g_string_append_c(out, '\'');
}

char *shell_quote(const char *word)
{
	GString *out = g_string_new(NULL);

	append_quoted(out, word);
	return g_string_free(out, FALSE);
}

void exec_append_quoted(GString *line, const char *word)
{
	g_string_append_c(line, ' ');
	append_quoted(line, word);
}

char *exec_new_mark(void)
{
	guint64 random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		g_error("getrandom: %s", g_strerror(errno));
	return g_strdup_printf("muster-%016" G_GINT64_MODIFIER "x%08"
			       G_GINT64_MODIFIER "x", random[0],
			       random[1] & G_MAXUINT32);
}

/* In braces the shell has to read all of it before it does any of it: a
 * connection that drops half way runs nothing, and commands in the script
 * cannot eat the rest of it from standard input. */
static char *in_braces(const char *script)
{
	return g_strconcat("{\n", script, "\n} </dev/null\n", NULL);
}

/* Seconds after which the far end gives up by itself; 0: never. */
static gint64 far_limit(const struct exec_request *request)
{
	gint64 left = request->deadline_us - g_get_monotonic_time();

	return left > NO_TIMEOUT_US ? 0
		: MAX(left, 0) / G_TIME_SPAN_SECOND + TIMEOUT_SLACK_S;
}

static char *prefix_of(const struct session *session,
		       const struct exec_request *request,
		       const struct become *become)
{
	return request->as_login_user ? g_strdup("")
		: sudo_prefix(session->host, session_user(session), become);
}

/* `script`: $0 of the shell is muster; NULL if it comes by standard input. */
static char *command_line(const struct session *session,
			  const struct exec_request *request,
			  const char *script, const char *mark,
			  const struct become *become)
{
	g_autofree char *limit = g_strdup_printf("%" G_GINT64_FORMAT,
						 far_limit(request));
	g_autofree char *prefix = prefix_of(session, request, become);

	/* exec, so that a signal sent to the login shell hits its target. */
	GString *line = g_string_new("exec ");
	g_string_append_printf(line, "%s/bin/sh -c", prefix);
	exec_append_quoted(line, prelude);
	g_string_append(line, " muster");
	exec_append_quoted(line, mark);
	exec_append_quoted(line, limit);
	if (script) {
		g_string_append(line, " -c");
		exec_append_quoted(line, script);
		g_string_append(line, " muster");
	} else {
		g_string_append(line, " -s --");
	}
	for (const char *const *arg = request->args; arg && *arg; arg++)
		exec_append_quoted(line, *arg);
	return g_string_free(line, FALSE);
}

/* What goes to the host, and how: its parts are borrowed by the run. */
struct words {
	char *script, *command;
};

/* There may be secrets in it: a shell that stays has its input with the
 * script. */
static void words_clear(struct words *words)
{
	if (words->script)
		explicit_bzero(words->script, strlen(words->script));
	g_free(words->script);
	g_free(words->command);
	*words = (struct words){ NULL };
}
typedef struct words Words; /* for g_auto(Words) */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Words, words_clear)

/* In a channel of its own. */
static void prepare_channel(const struct session *session,
			    const struct exec_request *request,
			    struct run *run, struct words *words)
{
	words->script = request->input ? g_strdup(request->script)
				       : in_braces(request->script);
	/* sshd takes input only when it has answered the request for the
	 * command, so a script that comes with that saves a round trip */
	bool by_input = !request->input && strlen(words->script) >
		EXEC_SCRIPT_MAX;

	words->command = command_line(session, request,
				      by_input ? NULL : words->script,
				      run->mark, run->become);
	run->input = by_input ? words->script : request->input;
	run->input_length = by_input ? strlen(words->script)
				     : request->input_length;
}

/* In a shell that stays. False: it is none for this request. */
static bool prepare_shell(struct session *session,
			  const struct exec_request *request, struct run *run,
			  struct words *words)
{
	bool is_up = session->shell != NULL;

	if (!shell_serves(session, request))
		return false;
	words->script = shell_text(request, run->mark, far_limit(request));
	if (!is_up) {
		g_autofree char *prefix = prefix_of(session, request,
						    run->become);

		words->command = shell_command_line(prefix, words->script);
	}
	run->stays = strlen(is_up ? words->script : words->command) <=
		COMMAND_MAX;
	if (!run->stays) {
		words_clear(words);
		return false;
	}
	if (is_up) {
		run->input = words->script;
		run->input_length = strlen(words->script);
		become_clear(run->become);	/* sudo has asked already */
		become_init(run->become, NULL);
	}
	return true;
}

static bool run_request(struct session *session,
			const struct exec_request *request, struct run *run,
			GError **error)
{
	g_autofree char *mark = exec_new_mark();
	size_t max = request->output_max ? request->output_max : OUTPUT_MAX;
	g_auto(Words) words = { NULL };

	run->title = request->title;
	run->keep_max = max;
	run->deadline_us = request->deadline_us;
	run->on_output = request->on_output;
	run->output_data = request->output_data;
	run->mark = mark;
	if (!prepare_shell(session, request, run, &words))
		prepare_channel(session, request, run, &words);
	run->command = words.command;
	if (words.command && strlen(words.command) > COMMAND_MAX) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "%s: script and arguments are longer than a "
			    "command line may be", request->title);
		return false;
	}

	bool good = run_channel(session, run, error);
	if (!good)
		exec_add_what_sudo_said(session, run, error);
	bool started = run_strip_to_mark(run->err, mark) || run->begun[0] ||
		run->begun[1];
	started = run_strip_to_mark(run->out, mark) || started;
	return good && exec_judge(session, request, run, started, error);
}

/* The password that sudo may ask for, or NULL if none can be asked for. */
static const char *password_for(struct session *session,
				const struct exec_request *request)
{
	if (request->as_login_user ||
	    !sudo_is_needed(session->host, session_user(session)))
		return NULL;
	return session_become_password(session);
}

bool exec_run(struct session *session, const struct exec_request *request,
	      struct exec_result **result, GError **error)
{
	struct become become;
	struct run run = {.status = -1, .become = &become};
	gint64 begun_us = g_get_monotonic_time();
	g_autoptr(GError) why = NULL;

	if (!session_connect(session, request->deadline_us, error))
		return false;
	shell_check(session);
	become_init(&become, password_for(session, request));
	run.out = g_string_new(NULL);
	run.err = g_string_new(NULL);
	bool good = run_request(session, request, &run, &why);
	gint64 elapsed_us = g_get_monotonic_time() - begun_us;

	exec_log(session, request, &run, why, elapsed_us);
	if (result && (good || why->code == MUSTER_ERROR_COMMAND))
		*result = exec_new_result(&run, elapsed_us);
	if (!good)
		g_propagate_error(error, g_steal_pointer(&why));
	run_clear(&run);
	become_clear(&become);
	return good;
}
