/* SPDX-License-Identifier: Apache-2.0
 *
 * From words to hosts, from their facts to names and addresses.
 */
#include "init_plan.h"

#include "transport/error.h"
#include "transport/host_spec.h"

#include <string.h>

#define HOSTS_MAX 1000
#define SSH_PORT 22

static void host_free(void *data)
{
	struct init_host *host = data;

	g_free(host->given);
	g_free(host->address);
	g_free(host->user);
	facts_free(host->facts);
	g_free(host->problem);
	g_free(host->name);
	g_free(host->node_ip);
	g_free(host);
}

static const struct init_host *host_at(const struct init_plan *plan, guint i)
{
	return g_ptr_array_index(plan->hosts, i);
}

static bool is_made_of(const char *text, const char *others)
{
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr(others, *text))
			return false;
	return true;
}

static bool is_given(const struct init_plan *plan,
		     const struct host_spec *spec)
{
	for (guint i = 0; i < plan->hosts->len; i++) {
		const struct init_host *other = host_at(plan, i);

		if (strcmp(other->address, spec->name) == 0 &&
		    (other->port ? other->port : SSH_PORT) ==
		    (spec->port ? spec->port : SSH_PORT))
			return true;
	}
	return false;
}

/* What is wrong with a word, or NULL. What is written into a file needs no
 * quotes, and no reader's care. */
static const char *mistake_in(const struct init_plan *plan,
			      struct host_spec *spec, const char *word)
{
	if (plan->hosts->len >= HOSTS_MAX)
		return "is one host too many";
	if (!host_spec_parse(spec, word) || !is_made_of(spec->name, "-._:%") ||
	    (spec->user && !is_made_of(spec->user, "-._@\\+")))
		return "is no host: expected [user@]host[:port]";
	return is_given(plan, spec) ? "is given twice" : NULL;
}

static bool add_host(struct init_plan *plan, const char *word, GError **error)
{
	struct host_spec spec = { .name = NULL };
	const char *mistake = mistake_in(plan, &spec, word);

	if (mistake) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE, "'%s' %s",
			    word, mistake);
	} else {
		struct init_host *host = g_new0(struct init_host, 1);

		host->given = g_strdup(word);
		host->address = g_steal_pointer(&spec.name);
		host->user = g_steal_pointer(&spec.user);
		host->port = spec.port;
		g_ptr_array_add(plan->hosts, host);
	}
	host_spec_clear(&spec);
	return !mistake;
}

static bool check_masters(const struct init_plan *plan, GError **error)
{
	if (plan->masters > plan->hosts->len)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "--masters %u: there %s only %u %s", plan->masters,
			    plan->hosts->len == 1 ? "is" : "are",
			    plan->hosts->len,
			    plan->hosts->len == 1 ? "host" : "hosts");
	else if (plan->masters % 2 == 0)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "--masters takes 1, 3, 5 ...: an even number "
			    "survives no more than one less");
	else
		return true;
	return false;
}

/* A name that no host before `n` has. */
static bool is_free(const struct init_plan *plan, guint n, const char *name)
{
	for (guint i = 0; i < plan->hosts->len; i++)
		if (i != n && g_strcmp0(host_at(plan, i)->name, name) == 0)
			return false;
	return true;
}

static char *numbered_name(const struct init_plan *plan, guint n)
{
	for (guint number = n + 1;; number++) {
		g_autofree char *name = g_strdup_printf("node%u", number);

		if (is_free(plan, n, name))
			return g_steal_pointer(&name);
	}
}

static bool is_name(const char *text)
{
	return *text && g_ascii_isalnum(*text) && is_made_of(text, "-._") &&
		!g_hostname_is_ip_address(text);
}

/* A name that was given is the host's name; an address is none, so such a
 * host is called what it calls itself. */
static void name_hosts(struct init_plan *plan)
{
	for (guint i = 0; i < plan->hosts->len; i++) {
		struct init_host *host = g_ptr_array_index(plan->hosts, i);

		g_clear_pointer(&host->name, g_free);
	}
	for (guint i = 0; i < plan->hosts->len; i++) {
		struct init_host *host = g_ptr_array_index(plan->hosts, i);
		const char *name = !g_hostname_is_ip_address(host->address)
			? host->address
			: host->facts ? host->facts->node_name : "";

		if (is_name(name) && is_free(plan, i, name))
			host->name = g_strdup(name);
	}
	for (guint i = 0; i < plan->hosts->len; i++) {
		struct init_host *host = g_ptr_array_index(plan->hosts, i);

		if (!host->name)
			host->name = numbered_name(plan, i);
	}
}

