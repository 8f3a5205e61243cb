/* SPDX-License-Identifier: Apache-2.0
 *
 * From a host of the inventory, or a hop of a jump list, to an endpoint.
 */
#include "endpoint.h"
#include "endpoint_priv.h"
#include "error.h"
#include "host_spec.h"
#include "ssh_config.h"

#include <string.h>

struct endpoints {
	char *config_file, *user, *private_key_file, *jump;
	struct cancel *cancel;
	void (*note)(const struct host *host, const char *text, void *data);
	void *note_data;
	bool config_matters;
	GMutex lock;		/* protects what follows */
	GHashTable *told;	/* char *, set of notes */
	GHashTable *answers;	/* char *, what ssh -G was asked -> settings */
	GMutex jump_lock;	/* protects by_spec, while ssh is asked too;
				   before lock */
	GHashTable *by_spec;	/* char * -> struct endpoint * */
	GPtrArray *kept;	/* struct endpoint * */
};

void endpoint_free(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	g_free(endpoint->label);
	g_free(endpoint->address);
	g_free(endpoint->user);
	g_free(endpoint->key_name);
	g_strfreev(endpoint->identity_files);
	g_strfreev(endpoint->certificate_files);
	g_strfreev(endpoint->known_hosts);
	g_free(endpoint->identity_agent);
	g_free(endpoint->jump);
	g_free(endpoint->proxy_command);
	if (endpoint->notes)
		g_ptr_array_unref(endpoint->notes);
	g_free(endpoint);
}

struct endpoint *endpoint_copy(const struct endpoint *endpoint)
{
	struct endpoint *copy = g_memdup2(endpoint, sizeof(*endpoint));

	copy->label = g_strdup(endpoint->label);
	copy->address = g_strdup(endpoint->address);
	copy->user = g_strdup(endpoint->user);
	copy->key_name = g_strdup(endpoint->key_name);
	copy->identity_files = g_strdupv(endpoint->identity_files);
	copy->certificate_files = g_strdupv(endpoint->certificate_files);
	copy->known_hosts = g_strdupv(endpoint->known_hosts);
	copy->identity_agent = g_strdup(endpoint->identity_agent);
	copy->jump = g_strdup(endpoint->jump);
	copy->proxy_command = g_strdup(endpoint->proxy_command);
	copy->notes = NULL;
	return copy;
}

static void free_endpoint(void *endpoint)
{
	endpoint_free(endpoint);
}

struct endpoints *endpoints_new(const struct endpoint_options *options)
{
	struct endpoints *e = g_new0(struct endpoints, 1);

	e->config_file = g_strdup(options->config_file);
	e->user = g_strdup(options->user);
	e->private_key_file = g_strdup(options->private_key_file);
	e->jump = g_strdup(options->jump);
	e->cancel = options->cancel;
	e->note = options->note;
	e->note_data = options->note_data;
	e->config_matters = ssh_config_matters(options->config_file);
	g_mutex_init(&e->lock);
	e->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	e->answers = g_hash_table_new_full(
		g_str_hash, g_str_equal, g_free,
		(GDestroyNotify)g_hash_table_unref);
	g_mutex_init(&e->jump_lock);
	e->by_spec = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					   free_endpoint);
	e->kept = g_ptr_array_new_with_free_func(free_endpoint);
	return e;
}

void endpoints_free(struct endpoints *endpoints)
{
	if (!endpoints)
		return;
	g_hash_table_unref(endpoints->told);
	g_hash_table_unref(endpoints->answers);
	g_mutex_clear(&endpoints->jump_lock);
	g_hash_table_unref(endpoints->by_spec);
	g_ptr_array_unref(endpoints->kept);
	g_mutex_clear(&endpoints->lock);
	g_free(endpoints->config_file);
	g_free(endpoints->user);
	g_free(endpoints->private_key_file);
	g_free(endpoints->jump);
	g_free(endpoints);
}

/* One process a question and run; the caller unrefs. */
static GHashTable *ask_once(struct endpoints *e, const struct ssh_query *query,
			    gint64 deadline_us, GError **error)
{
	g_autofree char *question = ssh_config_question(query);

	g_mutex_lock(&e->lock);
	GHashTable *settings = g_hash_table_lookup(e->answers, question);

	if (settings)
		g_hash_table_ref(settings);
	g_mutex_unlock(&e->lock);
	if (settings)
		return settings;
	settings = ssh_config_ask(query, e->cancel, deadline_us, error);
	if (!settings)
		return NULL;
	g_mutex_lock(&e->lock);
	g_hash_table_insert(e->answers, g_steal_pointer(&question),
			    g_hash_table_ref(settings));
	g_mutex_unlock(&e->lock);
	return settings;
}

static bool ask(struct endpoints *e, struct endpoint *endpoint,
		const struct ssh_query *query, gint64 deadline_us,
		GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GHashTable) settings = ask_once(e, query, deadline_us,
						  &why);

	if (settings)
		return endpoint_take_settings(endpoint, settings, query->name, error);
	if (!g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	g_ptr_array_add(endpoint->notes, g_strdup(
		"ssh_config is not followed: there is no ssh program here to "
		"ask (install the OpenSSH client, or give -F none)"));
	return true;
}

static struct endpoint *endpoint_new(const char *label, const char *address,
				     unsigned port, const char *user)
{
	struct endpoint *endpoint = g_new0(struct endpoint, 1);

	endpoint->label = g_strdup(label);
	endpoint->address = g_strdup(address);
	endpoint->port = port ? port : 22;
	endpoint->user = g_strdup(user ? user : g_get_user_name());
	endpoint->notes = g_ptr_array_new_with_free_func(g_free);
	return endpoint;
}

