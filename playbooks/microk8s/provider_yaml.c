/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoints of args/traefik/provider.yaml. An edit changes the addresses
 * where they stand, drops or adds whole items, and is believed only after the
 * new text, parsed again, lists what was asked for; otherwise the file is
 * written anew.
 */
#include "provider_yaml.h"
#include "yaml_text.h"

#include "transport/error.h"
#include "transport/scalar.h"

#include <string.h>

/* One server of the file, in bytes of its text. */
struct server {
	char *address;
	size_t start, end;		/* the scalar, with its quotes */
	size_t item_start, item_end;	/* the item, without its dash */
	bool in_place;			/* its scalar is on one line */
};

struct servers {
	const char *text;
	GArray *list;			/* struct server */
	size_t start, end;		/* the sequence */
	bool found, flow;
	const char *wrong;		/* why the text will not do, or NULL */
};

static void server_clear(void *data)
{
	struct server *server = data;

	g_free(server->address);
}

static bool read_server(struct servers *servers, yaml_document_t *document,
			yaml_node_t *item)
{
	const yaml_node_t *node = yaml_text_get(document, item, "address");
	const char *address = yaml_text_scalar(node);
	struct server server = { 0 };

	if (!address || !*address ||
	    strlen(address) > PROVIDER_YAML_ADDRESS_MAX) {
		servers->wrong = "a server without address";
		return false;
	}
	server.address = g_strdup(address);
	server.start = yaml_text_offset(servers->text, node->start_mark);
	server.end = yaml_text_offset(servers->text, node->end_mark);
	server.item_start = yaml_text_offset(servers->text, item->start_mark);
	server.item_end = yaml_text_offset(servers->text, item->end_mark);
	server.in_place = node->start_mark.line == node->end_mark.line &&
		node->data.scalar.style != YAML_LITERAL_SCALAR_STYLE &&
		node->data.scalar.style != YAML_FOLDED_SCALAR_STYLE;
	g_array_append_val(servers->list, server);
	return true;
}

static bool visit(yaml_document_t *document, void *data)
{
	static const char *const path[] = {
		"tcp", "services", "kube-apiserver", "loadBalancer", "servers"
	};
	struct servers *servers = data;
	yaml_node_t *node = yaml_document_get_root_node(document);
	yaml_node_t *item;

	for (size_t i = 0; i < G_N_ELEMENTS(path); i++)
		node = yaml_text_get(document, node, path[i]);
	if (!node || node->type != YAML_SEQUENCE_NODE)
		return false;
	servers->found = true;
	servers->flow =
		node->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;
	servers->start = yaml_text_offset(servers->text, node->start_mark);
	servers->end = yaml_text_offset(servers->text, node->end_mark);
	for (size_t i = 0; (item = yaml_text_item(document, node, i)); i++) {
		if (i >= PROVIDER_YAML_SERVERS_MAX) {
			servers->wrong = "too many servers";
			return false;
		}
		if (!read_server(servers, document, item))
			return false;
	}
	return false;
}

static bool read_servers(const char *text, struct servers *servers,
			 GError **error)
{
	*servers = (struct servers){ .text = text };
	servers->list = g_array_new(FALSE, FALSE, sizeof(struct server));
	g_array_set_clear_func(servers->list, server_clear);
	if (!yaml_text_walk(text, PROVIDER_YAML_SIZE_MAX, 1, visit, servers,
			    error))
		return false;
	if (!servers->found)
		servers->wrong =
			"no tcp.services.kube-apiserver.loadBalancer.servers";
	if (servers->wrong) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "provider.yaml is not understood: %s",
			    servers->wrong);
		return false;
	}
	return true;
}

static void servers_clear(struct servers *servers)
{
	g_array_unref(servers->list);
}

static const struct server *server_at(const struct servers *servers, guint i)
{
	return &g_array_index(servers->list, struct server, i);
}

GPtrArray *provider_yaml_addresses(const char *text, GError **error)
{
	struct servers servers;
	GPtrArray *addresses = NULL;

	if (read_servers(text ? text : "", &servers, error)) {
		addresses = g_ptr_array_new_with_free_func(g_free);
		for (guint i = 0; i < servers.list->len; i++)
			g_ptr_array_add(addresses, g_strdup(
				server_at(&servers, i)->address));
	}
	servers_clear(&servers);
	return addresses;
}

/* --- writing --- */

static bool is_address(const char *address)
{
	const char *colon = strrchr(address, ':');
	g_autofree char *host = NULL;
	guint64 port;

	if (!colon || strlen(address) > PROVIDER_YAML_ADDRESS_MAX ||
	    !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
		return false;
	if (address[0] == '[' && colon > address + 1 && colon[-1] == ']')
		host = g_strndup(address + 1, (gsize)(colon - address) - 2);
	else
		host = g_strndup(address, (gsize)(colon - address));
	if (address[0] != '[' && strchr(host, ':'))
		return false;
	if (!g_hostname_is_ip_address(host))
		return address[0] != '[' && scalar_is_dns_name(host);
	return !strchr(host, '%');
}

/* A bracket cannot start a plain scalar. */
static char *scalar(const char *address)
{
	return address[0] == '[' ? g_strdup_printf("\"%s\"", address) :
		g_strdup(address);
}

static bool lists_exactly(const struct servers *servers,
			  const char *const *addresses, size_t n)
{
	if (servers->list->len != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(server_at(servers, (guint)i)->address,
			   addresses[i]) != 0)
			return false;
	}
	return true;
}

