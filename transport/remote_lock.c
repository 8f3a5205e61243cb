/* SPDX-License-Identifier: Apache-2.0
 *
 * The script at the far end takes the lock, says so, and reads standard input
 * until there is no more. That is when we give the lock up, and also when
 * sshd finds us gone: at once if our end closed the connection or died, and
 * if the network swallowed it without a trace, when the host's own sshd gives
 * up on us (ClientAliveInterval, TCPKeepAlive in its sshd_config). A thread
 * keeps the connection alive meanwhile: a server that asks whether we are
 * there has to be answered.
 */
#include "remote_lock.h"
#include "error.h"
#include "exec.h"
#include "exec_priv.h"
#include "session_priv.h"
#include "sudo.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define SAID_MAX ((size_t)64 * 1024)
#define RELEASE_US (5 * G_TIME_SPAN_SECOND)
#define TITLE "take the cluster's lock"

struct remote_lock {
	struct session *session;
	ssh_channel channel;
	struct cancel *end;	/* aborted by remote_lock_free() */
	GThread *thread;	/* has the session while it runs */
};

/* $1 mark, $2 path, $3 holder. The directory may be writable for all, so what
 * somebody else put there is not followed, and the file is for root alone:
 * whoever could open it could also lock it. A holder that has just taken the
 * lock may not have written its line yet. */
static const char script[] =
	"mark=$1 path=$2 holder=$3\n"
	"PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin; LC_ALL=C\n"
	"export PATH LC_ALL\n"
	"fail() { echo \"$mark failed $1\"; exit 1; }\n"
	"cd /; umask 077\n"
	"if ! command -v flock >/dev/null; then\n"
	"	echo \"$mark no-flock\"; exit 1\n"
	"fi\n"
	"why=$(mkdir -p -- \"${path%/*}/\" 2>&1) || fail \"$why\"\n"
	"if [ -L \"$path\" ] || { [ -e \"$path\" ] && [ ! -O \"$path\" ]; }; "
	"then\n"
	"	fail 'it is a link, or somebody else has made it'\n"
	"fi\n"
	"why=$( (: >>\"$path\") 2>&1) || fail \"$why\"\n"
	"exec 9>>\"$path\"\n"
	"flock -n 9\n"
	"case $? in\n"
	"0) ;;\n"
	"1)\n"
	"	n=0\n"
	"	while [ ! -s \"$path\" ] && [ $n -lt 10 ]; do\n"
	"		sleep 0.1; n=$((n + 1))\n"
	"	done\n"
	"	echo \"$mark locked $(head -n 1 \"$path\" | head -c 400)\"\n"
	"	exit 0 ;;\n"
	"*) fail \"flock cannot lock $path\" ;;\n"
	"esac\n"
	"printf '%s\\n' \"$holder\" >\"$path\"\n"
	"echo \"$mark held\"\n"
	"cat >/dev/null\n"
	": >\"$path\"\n";

/* What the script has said so far. */
struct talk {
	const char *mark;
	struct become *become;
	GString *out, *err;
	bool over;		/* no more will come */
};

static char *command_line(const struct session *session, const char *mark,
			  const char *path, const char *holder,
			  const struct become *become)
{
	const char *const words[] = {script, "muster", mark, path, holder};
	g_autofree char *prefix = sudo_prefix(session->host,
					      session_user(session), become);
	GString *line = g_string_new("exec ");

	g_string_append_printf(line, "%s/bin/sh -c", prefix);
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *quoted = shell_quote(words[i]);
		g_string_append_c(line, ' ');
		g_string_append(line, quoted);
	}
	return g_string_free(line, FALSE);
}

/* False: nothing came. */
static bool take_in(ssh_channel channel, GString *stream, int is_stderr)
{
	char bytes[4096];
	int n = ssh_channel_read_nonblocking(channel, bytes, sizeof(bytes),
					     is_stderr);
	if (n <= 0)
		return false;
	size_t room = SAID_MAX - MIN(stream->len, SAID_MAX);
	g_string_append_len(stream, bytes, (gssize)MIN((size_t)n, room));
	return true;
}

