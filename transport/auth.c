/* SPDX-License-Identifier: Apache-2.0
 *
 * Public-key authentication. A file key is offered outright, without the
 * extra round trip of asking first. Keys are never changed after import, so
 * sessions on all threads may sign with one.
 */
#include "auth.h"
#include "error.h"
#include "session_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct identity {
	ssh_key key;		/* NULL: see error */
	char *fingerprint;
	GError *error;
	bool encrypted;
};

struct identities {
	GMutex lock;		/* protects the table, not what is in it */
	GHashTable *by_path;	/* char * -> struct identity * */
};

static void identity_free(void *data)
{
	struct identity *identity = data;
	ssh_key_free(identity->key);
	g_free(identity->fingerprint);
	g_clear_error(&identity->error);
	g_free(identity);
}

struct identities *identities_new(void)
{
	struct identities *identities = g_new0(struct identities, 1);
	g_mutex_init(&identities->lock);
	identities->by_path = g_hash_table_new_full(
		g_str_hash, g_str_equal, g_free, identity_free);
	return identities;
}

void identities_free(struct identities *identities)
{
	if (!identities)
		return;
	g_hash_table_unref(identities->by_path);
	g_mutex_clear(&identities->lock);
	g_free(identities);
}

/* libssh asks for the passphrase here, which is how we learn there is one. */
static int refuse_passphrase(const char *prompt, char *buf, size_t len,
			     int echo, int verify, void *userdata)
{
	(void)prompt, (void)buf, (void)len, (void)echo, (void)verify;
	*(bool *)userdata = true;
	return -1;
}

static char *key_fingerprint(ssh_key key)
{
	unsigned char *hash = NULL;
	size_t length = 0;

	if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash,
				   &length) != 0)
		return g_strdup("?");
	char *text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash,
					      length);
	char *copy = g_strdup(text);
	ssh_string_free_char(text);
	ssh_clean_pubkey_hash(&hash);
	return copy;
}

static struct identity *identity_load(const char *path)
{
	struct identity *identity = g_new0(struct identity, 1);
	const char *why = "not a private key in a format libssh reads";

	if (access(path, R_OK) < 0)
		why = g_strerror(errno);
	else if (ssh_pki_import_privkey_file(path, NULL, refuse_passphrase,
					     &identity->encrypted,
					     &identity->key) == SSH_OK)
		identity->fingerprint = key_fingerprint(identity->key);
	else if (identity->encrypted)
		why = "it is encrypted (load it into ssh-agent: ssh-add)";
	if (!identity->key)
		g_set_error(&identity->error, MUSTER_ERROR,
			    MUSTER_ERROR_KEY_FILE, "private key '%s': %s",
			    path, why);
	return identity;
}

/* Borrowed from the store. Reads the file the first time it is asked for. */
static const struct identity *identities_get(struct identities *identities,
					     const char *path)
{
	g_autofree char *full = g_str_has_prefix(path, "~/")
		? g_build_filename(g_get_home_dir(), path + 2, NULL)
		: g_strdup(path);

	/* Held while reading: an encrypted key takes 0.1 s to open and two
	 * hundred sessions may want it at once. */
	g_mutex_lock(&identities->lock);
	struct identity *identity = g_hash_table_lookup(identities->by_path,
							full);
	if (!identity) {
		identity = identity_load(full);
		g_hash_table_insert(identities->by_path,
				    g_steal_pointer(&full), identity);
	}
	g_mutex_unlock(&identities->lock);
	return identity;
}

/* One authentication, and what it has tried so far. */
struct attempt {
	struct session *session;
	gint64 begun_us, deadline_us;
	GString *tried;		/* for the error text */
	bool encrypted;		/* a default key was skipped for that */
};

typedef int (*auth_call)(ssh_session ssh, ssh_key key);

static int call_publickey(ssh_session ssh, ssh_key key)
{
	return ssh_userauth_publickey(ssh, NULL, key);
}

static int call_agent(ssh_session ssh, ssh_key key)
{
	(void)key;
	return ssh_userauth_agent(ssh, NULL);
}

static bool wait_more(struct attempt *attempt, GError **error)
{
	g_autoptr(GError) why = NULL;
	if (session_wait(attempt->session, attempt->begun_us,
			 attempt->deadline_us, &why))
		return true;
	if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_DEADLINE))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CONNECT_TIMEOUT,
			    "authenticate to %s: no answer in time",
			    attempt->session->host->address);
	else
		g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

/* An SSH_AUTH_* that is not AGAIN; SSH_AUTH_ERROR has `error` set. After a
 * server hung up (six wrong keys) libssh says AGAIN for ever: looking at the
 * connection ends that. */