static char *canonical(const char *const *addresses, size_t n)
{
	GString *text = g_string_new(
		"tcp:\n"
		"  routers:\n"
		"    Router-1:\n"
		"      rule: HostSNI(`*`)\n"
		"      service: kube-apiserver\n"
		"      tls:\n"
		"        passthrough: true\n"
		"  services:\n"
		"    kube-apiserver:\n"
		"      loadBalancer:\n"
		"        servers:\n");

	for (size_t i = 0; i < n; i++) {
		g_autofree char *value = scalar(addresses[i]);

		g_string_append_printf(text, "        - address: %s\n", value);
	}
	return g_string_free(text, FALSE);
}

static void replace(GString *text, size_t start, size_t end, const char *by)
{
	g_string_erase(text, (gssize)start, (gssize)(end - start));
	g_string_insert(text, (gssize)start, by);
}

static char *edit_flow(const struct servers *servers,
		       const char *const *addresses, size_t n)
{
	g_autoptr(GString) list = g_string_new("[");
	GString *text = g_string_new(servers->text);

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(list, "%s{address: \"%s\"}",
				       i ? ", " : "", addresses[i]);
	g_string_append_c(list, ']');
	replace(text, servers->start, servers->end, list->str);
	return g_string_free(text, FALSE);
}

static size_t line_start(const char *text, size_t at)
{
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

static size_t line_end(const char *text, size_t at)
{
	const char *newline = strchr(text + at, '\n');

	return newline ? (size_t)(newline - text) + 1 : strlen(text);
}

/* The lines of an item, from its dash to the end of its last value; a comment
 * in front of the next item is not part of it. */
static void item_lines(const char *text, const struct server *server,
		       size_t *start, size_t *end)
{
	size_t last = MAX(server->end, server->item_start);

	*start = line_start(text, server->item_start);
	for (size_t i = last; i < server->item_end; i++) {
		if (!g_ascii_isspace(text[i]) && text[i] != '#')
			last = i;
		else if (text[i] == '#')
			i = line_end(text, i) - 1;
	}
	*end = line_end(text, last);
}

/* One more item behind `model`, indented as it is. */
static void add_item(GString *out, const char *text,
		     const struct server *model, size_t at,
		     const char *address)
{
	size_t from = line_start(text, model->item_start);
	const char *dash = strchr(text + from, '-');
	size_t indent = dash ? (size_t)(dash - text) - from : 0;
	g_autofree char *value = scalar(address);
	g_autofree char *item = g_strdup_printf("%.*s- address: %s\n",
						(int)indent, text + from,
						value);

	/* The last line may have lacked its newline, until the first call. */
	if (at > 0 && out->str[at - 1] != '\n') {
		if (out->str[at] != '\n')
			g_string_insert_c(out, (gssize)at, '\n');
		at++;
	}
	g_string_insert(out, (gssize)at, item);
}

/* Works from the end to the start, so that earlier places stay true. */
static char *edit_block(const struct servers *servers,
			const char *const *addresses, size_t n)
{
	GString *text = g_string_new(servers->text);
	guint had = servers->list->len;
	size_t start, end;

	for (size_t i = n; i > had; i--) {
		item_lines(servers->text, server_at(servers, had - 1), &start,
			   &end);
		add_item(text, servers->text, server_at(servers, had - 1), end,
			 addresses[i - 1]);
	}
	for (guint i = had; i-- > 0;) {
		const struct server *server = server_at(servers, i);

		if (i >= n) {
			item_lines(servers->text, server, &start, &end);
			replace(text, start, end, "");
		} else if (strcmp(server->address, addresses[i]) != 0) {
			g_autofree char *value = scalar(addresses[i]);

			replace(text, server->start, server->end, value);
		}
	}
	return g_string_free(text, FALSE);
}

/* The text edited in place, or NULL if its layout does not allow it. */
static char *edit(const struct servers *servers, const char *const *addresses,
		  size_t n)
{
	g_autofree char *text = NULL;
	struct servers after;
	bool right;

	if (servers->flow) {
		text = edit_flow(servers, addresses, n);
	} else {
		if (servers->list->len == 0)
			return NULL;
		for (guint i = 0; i < servers->list->len; i++) {
			if (!server_at(servers, i)->in_place)
				return NULL;
		}
		text = edit_block(servers, addresses, n);
	}
	right = read_servers(text, &after, NULL) &&
		lists_exactly(&after, addresses, n);
	servers_clear(&after);
	return right ? g_steal_pointer(&text) : NULL;
}

char *provider_yaml_set(const char *text, const char *const *addresses,
			size_t n, GError **error)
{
	struct servers servers;
	char *result = NULL;

	if (n == 0 || n > PROVIDER_YAML_SERVERS_MAX) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "provider.yaml needs 1 to %d servers",
			    PROVIDER_YAML_SERVERS_MAX);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_address(addresses[i])) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
				    "'%.64s' is not of the form host:port",
				    addresses[i]);
			return NULL;
		}
	}
	if (text && read_servers(text, &servers, NULL))
		result = lists_exactly(&servers, addresses, n) ?
			g_strdup(text) : edit(&servers, addresses, n);
	if (text)
		servers_clear(&servers);
	return result ? result : canonical(addresses, n);
}