/* The rest of the line that begins with the mark, once it is whole; newly
 * allocated. */
static char *find_answer(const struct talk *talk)
{
	const char *at = strstr(talk->out->str, talk->mark);
	if (!at)
		return NULL;
	at += strlen(talk->mark);
	const char *end = strchr(at, '\n');
	return end ? g_strstrip(g_strndup(at, (gsize)(end - at))) : NULL;
}

static void set_no_answer(const struct session *session,
			  const struct talk *talk, int status, GError **error)
{
	const char *user = session_user(session);
	g_autofree char *prefix = sudo_prefix(session->host, user,
					      talk->become);
	g_autofree char *words = exec_tail(session, talk->err->str);

	if (*prefix) {
		sudo_set_error(error, TITLE, user, talk->become, words,
			       status);
		return;
	}
	g_autofree char *out = exec_tail(session, talk->out->str);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    TITLE ": the script ended without an answer: exit status "
		    "%d: %s", status, *words ? words : out);
}

static bool request(struct session *session, ssh_channel channel,
		    const char *command, gint64 begun_us, gint64 deadline_us,
		    GError **error)
{
	for (;;) {
		int rc = ssh_channel_request_exec(channel, command);
		if (rc == SSH_OK)
			return true;
		if (!ssh_is_connected(session->ssh))
			return session_set_lost(session, TITLE, error);
		if (rc != SSH_AGAIN) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
				    TITLE ": the host refused to run a "
				    "command: %s",
				    ssh_get_error(session->ssh));
			return false;
		}
		if (!session_wait(session, begun_us, deadline_us, error)) {
			g_prefix_error(error, TITLE ": ");
			return false;
		}
	}
}

/* A line is far smaller than the window, so it goes out whole. */
static void send_password(ssh_channel channel, const struct become *become)
{
	char *line = g_strconcat(become->password, "\n", NULL);

	(void)ssh_channel_write(channel, line, (uint32_t)strlen(line));
	explicit_bzero(line, strlen(line));
	g_free(line);
}

/* What the script answers, newly allocated; NULL with error. */
static char *hear(struct session *session, ssh_channel channel,
		  struct talk *talk, gint64 begun_us, gint64 deadline_us,
		  GError **error)
{
	for (;;) {
		bool more = take_in(channel, talk->out, 0);
		more = take_in(channel, talk->err, 1) || more;
		char *answer = find_answer(talk);
		if (answer)
			return answer;
		if (become_hear(talk->become, talk->err))
			send_password(channel, talk->become);
		if (more && !talk->become->refused)
			continue;
		if (talk->become->refused) {
			set_no_answer(session, talk, -1, error);
			return NULL;
		}
		if (!ssh_is_connected(session->ssh)) {
			session_set_lost(session, TITLE, error);
			return NULL;
		}
		if (ssh_channel_is_closed(channel)) {
			set_no_answer(session, talk,
				      ssh_channel_get_exit_status(channel),
				      error);
			return NULL;
		}
		if (!session_wait(session, begun_us, deadline_us, error) ||
		    !session_pump(session, error)) {
			g_prefix_error(error, TITLE ": ");
			return NULL;
		}
	}
}

/* True if the answer is that the lock is ours. */
static bool judge(const struct session *session, const char *answer,
		  const char *path, GError **error)
{
	const char *words = strchr(answer, ' ');
	g_autofree char *clean = exec_tail(session, words ? words : "");

	if (strcmp(answer, "held") == 0)
		return true;
	if (g_str_has_prefix(answer, "locked"))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_LOCKED,
			    "another run works on this cluster: %s", *clean
			    ? clean : "it has not said who it is");
	else if (strcmp(answer, "no-flock") == 0)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
			    TITLE ": flock is not installed there (package "
			    "util-linux)");
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    TITLE ": '%s': %s", path, clean);
	return false;
}

