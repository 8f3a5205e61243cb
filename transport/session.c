/* SPDX-License-Identifier: Apache-2.0
 *
 * What sessions share, and the life of one once it is there: waiting, pumping,
 * channels, its end. ssh_disconnect() is never called: it would close a socket
 * or not, depending on libssh's version.
 */
#include "session_priv.h"
#include "error.h"
#include "hostkey.h"
#include "identity.h"
#include "jump.h"
#include "shell_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define OPEN_TRIES 3

static struct endpoints *new_endpoints(const struct transport_options *options,
				       struct cancel *cancel)
{
	struct endpoint_options settings = {
		.config_file = options->ssh_config,
		.user = options->user,
		.private_key_file = options->private_key_file,
		.jump = options->jump,
		.cancel = cancel,
		.note = options->note,
		.note_data = options->log_data,
	};

	return endpoints_new(&settings);
}

static const char *const password_names[] = {
	"ansible_ssh_password", "ansible_ssh_pass", "ansible_password", NULL
};
static const char *const become_password_names[] = {
	"ansible_become_password", "ansible_become_pass", "ansible_sudo_pass",
	NULL
};

static const char *first_var(const struct host *host, const char *const *names)
{
	for (; *names; names++)
		if (host_var(host, *names))
			return host_var(host, *names);
	return NULL;
}

/* Before anything can be logged. */
static void hide_passwords(const struct transport *transport,
			   const GPtrArray *hosts)
{
	redactor_add(transport->redactor, transport->password);
	redactor_add(transport->redactor, transport->become_password);
	for (guint i = 0; hosts && i < hosts->len; i++) {
		const struct host *host = g_ptr_array_index(hosts, i);

		redactor_add(transport->redactor,
			     first_var(host, password_names));
		redactor_add(transport->redactor,
			     first_var(host, become_password_names));
	}
}

struct transport *transport_new(const struct transport_options *options,
				const GPtrArray *hosts, struct cancel *cancel,
				struct redactor *redactor, GError **error)
{
	struct hostkey_store *hostkeys = hostkey_store_new(
		options->known_hosts, options->host_key_policy, error);
	if (!hostkeys)
		return NULL;

	struct transport *transport = g_new0(struct transport, 1);
	transport->endpoints = new_endpoints(options, cancel);
	transport->hostkeys = hostkeys;
	transport->identities = identities_new(options->ask,
					       options->ask_data);
	transport->jumps = jumps_new(transport, options->connect_forks);
	transport->cancel = cancel;
	transport->redactor = redactor;
	transport->use_agent = options->use_agent;
	transport->password = g_strdup(options->password);
	transport->become_password = g_strdup(options->become_password);
	hide_passwords(transport, hosts);
	transport->connect_timeout_us = options->connect_timeout_us;
	transport->log = options->log;
	transport->log_data = options->log_data;
	return transport;
}

static void free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

void transport_free(struct transport *transport)
{
	if (!transport)
		return;
	jumps_free(transport->jumps);
	endpoints_free(transport->endpoints);
	identities_free(transport->identities);
	hostkey_store_free(transport->hostkeys);
	free_secret(transport->password);
	free_secret(transport->become_password);
	g_free(transport);
}

struct cancel *transport_cancel(const struct transport *transport)
{
	return transport->cancel;
}

struct redactor *transport_redactor(const struct transport *transport)
{
	return transport->redactor;
}

struct session *session_new(struct transport *transport,
			    const struct host *host)
{
	struct session *session = g_new0(struct session, 1);
	session->transport = transport;
	session->host = host;
	session->fd = -1;
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	session_drop(session);
	g_free(session);
}

void session_expect_more(struct session *session)
{
	session->expects_more = true;
}

const struct host *session_host(const struct session *session)
{
	return session->host;
}

struct session *session_new_to(struct transport *transport,
			       const struct host *host,
			       const struct endpoint *endpoint)
{
	struct session *session = session_new(transport, host);

	session->endpoint = endpoint;
	session->is_jump = true;
	return session;
}

const char *session_user(const struct session *session)
{
	return session->endpoint->user;
}

const char *session_password(const struct session *session)
{
	const char *own = first_var(session->host, password_names);

	/* the password for the hosts is none of a jump host's business */
	return own || session->is_jump ? own : session->transport->password;
}

const char *session_become_password(const struct session *session)
{
	const char *own = first_var(session->host, become_password_names);

	return own ? own : session->transport->become_password;
}

char *session_end_proxy(struct session *session)
{
	if (!session->has_proxy)
		return NULL;
	session->has_proxy = false;
	return child_proxy_end(&session->proxy);
}

void session_drop(struct session *session)
{
	if (session->event) {
		ssh_event_remove_session(session->event, session->ssh);
		ssh_event_free(session->event);
	}
	if (session->ssh)
		ssh_free(session->ssh);
	session->event = NULL;
	session->ssh = NULL;
	session->spare = NULL;		/* gone with libssh's session */
	session->shell = NULL;
	session->fd = -1;
	g_free(session_end_proxy(session));
}

