/* SPDX-License-Identifier: Apache-2.0
 *
 * How a session comes about: a stream to the server, the handshake, the host
 * key, authentication. The socket is ours until libssh takes it as
 * SSH_OPTIONS_FD; from then on only ssh_free() closes it, the one rule that
 * holds for libssh 0.10 and 0.11 alike.
 */
#include "connect.h"
#include "auth.h"
#include "dial.h"
#include "error.h"
#include "hostkey.h"
#include "jump.h"
#include "session_priv.h"

#include <unistd.h>

#define RSA_BITS_MIN 2048
#define CONNECT_TIMEOUT_US (10 * G_TIME_SPAN_SECOND)

static bool set_options(struct session *session, int fd,
			const char *hostkey_list)
{
	const struct endpoint *endpoint = session->endpoint;
	const bool no = false;
	const int yes = 1, rsa_bits = RSA_BITS_MIN;
	const struct {
		enum ssh_options_e option;
		const void *value;
	} options[] = {
		{SSH_OPTIONS_PROCESS_CONFIG, &no},
		{SSH_OPTIONS_HOST, endpoint->address},
		{SSH_OPTIONS_PORT, &endpoint->port},
		{SSH_OPTIONS_USER, endpoint->user},
		/* Keys are checked against our own index instead. */
		{SSH_OPTIONS_KNOWNHOSTS, "/dev/null"},
		{SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"},
		/* The agent is only reached through a relay of ours. */
		{SSH_OPTIONS_IDENTITY_AGENT, "/nonexistent"},
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

/* A stream to the server: dialled, or through a jump host, or from a child. */
static int open_stream(struct session *session, gint64 deadline_us,
		       GError **error)
{
	const struct endpoint *endpoint = session->endpoint;
	struct transport *transport = session->transport;

	if (endpoint->jump)
		return jumps_dial(transport->jumps, endpoint->jump,
				  endpoint->address, endpoint->port,
				  deadline_us, error);
	if (!endpoint->proxy_command)
		return dial_tcp(endpoint->address, endpoint->port,
				transport->cancel, deadline_us, error);
	if (!child_proxy_start(endpoint->proxy_command, &session->proxy,
			       error))
		return -1;
	session->has_proxy = true;
	return session->proxy.fd;
}

static bool start(struct session *session, bool thorough, gint64 deadline_us,
		  GError **error)
{
	struct hostkeys *keys = hostkey_store_get(
		session->transport->hostkeys, session->endpoint, error);
	int fd = keys ? open_stream(session, deadline_us, error) : -1;
	if (fd < 0)
		return false;

	g_autofree char *hostkey_list = hostkeys_algorithms(
		keys, session->endpoint, thorough);
	session->ssh = ssh_new();
	if (!session->ssh || !set_options(session, fd, hostkey_list)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "prepare the connection to %s: %s",
			    session->endpoint->label, session->ssh
			    ? ssh_get_error(session->ssh) : "out of memory");
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
	const struct endpoint *endpoint = session->endpoint;
	const char *banner = ssh_get_serverbanner(session->ssh);
	g_autofree char *said = session_end_proxy(session);

	if (said && !banner) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CONNECT_TIMEOUT,
			    "connect to %s by ProxyCommand '%s': nothing came "
			    "in time%s%s", endpoint->label,
			    endpoint->proxy_command, *said ? "; it said: "
			    : "", said);
		return;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CONNECT_TIMEOUT,
		    "connect to %s port %u: %s", endpoint->label,
		    endpoint->port,
		    banner ? "the SSH handshake did not finish in time (slow "
			     "host, or an MTU problem on the way)"
			   : "it accepts connections but sends no SSH banner "
			     "(not an SSH server, or sshd hangs)");
}

static void set_handshake_error(struct session *session, GError **error)
{
	const struct endpoint *endpoint = session->endpoint;
	const char *banner = ssh_get_serverbanner(session->ssh);
	g_autofree char *said = session_end_proxy(session);

	if (said && !banner)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HANDSHAKE,
			    "connect to %s by ProxyCommand '%s': %s",
			    endpoint->label, endpoint->proxy_command,
			    *said ? said : "it ended without a word");
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HANDSHAKE,
			    "SSH handshake with %s port %u: %s%s",
			    endpoint->label, endpoint->port,
			    ssh_get_error(session->ssh),
			    banner ? "" : " (not an SSH server, or sshd turns "
				     "new connections away: MaxStartups, "
				     "fail2ban)");
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

bool connect_host_key(struct session *session, char **type, char **base64,
		      GError **error)
{
	ssh_key key = NULL;
	char *text = NULL;
	bool good = ssh_get_server_publickey(session->ssh, &key) == SSH_OK &&
		ssh_pki_export_pubkey_base64(key, &text) == SSH_OK;

	if (good) {
		*type = g_strdup(ssh_key_type_to_char(ssh_key_type(key)));
		*base64 = g_strdup(text);
	} else {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HANDSHAKE,
			    "SSH handshake with %s: no host key: %s",
			    session->endpoint->label,
			    ssh_get_error(session->ssh));
	}
	ssh_string_free_char(text);
	ssh_key_free(key);
	return good;
}