struct init_plan *init_plan_new(char **words, guint masters, GError **error)
{
	g_autoptr(InitPlan) plan = g_new0(struct init_plan, 1);
	bool ok = true;

	plan->hosts = g_ptr_array_new_with_free_func(host_free);
	plan->masters = masters;
	for (; ok && *words; words++)
		ok = add_host(plan, *words, error);
	if (!ok || !check_masters(plan, error))
		return NULL;
	name_hosts(plan);
	return g_steal_pointer(&plan);
}

void init_plan_free(struct init_plan *plan)
{
	if (!plan)
		return;
	g_ptr_array_unref(plan->hosts);
	if (plan->networks)
		g_ptr_array_unref(plan->networks);
	g_free(plan);
}

guint init_plan_answers(const struct init_plan *plan)
{
	guint n = 0;

	for (guint i = 0; i < plan->hosts->len; i++)
		n += host_at(plan, i)->facts ? 1 : 0;
	return n;
}

void init_plan_compare(struct init_plan *plan)
{
	g_autoptr(GPtrArray) facts = g_ptr_array_new();

	for (guint i = 0; i < plan->hosts->len; i++) {
		const struct init_host *host = host_at(plan, i);

		if (host->facts)
			g_ptr_array_add(facts, host->facts);
	}
	name_hosts(plan);
	g_clear_pointer(&plan->networks, g_ptr_array_unref);
	if (facts->len > 0)
		plan->networks = networks_shared(facts);
}

/* One host alone shares nothing; it is known by its default route. */
static void choose_alone(struct init_host *host)
{
	if (host->facts && host->facts->default_src)
		host->node_ip = g_strdup(host->facts->default_src);
}

const struct network *init_plan_network(const struct init_plan *plan)
{
	const struct network *best = plan->networks && plan->networks->len &&
		init_plan_answers(plan) > 1
		? g_ptr_array_index(plan->networks, 0) : NULL;

	return best && network_is_good(best) ? best : NULL;
}

/* Without a good one the first that hosts have an address in is offered as a
 * comment, unless it cannot be. */
static const struct network *offer(const struct init_plan *plan)
{
	const struct network *good = init_plan_network(plan);
	const struct network *first = plan->networks && plan->networks->len
		? g_ptr_array_index(plan->networks, 0) : NULL;

	if (good || init_plan_answers(plan) < 2 || !first || first->twice)
		return good;
	return first;
}

void init_plan_choose(struct init_plan *plan)
{
	const struct network *network = offer(plan);
	guint answer = 0;

	if (plan->hosts->len == 1)
		choose_alone(g_ptr_array_index(plan->hosts, 0));
	for (guint i = 0; network && i < plan->hosts->len; i++) {
		struct init_host *host = g_ptr_array_index(plan->hosts, i);

		host->is_node_ip_doubtful = !network_is_good(network);
		if (host->facts)
			host->node_ip = g_strdup(g_ptr_array_index(
				network->addresses, answer++));
		else if (network_holds(network, host->address))
			host->node_ip = g_strdup(host->address);
	}
}

static bool has_equal_addresses(const struct facts *a, const struct facts *b)
{
	if (a->addresses->len != b->addresses->len)
		return false;
	for (guint i = 0; i < a->addresses->len; i++) {
		const struct facts_address *address =
			g_ptr_array_index(a->addresses, i);

		if (!facts_has_address(b, address->ip))
			return false;
	}
	return true;
}

char *init_plan_doubt(const struct init_plan *plan, guint i)
{
	const struct facts *own = host_at(plan, i)->facts;

	for (guint k = 0; own && k < i; k++) {
		const struct init_host *other = host_at(plan, k);

		if (!other->facts || strcmp(own->node_name,
					    other->facts->node_name) != 0)
			continue;
		if (g_strcmp0(own->machine_id, other->facts->machine_id) ==
		    0 && has_equal_addresses(own, other->facts))
			return g_strdup_printf("is the same machine as %s",
					       other->name);
		return g_strdup_printf("has the hostname '%s' as %s has: a "
				       "cluster needs one for each "
				       "(hostnamectl set-hostname)",
				       own->node_name, other->name);
	}
	return NULL;
}
