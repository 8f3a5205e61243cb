/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of known_hosts files, by their list of names.
 */
#include "endpoint.h"
#include "hostkey.h"

struct hostkey_store {
	char *file;		/* --known-hosts, or NULL */
	enum host_key_policy policy;
	struct hostkeys *standard;
	GMutex lock;		/* protects the table */
	GHashTable *others;	/* char * -> struct hostkeys * */
};

static void free_keys(void *keys)
{
	hostkeys_free(keys);
}

struct hostkey_store *hostkey_store_new(const char *file,
					enum host_key_policy policy,
					GError **error)
{
	const char *const files[] = {file, NULL};
	struct hostkeys *standard = hostkeys_load(file ? files : NULL, policy,
						  error);

	if (!standard)
		return NULL;
	struct hostkey_store *store = g_new0(struct hostkey_store, 1);

	store->file = g_strdup(file);
	store->policy = policy;
	store->standard = standard;
	g_mutex_init(&store->lock);
	store->others = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					      free_keys);
	return store;
}

void hostkey_store_free(struct hostkey_store *store)
{
	if (!store)
		return;
	hostkeys_free(store->standard);
	g_hash_table_unref(store->others);
	g_mutex_clear(&store->lock);
	g_free(store->file);
	g_free(store);
}

struct hostkeys *hostkey_store_get(struct hostkey_store *store,
				   const struct endpoint *endpoint,
				   GError **error)
{
	if (store->file || !endpoint->known_hosts || !*endpoint->known_hosts)
		return store->standard;
	g_autofree char *name = g_strjoinv("\n", endpoint->known_hosts);

	g_mutex_lock(&store->lock);
	struct hostkeys *keys = g_hash_table_lookup(store->others, name);

	if (!keys) {
		keys = hostkeys_load(
			(const char *const *)endpoint->known_hosts,
			store->policy, error);
		if (keys)
			g_hash_table_insert(store->others,
					    g_steal_pointer(&name), keys);
	}
	g_mutex_unlock(&store->lock);
	return keys;
}
