/* SPDX-License-Identifier: Apache-2.0
 *
 * A host's session lives as long as its turn. Nothing of what it prints is
 * kept twice: it goes from the channel straight to those who want it.
 */
#include "exec_run.h"

#include "out_dir.h"
#include "progress.h"
#include "stdin_input.h"
#include "stream.h"
#include "term.h"

#include "transport/error.h"
#include "transport/exec.h"
#include "transport/fleet.h"

#include <unistd.h>

#define FORKS 32
#define NEVER_US (365 * G_TIME_SPAN_DAY)

/* The home that ssh would begin in; the command stays one argument, so that
 * nothing of it is read by the shell around it. */
static const char script[] = "cd >/dev/null 2>&1; exec /bin/sh -c \"$1\"";

/* Those who want the output of one host. */
struct turn {
	const struct exec_run *run;
	const struct host *host;
	struct capture *capture;
	struct stream_host *stream;	/* or NULL */
	struct out_files *files;	/* NULL: not wanted, or nothing came */
};

static void open_files(struct turn *turn)
{
	if (turn->run->out_dir && !turn->files)
		turn->files = out_files_open(turn->run->out_dir,
					     turn->host->name);
}

static void on_output(const char *bytes, size_t n, bool is_stderr, void *data)
{
	struct turn *turn = data;

	capture_add(turn->capture, bytes, n, is_stderr);
	if (turn->stream)
		stream_host_add(turn->stream, bytes, n, is_stderr);
	open_files(turn);
	if (turn->files)
		out_files_write(turn->files, bytes, n, is_stderr);
}

/* Exit status, or -1 and an error. The time for the command begins when the
 * host is reached. */
static int run_command(struct turn *turn, GError **error)
{
	const struct exec_run *run = turn->run;
	const char *const args[] = { run->command, NULL };
	struct session *session = session_new(run->transport, turn->host);
	g_autoptr(ExecResult) result = NULL;
	gint64 limit_us = run->timeout_us > 0 ? run->timeout_us : NEVER_US;
	int status = -1;

	if (session_connect(session, g_get_monotonic_time() + NEVER_US,
			    error)) {
		struct exec_request request = {
			.title = "command",
			.script = script,
			.args = args,
			.input = run->input ? run->input->str : NULL,
			.input_length = run->input ? run->input->len : 0,
			.as_login_user = turn->host->become == HOST_BECOME_NO,
			.accept_failure = true,
			.deadline_us = g_get_monotonic_time() + limit_us,
			.on_output = on_output,
			.output_data = turn,
		};

		if (exec_run(session, &request, &result, error))
			status = result->status;
	}
	session_free(session);
	return status;
}

static void host_turn(size_t index, void *data)
{
	const struct exec_run *run = data;
	const struct host *host = g_ptr_array_index(run->hosts, index);
	gint64 begun_us = g_get_monotonic_time();
	GError *error = NULL;
	struct turn turn = {
		.run = run, .host = host,
		.capture = capture_new(run->is_folded),
	};
	int status = -1;

	if (cancel_is_stopped(run->cancel)) {
		g_set_error(&error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "not begun");
	} else {
		if (run->stream)
			turn.stream = stream_host_new(run->stream, host->name);
		status = run_command(&turn, &error);
		stream_host_free(turn.stream);
		if (status >= 0)
			open_files(&turn);
		out_files_close(turn.files);
	}
	struct member member = {
		.index = index, .host = host,
		.elapsed_us = g_get_monotonic_time() - begun_us,
	};

	gather_add(run->gather, &member, turn.capture, status, error);
	progress_step(run->progress);
}

static bool open_transport(struct exec_run *run, GError **error)
{
	if (!connection_init(&run->connection, run->options, run->cancel,
			     error))
		return false;
	run->redactor = redactor_new();
	run->transport = transport_new(&run->connection.transport, run->hosts,
				       run->cancel, run->redactor, error);
	return run->transport != NULL;
}

bool exec_run_open(struct exec_run *run, GError **error)
{
	const struct options *o = run->options;

	if (run->reads_stdin &&
	    !stdin_input_read(run->cancel, &run->input, error))
		return false;
	if (!open_transport(run, error))
		return false;
	if (run->out_dir_path) {
		run->out_dir = out_dir_new(run->out_dir_path, run->hosts,
					   error);
		if (!run->out_dir)
			return false;
	}
	if (!run->is_folded)
		run->stream = stream_new(STDOUT_FILENO, STDERR_FILENO,
					 term_has_color(stdout, o->color),
					 run->cancel);
	else if (o->verbosity >= 0)
		run->progress = progress_new(run->hosts->len);
	run->gather = gather_new(GATHER_MAX);
	run->started_us = g_get_real_time();
	return true;
}

void exec_run_hosts(struct exec_run *run)
{
	size_t forks = run->options->forks > 0 ? (size_t)run->options->forks
					       : FORKS;

	fleet_run(run->hosts->len, forks, host_turn, run);
	progress_free(g_steal_pointer(&run->progress));
}

int exec_run_stream_errno(const struct exec_run *run)
{
	return run->stream ? stream_errno(run->stream) : 0;
}

const char *exec_run_problem(const struct exec_run *run)
{
	return run->out_dir ? out_dir_problem(run->out_dir) : NULL;
}

void exec_run_close(struct exec_run *run)
{
	progress_free(run->progress);
	stream_free(run->stream);
	out_dir_free(run->out_dir);
	gather_free(run->gather);
	transport_free(run->transport);
	connection_clear(&run->connection);
	redactor_free(run->redactor);
	if (run->input)
		g_string_free(run->input, TRUE);
}
