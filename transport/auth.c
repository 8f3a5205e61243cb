/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that were named (by the agent if it holds them, else from their files),
 * or else the agent's first few and the default files; then the password, if
 * there is one. A server hangs up after six failures, so no more than five
 * keys are offered. A file key is offered outright, without the round trip of
 * asking first.
 */
#include "auth.h"
#include "agent.h"
#include "error.h"
#include "identity.h"
#include "session_priv.h"

#include <string.h>
#include <unistd.h>

#define KEYS_MAX 5

/* One authentication, and what it has tried so far. */
struct attempt {
	struct session *session;
	const struct endpoint *endpoint;
	gint64 begun_us, deadline_us;
	const char *agent_path;	/* NULL: no agent */
	GPtrArray *agent_keys;	/* GBytes *, or NULL; borrowed */
	GString *tried;		/* for the error text */
	unsigned n_keys;
	const GError *key_error; /* the first key that could not be used */
	const char *password;
	bool has_more;		/* the agent has keys that were not offered */
};

static void note_try(struct attempt *attempt, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

static void note_try(struct attempt *attempt, const char *format, ...)
{
	va_list args;

	if (attempt->tried->len > 0)
		g_string_append(attempt->tried, ", ");
	va_start(args, format);
	g_string_append_vprintf(attempt->tried, format, args);
	va_end(args);
}

/* --- one call --- */

static bool wait_more(struct attempt *attempt, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (session_wait(attempt->session, attempt->begun_us,
			 attempt->deadline_us, &why))
		return true;
	if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_DEADLINE))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CONNECT_TIMEOUT,
			    "authenticate to %s: no answer in time",
			    attempt->endpoint->label);
	else
		g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static int set_failed(struct attempt *attempt, bool hung_up, GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
		    "authenticate as '%s'%s%s: %s%s", attempt->endpoint->user,
		    hung_up ? ": the server hung up after trying " : " with ",
		    attempt->tried->str,
		    ssh_get_error(attempt->session->ssh),
		    hung_up ? " (too many keys? name the right one with "
			      "--private-key)" : "");
	return SSH_AUTH_ERROR;
}

typedef int (*auth_call)(struct attempt *attempt, const void *what);

/* An SSH_AUTH_* that is not AGAIN; SSH_AUTH_ERROR has `error` set. After a
 * server hung up libssh says AGAIN for ever: looking at the connection ends
 * that. */
static int try(struct attempt *attempt, auth_call call, const void *what,
	       GError **error)
{
	for (;;) {
		int rc = call(attempt, what);

		if (rc != SSH_AUTH_AGAIN && rc != SSH_AUTH_ERROR)
			return rc;
		if (!ssh_is_connected(attempt->session->ssh))
			return set_failed(attempt, true, error);
		if (rc == SSH_AUTH_ERROR)
			return set_failed(attempt, false, error);
		if (!wait_more(attempt, error))
			return SSH_AUTH_ERROR;
	}
}

static int call_publickey(struct attempt *attempt, const void *key)
{
	return ssh_userauth_publickey(attempt->session->ssh, NULL,
				      (ssh_key)(guintptr)key);
}

static int call_agent(struct attempt *attempt, const void *ignored)
{
	(void)ignored;
	return ssh_userauth_agent(attempt->session->ssh, NULL);
}

static int call_password(struct attempt *attempt, const void *password)
{
	return ssh_userauth_password(attempt->session->ssh, NULL, password);
}

static int call_kbdint(struct attempt *attempt, const void *ignored)
{
	(void)ignored;
	return ssh_userauth_kbdint(attempt->session->ssh, NULL, NULL);
}

/* --- keys --- */

/* Through the agent, which is shown these keys only. */
static int try_agent_keys(struct attempt *attempt, GPtrArray *keys,
			  GError **error)
{
	struct session *session = attempt->session;
	g_autoptr(GError) why = NULL;
	struct agent_relay *relay = agent_relay_start(
		attempt->agent_path, keys, session->transport->cancel,
		attempt->deadline_us, &why);

	attempt->n_keys += keys->len;
	if (!relay) {
		note_try(attempt, "%s", why->message);
		return SSH_AUTH_DENIED;
	}
	ssh_set_agent_socket(session->ssh, agent_relay_fd(relay));
	int rc = try(attempt, call_agent, NULL, error);

	agent_relay_stop(relay);
	return rc;
}

