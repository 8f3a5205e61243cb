/* SPDX-License-Identifier: Apache-2.0
 *
 * stdout and stderr share one flow-control window, so both are drained as they
 * come, by channel callbacks; input goes out in between, a window at a time.
 * It is sent behind the exec request without waiting for the reply (ssh(1)
 * does the same), which saves a round trip.
 */
#include "run_priv.h"
#include "error.h"

#include <libssh/callbacks.h>
#include <string.h>

#define CHUNK ((size_t)32 * 1024)
#define NOISE_MAX ((size_t)64 * 1024)
/* A daemon started by the script may hold its streams open after it ended;
 * sshd closes the channel only when they are closed too. */
#define LINGER_US (2 * G_TIME_SPAN_SECOND)
#define STATUS_LINE_MAX ((size_t)64)	/* of a shell that stays */

bool run_strip_to_mark(GString *stream, const char *mark)
{
	g_autofree char *line = g_strconcat(mark, "\n", NULL);
	const char *at = memmem(stream->str, stream->len, line, strlen(line));

	if (!at)
		return false;
	g_string_erase(stream, 0, at - stream->str + (gssize)strlen(line));
	return true;
}

/* What came in one piece with the mark goes on at once. */
static void look_for_mark(struct run *run, GString *stream, int is_stderr)
{
	bool *begun = &run->begun[is_stderr ? 1 : 0];

	*begun = run_strip_to_mark(stream, run->mark);
	if (*begun && stream->len > 0)
		run->on_output(stream->str, stream->len, is_stderr != 0,
			       run->output_data);
	if (*begun)
		g_string_truncate(stream, 0);
}

static bool has_mark(const struct run *run, const GString *stream)
{
	return memmem(stream->str, stream->len, run->mark,
		      strlen(run->mark)) != NULL;
}

/* Before the command has begun, sudo may ask. */
static void listen_to_sudo(struct run *run)
{
	if (run->started || !run->become || !run->become->prompt)
		return;
	run->started = has_mark(run, run->err);
	if (!run->started && become_hear(run->become, run->err))
		run->secret = g_strconcat(run->become->password, "\n", NULL);
}

/* Of a shell that stays: the line feed before the mark is not the command's.
 * What follows was written by something that it has left behind. */
static void look_for_end(struct run *run, GString *stream, size_t old_length,
			 int is_stderr)
{
	g_autofree char *line = g_strdup_printf("\n%s ", run->mark);
	size_t length = strlen(line), from = MIN(old_length, STATUS_LINE_MAX);
	char *begin = stream->str + old_length - from;
	char *at = memmem(begin, stream->len - (size_t)(begin - stream->str),
			  line, length);

	if (!at || !strchr(at + length, '\n'))
		return;
	run->status = (int)strtol(at + length, NULL, 10);
	run->at_end[is_stderr ? 1 : 0] = true;
	g_string_truncate(stream, (size_t)(at - stream->str));
}

static bool is_at_end(const struct run *run)
{
	return run->at_end[0] && run->at_end[1];
}

static int on_data(ssh_session ssh, ssh_channel channel, void *data,
		   uint32_t length, int is_stderr, void *userdata)
{
	struct run *run = userdata;
	GString *stream = is_stderr ? run->err : run->out;
	size_t room = run->keep_max + NOISE_MAX - stream->len;
	(void)ssh, (void)channel;

	if (run->begun[is_stderr ? 1 : 0]) {
		run->on_output(data, length, is_stderr != 0,
			       run->output_data);
		return (int)length;
	}
	if (run->at_end[is_stderr ? 1 : 0])
		return (int)length;
	size_t before = stream->len;
	g_string_append_len(stream, data, (gssize)MIN(length, room));
	if (run->stays)
		look_for_end(run, stream, before, is_stderr);
	if (length > room && !run->at_end[is_stderr ? 1 : 0])
		run->overflow = true;
	if (is_stderr)
		listen_to_sudo(run);
	if (run->on_output)
		look_for_mark(run, stream, is_stderr);
	return (int)length;
}

