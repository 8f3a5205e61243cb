/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses the check.* lines of playbooks/actions/facts.sh, and a little
 * arithmetic of IPv4 networks.
 */
#include "checks.h"

#include <arpa/inet.h>
#include <string.h>

/* --- networks --- */

static guint32 mask_of(unsigned prefix)
{
	return prefix ? ~(guint32)0 << (32 - prefix) : 0;
}

bool checks_net_parse(const char *text, guint32 *net, unsigned *prefix)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	struct in_addr address;
	guint64 bits = 32;

	if (!parts[0] || inet_pton(AF_INET, parts[0], &address) != 1)
		return false;
	if (parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 0, 32, &bits,
						    NULL))
		return false;
	*prefix = (unsigned)bits;
	*net = ntohl(address.s_addr) & mask_of(*prefix);
	return true;
}

bool checks_nets_overlap(guint32 a, unsigned a_prefix, guint32 b,
			 unsigned b_prefix)
{
	guint32 mask = mask_of(MIN(a_prefix, b_prefix));

	return (a & mask) == (b & mask);
}

bool checks_no_proxy_has(const char *no_proxy, const char *ip)
{
	g_auto(GStrv) words = g_strsplit_set(no_proxy ? no_proxy : "", ", ",
					     -1);
	guint32 host, net;
	unsigned bits, prefix;

	if (!checks_net_parse(ip, &host, &bits))
		return false;
	for (char **word = words; *word; word++) {
		if (strcmp(*word, "*") == 0 ||
		    (checks_net_parse(*word, &net, &prefix) &&
		     checks_nets_overlap(host, 32, net, prefix)))
			return true;
	}
	return false;
}

/* --- lines --- */

/* "127.0.1.1 node2" */
static void add_name(struct checks *c, char **words)
{
	struct checks_name *name;

	if (!words[1])
		return;
	name = g_new0(struct checks_name, 1);
	name->ip = g_strdup(words[0]);
	name->name = g_strdup(words[1]);
	g_ptr_array_add(c->loopbacks, name);
}

static void add_module(struct checks *c, char **words)
{
	g_ptr_array_add(c->missing_modules, g_strdup(words[0]));
}

static bool read_number(const char *word, guint64 max, unsigned *number)
{
	guint64 value;

	if (!word || !g_ascii_string_to_unsigned(word, 10, 0, max, &value,
						 NULL))
		return false;
	*number = (unsigned)value;
	return true;
}

/* "16443 nginx" */
static void add_listener(struct checks *c, char **words)
{
	struct checks_listener *listener;
	unsigned port;

	if (!read_number(words[0], 65535, &port) || !words[1])
		return;
	listener = g_new0(struct checks_listener, 1);
	listener->port = port;
	listener->owner = g_strdup(words[1]);
	g_ptr_array_add(c->listeners, listener);
}

/* "wg0 1420" */
static void add_link(struct checks *c, char **words)
{
	struct checks_link *link;
	unsigned mtu;

	if (!read_number(words[1], G_MAXUINT, &mtu))
		return;
	link = g_new0(struct checks_link, 1);
	link->iface = g_strdup(words[0]);
	link->mtu = mtu;
	g_ptr_array_add(c->links, link);
}

/* "10.8.0.0/24 wg0" */
static void add_route(struct checks *c, char **words)
{
	struct checks_route *route;
	unsigned prefix;
	guint32 net;

	if (!words[1] || !checks_net_parse(words[0], &net, &prefix))
		return;
	route = g_new0(struct checks_route, 1);
	route->net = net;
	route->prefix = prefix;
	route->iface = g_strdup(words[1]);
	g_ptr_array_add(c->routes, route);
}

static const struct {
	const char *key;
	void (*add)(struct checks *checks, char **words);
	size_t list;
} list_table[] = {
	{ "loopback", add_name, offsetof(struct checks, loopbacks) },
	{ "listen", add_listener, offsetof(struct checks, listeners) },
	{ "mtu", add_link, offsetof(struct checks, links) },
	{ "route", add_route, offsetof(struct checks, routes) },
	{ "no_module", add_module, offsetof(struct checks, missing_modules) },
};

