/* SPDX-License-Identifier: Apache-2.0
 *
 * The inventory that `muster init` writes: a line for each host, and above it
 * in comments why it says what it says.
 */
#include "init_plan.h"

#include <stdarg.h>
#include <string.h>

#define WIDTH 78

/* A paragraph of comment lines, wrapped at blanks. */
static void comment(GString *out, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

static void comment(GString *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);

	va_end(args);
	g_auto(GStrv) words = g_strsplit_set(text, " \t\r\n", -1);
	size_t column = 0;

	for (char **word = words; *word; word++) {
		size_t length = strlen(*word);

		if (!length)
			continue;
		if (column && column + 1 + length > WIDTH) {
			g_string_append_c(out, '\n');
			column = 0;
		}
		g_string_append_printf(out, "%s%s", column ? " " : "; ",
				       *word);
		column += length + (column ? 1 : 2);
	}
	g_string_append_c(out, '\n');
}

static char *joined(const GPtrArray *texts)
{
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < texts->len; i++)
		g_string_append_printf(all, "%s%s", i ? ", " : "",
			(const char *)g_ptr_array_index(texts, i));
	return g_string_free(all, FALSE);
}

/* What there is beside the network that was taken. */
static void add_other_networks(GString *out, const struct init_plan *plan)
{
	const struct network *taken = init_plan_network(plan);

	for (guint i = 0; plan->networks && i < plan->networks->len; i++) {
		const struct network *n = g_ptr_array_index(plan->networks, i);
		g_autofree char *all = joined(n->addresses);

		if (n == taken)
			continue;
		if (n->twice)
			comment(out, "Not %s: two hosts have %s there, so it "
				"is not one network.", n->cidr, n->twice);
		else if (n->unreached)
			comment(out, "Not %s (%s), though all have an address "
				"there: they do not reach each other in it. "
				"Several networks may have the same numbers, "
				"or a firewall stands between.", n->cidr, all);
		else
			comment(out, "They share %s as well: %s.", n->cidr,
				all);
	}
}

static void add_reason(GString *out, const struct init_plan *plan)
{
	const struct network *network = init_plan_network(plan);
	guint answers = init_plan_answers(plan);

	comment(out, "node_ip is the IPv4 address at which the other nodes "
		"reach a host; ansible_host the one at which you do.");
	if (network)
		comment(out, "It is taken from %s: %s have an address there, "
			"and reach each other.", network->cidr,
			answers < plan->hosts->len
			? "all hosts that answered" : "all hosts");
	else if (plan->hosts->len == 1 && answers == 1)
		comment(out, "It is that of the default route.");
	else if (answers > 1)
		comment(out, "It is left open: there is no network in which "
			"all hosts have an address of their own and reach "
			"each other. Join them by one, such as a VPN, and "
			"write the address behind node_ip=.");
	else
		comment(out, "It is left open: %s. Write the address behind "
			"node_ip=.", answers ? "only one host answered"
			: "no host answered");
	if (answers > 1)
		add_other_networks(out, plan);
}

static char *addresses_of(const struct facts *facts)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < facts->addresses->len; i++) {
		const struct facts_address *a =
			g_ptr_array_index(facts->addresses, i);

		if (!networks_is_internal(a->iface))
			g_string_append_printf(text, "%s%s %s/%u",
					       text->len ? ", " : "",
					       a->iface, a->ip, a->prefix);
	}
	return g_string_free(text, FALSE);
}

static void add_host_comment(GString *out, const struct init_plan *plan,
			     guint i)
{
	const struct init_host *host = g_ptr_array_index(plan->hosts, i);
	g_autofree char *doubt = init_plan_doubt(plan, i);

	if (host->facts) {
		g_autofree char *addresses = addresses_of(host->facts);

		comment(out, "%s: %s%s%s", host->name,
			host->facts->os ? host->facts->os : "",
			host->facts->os ? "; " : "",
			*addresses ? addresses : "no IPv4 address");
	} else if (host->problem) {
		comment(out, "%s did not answer: %s", host->name,
			host->problem);
	}
	if (doubt)
		comment(out, "%s %s.", host->name, doubt);
}

static void add_host_line(GString *out, const struct init_host *host,
			  const char *common_user)
{
	g_string_append(out, host->name);
	if (strcmp(host->name, host->address) != 0)
		g_string_append_printf(out, " ansible_host=%s",
				       host->address);
	if (host->port)
		g_string_append_printf(out, " ansible_port=%u", host->port);
	if (host->user && g_strcmp0(host->user, common_user) != 0)
		g_string_append_printf(out, " ansible_user=%s", host->user);
	g_string_append_printf(out, " %snode_ip=%s\n",
			       !host->node_ip || host->is_node_ip_doubtful
			       ? "# " : "",
			       host->node_ip ? host->node_ip : "");
}

/* The user that all hosts have; one of the command line is for those that
 * have none of their own. */
static const char *common_user(const struct init_plan *plan)
{
	const struct init_host *first = g_ptr_array_index(plan->hosts, 0);

	if (plan->user)
		return plan->user;
	for (guint i = 0; i < plan->hosts->len; i++) {
		const struct init_host *host =
			g_ptr_array_index(plan->hosts, i);

		if (g_strcmp0(host->user, first->user) != 0)
			return NULL;
	}
	return first->user;
}

static void add_hosts(GString *out, const struct init_plan *plan,
		      const char *user)
{
	g_string_append(out, "\n[masters]\n");
	for (guint i = 0; i < plan->hosts->len; i++) {
		if (i == plan->masters)
			g_string_append(out, "\n[workers]\n");
		add_host_comment(out, plan, i);
		add_host_line(out, g_ptr_array_index(plan->hosts, i), user);
	}
	if (plan->masters == plan->hosts->len)
		g_string_append(out, "\n[workers]\n");
}

/* The channel that is there already: what joins has to be the same. */
static const char *channel_of(const struct init_plan *plan)
{
	for (guint i = 0; i < plan->hosts->len; i++) {
		const struct init_host *host =
			g_ptr_array_index(plan->hosts, i);

		if (host->facts && host->facts->channel)
			return host->facts->channel;
	}
	return "1.32/stable";
}

/* Quotes hold what a person gave, blanks and all. */
static void add_quoted(GString *out, const char *name, const char *prefix,
		       const char *value)
{
	if (value && !strchr(value, '\'') && !strchr(value, '\n'))
		g_string_append_printf(out, "%s='%s%s'\n", name, prefix,
				       value);
}

static void add_vars(GString *out, const struct init_plan *plan,
		     const char *user)
{
	g_string_append(out, "\n[all:vars]\n");
	if (user)
		g_string_append_printf(out, "ansible_user=%s\n", user);
	else
		comment(out, "ansible_user=ubuntu");
	add_quoted(out, "ansible_ssh_private_key_file", "",
		   plan->private_key_file);
	add_quoted(out, "ansible_ssh_common_args", "-J ", plan->jump);
	g_string_append_printf(out, "microk8s_channel=%s\n",
			       channel_of(plan));
}

char *init_text(const struct init_plan *plan)
{
	GString *out = g_string_new(NULL);
	const char *user = common_user(plan);

	comment(out, "An inventory for muster, written by `muster init`. "
		"Check it with `muster inventory lint` and `muster plan`; "
		"then `muster up` makes the cluster.");
	g_string_append(out, ";\n");
	add_reason(out, plan);
	add_hosts(out, plan, user);
	add_vars(out, plan, user);
	return g_string_free(out, FALSE);
}