static void on_exit_status(ssh_session ssh, ssh_channel channel, int status,
			   void *userdata)
{
	struct run *run = userdata;
	(void)ssh, (void)channel;

	run->status = status;
	run->exited_us = g_get_monotonic_time();
}

static void on_exit_signal(ssh_session ssh, ssh_channel channel,
			   const char *signal, int core, const char *message,
			   const char *language, void *userdata)
{
	struct run *run = userdata;
	(void)ssh, (void)channel, (void)core, (void)message, (void)language;

	g_free(run->signal);
	run->signal = g_strdup(signal);
	run->exited_us = g_get_monotonic_time();
}

static void on_close(ssh_session ssh, ssh_channel channel, void *userdata)
{
	struct run *run = userdata;
	(void)ssh, (void)channel;

	run->closed = true;
}

static bool set_error_in_run(const struct run *run, struct session *session,
			     GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "%s: the host refused to run a command: %s", run->title,
		    ssh_get_error(session->ssh));
	return false;
}

static bool request_exec(struct session *session, struct run *run,
			 GError **error)
{
	if (run->requested)
		return true;
	int rc = ssh_channel_request_exec(run->channel, run->command);
	run->requested = rc == SSH_OK;
	if (rc == SSH_OK || rc == SSH_AGAIN)
		return true;
	if (!ssh_is_connected(session->ssh))
		return session_set_lost(session, run->title, error);
	return set_error_in_run(run, session, error);
}

static void wipe_secret(struct run *run)
{
	if (run->secret)
		explicit_bzero(run->secret, strlen(run->secret));
	g_clear_pointer(&run->secret, g_free);
}

static void send_secret(struct run *run)
{
	size_t length = strlen(run->secret);
	int written = ssh_channel_write(run->channel,
					run->secret + run->secret_sent,
					(uint32_t)(length - run->secret_sent));

	if (written > 0)
		run->secret_sent += (size_t)written;
	if (run->secret_sent == length)
		wipe_secret(run);
}

/* What the far end does not take any more (it closed its stdin, or ended) is
 * dropped, as with a pipe. */
static void send_input(struct run *run)
{
	if (!run->closed && run->secret)
		send_secret(run);
	if (run->become && run->become->prompt && !run->started)
		return;
	while (!run->closed && run->sent < run->input_length) {
		size_t room = ssh_channel_window_size(run->channel);
		size_t n = MIN(run->input_length - run->sent,
			       MIN(room, CHUNK));
		if (n == 0)
			return;
		int written = ssh_channel_write(
			run->channel, run->input + run->sent, (uint32_t)n);
		if (written <= 0)
			return;
		run->sent += (size_t)written;
	}
	if (!run->closed && !run->eof_sent && !run->stays) {
		int rc = ssh_channel_send_eof(run->channel);
		run->eof_sent = rc == SSH_OK || rc == SSH_ERROR;
	}
}

static bool ended(const struct run *run)
{
	if (run->closed || run->overflow || is_at_end(run) ||
	    (run->become && run->become->refused))
		return true;
	return run->exited_us > 0 &&
	       g_get_monotonic_time() >= run->exited_us + LINGER_US;
}

/* session_wait(), but back in time for the end of the linger. */
static bool wait_step(struct session *session, const struct run *run,
		      gint64 begun_us, GError **error)
{
	g_autoptr(GError) why = NULL;
	gint64 until = run->deadline_us;
	if (run->exited_us > 0)
		until = MIN(until, run->exited_us + LINGER_US);

	if (session_wait(session, begun_us, until, &why))
		return true;
	if (until < run->deadline_us &&
	    g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_DEADLINE))
		return true;
	g_set_error(error, MUSTER_ERROR, why->code, "%s: %s%s", run->title,
		    why->message, why->code == MUSTER_ERROR_DEADLINE
		    ? " (the command was told to stop)" : "");
	return false;
}

