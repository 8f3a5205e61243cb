/* SPDX-License-Identifier: Apache-2.0
 *
 * On the host a job is a wrapper in a session of its own that holds a lock
 * (flock) for as long as it lives. So waiting is a blocking system call that
 * returns the moment the job ends, and a wrapper that was killed can never be
 * taken for one that still runs. Under JOB_DIR/<id>:
 *   job.sh  arguments and script    out, err  what it said
 *   lock    held while it runs      pid, rc   "pid begin", "status begin end",
 *                                             times in seconds of uptime
 */
#include "job_priv.h"
#include "error.h"

#include <string.h>

#define OUTPUT_MAX ((size_t)1024 * 1024)
#define HEADER_MAX 128
#define REMOVE_US (30 * G_TIME_SPAN_SECOND)
#define STATUS_NO_TOOL 91	/* of the script below */

/* $1 id, $2 "start" or "attach", $3 length of the input, $4 seconds since the
 * first try to start, $5 seconds to wait, $6 the input unless it comes by
 * standard input. Answers in one line, before the output. An uptime shorter
 * than $4 means that the host has been started since, and whether the job was
 * is not known: it is not started again. */
static const char ask_script[] =
	"set -u\n"
	"umask 077\n"
	"jobs=" JOB_DIR " dir=" JOB_DIR "/$1 new=\n"
	"for tool in flock setsid; do\n"
	"	command -v $tool >/dev/null && continue\n"
	"	echo \"$tool is not installed (package util-linux)\" >&2\n"
	"	exit 91\n"
	"done\n"
	"read -r uptime rest </proc/uptime\n"
	"gone() {\n"
	"	if [ \"${uptime%%.*}\" -lt \"$1\" ]; then echo rebooted\n"
	"	else echo gone; fi\n"
	"	exit 0\n"
	"}\n"
	"wrapper='\n"
	"	d=$1; read -r begin rest </proc/uptime\n"
	"	echo \"$$ $begin\" >$d/pid\n"
	"	(umask 022; exec /bin/sh $d/job.sh 9>&-) \\\n"
	"		>$d/out 2>$d/err\n"
	"	rc=$?; read -r end rest </proc/uptime\n"
	"	echo \"$rc $begin $end\" >$d/rc'\n"
	"clean() {\n"
	"	for old in $jobs/* $jobs/.new-*; do\n"
	"		case $old in\n"
	"		$new | $dir | *\\*) ;;\n"
	"		*) find_old \"$1\"; return ;;\n"
	"		esac\n"
	"	done\n"
	"}\n"
	"find_old() {\n"
	"	find $jobs -mindepth 1 -maxdepth 1 -mmin +1440 \\\n"
	"		! -name .lock ! -name \"$1\" |\n"
	"	while IFS= read -r old; do\n"
	"		[ ! -e \"$old/lock\" ] ||\n"
	"			flock -n \"$old/lock\" true || continue\n"
	"		rm -rf -- \"$old\"\n"
	"	done\n"
	"}\n"
	"start() {\n"
	"	mkdir $dir || exit\n"
	"	if [ -n \"$new\" ]; then mv $new $dir/job.sh\n"
	"	else printf %s \"$1\" >$dir/job.sh; fi &&\n"
	"		: >$dir/out && : >$dir/err || { rm -rf $dir; exit 1; }\n"
	"	exec 9>$dir/lock && flock 9 || exit\n"
	"	setsid /bin/sh -c \"$wrapper\" muster $dir \\\n"
	"		</dev/null >/dev/null 2>&1 8>&- &\n"
	"	exec 9>&-\n"
	"}\n"
	"if [ \"$2\" = start ]; then\n"
	"	[ -d $jobs ] || {\n"
	"		(umask 022; mkdir -p \"${jobs%/*}\") &&\n"
	"		mkdir -p $jobs && chmod 0700 $jobs || exit\n"
	"	}\n"
	"	if [ $# -lt 6 ]; then\n"
	"		new=$(mktemp $jobs/.new-XXXXXX) || exit\n"
	"		trap '[ ! -e $new ] || rm -f $new' EXIT\n"
	"		cat >$new || exit\n"
	"		if [ $(wc -c <$new) -ne \"$3\" ]; then\n"
	"			echo 'the script did not arrive whole' >&2\n"
	"			exit 1\n"
	"		fi\n"
	"	fi\n"
	/* One starter at a time; held for milliseconds. */
	"	exec 8>>$jobs/.lock && flock 8 || exit\n"
	"	clean \"$1\"\n"
	"	if [ ! -d $dir ]; then\n"
	"		[ \"${uptime%%.*}\" -ge \"$4\" ] || gone \"$4\"\n"
	"		start \"${6-}\"\n"
	"	fi\n"
	"	exec 8>&-\n"
	"fi\n"
	"[ -d $dir ] || gone \"$4\"\n"
	/* Once the lock is free there is an rc or there will never be one. */
	"ended=\n"
	"{ flock -s -w \"$5\" 7 && ended=1; } 2>/dev/null 7<$dir/lock\n"
	"[ -d $dir ] || gone \"$4\"\n"
	"if [ -s $dir/rc ]; then read -r line <$dir/rc; echo \"done $line\"\n"
	"elif [ -n \"$ended\" ]; then echo died\n"
	"else echo running; exit 0; fi\n"
	"[ ! -s $dir/out ] || cat $dir/out\n"
	"[ ! -s $dir/err ] || cat $dir/err >&2\n";

static const char remove_script[] = "exec rm -rf -- " JOB_DIR "/\"$1\"\n";

