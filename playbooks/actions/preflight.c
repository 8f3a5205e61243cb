/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `preflight`: what would make the assembly fail or do harm, found
 * in the facts before anything is touched. A host's reasons are collected and
 * told together.
 */
#include "actions.h"

#include "playbooks/microk8s/snap_text.h"

#include <string.h>

struct findings {
	struct task *task;
	const struct cluster *cluster;
	const struct node *node;
	const struct facts *facts;
	GString *texts, *hints;
	int code;			/* of the first finding */
};

static void find(struct findings *f, int code, const char *hint,
		 const char *format, ...) G_GNUC_PRINTF(4, 5);

static void find(struct findings *f, int code, const char *hint,
		 const char *format, ...)
{
	va_list args;

	if (f->texts->len == 0)
		f->code = code;
	else
		g_string_append(f->texts, "; ");
	va_start(args, format);
	g_string_append_vprintf(f->texts, format, args);
	va_end(args);
	g_string_append_printf(f->hints, "%s%s", f->hints->len ? "; " : "",
			       hint);
}

static void check_snapd(struct findings *f)
{
	if (!f->facts->installed && !f->facts->snap_path)
		find(f, MUSTER_ERROR_PREFLIGHT,
		     "install it: sudo apt-get install snapd",
		     "snapd is not installed");
}

static void check_address(struct findings *f)
{
	g_autoptr(GString) have = g_string_new(NULL);

	if (facts_has_address(f->facts, f->node->node_ip))
		return;
	for (guint i = 0; i < f->facts->addresses->len; i++) {
		const struct facts_address *a =
			g_ptr_array_index(f->facts->addresses, i);

		if (strcmp(a->iface, "lo") != 0)
			g_string_append_printf(have, "%s%s on %s",
					       have->len ? ", " : "", a->ip,
					       a->iface);
	}
	find(f, MUSTER_ERROR_PREFLIGHT,
	     "bring its VPN up, or correct node_ip in the inventory",
	     "node_ip %s is on none of its interfaces (it has %s)",
	     f->node->node_ip, have->str);
}

static void check_name(struct findings *f)
{
	const char *name = f->facts->node_name;

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") !=
	    strlen(name))
		find(f, MUSTER_ERROR_PREFLIGHT,
		     "sudo hostnamectl set-hostname NAME",
		     "its hostname '%s' cannot be a node's name", name);
	for (guint i = 0; i < f->cluster->nodes->len; i++) {
		const struct node *other =
			g_ptr_array_index(f->cluster->nodes, i);

		if (other == f->node || !other->facts ||
		    strcmp(other->facts->node_name, name) != 0)
			continue;
		find(f, MUSTER_ERROR_PREFLIGHT,
		     "give every host a name of its own: sudo hostnamectl "
		     "set-hostname NAME",
		     "its hostname '%s' is also that of %s, and one node "
		     "would take the other's place", name, other->host->name);
		return;
	}
}

static void warn_of_clones(struct findings *f)
{
	for (guint i = 0; i < f->cluster->nodes->len; i++) {
		const struct node *other =
			g_ptr_array_index(f->cluster->nodes, i);

		if (other == f->node)
			return;		/* the later one of a pair tells */
		if (other->facts && *f->facts->machine_id &&
		    g_strcmp0(other->facts->machine_id,
			      f->facts->machine_id) == 0)
			task_warn(f->task, "has the same machine-id as %s: a "
				  "cloned machine? (DHCP may give both one "
				  "address)", other->host->name);
	}
}

static void check_master(struct findings *f)
{
	if (facts_is_worker(f->facts))
		find(f, MUSTER_ERROR_FOREIGN_CLUSTER,
		     "put the control plane into [masters], or run `sudo "
		     "microk8s leave` here first",
		     "it is a worker of a cluster, not a control plane");
}

static void check_worker(struct findings *f)
{
	enum facts_membership membership =
		facts_membership(f->facts, f->cluster->master->facts);

	if (f->cluster->adopt)
		return;
	if (membership == FACTS_FOREIGN_WORKER)
		find(f, MUSTER_ERROR_FOREIGN_CLUSTER,
		     "run `sudo microk8s leave` on it first, or give --adopt "
		     "to take it over",
		     "it is a worker of another cluster");
	else if (membership == FACTS_CONTROL_PLANE)
		find(f, MUSTER_ERROR_FOREIGN_CLUSTER,
		     "run `sudo microk8s leave` on it first, or give --adopt "
		     "to take it over, which gives up its cluster",
		     "it is the control plane of another cluster");
}

static void check_version(struct findings *f)
{
	const struct facts *master = f->cluster->master->facts;
	unsigned major, minor, master_major, master_minor;

	if (!master || !master->installed || !f->facts->installed ||
	    !snap_version_parse(master->version, &master_major,
				&master_minor) ||
	    !snap_version_parse(f->facts->version, &major, &minor) ||
	    (major == master_major && minor == master_minor))
		return;
	find(f, MUSTER_ERROR_PREFLIGHT,
	     "bring both to one channel with `sudo snap refresh microk8s "
	     "--channel=...`",
	     "it has MicroK8s %s, the master has %s", f->facts->version,
	     master->version);
}

static enum task_status preflight_run(struct task *task, GError **error)
{
	g_autoptr(GString) texts = g_string_new(NULL);
	g_autoptr(GString) hints = g_string_new(NULL);
	struct findings f = {
		.task = task, .cluster = task_cluster(task),
		.node = task_node(task), .texts = texts, .hints = hints,
	};

	if (node_skips(task, false))
		return TASK_SKIPPED;
	f.facts = f.node->facts;
	check_snapd(&f);
	check_address(&f);
	check_name(&f);
	warn_of_clones(&f);
	if (f.node->role == NODE_MASTER) {
		check_master(&f);
	} else {
		check_worker(&f);
		check_version(&f);
	}
	if (texts->len == 0)
		return TASK_OK;
	g_set_error(error, MUSTER_ERROR, f.code, "%s", texts->str);
	task_hint(task, "%s", hints->str);
	return TASK_FAILED;
}

const struct action action_preflight = {
	.name = "preflight",
	.summary = "refuse what cannot work, before anything is touched",
	.help = "Judges the facts of all hosts: addresses, names, versions, "
		"and whether a host belongs to another cluster.",
	.timeout_us = 10 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = preflight_run,
};
