/* SPDX-License-Identifier: Apache-2.0
 *
 * The store of keys. An encrypted key costs 0.1 s to open (bcrypt), so it is
 * opened once. While a person is asked only those wait who would ask as well:
 * the others have deadlines.
 */
#include "identity.h"
#include "agent.h"
#include "error.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_TRIES 3
#define AGENT_US (5 * G_TIME_SPAN_SECOND)

struct agent_keys {
	GPtrArray *keys;	/* GBytes *, or NULL */
	GError *error;
};

struct identities {
	char *(*ask)(const char *prompt, void *data);
	void *ask_data;
	GMutex ask_lock;	/* held while somebody is asked; before lock */
	GMutex lock;		/* protects all below */
	GHashTable *by_path;	/* char * -> struct identity * */
	GPtrArray *outdated;	/* struct identity *, somebody may still use */
	GHashTable *asked;	/* char *, set of paths that were asked for;
				   ask_lock's */
	GHashTable *agents;	/* char * -> struct agent_keys * */
};

static void identity_free(void *data)
{
	struct identity *identity = data;

	g_free(identity->path);
	ssh_key_free(identity->key);
	if (identity->blob)
		g_bytes_unref(identity->blob);
	g_free(identity->fingerprint);
	g_clear_error(&identity->error);
	g_free(identity);
}

static void agent_keys_free(void *data)
{
	struct agent_keys *agent = data;

	if (agent->keys)
		g_ptr_array_unref(agent->keys);
	g_clear_error(&agent->error);
	g_free(agent);
}

struct identities *identities_new(char *(*ask)(const char *prompt, void *data),
				  void *data)
{
	struct identities *identities = g_new0(struct identities, 1);

	identities->ask = ask;
	identities->ask_data = data;
	g_mutex_init(&identities->ask_lock);
	g_mutex_init(&identities->lock);
	identities->by_path = g_hash_table_new(g_str_hash, g_str_equal);
	identities->outdated = g_ptr_array_new_with_free_func(identity_free);
	identities->asked = g_hash_table_new_full(g_str_hash, g_str_equal,
						  g_free, NULL);
	identities->agents = g_hash_table_new_full(
		g_str_hash, g_str_equal, g_free, agent_keys_free);
	return identities;
}

void identities_free(struct identities *identities)
{
	GHashTableIter iter;
	gpointer identity;

	if (!identities)
		return;
	g_hash_table_iter_init(&iter, identities->by_path);
	while (g_hash_table_iter_next(&iter, NULL, &identity))
		identity_free(identity);
	g_hash_table_unref(identities->by_path);
	g_ptr_array_unref(identities->outdated);
	g_hash_table_unref(identities->asked);
	g_hash_table_unref(identities->agents);
	g_mutex_clear(&identities->ask_lock);
	g_mutex_clear(&identities->lock);
	g_free(identities);
}

static void take_public(struct identity *identity, ssh_key key)
{
	unsigned char *hash = NULL;
	char *base64 = NULL, *text = NULL;
	size_t length = 0;

	if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK) {
		gsize n = 0;
		guchar *bytes = g_base64_decode(base64, &n);

		identity->blob = g_bytes_new_take(bytes, n);
		ssh_string_free_char(base64);
	}
	if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash,
				   &length) != 0)
		return;
	text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash,
					length);
	g_free(identity->fingerprint);
	identity->fingerprint = g_strdup(text);
	ssh_string_free_char(text);
	ssh_clean_pubkey_hash(&hash);
}

/* libssh asks for the passphrase here, which is how we learn there is one. */
static int refuse_passphrase(const char *prompt, char *buf, size_t len,
			     int echo, int verify, void *userdata)
{
	(void)prompt, (void)buf, (void)len, (void)echo, (void)verify;
	*(bool *)userdata = true;
	return -1;
}

/* What only its owner may read is a key; OpenSSH refuses another. */
static bool is_private(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 || (st.st_mode & 077) == 0 ||
		st.st_uid != getuid();
}

static const char *open_file(struct identity *identity)
{
	if (access(identity->path, R_OK) < 0)
		return g_strerror(errno);
	if (!is_private(identity->path))
		return "others may read it (chmod 600 it)";
	if (ssh_pki_import_privkey_file(identity->path, NULL,
					refuse_passphrase,
					&identity->encrypted,
					&identity->key) == SSH_OK)
		return NULL;
	return identity->encrypted
		? "it is encrypted (load it into ssh-agent: ssh-add; at a "
		  "terminal muster asks for its passphrase)"
		: "not a private key in a format libssh reads";
}

