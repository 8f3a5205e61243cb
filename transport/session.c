/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a connection: dial, handshake, host key, authentication, and
 * its end. The socket is ours until libssh takes it as SSH_OPTIONS_FD; from
 * then on only ssh_free() closes it, the one rule that holds for libssh 0.10
 * and 0.11 alike. ssh_disconnect() is never called.
 */
#include "session_priv.h"
#include "dial.h"
#include "error.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)
#define RSA_BITS_MIN 2048

struct transport *transport_new(const struct transport_options *options,
				const GPtrArray *hosts, struct cancel *cancel,
				struct redactor *redactor, GError **error)
{
	/* Plain names are in a table whoever asks; hashed ones are tried at
	 * lookup, on the sessions' threads, which spreads that work better
	 * than doing it for all hosts here. */
	(void)hosts;
	struct hostkeys *hostkeys = hostkeys_load(
		options->known_hosts, options->host_key_policy, error);
	if (!hostkeys)
		return NULL;

	struct transport *transport = g_new0(struct transport, 1);
	transport->hostkeys = hostkeys;
	transport->identities = identities_new();
	transport->cancel = cancel;
	transport->redactor = redactor;
	transport->private_key_file = g_strdup(options->private_key_file);
	transport->use_agent = options->use_agent;
	transport->connect_timeout_us = options->connect_timeout_us > 0
		? options->connect_timeout_us : CONNECT_TIMEOUT_US;
	transport->log = options->log;
	transport->log_data = options->log_data;
	return transport;
}

void transport_free(struct transport *transport)
{
	if (!transport)
		return;
	identities_free(transport->identities);
	hostkeys_free(transport->hostkeys);
	g_free(transport->private_key_file);
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

const struct host *session_host(const struct session *session)
{
	return session->host;
}

const char *session_user(const struct session *session)
{
	return session->host->user ? session->host->user : g_get_user_name();
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
	session->fd = -1;
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
		    what ? ": " : "", session->host->address,
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

ssh_channel session_open_channel(struct session *session, gint64 deadline_us,
				 GError **error)
{
	gint64 begun_us = g_get_monotonic_time();
	if (!session_connect(session, deadline_us, error))
		return NULL;

	ssh_channel channel = ssh_channel_new(session->ssh);
	for (;;) {
		acknowledge_at_once(session);
		int rc = channel ? ssh_channel_open_session(channel)
				 : SSH_ERROR;
		if (rc == SSH_OK)
			return channel;
		if (!ssh_is_connected(session->ssh)) {
			session_set_lost(session, "open a channel", error);
			return NULL;
		}
		if (rc != SSH_AGAIN) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
				    "open a channel: %s",
				    ssh_get_error(session->ssh));
			break;
		}
		if (!session_wait(session, begun_us, deadline_us, error))
			break;
	}
	ssh_channel_free(channel);
	return NULL;
}

static bool set_options(struct session *session, int fd)
{
	const struct host *host = session->host;
	g_autofree char *hostkey_list = hostkeys_algorithms(
		session->transport->hostkeys, host);
	const bool no = false;
	const int yes = 1, rsa_bits = RSA_BITS_MIN;
	const unsigned port = host->port;
	const struct {
		enum ssh_options_e option;
		const void *value;
	} options[] = {
		{SSH_OPTIONS_PROCESS_CONFIG, &no},
		{SSH_OPTIONS_HOST, host->address},
		{SSH_OPTIONS_PORT, &port},
		{SSH_OPTIONS_USER, session_user(session)},
		/* Keys are checked against our own index instead. */
		{SSH_OPTIONS_KNOWNHOSTS, "/dev/null"},
		{SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"},
		{SSH_OPTIONS_RSA_MIN_SIZE, &rsa_bits},
		{SSH_OPTIONS_NODELAY, &yes},
		{SSH_OPTIONS_HOSTKEYS, hostkey_list},
		{SSH_OPTIONS_FD, &fd},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
		if (options[i].value &&
		    ssh_options_set(session->ssh, options[i].option,
				    options[i].value) < 0)
			return false;
	return true;
}

static bool start(struct session *session, gint64 deadline_us, GError **error)
{
	const struct host *host = session->host;
	int fd = dial_tcp(host->address, host->port,
			  session->transport->cancel, deadline_us, error);
	if (fd < 0)
		return false;

	session->ssh = ssh_new();
	if (!session->ssh || !set_options(session, fd)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "prepare the connection to %s: %s", host->address,
			    session->ssh ? ssh_get_error(session->ssh)
					 : "out of memory");
		close(fd);
		return false;
	}
	session->fd = fd;
	ssh_set_blocking(session->ssh, 0);
	return true;
}

/* Why the handshake did not come to an end in time. */
static void set_handshake_timeout(struct session *session, GError **error)
{
	const struct host *host = session->host;
	const char *banner = ssh_get_serverbanner(session->ssh);

	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CONNECT_TIMEOUT,
		    "connect to %s port %u: %s", host->address, host->port,
		    banner ? "the SSH handshake did not finish in time (slow "
			     "host, or an MTU problem on the way)"
			   : "it accepts connections but sends no SSH banner "
			     "(not an SSH server, or sshd hangs)");
}