/* What the host keeps as job.sh. The arguments are in it and nowhere else. */
static char *job_text(const struct job_request *request)
{
	GString *text = g_string_new("set --");

	for (const char *const *arg = request->args; arg && *arg; arg++) {
		g_autofree char *quoted = shell_quote(*arg);
		g_string_append_c(text, ' ');
		g_string_append(text, quoted);
	}
	g_string_append_printf(text, "\n%s\n", request->script);
	return g_string_free(text, FALSE);
}

static char *seconds(gint64 us)
{
	return g_strdup_printf("%" G_GINT64_FORMAT ".%02d",
			       us / G_TIME_SPAN_SECOND,
			       (int)(us % G_TIME_SPAN_SECOND / 10000));
}

static const struct {
	const char *word;
	enum job_state state;
} states[] = {
	{"running", JOB_RUNNING},
	{"done", JOB_DONE},
	{"died", JOB_DIED},
	{"gone", JOB_GONE},
	{"rebooted", JOB_REBOOTED},
};

/* "done STATUS BEGIN END" or one of the other words. */
static bool parse_header(char *line, enum job_state *state, int *status,
			 gint64 *elapsed_us)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 5);
	guint n = g_strv_length(words);
	size_t i = 0;
	guint64 value = 0;

	while (i < G_N_ELEMENTS(states) && n > 0 &&
	       strcmp(states[i].word, words[0]) != 0)
		i++;
	if (n == 0 || i == G_N_ELEMENTS(states))
		return false;
	*state = states[i].state;
	if (*state != JOB_DONE)
		return n == 1;
	if (n != 4 ||
	    !g_ascii_string_to_unsigned(words[1], 10, 0, 255, &value, NULL))
		return false;
	double begin = g_ascii_strtod(words[2], NULL);
	double end = g_ascii_strtod(words[3], NULL);
	*status = (int)value;
	/* Written so that a NaN is refused too. */
	if (!(begin >= 0 && end >= begin && end < 1e10))
		return false;
	*elapsed_us = (gint64)((end - begin) * G_USEC_PER_SEC);
	return true;
}

static bool set_too_much(GError **error, const char *title, size_t output_max)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT_LIMIT,
		    "%s: printed more than %zu bytes", title, output_max);
	return false;
}

/* Takes the header off the output, which becomes the job's own. */
static bool read_answer(struct exec_result *result, size_t output_max,
			const char *title, struct job_answer *answer,
			GError **error)
{
	char *end = memchr(result->out, '\n',
			   MIN(result->out_length, HEADER_MAX));
	int status = -1;
	gint64 elapsed_us = 0;

	if (end)
		*end = '\0';
	if (!end || !parse_header(result->out, &answer->state, &status,
				  &elapsed_us)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "%s: the host's answer about the job makes no "
			    "sense: '%.60s'", title, result->out);
		return false;
	}
	size_t header = (size_t)(end + 1 - result->out);
	result->out_length -= header;
	memmove(result->out, end + 1, result->out_length + 1);
	result->status = status;
	result->elapsed_us = elapsed_us;
	if (result->out_length <= output_max &&
	    result->err_length <= output_max)
		return true;
	return set_too_much(error, title, output_max);
}

/* job_ask()'s own words for what exec_run() cannot know. */
static bool set_ask_error(GError *why, const struct exec_result *result,
			  const char *title, size_t output_max, GError **error)
{
	if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_OUTPUT_LIMIT))
		return set_too_much(error, title, output_max);
	if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_COMMAND) &&
	    result->status == STATUS_NO_TOOL)
		why->code = MUSTER_ERROR_PREFLIGHT;
	g_propagate_error(error, g_error_copy(why));
	return false;
}

bool job_ask(struct session *session, const struct job_question *question,
	     struct job_answer *answer, GError **error)
{
	const struct job_request *request = question->request;
	g_autofree char *text = question->start ? job_text(request) : NULL;
	g_autofree char *length = g_strdup_printf(
		"%zu", text ? strlen(text) : 0);
	g_autofree char *age = g_strdup_printf(
		"%" G_GINT64_FORMAT, question->age_us / G_TIME_SPAN_SECOND);
	g_autofree char *wait = seconds(MAX(question->wait_us, 0));
	bool by_input = text && !request->is_public;
	const char *const args[] = {
		request->id, question->start ? "start" : "attach", length,
		age, wait, by_input ? NULL : text, NULL
	};
	size_t max = request->output_max ? request->output_max : OUTPUT_MAX;
	const struct exec_request exec = {
		.title = request->title,
		.script = ask_script,
		.args = args,
		.input = by_input ? text : NULL,
		.input_length = by_input ? strlen(text) : 0,
		.deadline_us = question->deadline_us,
		.output_max = max + HEADER_MAX,
	};
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) why = NULL;
	bool good = exec_run(session, &exec, &result, &why);

	if (text)
		explicit_bzero(text, strlen(text));
	if (!good)
		return set_ask_error(why, result, request->title, max, error);
	if (!read_answer(result, max, request->title, answer, error))
		return false;
	answer->result = g_steal_pointer(&result);
	return true;
}

void job_remove(struct session *session, const struct job_request *request,
		gint64 deadline_us)
{
	gint64 soon_us = g_get_monotonic_time() + REMOVE_US;
	g_autofree char *title = g_strdup_printf("%s (clean up)",
						 request->title);
	const char *const args[] = {request->id, NULL};
	const struct exec_request exec = {
		.title = title,
		.script = remove_script,
		.args = args,
		.deadline_us = MIN(deadline_us, soon_us),
	};

	/* The connection that brought the result may have been dying. */
	g_autoptr(GError) why = NULL;
	if (!exec_run(session, &exec, NULL, &why) &&
	    g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_LOST))
		(void)exec_run(session, &exec, NULL, NULL);
}