static struct identity *identity_load(const char *path)
{
	struct identity *identity = g_new0(struct identity, 1);
	g_autofree char *beside = g_strconcat(path, ".pub", NULL);
	ssh_key public = NULL;
	const char *why;

	identity->path = g_strdup(path);
	identity->fingerprint = g_strdup("?");
	why = open_file(identity);
	if (identity->key) {
		take_public(identity, identity->key);
		return identity;
	}
	/* for the agent's sake: it may have the key behind this file, which
	 * holds its public half in the clear, or is nothing else */
	if (ssh_pki_import_pubkey_file(beside, &public) == SSH_OK ||
	    ssh_pki_import_pubkey_file(path, &public) == SSH_OK)
		take_public(identity, public);
	ssh_key_free(public);
	g_set_error(&identity->error, MUSTER_ERROR, MUSTER_ERROR_KEY_FILE,
		    "private key '%s': %s", path, why);
	return identity;
}

/* Asks until a passphrase fits; NULL if none did. */
static struct identity *identity_ask(struct identities *identities,
				     const char *path)
{
	struct identity *identity = g_new0(struct identity, 1);

	identity->path = g_strdup(path);
	identity->fingerprint = g_strdup("?");
	identity->encrypted = true;
	for (int i = 0; i < ASK_TRIES && !identity->key; i++) {
		g_autofree char *prompt = g_strdup_printf(
			"%sPassphrase for key '%s': ",
			i ? "That was not it. " : "", path);
		char *secret = identities->ask(prompt, identities->ask_data);

		if (!secret || !*secret) {
			g_free(secret);
			break;
		}
		(void)ssh_pki_import_privkey_file(path, secret, NULL, NULL,
						  &identity->key);
		explicit_bzero(secret, strlen(secret));
		g_free(secret);
	}
	if (identity->key) {
		take_public(identity, identity->key);
		return identity;
	}
	identity_free(identity);
	return NULL;
}

static struct identity *look_up(struct identities *identities,
				const char *path)
{
	struct identity *identity;

	g_mutex_lock(&identities->lock);
	identity = g_hash_table_lookup(identities->by_path, path);
	if (!identity) {
		identity = identity_load(path);
		g_hash_table_insert(identities->by_path, identity->path,
				    identity);
	}
	g_mutex_unlock(&identities->lock);
	return identity;
}

/* `identity` may be in use: it is kept until the end. */
static void put_in_place(struct identities *identities,
			 struct identity *identity, struct identity *opened)
{
	g_mutex_lock(&identities->lock);
	g_hash_table_replace(identities->by_path, opened->path, opened);
	g_ptr_array_add(identities->outdated, identity);
	g_mutex_unlock(&identities->lock);
}

const struct identity *identities_get(struct identities *identities,
				      const char *path, bool may_ask)
{
	struct identity *identity = look_up(identities, path);

	if (!may_ask || !identities->ask || identity->key ||
	    !identity->encrypted)
		return identity;
	g_mutex_lock(&identities->ask_lock);
	/* whoever was first has asked for all */
	identity = look_up(identities, path);
	if (!identity->key &&
	    g_hash_table_add(identities->asked, g_strdup(path))) {
		struct identity *opened = identity_ask(identities, path);

		if (opened) {
			put_in_place(identities, identity, opened);
			identity = opened;
		}
	}
	g_mutex_unlock(&identities->ask_lock);
	return identity;
}

GPtrArray *identities_agent(struct identities *identities, const char *socket,
			    struct cancel *cancel, const GError **why)
{
	g_mutex_lock(&identities->lock);
	struct agent_keys *agent = g_hash_table_lookup(identities->agents,
						       socket);

	if (!agent) {
		agent = g_new0(struct agent_keys, 1);
		agent->keys = agent_list(socket, cancel,
					 g_get_monotonic_time() + AGENT_US,
					 &agent->error);
		g_hash_table_insert(identities->agents, g_strdup(socket),
				    agent);
	}
	g_mutex_unlock(&identities->lock);
	*why = agent->error;
	return agent->keys;
}