static bool drive(struct session *session, struct run *run, gint64 begun_us,
		  GError **error)
{
	for (;;) {
		if (!request_exec(session, run, error))
			return false;
		/* before the pump, which sees what this call may take in */
		session_open_spare(session);
		g_autoptr(GError) lost = NULL;
		/* A result that came with the connection's last bytes counts
		 * all the same. */
		if (!session_pump(session, &lost) && !run->closed) {
			g_propagate_prefixed_error(error,
						   g_steal_pointer(&lost),
						   "%s: ", run->title);
			return false;
		}
		if (ended(run))
			return true;
		/* after the pump: the far end may wait for what it has just
		 * asked for, and then nothing would wake us */
		send_input(run);
		if (!wait_step(session, run, begun_us, error))
			return false;
	}
}

/* Without blocking: what does not fit into the socket now is not sent. */
static void stop_command(struct session *session, struct run *run)
{
	if (run->closed || !ssh_channel_is_open(run->channel))
		return;
	(void)ssh_channel_request_send_signal(run->channel, "TERM");
	(void)ssh_channel_send_eof(run->channel);
	(void)ssh_channel_close(run->channel);
	(void)ssh_event_dopoll(session->event, 0);
}

/* Whether it is known how it ended. Of a shell that has let us in only what
 * it says counts, not how it ended itself. */
static bool is_told(const struct run *run, bool shell_was_up)
{
	if (run->overflow || is_at_end(run) ||
	    (run->become && run->become->refused))
		return true;
	if (run->stays && (shell_was_up || has_mark(run, run->out) ||
			   has_mark(run, run->err)))
		return false;
	return run->signal || run->status >= 0;
}

static bool check_end(struct session *session, const struct run *run,
		      bool shell_was_up, GError **error)
{
	if (is_told(run, shell_was_up))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_LOST,
		    "%s: the command's channel to %s was closed before it "
		    "told how it ended", run->title, session->endpoint->label);
	session_drop(session);
	return false;
}

static void give_back(struct session *session, const struct run *run)
{
	if (is_at_end(run) && !run->closed)
		session->shell = run->channel;
	else
		ssh_channel_free(run->channel);
}

bool run_channel(struct session *session, struct run *run, GError **error)
{
	gint64 begun_us = g_get_monotonic_time();
	struct ssh_channel_callbacks_struct callbacks = {
		.userdata = run,
		.channel_data_function = on_data,
		.channel_exit_status_function = on_exit_status,
		.channel_exit_signal_function = on_exit_signal,
		.channel_close_function = on_close,
	};
	ssh_callbacks_init(&callbacks);

	if (run->stays)
		run->channel = g_steal_pointer(&session->shell);
	bool shell_was_up = run->channel != NULL;
	run->requested = shell_was_up;
	if (!run->channel)
		run->channel = session_open_channel(session, run->deadline_us,
						    error);
	if (!run->channel)
		return false;
	ssh_set_channel_callbacks(run->channel, &callbacks);
	bool good = drive(session, run, begun_us, error);

	/* After session_drop() the channel is gone with the session. Until
	 * the close is confirmed it lives on inside libssh, so it must not
	 * call back into this frame any more. */
	if (session->ssh) {
		if (!good || run->overflow ||
		    (run->become && run->become->refused))
			stop_command(session, run);
		ssh_remove_channel_callbacks(run->channel, &callbacks);
		give_back(session, run);
	}
	run->channel = NULL;
	return good && check_end(session, run, shell_was_up, error);
}

void run_clear(struct run *run)
{
	if (run->out)
		g_string_free(run->out, TRUE);
	if (run->err)
		g_string_free(run->err, TRUE);
	g_free(run->signal);
	wipe_secret(run);
}