static bool agent_has(const struct attempt *attempt, GBytes *blob)
{
	for (guint i = 0; blob && attempt->agent_keys &&
	     i < attempt->agent_keys->len; i++)
		if (g_bytes_equal(g_ptr_array_index(attempt->agent_keys, i),
				  blob))
			return true;
	return false;
}

static int try_by_agent(struct attempt *attempt,
			const struct identity *identity, GError **error)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	g_ptr_array_add(keys, identity->blob);
	note_try(attempt, "%s by the agent (%s)", identity->path,
		 identity->fingerprint);
	return try_agent_keys(attempt, keys, error);
}

/* The certificate of a key: CertificateFile, or KEY-cert.pub beside it. */
static ssh_key load_certificate(const struct attempt *attempt,
				const struct identity *identity)
{
	g_autofree char *beside = g_strconcat(identity->path, "-cert.pub",
					      NULL);
	char *const *named = attempt->endpoint->certificate_files;
	ssh_key certificate = NULL, both = NULL;

	for (; named && *named && !both; named++)
		if (ssh_pki_import_cert_file(*named, &certificate) == SSH_OK) {
			both = ssh_key_dup(identity->key);
			if (ssh_pki_copy_cert_to_privkey(certificate, both) !=
			    SSH_OK)
				g_clear_pointer(&both, ssh_key_free);
			g_clear_pointer(&certificate, ssh_key_free);
		}
	if (both || access(beside, R_OK) != 0 ||
	    ssh_pki_import_cert_file(beside, &certificate) != SSH_OK)
		return both;
	both = ssh_key_dup(identity->key);
	if (ssh_pki_copy_cert_to_privkey(certificate, both) != SSH_OK)
		g_clear_pointer(&both, ssh_key_free);
	ssh_key_free(certificate);
	return both;
}

static int try_file(struct attempt *attempt, const struct identity *identity,
		    GError **error)
{
	ssh_key certificate = load_certificate(attempt, identity);
	int rc = SSH_AUTH_DENIED;

	if (certificate) {
		note_try(attempt, "%s with its certificate", identity->path);
		attempt->n_keys++;
		rc = try(attempt, call_publickey, certificate, error);
		ssh_key_free(certificate);
	}
	if (rc != SSH_AUTH_DENIED || attempt->n_keys >= KEYS_MAX)
		return rc;
	note_try(attempt, "%s (%s)", identity->path, identity->fingerprint);
	attempt->n_keys++;
	return try(attempt, call_publickey, identity->key, error);
}

static int try_identity(struct attempt *attempt, const char *path,
			GError **error)
{
	struct identities *store = attempt->session->transport->identities;
	const struct identity *identity = identities_get(store, path, false);

	if (agent_has(attempt, identity->blob))
		return try_by_agent(attempt, identity, error);
	if (identity->key)
		return try_file(attempt, identity, error);
	if (!attempt->key_error)
		attempt->key_error = identity->error;
	note_try(attempt, "%s (%s)", path, identity->encrypted
		 ? "skipped, encrypted" : "unreadable");
	return SSH_AUTH_DENIED;
}

static int try_named(struct attempt *attempt, GError **error)
{
	char *const *path = attempt->endpoint->identity_files;
	int rc = SSH_AUTH_DENIED;

	for (; path && *path && rc == SSH_AUTH_DENIED &&
	     attempt->n_keys < KEYS_MAX; path++)
		rc = try_identity(attempt, *path, error);
	return rc;
}

static const char *const default_names[] = {
	"id_ed25519", "id_ecdsa", "id_rsa"
};