static bool take(struct remote_lock *lock, const char *path,
		 const char *holder, gint64 deadline_us, GError **error)
{
	gint64 begun_us = g_get_monotonic_time();
	struct session *session = lock->session;
	g_autofree char *mark = exec_new_mark();
	g_autofree char *line = g_strdelimit(g_strdup(holder), "\r\n", ' ');
	g_autofree char *answer = NULL;

	lock->channel = session_open_channel(session, deadline_us, error);
	if (!lock->channel)
		return false;
	struct become become;

	become_init(&become, sudo_is_needed(session->host,
					    session_user(session))
		    ? session_become_password(session) : NULL);
	g_autofree char *command = command_line(session, mark, path, line,
						&become);
	struct talk talk = {
		.mark = mark,
		.become = &become,
		.out = g_string_new(NULL),
		.err = g_string_new(NULL),
	};
	if (request(session, lock->channel, command, begun_us, deadline_us,
		    error))
		answer = hear(session, lock->channel, &talk, begun_us,
			      deadline_us, error);
	g_string_free(talk.out, TRUE);
	g_string_free(talk.err, TRUE);
	become_clear(&become);
	return answer && judge(session, answer, path, error);
}

static void say_lost(const struct session *session, const char *why)
{
	const struct transport *transport = session->transport;

	if (transport->log)
		transport->log(session->host, "the cluster's lock is lost",
			       NULL, why, -1, 0, transport->log_data);
}

static void *keep_alive(void *data)
{
	struct remote_lock *lock = data;
	struct session *session = lock->session;
	g_autoptr(GError) error = NULL;

	while (!cancel_is_aborted(lock->end)) {
		bool writing = ssh_get_poll_flags(session->ssh) &
			       SSH_WRITE_PENDING;
		struct pollfd fds[] = {
			{.fd = cancel_fd(lock->end), .events = POLLIN},
			{.fd = session->fd,
			 .events = writing ? POLLIN | POLLOUT : POLLIN},
		};
		(void)poll(fds, G_N_ELEMENTS(fds), -1);
		if (!session_pump(session, &error)) {
			say_lost(session, error->message);
			break;
		}
		if (ssh_channel_is_closed(lock->channel)) {
			say_lost(session, "its holder on the host ended");
			break;
		}
	}
	return NULL;
}

struct remote_lock *remote_lock_acquire(struct transport *transport,
					const struct host *host,
					const char *path, const char *holder,
					gint64 deadline_us, GError **error)
{
	struct remote_lock *lock = g_new0(struct remote_lock, 1);

	lock->session = session_new(transport, host);
	lock->end = cancel_new();
	if (take(lock, path, holder, deadline_us, error)) {
		lock->thread = g_thread_try_new("lock", keep_alive, lock,
						NULL);
		if (lock->thread)
			return lock;
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    TITLE ": no thread to be had: %s",
			    g_strerror(errno));
	}
	remote_lock_free(lock);
	return NULL;
}

/* Waits for the far end to let go, so that whoever comes next finds it free.
 * Without that the kernel there would do it as well, a moment later. */
static void release(struct remote_lock *lock)
{
	struct session *session = lock->session;
	gint64 now_us = g_get_monotonic_time();

	(void)ssh_channel_send_eof(lock->channel);
	while (session_pump(session, NULL) &&
	       !ssh_channel_is_closed(lock->channel))
		if (!session_wait(session, now_us, now_us + RELEASE_US, NULL))
			break;
}

void remote_lock_free(struct remote_lock *lock)
{
	if (!lock)
		return;
	cancel_abort(lock->end);
	if (lock->thread)
		g_thread_join(lock->thread);
	if (lock->thread && lock->session->ssh)
		release(lock);
	if (lock->channel && lock->session->ssh)
		ssh_channel_free(lock->channel);
	session_free(lock->session);
	cancel_free(lock->end);
	g_free(lock);
}