bool session_is_connected(const struct session *session)
{
	return session->event && ssh_is_connected(session->ssh);
}

static int timeout_ms(gint64 deadline_us)
{
	gint64 left = deadline_us - g_get_monotonic_time();
	if (left <= 0)
		return 0;
	return (int)MIN((left + 999) / 1000, G_MAXINT);
}

bool session_wait(struct session *session, gint64 begun_us,
		  gint64 deadline_us, GError **error)
{
	struct cancel *cancel = session->transport->cancel;
	short wants = POLLIN;
	if (ssh_get_poll_flags(session->ssh) & SSH_WRITE_PENDING)
		wants = POLLIN | POLLOUT;

	for (;;) {
		if (cancel_is_aborted(cancel)) {
			g_set_error(error, MUSTER_ERROR,
				    MUSTER_ERROR_CANCELLED, "interrupted");
			return false;
		}
		bool stopped = cancel_is_stopped(cancel);
		gint64 until = cancel_deadline(cancel, begun_us, deadline_us);
		struct pollfd fds[] = {
			{.fd = session->fd, .events = wants},
			{.fd = cancel_fd(cancel), .events = POLLIN},
			/* poll(2) skips a negative descriptor. */
			{.fd = stopped ? -1 : cancel_stop_fd(cancel),
			 .events = POLLIN},
		};
		int ready = poll(fds, G_N_ELEMENTS(fds), timeout_ms(until));
		if (ready > 0 && fds[0].revents)
			return true;
		if (ready != 0 || g_get_monotonic_time() < until)
			continue;
		if (until < deadline_us)
			g_set_error(error, MUSTER_ERROR,
				    MUSTER_ERROR_CANCELLED, "stopped: not "
				    "finished %d s after the interrupt",
				    (int)(CANCEL_GRACE_US / G_USEC_PER_SEC));
		else
			g_set_error(error, MUSTER_ERROR,
				    MUSTER_ERROR_DEADLINE, "out of time");
		return false;
	}
}

bool session_set_lost(struct session *session, const char *what,
		      GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_LOST,
		    "%s%sconnection to %s lost: %s", what ? what : "",
		    what ? ": " : "", session->endpoint->label,
		    ssh_get_error(session->ssh));
	session_drop(session);
	return false;
}

bool session_pump(struct session *session, GError **error)
{
	if (ssh_event_dopoll(session->event, 0) == SSH_ERROR ||
	    !ssh_is_connected(session->ssh))
		return session_set_lost(session, NULL, error);
	return true;
}

/* 40 ms saved: sshd's side has Nagle on until the first channel is open and
 * waits for our delayed ACK. The kernel clears the flag by itself. */
static void acknowledge_at_once(const struct session *session)
{
	const int on = 1;
	(void)setsockopt(session->fd, IPPROTO_TCP, TCP_QUICKACK, &on,
			 sizeof(on));
}

void session_open_spare(struct session *session)
{
	if (!session->expects_more || session->spare)
		return;
	session->spare = ssh_channel_new(session->ssh);
	/* how that ends shows when it is needed */
	if (session->spare)
		(void)ssh_channel_open_session(session->spare);
}

/* Waits until `channel` is open; it is freed if that fails. */
static bool await_channel(struct session *session, ssh_channel channel,
			  gint64 deadline_us, bool *refused, GError **error)
{
	gint64 begun_us = g_get_monotonic_time();

	for (;;) {
		acknowledge_at_once(session);
		int rc = channel ? ssh_channel_open_session(channel)
				 : SSH_ERROR;
		if (rc == SSH_OK)
			return true;
		if (!ssh_is_connected(session->ssh))
			return session_set_lost(session, "open a channel",
						error);
		*refused = rc != SSH_AGAIN;
		if (*refused)
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
				    "open a channel: %s",
				    ssh_get_error(session->ssh));
		if (*refused ||
		    !session_wait(session, begun_us, deadline_us, error)) {
			if (channel)
				ssh_channel_free(channel);
			return false;
		}
	}
}

/* The spare, if there is one. */
static ssh_channel next_channel(struct session *session)
{
	return session->spare ? g_steal_pointer(&session->spare)
			      : ssh_channel_new(session->ssh);
}

ssh_channel session_open_channel(struct session *session, gint64 deadline_us,
				 GError **error)
{
	if (!session_connect(session, deadline_us, error))
		return NULL;
	for (unsigned try = 1;; try++) {
		g_autoptr(GError) why = NULL;
		bool refused = false;
		ssh_channel channel = next_channel(session);

		if (await_channel(session, channel, deadline_us, &refused,
				  &why))
			return channel;
		if (!refused || try == OPEN_TRIES) {
			g_propagate_error(error, g_steal_pointer(&why));
			return NULL;
		}
		/* MaxSessions may allow one at a time: then there can be no
		 * spare and no shell, and the one before still counts in the
		 * round of sshd's loop in which its end arrives. */
		session->expects_more = false;
		if (!shell_end(session, deadline_us, error))
			return NULL;
	}
}
