/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that the agent holds, those that were named first, then key files it
 * does not know; then the password, if there is one. A server hangs up after
 * six failures, so no more than five keys are offered. A file key is offered
 * outright, without the round trip of asking first.
 */
#include "auth.h"
#include "agent.h"
#include "auth_priv.h"
#include "error.h"
#include "key_blob.h"

#include <string.h>
#include <unistd.h>

#define KEYS_MAX 5

void auth_note(struct attempt *attempt, const char *format, ...)
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

int auth_try(struct attempt *attempt, auth_call call, const void *what,
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

/* --- keys --- */

/* Keys as the server is to see them, and as the agent knows them. */
struct agent_choice {
	GPtrArray *shown, *held;	/* GBytes * */
};

static struct agent_choice choice_new(void)
{
	return (struct agent_choice) {
		g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref),
		g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref),
	};
}

static void choice_clear(struct agent_choice *choice)
{
	g_ptr_array_unref(choice->shown);
	g_ptr_array_unref(choice->held);
}

static void choose(struct agent_choice *choice, GBytes *shown, GBytes *held)
{
	g_ptr_array_add(choice->shown, g_bytes_ref(shown));
	g_ptr_array_add(choice->held, g_bytes_ref(held));
}

static bool has_blob(const GPtrArray *blobs, GBytes *blob)
{
	for (guint i = 0; blob && blobs && i < blobs->len; i++)
		if (g_bytes_equal(g_ptr_array_index(blobs, i), blob))
			return true;
	return false;
}

/* Through the agent, which is shown these keys only. */
static int try_agent_keys(struct attempt *attempt,
			  const struct agent_choice *choice, GError **error)
{
	struct session *session = attempt->session;
	g_autoptr(GError) why = NULL;
	struct agent_relay *relay = agent_relay_start(
		attempt->agent_path, choice->shown, choice->held,
		session->transport->cancel, attempt->deadline_us, &why);

	attempt->n_keys += choice->shown->len;
	for (guint i = 0; i < choice->shown->len; i++)
		g_ptr_array_add(attempt->offered, g_bytes_ref(
				g_ptr_array_index(choice->shown, i)));
	if (!relay) {
		auth_note(attempt, "%s", why->message);
		return SSH_AUTH_DENIED;
	}
	ssh_set_agent_socket(session->ssh, agent_relay_fd(relay));
	int rc = auth_try(attempt, call_agent, NULL, &why);

	agent_relay_stop(relay);
	/* libssh has no word for an agent that does not sign */
	if (rc == SSH_AUTH_ERROR && why->code == MUSTER_ERROR_AUTH &&
	    ssh_is_connected(session->ssh)) {
		g_string_append(attempt->tried, " (the agent did not sign)");
		return SSH_AUTH_DENIED;
	}
	if (why)
		g_propagate_error(error, g_steal_pointer(&why));
	return rc;
}

/* What the agent can do for `identity`: certificates of it that it has, those
 * that lie in files, the key as such. */
static void choose_for(struct agent_choice *choice,
		       const struct attempt *attempt,
		       const struct identity *identity)
{
	const GPtrArray *keys = attempt->agent_keys;
	bool has_key = has_blob(keys, identity->blob);
	g_auto(GStrv) files = auth_certificates(attempt, identity);

	for (guint i = 0; identity->blob && keys && i < keys->len; i++) {
		GBytes *blob = g_ptr_array_index(keys, i);

		if (key_blob_certifies(blob, identity->blob))
			choose(choice, blob, blob);
	}
	for (char **file = files; has_key && *file; file++) {
		g_autoptr(GBytes) blob = key_blob_read(*file);

		if (blob && key_blob_certifies(blob, identity->blob) &&
		    !has_blob(choice->shown, blob))
			choose(choice, blob, identity->blob);
	}
	if (has_key)
		choose(choice, identity->blob, identity->blob);
	if (choice->shown->len > KEYS_MAX) {
		g_ptr_array_set_size(choice->shown, KEYS_MAX);
		g_ptr_array_set_size(choice->held, KEYS_MAX);
	}
}

static int try_file(struct attempt *attempt, const struct identity *identity,
		    GError **error)
{
	ssh_key certificate = auth_certified_key(attempt, identity);
	int rc = SSH_AUTH_DENIED;

	if (certificate) {
		auth_note(attempt, "%s with its certificate", identity->path);
		attempt->n_keys++;
		rc = auth_try(attempt, call_publickey, certificate, error);
		ssh_key_free(certificate);
	}
	if (rc != SSH_AUTH_DENIED || attempt->n_keys >= KEYS_MAX)
		return rc;
	auth_note(attempt, "%s (%s)", identity->path, identity->fingerprint);
	attempt->n_keys++;
	return auth_try(attempt, call_publickey, identity->key, error);
}

static const char *const default_names[] = {
	"id_ed25519", "id_ecdsa", "id_rsa"
};

/* Key files that may be used: those that were named, or else the default ones
 * that are there. NULL-terminated, newly allocated. */
static char **key_files(const struct endpoint *endpoint)
{
	GStrvBuilder *builder = g_strv_builder_new();
	char *const *named = endpoint->identities_named
		? endpoint->identity_files : NULL;

	for (; named && *named; named++)
		g_strv_builder_add(builder, *named);
	for (size_t i = 0; !endpoint->identities_named &&
	     i < G_N_ELEMENTS(default_names); i++) {
		g_autofree char *path = g_build_filename(
			g_get_home_dir(), ".ssh", default_names[i], NULL);

		if (access(path, F_OK) == 0)
			g_strv_builder_add(builder, path);
	}
	char **files = g_strv_builder_end(builder);

	g_strv_builder_unref(builder);
	return files;
}