static int try_defaults(struct attempt *attempt, GError **error)
{
	int rc = SSH_AUTH_DENIED;

	for (size_t i = 0; i < G_N_ELEMENTS(default_names) &&
	     rc == SSH_AUTH_DENIED && attempt->n_keys < KEYS_MAX; i++) {
		g_autofree char *path = g_build_filename(
			g_get_home_dir(), ".ssh", default_names[i], NULL);
		struct identities *store =
			attempt->session->transport->identities;

		if (access(path, F_OK) != 0 ||
		    agent_has(attempt, identities_get(store, path,
						      false)->blob))
			continue;	/* the agent's turn has been */
		rc = try_identity(attempt, path, error);
	}
	return rc;
}

/* The agent's own order, as many as leave room for the default files. */
static int try_agent(struct attempt *attempt, GError **error)
{
	g_autoptr(GPtrArray) some = g_ptr_array_new();
	GPtrArray *all = attempt->agent_keys;

	if (!all || all->len == 0)
		return SSH_AUTH_DENIED;
	for (guint i = 0; i < MIN(all->len, KEYS_MAX - 1); i++)
		g_ptr_array_add(some, g_ptr_array_index(all, i));
	attempt->has_more = some->len < all->len;
	note_try(attempt, "%u of the agent's %u keys", some->len, all->len);
	return try_agent_keys(attempt, some, error);
}

static int try_keys(struct attempt *attempt, GError **error)
{
	if (attempt->endpoint->identities_named)
		return try_named(attempt, error);
	int rc = attempt->endpoint->identities_only
		? SSH_AUTH_DENIED : try_agent(attempt, error);

	return rc == SSH_AUTH_DENIED ? try_defaults(attempt, error) : rc;
}

/* --- password --- */

/* Every question that hides its answer is taken for the password's. */
static bool answer_questions(struct attempt *attempt)
{
	ssh_session ssh = attempt->session->ssh;
	int n = ssh_userauth_kbdint_getnprompts(ssh);

	for (int i = 0; i < n; i++) {
		char echo = 1;

		(void)ssh_userauth_kbdint_getprompt(ssh, (unsigned)i, &echo);
		if (ssh_userauth_kbdint_setanswer(
			    ssh, (unsigned)i, echo ? "" : attempt->password) < 0)
			return false;
	}
	return true;
}

static int try_kbdint(struct attempt *attempt, GError **error)
{
	bool asked = false;

	note_try(attempt, "keyboard-interactive");
	for (int round = 0; round < 4; round++) {
		int rc = try(attempt, call_kbdint, NULL, error);

		if (rc != SSH_AUTH_INFO)
			return rc;
		/* asked again for what was wrong: no second guess */
		if (ssh_userauth_kbdint_getnprompts(attempt->session->ssh) >
		    0) {
			if (asked)
				return SSH_AUTH_DENIED;
			asked = true;
		}
		if (!answer_questions(attempt))
			break;
	}
	return SSH_AUTH_DENIED;
}

static int try_password(struct attempt *attempt, GError **error)
{
	unsigned offered = (unsigned)ssh_userauth_list(attempt->session->ssh,
						       NULL);
	int rc = SSH_AUTH_DENIED;

	if (offered & SSH_AUTH_METHOD_PASSWORD) {
		note_try(attempt, "the password");
		rc = try(attempt, call_password, attempt->password, error);
	}
	if (rc == SSH_AUTH_DENIED &&
	    (offered & SSH_AUTH_METHOD_INTERACTIVE))
		rc = try_kbdint(attempt, error);
	return rc;
}

/* --- the end --- */

static const struct {
	int bit;
	const char *name;
} methods[] = {
	{SSH_AUTH_METHOD_PUBLICKEY, "publickey"},
	{SSH_AUTH_METHOD_PASSWORD, "password"},
	{SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
	{SSH_AUTH_METHOD_HOSTBASED, "hostbased"},
	{SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic"},
};

static char *offered_methods(ssh_session ssh)
{
	int bits = ssh_userauth_list(ssh, NULL);
	GString *list = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(methods); i++)
		if (bits & methods[i].bit)
			g_string_append_printf(list, "%s%s",
					       list->len ? ", " : "",
					       methods[i].name);
	if (list->len == 0)
		g_string_append(list, "nothing it named");
	return g_string_free(list, FALSE);
}

static void set_no_key(const struct attempt *attempt, GError **error)
{
	if (attempt->key_error)
		g_propagate_error(error, g_error_copy(attempt->key_error));
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "authenticate as '%s': no key to offer: no agent "
			    "with keys and no ~/.ssh/id_ed25519, id_ecdsa or "
			    "id_rsa (name one with --private-key)",
			    attempt->endpoint->user);
}