static bool check_host_key(struct session *session, GError **error)
{
	g_autofree char *type = NULL, *base64 = NULL;
	struct hostkeys *keys = hostkey_store_get(
		session->transport->hostkeys, session->endpoint, error);

	return keys && connect_host_key(session, &type, &base64, error) &&
		hostkeys_check(keys, session->endpoint, type, base64, error);
}

static bool attach_event(struct session *session, GError **error)
{
	session->event = ssh_event_new();
	if (session->event &&
	    ssh_event_add_session(session->event, session->ssh) == SSH_OK)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "prepare the connection to %s: %s",
		    session->endpoint->label, ssh_get_error(session->ssh));
	return false;
}

/* `thorough`: asks for the types of keys that lines with hashed names have. */
static bool start_handshake(struct session *session, bool thorough,
			    gint64 deadline_us, GError **error)
{
	gint64 begun_us = g_get_monotonic_time();

	return start(session, thorough, deadline_us, error) &&
	       handshake(session, begun_us, deadline_us, error);
}

/* The server has shown a key that is not on file. Would it have been asked for
 * one of another type if all lines had been tried? */
static bool is_worth_another_try(const struct session *session,
				 const GError *why)
{
	struct hostkeys *keys = hostkey_store_get(
		session->transport->hostkeys, session->endpoint, NULL);

	if (!keys || !g_error_matches(why, MUSTER_ERROR,
				      MUSTER_ERROR_HOST_KEY_CHANGED))
		return false;
	g_autofree char *quick = hostkeys_algorithms(keys, session->endpoint,
						     false);
	g_autofree char *full = hostkeys_algorithms(keys, session->endpoint,
						    true);

	return g_strcmp0(quick, full) != 0;
}

/* The types on file are looked up without the lines that have hashed names,
 * and mostly the server's best key is on file anyway. */
static bool meet(struct session *session, gint64 deadline_us, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (!start_handshake(session, false, deadline_us, error))
		return false;
	if (check_host_key(session, &why))
		return true;
	if (!is_worth_another_try(session, why)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	session_drop(session);
	return start_handshake(session, true, deadline_us, error) &&
	       check_host_key(session, error);
}

static bool establish(struct session *session, gint64 deadline_us,
		      GError **error)
{
	return meet(session, deadline_us, error) &&
	       auth_run(session, deadline_us, error) &&
	       attach_event(session, error);
}

/* The command line's word, else the inventory's or ssh_config's. */
static gint64 timeout_of(const struct session *session)
{
	const struct transport *transport = session->transport;
	const struct endpoint *endpoint = session->endpoint;

	if (transport->connect_timeout_us > 0)
		return transport->connect_timeout_us;
	return endpoint->connect_timeout_s > 0
		? endpoint->connect_timeout_s * G_TIME_SPAN_SECOND
		: CONNECT_TIMEOUT_US;
}

/* Behind a jump host only so many shake hands at once. That it has to be
 * reached first, perhaps with a passphrase that somebody types, and waiting
 * for a turn are not the host's fault: its own deadline begins after them. */
static bool in_turn(struct session *session,
		    bool (*step)(struct session *session, gint64 deadline_us,
				 GError **error),
		    gint64 deadline_us, GError **error)
{
	struct transport *transport = session->transport;
	const struct endpoint *endpoint = session->endpoint;

	if (endpoint->jump &&
	    !(jumps_connect(transport->jumps, endpoint->jump, deadline_us,
			    error) &&
	      jumps_enter(transport->jumps, endpoint->jump, deadline_us,
			  error)))
		return false;
	bool good = step(session, MIN(deadline_us, timeout_of(session) +
				      g_get_monotonic_time()), error);

	if (endpoint->jump)
		jumps_leave(transport->jumps, endpoint->jump);
	return good;
}

bool connect_resolve(struct session *session, gint64 deadline_us,
		     GError **error)
{
	if (!session->endpoint)
		session->endpoint = endpoints_host(
			session->transport->endpoints, session->host,
			deadline_us, error);
	return session->endpoint != NULL;
}

static bool start_thorough(struct session *session, gint64 deadline_us,
			   GError **error)
{
	return start_handshake(session, true, deadline_us, error);
}

bool connect_handshake(struct session *session, gint64 deadline_us,
		       GError **error)
{
	return connect_resolve(session, deadline_us, error) &&
	       in_turn(session, start_thorough, deadline_us, error);
}

static bool resolve_and_establish(struct session *session, gint64 deadline_us,
				  GError **error)
{
	if (!connect_resolve(session, deadline_us, error))
		return false;
	auth_prepare(session);
	return in_turn(session, establish, deadline_us, error);
}

bool session_connect(struct session *session, gint64 deadline_us,
		     GError **error)
{
	if (session_is_connected(session))
		return true;
	session_drop(session);

	const struct transport *transport = session->transport;
	gint64 begun_us = g_get_monotonic_time();
	g_autoptr(GError) why = NULL;
	bool good = resolve_and_establish(session, deadline_us, &why);
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