static const struct {
	const char *key;
	size_t flag;
} flag_table[] = {
	{ "cgroup_memory_off", offsetof(struct checks, cgroup_memory_off) },
	{ "forward_drop", offsetof(struct checks, forward_policy_drop) },
	{ "forward_rejects", offsetof(struct checks, forward_rejects) },
	{ "ufw_drops_routed", offsetof(struct checks, ufw_drops_routed) },
	{ "selinux", offsetof(struct checks, selinux_enforcing) },
	{ "vpn_ordered", offsetof(struct checks, vpn_ordered) },
};

static void *field(struct checks *c, size_t offset)
{
	return (char *)c + offset;
}

static void read_check(struct checks *c, const char *key, const char *value)
{
	g_auto(GStrv) words = g_strsplit(value, " ", -1);

	for (size_t i = 0; i < G_N_ELEMENTS(list_table); i++) {
		GPtrArray **list = field(c, list_table[i].list);

		if (strcmp(list_table[i].key, key) == 0 && words[0] &&
		    (*list)->len < CHECKS_LIST_MAX)
			list_table[i].add(c, words);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(flag_table); i++)
		if (strcmp(flag_table[i].key, key) == 0)
			*(bool *)field(c, flag_table[i].flag) =
				strcmp(value, "1") == 0;
	if (strcmp(key, "no_proxy") == 0) {
		g_free(c->no_proxy);
		c->no_proxy = g_strdup(value);
	} else if (strcmp(key, "container") == 0) {
		g_free(c->container);
		c->container = g_strdup(value);
	} else if (strcmp(key, "inotify") == 0) {
		c->inotify_instances = g_ascii_strtoll(value, NULL, 10);
	}
}

static void name_free(void *data)
{
	struct checks_name *name = data;

	g_free(name->ip);
	g_free(name->name);
	g_free(name);
}

static void listener_free(void *data)
{
	struct checks_listener *listener = data;

	g_free(listener->owner);
	g_free(listener);
}

static void link_free(void *data)
{
	struct checks_link *link = data;

	g_free(link->iface);
	g_free(link);
}

static void route_free(void *data)
{
	struct checks_route *route = data;

	g_free(route->iface);
	g_free(route);
}

struct checks *checks_parse(const char *text, size_t length)
{
	static const char prefix[] = "check.";
	g_autofree char *copy = g_strndup(text, length);
	struct checks *c = g_new0(struct checks, 1);
	char *rest = copy, *line;

	c->loopbacks = g_ptr_array_new_with_free_func(name_free);
	c->listeners = g_ptr_array_new_with_free_func(listener_free);
	c->links = g_ptr_array_new_with_free_func(link_free);
	c->routes = g_ptr_array_new_with_free_func(route_free);
	c->missing_modules = g_ptr_array_new_with_free_func(g_free);
	while ((line = strsep(&rest, "\n"))) {
		char *equals = strchr(line, '=');

		if (!equals || !g_str_has_prefix(line, prefix))
			continue;
		*equals = '\0';
		read_check(c, line + strlen(prefix), equals + 1);
	}
	return c;
}

void checks_free(struct checks *c)
{
	if (!c)
		return;
	g_ptr_array_unref(c->loopbacks);
	g_ptr_array_unref(c->listeners);
	g_ptr_array_unref(c->links);
	g_ptr_array_unref(c->routes);
	g_ptr_array_unref(c->missing_modules);
	g_free(c->no_proxy);
	g_free(c->container);
	g_free(c);
}

unsigned checks_mtu(const struct checks *c, const char *iface)
{
	for (guint i = 0; i < c->links->len; i++) {
		const struct checks_link *link =
			g_ptr_array_index(c->links, i);

		if (strcmp(link->iface, iface) == 0)
			return link->mtu;
	}
	return 0;
}