static void set_denied(const struct attempt *attempt, int rc, GError **error)
{
	const char *user = attempt->endpoint->user;
	g_autofree char *offered = offered_methods(attempt->session->ssh);
	bool wants_password = !attempt->password &&
		(strstr(offered, "password") || strstr(offered, "keyboard"));

	if (attempt->n_keys == 0 && !attempt->password)
		set_no_key(attempt, error);
	else if (rc == SSH_AUTH_PARTIAL)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "authenticate as '%s': the server took %s but "
			    "wants %s as well, which muster cannot do", user,
			    attempt->tried->str, offered);
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "authenticate as '%s': refused; tried %s; the "
			    "server accepts %s (is the user right? is the key "
			    "in its ~/.ssh/authorized_keys?%s%s)%s", user,
			    attempt->tried->str, offered, wants_password
			    ? " -k asks for a password" : "",
			    attempt->has_more ? " servers hang up after six "
			    "keys: name the right one with --private-key" : "",
			    strstr(attempt->tried->str, "encrypted")
			    ? " (encrypted keys work through ssh-agent, or "
			      "are asked for at a terminal)" : "");
}

static const char *agent_path(const struct session *session)
{
	const char *own = session->endpoint->identity_agent;
	const char *path = own ? own : g_getenv("SSH_AUTH_SOCK");

	if (!session->transport->use_agent || !path || !*path ||
	    g_ascii_strcasecmp(path, "none") == 0)
		return NULL;
	return *path == '$' ? g_getenv(path + 1) : path;
}

void auth_prepare(struct session *session)
{
	const struct endpoint *endpoint = session->endpoint;
	struct identities *store = session->transport->identities;
	const char *socket = agent_path(session);
	const GError *why = NULL;
	struct attempt attempt = { .agent_keys = socket
		? identities_agent(store, socket, session->transport->cancel,
				   &why) : NULL };
	char *const *path = endpoint->identity_files;

	for (; path && *path; path++)
		if (!agent_has(&attempt, identities_get(store, *path,
							false)->blob))
			identities_get(store, *path, true);
	if (endpoint->identities_named ||
	    (attempt.agent_keys && attempt.agent_keys->len > 0))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(default_names); i++) {
		g_autofree char *file = g_build_filename(
			g_get_home_dir(), ".ssh", default_names[i], NULL);

		if (access(file, F_OK) == 0)
			identities_get(store, file, true);
	}
}

bool auth_run(struct session *session, gint64 deadline_us, GError **error)
{
	struct attempt attempt = {
		.session = session,
		.endpoint = session->endpoint,
		.begun_us = g_get_monotonic_time(),
		.deadline_us = deadline_us,
		.agent_path = agent_path(session),
		.tried = g_string_new(NULL),
		.password = session_password(session),
	};
	g_autoptr(GError) why = NULL;
	const GError *agent_why = NULL;

	if (attempt.agent_path)
		attempt.agent_keys = identities_agent(
			session->transport->identities, attempt.agent_path,
			session->transport->cancel, &agent_why);
	if (agent_why)
		note_try(&attempt, "no agent (%s)", agent_why->message);
	int rc = try_keys(&attempt, &why);

	/* a key may have been half of what the server wants */
	if ((rc == SSH_AUTH_DENIED || rc == SSH_AUTH_PARTIAL) &&
	    attempt.password)
		rc = try_password(&attempt, &why);
	if (rc != SSH_AUTH_SUCCESS && why)
		g_propagate_error(error, g_steal_pointer(&why));
	else if (rc != SSH_AUTH_SUCCESS)
		set_denied(&attempt, rc, error);
	g_string_free(attempt.tried, TRUE);
	return rc == SSH_AUTH_SUCCESS;
}
