/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks variables up in their order.
 */
#include "vars.h"

#include "api_endpoint.h"

#include <string.h>

static const char *var_hostname(const struct vars *v)
{
	return v->host->name;
}

static const char *var_address(const struct vars *v)
{
	return v->host->address;
}

static const char *var_node_ip(const struct vars *v)
{
	return v->node ? v->node->node_ip : NULL;
}

static const char *var_role(const struct vars *v)
{
	if (!v->node)
		return "none";
	return v->node->role == NODE_MASTER ? "master" : "worker";
}

static const char *var_master_ip(const struct vars *v)
{
	return v->cluster->master->node_ip;
}

/* Empty, so that it can stand among other names. */
static const char *var_api_host(const struct vars *v)
{
	return v->cluster->endpoint ? v->cluster->endpoint->host : "";
}

static const struct {
	const char *name;
	const char *(*value)(const struct vars *v);
} built_in[] = {
	{ "inventory_hostname", var_hostname },
	{ "ansible_host", var_address },
	{ "node_ip", var_node_ip },
	{ "role", var_role },
	{ "master_ip", var_master_ip },
	{ "api_host", var_api_host },
};

static const struct {
	const char *name;
	size_t offset;	/* of a char * in struct facts */
} from_facts[] = {
	{ "node_name", offsetof(struct facts, node_name) },
	{ "hostname", offsetof(struct facts, hostname) },
	{ "machine_id", offsetof(struct facts, machine_id) },
	{ "kernel", offsetof(struct facts, kernel) },
	{ "os", offsetof(struct facts, os) },
	{ "arch", offsetof(struct facts, arch) },
	{ "snap_version", offsetof(struct facts, version) },
	{ "snap_revision", offsetof(struct facts, revision) },
	{ "snap_channel", offsetof(struct facts, channel) },
};

static const char *lookup_fact(struct vars *v, size_t offset)
{
	const char *value;

	v->used_fact = true;
	if (v->is_preview)
		return "";
	if (!v->node || !v->node->facts)
		return NULL;
	memcpy(&value, (const char *)v->node->facts + offset, sizeof(value));
	return value;
}

const char *vars_lookup(const char *name, void *data)
{
	struct vars *v = data;
	const char *value = v->extra ? g_hash_table_lookup(v->extra, name)
				     : NULL;

	if (!value)
		value = host_var(v->host, name);
	for (size_t i = 0; !value && i < G_N_ELEMENTS(built_in); i++)
		if (strcmp(name, built_in[i].name) == 0)
			value = built_in[i].value(v);
	for (size_t i = 0; !value && i < G_N_ELEMENTS(from_facts); i++)
		if (strcmp(name, from_facts[i].name) == 0)
			value = lookup_fact(v, from_facts[i].offset);
	return value;
}