static void set_handshake_error(struct session *session, GError **error)
{
	const struct host *host = session->host;
	const char *banner = ssh_get_serverbanner(session->ssh);

	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HANDSHAKE,
		    "SSH handshake with %s port %u: %s%s", host->address,
		    host->port, ssh_get_error(session->ssh),
		    banner ? "" : " (not an SSH server, or sshd turns new "
				  "connections away: MaxStartups, fail2ban)");
}

static bool handshake(struct session *session, gint64 begun_us,
		      gint64 deadline_us, GError **error)
{
	for (;;) {
		int rc = ssh_connect(session->ssh);
		if (rc == SSH_OK)
			return true;
		if (rc != SSH_AGAIN) {
			set_handshake_error(session, error);
			return false;
		}
		g_autoptr(GError) why = NULL;
		if (session_wait(session, begun_us, deadline_us, &why))
			continue;
		if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_DEADLINE))
			set_handshake_timeout(session, error);
		else
			g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
}

static bool check_host_key(struct session *session, GError **error)
{
	ssh_key key = NULL;
	char *base64 = NULL;
	bool good = false;

	if (ssh_get_server_publickey(session->ssh, &key) == SSH_OK &&
	    ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK)
		good = hostkeys_check(
			session->transport->hostkeys, session->host,
			ssh_key_type_to_char(ssh_key_type(key)), base64,
			error);
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HANDSHAKE,
			    "SSH handshake with %s: no host key: %s",
			    session->host->address,
			    ssh_get_error(session->ssh));
	ssh_string_free_char(base64);
	ssh_key_free(key);
	return good;
}

static bool attach_event(struct session *session, GError **error)
{
	session->event = ssh_event_new();
	if (session->event &&
	    ssh_event_add_session(session->event, session->ssh) == SSH_OK)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "prepare the connection to %s: %s", session->host->address,
		    ssh_get_error(session->ssh));
	return false;
}

static bool establish(struct session *session, gint64 deadline_us,
		      GError **error)
{
	gint64 begun_us = g_get_monotonic_time();

	return start(session, deadline_us, error) &&
	       handshake(session, begun_us, deadline_us, error) &&
	       check_host_key(session, error) &&
	       auth_run(session, deadline_us, error) &&
	       attach_event(session, error);
}

bool session_connect(struct session *session, gint64 deadline_us,
		     GError **error)
{
	if (session_is_connected(session))
		return true;
	session_drop(session);

	const struct transport *transport = session->transport;
	gint64 begun_us = g_get_monotonic_time();
	gint64 timeout_us = session->host->connect_timeout_s > 0
		? session->host->connect_timeout_s * G_TIME_SPAN_SECOND
		: transport->connect_timeout_us;
	g_autoptr(GError) why = NULL;
	bool good = establish(session, MIN(deadline_us, begun_us + timeout_us),
			      &why);
	if (!good)
		session_drop(session);
	if (transport->log)
		transport->log(session->host, "connect", NULL,
			       good ? NULL : why->message, good ? 0 : -1,
			       g_get_monotonic_time() - begun_us,
			       transport->log_data);
	if (!good)
		g_propagate_error(error, g_steal_pointer(&why));
	return good;
}
