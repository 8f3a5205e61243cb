/* SPDX-License-Identifier: Apache-2.0
 *
 * From the settings of ssh_config to an endpoint.
 */
#include "endpoint_priv.h"
#include "error.h"
#include "ssh_config.h"

#include <string.h>

bool endpoint_is_none(const char *value)
{
	return !value || g_ascii_strcasecmp(value, "none") == 0;
}

void endpoint_replace(char **to, const char *value)
{
	if (endpoint_is_none(value))
		return;
	g_free(*to);
	*to = g_strdup(value);
}

/* The tokens of ssh_config(5) that muster fills in; NULL for another. */
static const char *token(char letter, const struct endpoint *endpoint,
			 const char *name, const char *port)
{
	switch (letter) {
	case '%': return "%";
	case 'h': return endpoint->address;
	case 'n': return name;
	case 'p': return port;
	case 'r': return endpoint->user;
	case 'd': return g_get_home_dir();
	case 'u': return g_get_user_name();
	default: return NULL;
	}
}

static char *fill_tokens(const char *text, const struct endpoint *endpoint,
			 const char *name, GError **error)
{
	g_autofree char *port = g_strdup_printf("%u", endpoint->port);
	GString *out = g_string_new(NULL);

	for (const char *c = text; *c; c++) {
		if (*c != '%') {
			g_string_append_c(out, *c);
			continue;
		}
		const char *value = token(c[1], endpoint, name, port);

		if (!value) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
				    "ssh configuration for '%s': '%%%c' in "
				    "'%s' is not understood", name,
				    c[1] ? c[1] : ' ', text);
			g_string_free(out, TRUE);
			return NULL;
		}
		g_string_append(out, value);
		c++;
	}
	return g_string_free(out, FALSE);
}

static char *fill_path(const char *path, const struct endpoint *endpoint,
		       const char *name, GError **error)
{
	g_autofree char *full = g_str_has_prefix(path, "~/")
		? g_build_filename(g_get_home_dir(), path + 2, NULL)
		: g_strdup(path);

	return fill_tokens(full, endpoint, name, error);
}

/* ssh prints its defaults where nobody named a key. */
static bool are_default_identities(const GPtrArray *values)
{
	for (guint i = 0; i < values->len; i++)
		if (!g_str_has_prefix(g_ptr_array_index(values, i),
				      "~/.ssh/id_"))
			return false;
	return values->len > 3;
}

static bool take_paths(char ***to, const GPtrArray *values,
		       const struct endpoint *endpoint, const char *name,
		       GError **error)
{
	GStrvBuilder *builder = g_strv_builder_new();
	bool ok = true;

	for (char **path = *to; path && *path; path++)
		g_strv_builder_add(builder, *path);
	for (guint i = 0; ok && values && i < values->len; i++) {
		const char *value = g_ptr_array_index(values, i);
		g_autofree char *path = endpoint_is_none(value) ? NULL
			: fill_path(value, endpoint, name, error);

		ok = path || endpoint_is_none(value);
		if (path)
			g_strv_builder_add(builder, path);
	}
	g_strfreev(*to);
	*to = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return ok;
}

static void take_known_hosts(struct endpoint *endpoint, GHashTable *settings)
{
	const char *value = ssh_config_get(settings, "userknownhostsfile");
	g_autofree char *standard = g_build_filename(
		g_get_home_dir(), ".ssh", "known_hosts", NULL);
	g_auto(GStrv) files = g_strsplit(value ? value : "", " ", -1);
	GStrvBuilder *builder = g_strv_builder_new();

	for (char **file = files; *file; file++) {
		if (strcmp(*file, "/dev/null") == 0)
			g_ptr_array_add(endpoint->notes, g_strdup(
				"UserKnownHostsFile=/dev/null is not followed: "
				"host keys are always checked"));
		else if (g_path_is_absolute(*file))
			g_strv_builder_add(builder, *file);
	}
	g_strfreev(endpoint->known_hosts);
	endpoint->known_hosts = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	/* the default list is the default, not a choice */
	if (g_strv_length(endpoint->known_hosts) == 2 &&
	    strcmp(endpoint->known_hosts[0], standard) == 0)
		g_clear_pointer(&endpoint->known_hosts, g_strfreev);
}

static bool take_proxy(struct endpoint *endpoint, GHashTable *settings,
		       const char *name, GError **error)
{
	const char *command = ssh_config_get(settings, "proxycommand");

	endpoint_replace(&endpoint->jump, ssh_config_get(settings, "proxyjump"));
	if (endpoint_is_none(command) || endpoint->jump)
		return true;
	endpoint->proxy_command = fill_tokens(command, endpoint, name, error);
	return endpoint->proxy_command != NULL;
}

static void take_switches(struct endpoint *endpoint, GHashTable *settings)
{
	const char *only = ssh_config_get(settings, "identitiesonly");
	const char *timeout = ssh_config_get(settings, "connecttimeout");
	const char *strict = ssh_config_get(settings, "stricthostkeychecking");
	const char *agent = ssh_config_get(settings, "identityagent");

	if (g_strcmp0(only, "yes") == 0)
		endpoint->identities_only = true;
	if (agent && g_ascii_strcasecmp(agent, "SSH_AUTH_SOCK") != 0)
		endpoint->identity_agent = g_strdup(agent);
	if (!endpoint_is_none(timeout) && endpoint->connect_timeout_s == 0)
		endpoint->connect_timeout_s =
			(unsigned)g_ascii_strtoull(timeout, NULL, 10);
	if (g_strcmp0(strict, "false") == 0 || g_strcmp0(strict, "no") == 0 ||
	    g_strcmp0(strict, "off") == 0)
		g_ptr_array_add(endpoint->notes, g_strdup(
			"StrictHostKeyChecking=no is not followed: host keys "
			"are always checked (new hosts: --host-key="
			"accept-new)"));
}

bool endpoint_take_settings(struct endpoint *endpoint, GHashTable *settings,
			  const char *name, GError **error)
{
	const GPtrArray *identities = g_hash_table_lookup(settings,
							  "identityfile");
	const char *port = ssh_config_get(settings, "port");

	endpoint_replace(&endpoint->address, ssh_config_get(settings, "hostname"));
	endpoint_replace(&endpoint->user, ssh_config_get(settings, "user"));
	if (port)
		endpoint->port = (unsigned)g_ascii_strtoull(port, NULL, 10);
	endpoint->key_name = g_strdup(ssh_config_get(settings,
						     "hostkeyalias"));
	take_known_hosts(endpoint, settings);
	take_switches(endpoint, settings);
	if (identities && !are_default_identities(identities)) {
		if (!take_paths(&endpoint->identity_files, identities,
				endpoint, name, error))
			return false;
		/* "none" names no key, it only takes the default ones away */
		endpoint->identities_named = true;
	}
	return take_paths(&endpoint->certificate_files,
			  g_hash_table_lookup(settings, "certificatefile"),
			  endpoint, name, error) &&
	       take_proxy(endpoint, settings, name, error);
}