/* The inventory's default of 22 is nobody's word. */
static unsigned given_port(const struct host *host)
{
	return host->port != 22 || host_var(host, "ansible_port") ||
		host_var(host, "ansible_ssh_port") ? host->port : 0;
}

static bool read_args(const struct host *host, struct ssh_args *args,
		      GError **error)
{
	static const char *const names[] = {
		"ansible_ssh_args", "ansible_ssh_common_args",
		"ansible_ssh_extra_args",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (ssh_args_parse(args, host_var(host, names[i]), error))
			continue;
		g_prefix_error(error, "%s: ", names[i]);
		return false;
	}
	return true;
}

/* Keys that were named outside ssh_config come first. */
static void add_own_identities(struct endpoint *endpoint, const char *option,
			       const struct host *host,
			       const struct ssh_args *args)
{
	GStrvBuilder *builder = g_strv_builder_new();
	const char *one = option ? option : host->private_key_file;

	if (one)
		g_strv_builder_add(builder, one);
	for (guint i = 0; !option && i < args->identity_files->len; i++)
		g_strv_builder_add(builder, g_ptr_array_index(
					args->identity_files, i));
	endpoint->identity_files = g_strv_builder_end(builder);
	endpoint->identities_named = *endpoint->identity_files != NULL;
	endpoint->identities_only = endpoint->identities_named;
	for (char **path = endpoint->identity_files; *path; path++)
		if (g_str_has_prefix(*path, "~/")) {
			char *full = g_build_filename(g_get_home_dir(),
						      *path + 2, NULL);

			g_free(*path);
			*path = full;
		}
	g_strv_builder_unref(builder);
}

static struct endpoint *resolve_host(struct endpoints *e,
				     const struct host *host,
				     struct ssh_args *args,
				     gint64 deadline_us, GError **error)
{
	const char *user = e->user ? e->user : host->user;
	struct endpoint *endpoint = endpoint_new(host->address, host->address,
						 host->port, user);
	struct ssh_query query = {
		.name = host->address,
		.user = user,
		.port = given_port(host),
		.args = args,
		.config_file = e->config_file,
	};
	bool must_ask = e->config_matters || args->options->len > 0 ||
		args->config_file;

	if (e->jump) {
		g_free(args->jump);
		args->jump = g_strdup(e->jump);
	}
	endpoint->connect_timeout_s = host->connect_timeout_s;
	endpoint_replace(&endpoint->jump, args->jump);
	for (guint i = 0; i < args->notes->len; i++)
		g_ptr_array_add(endpoint->notes, g_strdup(
				g_ptr_array_index(args->notes, i)));
	add_own_identities(endpoint, e->private_key_file, host, args);
	if (must_ask && !ask(e, endpoint, &query, deadline_us, error)) {
		endpoint_free(endpoint);
		return NULL;
	}
	if (args->jump && endpoint_is_none(args->jump))
		g_clear_pointer(&endpoint->jump, g_free);
	return endpoint;
}

/* A host may have several sessions; what it has to say is said once. */
static void tell_notes(struct endpoints *e, const struct host *host,
		       const struct endpoint *endpoint)
{
	for (guint i = 0; e->note && i < endpoint->notes->len; i++) {
		const char *text = g_ptr_array_index(endpoint->notes, i);

		g_mutex_lock(&e->lock);
		bool is_new = g_hash_table_add(e->told, g_strdup_printf(
				"%s: %s", host->name, text));

		g_mutex_unlock(&e->lock);
		if (is_new)
			e->note(host, text, e->note_data);
	}
}

const struct endpoint *endpoints_host(struct endpoints *endpoints,
				      const struct host *host,
				      gint64 deadline_us, GError **error)
{
	struct endpoint *endpoint = NULL;
	struct ssh_args args;

	ssh_args_init(&args);
	if (read_args(host, &args, error))
		endpoint = resolve_host(endpoints, host, &args, deadline_us,
					error);
	ssh_args_clear(&args);
	if (!endpoint)
		return NULL;
	tell_notes(endpoints, host, endpoint);
	return endpoints_keep(endpoints, endpoint);
}

/* --- jump hosts --- */

static bool read_spec(struct host_spec *spec, const char *text,
		      GError **error)
{
	if (host_spec_parse(spec, text))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "jump host '%s': expected [user@]host[:port]", text);
	return false;
}

const struct endpoint *endpoints_jump(struct endpoints *endpoints,
				      const char *spec, gint64 deadline_us,
				      GError **error)
{
	struct host_spec hop = { .name = NULL };
	struct endpoint *endpoint;

	g_mutex_lock(&endpoints->jump_lock);
	endpoint = g_hash_table_lookup(endpoints->by_spec, spec);
	if (!endpoint && read_spec(&hop, spec, error)) {
		g_autofree char *label = g_strdup_printf("jump host '%s'",
							 spec);
		const struct ssh_query query = {
			.name = hop.name, .user = hop.user, .port = hop.port,
			.config_file = endpoints->config_file,
		};

		endpoint = endpoint_new(label, hop.name, hop.port, hop.user);
		if (endpoints->config_matters &&
		    !ask(endpoints, endpoint, &query, deadline_us, error))
			g_clear_pointer(&endpoint, endpoint_free);
		else
			g_hash_table_insert(endpoints->by_spec, g_strdup(spec),
					    endpoint);
	}
	g_mutex_unlock(&endpoints->jump_lock);
	host_spec_clear(&hop);
	return endpoint;
}

const struct endpoint *endpoints_keep(struct endpoints *endpoints,
				      struct endpoint *endpoint)
{
	g_mutex_lock(&endpoints->lock);
	g_ptr_array_add(endpoints->kept, endpoint);
	g_mutex_unlock(&endpoints->lock);
	return endpoint;
}