static bool is_with_agent(const struct attempt *attempt,
			  const struct identity *identity)
{
	struct agent_choice choice = choice_new();

	choose_for(&choice, attempt, identity);
	bool found = choice.shown->len > 0;

	choice_clear(&choice);
	return found;
}

static const struct identity *get_identity(const struct attempt *attempt,
					   const char *path)
{
	return identities_get(attempt->session->transport->identities, path,
			      false);
}

/* The agent's own order, as many as leave room for files that it has not. */
static void choose_others(struct agent_choice *choice, struct attempt *attempt,
			  char *const *files)
{
	const GPtrArray *all = attempt->agent_keys;
	guint n = 0, reserved = 0;

	for (; *files; files++)
		reserved += get_identity(attempt, *files)->key &&
			!is_with_agent(attempt,
				       get_identity(attempt, *files));
	if (reserved == 0 && !attempt->endpoint->identities_named)
		reserved = 1;
	for (guint i = 0; all && i < all->len; i++) {
		GBytes *blob = g_ptr_array_index(all, i);

		if (has_blob(choice->shown, blob))
			continue;
		if (choice->shown->len + reserved >= KEYS_MAX) {
			attempt->has_more = true;
			continue;
		}
		choose(choice, blob, blob);
		n++;
	}
	if (n > 0)
		auth_note(attempt, "%u of the agent's %u keys", n, all->len);
}

/* All that the agent is to do, in one go: libssh leaks at a second. */
static int try_agent(struct attempt *attempt, char *const *files,
		     GError **error)
{
	const struct endpoint *endpoint = attempt->endpoint;
	struct agent_choice choice = choice_new();
	int rc = SSH_AUTH_DENIED;

	for (char *const *file = files; *file; file++) {
		const struct identity *identity = get_identity(attempt, *file);
		guint before = choice.shown->len;

		choose_for(&choice, attempt, identity);
		if (choice.shown->len > before)
			auth_note(attempt, "%s by the agent (%s)", *file,
				  identity->fingerprint);
	}
	if (!endpoint->identities_only)
		choose_others(&choice, attempt, files);
	if (choice.shown->len > 0)
		rc = try_agent_keys(attempt, &choice, error);
	choice_clear(&choice);
	return rc;
}

/* A file, unless the agent has had its turn with it. */
static int try_identity(struct attempt *attempt, const char *path,
			GError **error)
{
	const struct identity *identity = get_identity(attempt, path);

	if (has_blob(attempt->offered, identity->blob))
		return SSH_AUTH_DENIED;
	if (identity->key)
		return try_file(attempt, identity, error);
	if (is_with_agent(attempt, identity))
		return SSH_AUTH_DENIED;
	if (!attempt->key_error)
		attempt->key_error = identity->error;
	auth_note(attempt, "%s (%s)", path, identity->encrypted
		  ? "skipped, encrypted" : "unreadable");
	return SSH_AUTH_DENIED;
}

/* In the order of ssh(1): files that the agent has the keys of, its other
 * keys, files that it knows nothing of. A key named in ssh_config does not
 * keep the others from being tried; IdentitiesOnly does, and so does a key
 * that somebody gave to muster itself. */
static int try_keys(struct attempt *attempt, GError **error)
{
	g_auto(GStrv) files = key_files(attempt->endpoint);
	int rc = try_agent(attempt, files, error);

	for (char **file = files; *file && rc == SSH_AUTH_DENIED &&
	     attempt->n_keys < KEYS_MAX; file++)
		rc = try_identity(attempt, *file, error);
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
			    "authenticate as '%s': the server took one of %s, "
			    "but wants %s as well%s", user,
			    attempt->tried->str, offered, wants_password
			    ? " (-k asks for a password)"
			    : ", which muster cannot do");
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "authenticate as '%s': refused; tried %s; the "
			    "server accepts %s (is the user right? is the key "
			    "in its ~/.ssh/authorized_keys?%s%s)%s", user,
			    attempt->tried->str, offered, wants_password
			    ? "; -k asks for a password" : "",
			    attempt->has_more ? "; servers hang up after six "
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
	const GPtrArray *keys = socket
		? identities_agent(store, socket, session->transport->cancel,
				   &why) : NULL;
	g_auto(GStrv) files = key_files(endpoint);

	/* default keys are not worth a question while the agent has some */
	if (!endpoint->identities_named && !endpoint->identities_only &&
	    keys && keys->len > 0)
		return;
	for (char **file = files; *file; file++)
		if (!has_blob(keys, identities_get(store, *file, false)->blob))
			identities_get(store, *file, true);
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
		.offered = g_ptr_array_new_with_free_func(
			(GDestroyNotify)g_bytes_unref),
		.password = session_password(session),
	};
	g_autoptr(GError) why = NULL;
	const GError *agent_why = NULL;

	if (attempt.agent_path)
		attempt.agent_keys = identities_agent(
			session->transport->identities, attempt.agent_path,
			session->transport->cancel, &agent_why);
	if (agent_why)
		auth_note(&attempt, "no agent (%s)", agent_why->message);
	int rc = try_keys(&attempt, &why);

	/* a key may have been half of what the server wants */
	if ((rc == SSH_AUTH_DENIED || rc == SSH_AUTH_PARTIAL) &&
	    attempt.password)
		rc = auth_try_password(&attempt, &why);
	if (rc != SSH_AUTH_SUCCESS && why)
		g_propagate_error(error, g_steal_pointer(&why));
	else if (rc != SSH_AUTH_SUCCESS)
		set_denied(&attempt, rc, error);
	g_string_free(attempt.tried, TRUE);
	g_ptr_array_unref(attempt.offered);
	return rc == SSH_AUTH_SUCCESS;
}