static int try(struct attempt *attempt, auth_call call, ssh_key key,
	       GError **error)
{
	ssh_session ssh = attempt->session->ssh;

	for (;;) {
		int rc = call(ssh, key);
		if (rc != SSH_AUTH_AGAIN && rc != SSH_AUTH_ERROR)
			return rc;
		if (!ssh_is_connected(ssh)) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
				    "authenticate as '%s': the server hung up "
				    "after trying %s: %s (too many keys? name "
				    "the right one with --private-key)",
				    session_user(attempt->session),
				    attempt->tried->str, ssh_get_error(ssh));
			return SSH_AUTH_ERROR;
		}
		if (rc == SSH_AUTH_ERROR) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
				    "authenticate as '%s' with %s: %s",
				    session_user(attempt->session),
				    attempt->tried->str, ssh_get_error(ssh));
			return SSH_AUTH_ERROR;
		}
		if (!wait_more(attempt, error))
			return SSH_AUTH_ERROR;
	}
}

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

static int try_file(struct attempt *attempt, const char *path,
		    const struct identity *identity, GError **error)
{
	note_try(attempt, "%s (%s)", path, identity->fingerprint);
	return try(attempt, call_publickey, identity->key, error);
}

static bool agent_present(const struct attempt *attempt)
{
	const char *path = g_getenv("SSH_AUTH_SOCK");
	return attempt->session->transport->use_agent && path && *path;
}

static int try_agent(struct attempt *attempt, GError **error)
{
	if (!agent_present(attempt))
		return SSH_AUTH_DENIED;
	note_try(attempt, "the agent's keys");
	return try(attempt, call_agent, NULL, error);
}

static int try_default_files(struct attempt *attempt, GError **error)
{
	static const char *const names[] = {"id_ed25519", "id_ecdsa",
					    "id_rsa"};
	int rc = SSH_AUTH_DENIED;

	for (size_t i = 0; i < G_N_ELEMENTS(names) && rc == SSH_AUTH_DENIED;
	     i++) {
		g_autofree char *path = g_build_filename(
			g_get_home_dir(), ".ssh", names[i], NULL);
		if (access(path, F_OK) < 0)
			continue;
		const struct identity *identity = identities_get(
			attempt->session->transport->identities, path);
		attempt->encrypted |= identity->encrypted;
		if (identity->key)
			rc = try_file(attempt, path, identity, error);
		else
			note_try(attempt, "%s (%s)", path, identity->encrypted
				 ? "skipped, encrypted" : "unreadable");
	}
	return rc;
}

static int try_in_order(struct attempt *attempt, const char *path,
			GError **error)
{
	if (!path) {
		int rc = try_agent(attempt, error);
		return rc == SSH_AUTH_DENIED
			? try_default_files(attempt, error) : rc;
	}
	const struct identity *identity = identities_get(
		attempt->session->transport->identities, path);
	if (identity->key)
		return try_file(attempt, path, identity, error);
	/* The usual reason for an agent is that the file is encrypted. */
	if (identity->encrypted && agent_present(attempt))
		return try_agent(attempt, error);
	g_propagate_error(error, g_error_copy(identity->error));
	return SSH_AUTH_ERROR;
}

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

static void set_denied(const struct attempt *attempt, int rc, GError **error)
{
	const char *user = session_user(attempt->session);
	g_autofree char *offered = offered_methods(attempt->session->ssh);

	if (attempt->tried->len == 0)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "authenticate as '%s': no key to offer: no agent "
			    "and no ~/.ssh/id_ed25519, id_ecdsa or id_rsa "
			    "(name one with --private-key)", user);
	else if (rc == SSH_AUTH_PARTIAL)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "authenticate as '%s': the server took %s but "
			    "wants %s as well, which muster cannot do", user,
			    attempt->tried->str, offered);
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "authenticate as '%s': refused; tried %s; the "
			    "server accepts %s (is the user right? is the key "
			    "in its ~/.ssh/authorized_keys?)%s", user,
			    attempt->tried->str, offered, attempt->encrypted
			    ? " (encrypted keys work through ssh-agent)" : "");
}

bool auth_run(struct session *session, gint64 deadline_us, GError **error)
{
	const char *path = session->transport->private_key_file;
	struct attempt attempt = {
		.session = session,
		.begun_us = g_get_monotonic_time(),
		.deadline_us = deadline_us,
		.tried = g_string_new(NULL),
	};
	if (!path)
		path = session->host->private_key_file;

	g_autoptr(GError) why = NULL;
	int rc = try_in_order(&attempt, path, &why);
	if (rc != SSH_AUTH_SUCCESS && why)
		g_propagate_error(error, g_steal_pointer(&why));
	else if (rc != SSH_AUTH_SUCCESS)
		set_denied(&attempt, rc, error);
	g_string_free(attempt.tried, TRUE);
	return rc == SSH_AUTH_SUCCESS;
}
