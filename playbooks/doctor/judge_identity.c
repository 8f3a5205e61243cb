/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a host is: its address, its names, the cluster it belongs to, the
 * version it runs; and whether another host is the same.
 */
#include "doctor.h"

#include "playbooks/microk8s/snap_text.h"

#include <string.h>

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyz0123456789.-"

static void judge_snapd(const struct node *node, GPtrArray *findings)
{
	const struct facts *facts = node->facts;

	if (!facts->installed && !facts->snap_path)
		finding_add(findings, "snapd-missing", FINDING_BLOCKS,
			    node->host->name,
			    "sudo apt-get install snapd",
			    "snapd is not installed");
	else if (facts->snap_error)
		finding_add(findings, "snapd-silent", FINDING_BLOCKS,
			    node->host->name,
			    "sudo systemctl restart snapd.socket snapd",
			    "snap list: %s", facts->snap_error);
}

static void judge_address(const struct node *node, GPtrArray *findings)
{
	g_autoptr(GString) have = g_string_new(NULL);

	if (facts_has_address(node->facts, node->node_ip))
		return;
	for (guint i = 0; i < node->facts->addresses->len; i++) {
		const struct facts_address *a =
			g_ptr_array_index(node->facts->addresses, i);

		if (strcmp(a->iface, "lo") != 0)
			g_string_append_printf(have, "%s%s on %s",
					       have->len ? ", " : "", a->ip,
					       a->iface);
	}
	finding_add(findings, "address-not-local", FINDING_BLOCKS,
		    node->host->name,
		    "bring its VPN up, or correct node_ip in the inventory",
		    "node_ip %s is on none of its interfaces (it has %s)",
		    node->node_ip, have->str);
}

/* All hosts whose `field` of the facts is that of `node`, in the inventory's
 * order: "node2, node3"; NULL if it is the only one. */
static char *sharers(const struct cluster *cluster, const struct node *node,
		     size_t field)
{
	GString *names = g_string_new(NULL);
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *other =
			g_ptr_array_index(cluster->nodes, i);
		char *const *mine, *const *its;

		if (!other->facts)
			continue;
		mine = (char *const *)(const void *)
			((const char *)node->facts + field);
		its = (char *const *)(const void *)
			((const char *)other->facts + field);
		if (!*mine || !**mine || g_strcmp0(*mine, *its) != 0)
			continue;
		g_string_append_printf(names, "%s%s", n++ ? ", " : "",
				       other->host->name);
	}
	return g_string_free(names, n < 2);
}

static void judge_name(const struct cluster *cluster, const struct node *node,
		       GPtrArray *findings)
{
	const char *host = node->host->name, *name = node->facts->node_name;
	g_autofree char *same = sharers(cluster, node,
					offsetof(struct facts, node_name));

	if (strspn(name, NAME_BYTES) != strlen(name)) {
		finding_add(findings, "hostname-invalid", FINDING_BLOCKS, host,
			    "sudo hostnamectl set-hostname NAME",
			    "its hostname '%s' cannot be a node's name", name);
	} else if (strcmp(node->facts->hostname, name) != 0) {
		g_autofree char *cure = g_strdup_printf(
			"sudo hostnamectl set-hostname %s", name);

		finding_add(findings, "hostname-uppercase", FINDING_WARNS,
			    host, cure, "its hostname is '%s', its node will "
			    "be '%s'", node->facts->hostname, name);
	}
	if (same)
		finding_add(findings, "hostname-duplicate", FINDING_BLOCKS,
			    host, "give every host a name of its own: sudo "
			    "hostnamectl set-hostname NAME",
			    "the hostname '%s' is that of %s, and one node "
			    "would take the other's place", name, same);
}

static void judge_machine_id(const struct cluster *cluster,
			     const struct node *node, GPtrArray *findings)
{
	g_autofree char *same = sharers(cluster, node,
					offsetof(struct facts, machine_id));

	if (same)
		finding_add(findings, "machine-id-duplicate", FINDING_WARNS,
			    node->host->name,
			    "on all but one: sudo rm /etc/machine-id && sudo "
			    "systemd-machine-id-setup, and a reboot",
			    "%s have the same machine-id: cloned machines?",
			    same);
}

static void say_foreign_control_plane(const struct node *node,
				      GPtrArray *findings)
{
	finding_add(findings, "foreign-control-plane", FINDING_BLOCKS,
		    node->host->name, "run `sudo microk8s leave` on it first, "
		    "or give --adopt to take it over, which gives up its "
		    "cluster", "it is the control plane of another cluster");
}

static void judge_master(const struct cluster *cluster,
			 const struct node *node, GPtrArray *findings)
{
	const struct facts *master = cluster->master->facts;

	if (!facts_is_worker(node->facts) && !cluster->adopt && master &&
	    facts_membership(node->facts, master) == FACTS_CONTROL_PLANE)
		say_foreign_control_plane(node, findings);
	if (facts_is_worker(node->facts))
		finding_add(findings, "master-is-worker", FINDING_BLOCKS,
			    node->host->name,
			    "put the control plane into [masters], or run "
			    "`sudo microk8s leave` here first",
			    "it is a worker of a cluster, not a control "
			    "plane");
}

static void judge_worker(const struct cluster *cluster,
			 const struct node *node, GPtrArray *findings)
{
	const char *host = node->host->name;
	enum facts_membership membership;

	/* A worker of a master that was not looked at may be its own. */
	if (cluster->adopt || !cluster->master->facts)
		return;
	membership = facts_membership(node->facts, cluster->master->facts);
	if (membership == FACTS_FOREIGN_WORKER)
		finding_add(findings, "foreign-worker", FINDING_BLOCKS, host,
			    "run `sudo microk8s leave` on it first, or give "
			    "--adopt to take it over",
			    "it is a worker of another cluster");
	else if (membership == FACTS_CONTROL_PLANE)
		say_foreign_control_plane(node, findings);
	else if (membership == FACTS_MEMBER && !facts_is_worker(node->facts))
		finding_add(findings, "control-plane-as-worker",
			    FINDING_BLOCKS, host, "put it into [masters]; or "
			    "muster remove it first, to join it as a worker",
			    "it is a control plane of this cluster, and the "
			    "inventory says worker");
}

static void judge_version(const struct cluster *cluster,
			  const struct node *node, GPtrArray *findings)
{
	const struct facts *master = cluster->master->facts;
	const struct facts *own = node->facts;
	unsigned major, minor, master_major, master_minor;
	g_autofree char *cure = NULL;

	if (!master || !master->installed || !own->installed ||
	    own == master)
		return;
	cure = g_strdup_printf("sudo snap refresh microk8s --channel=%s",
			       master->channel ? master->channel : "...");
	if (snap_version_parse(master->version, &master_major,
			       &master_minor) &&
	    snap_version_parse(own->version, &major, &minor) &&
	    (major != master_major || minor != master_minor))
		finding_add(findings, "versions-differ", FINDING_BLOCKS,
			    node->host->name, cure,
			    "it has MicroK8s %s, the master has %s",
			    own->version, master->version);
	else if (own->channel && master->channel &&
		 strcmp(own->channel, master->channel) != 0)
		finding_add(findings, "channels-differ", FINDING_WARNS,
			    node->host->name, cure,
			    "it follows %s, the master %s", own->channel,
			    master->channel);
}

static void judge_channel(const struct node *node, GPtrArray *findings)
{
	const char *channel = node->facts->channel;

	if (channel && g_str_has_prefix(channel, "latest/"))
		finding_add(findings, "channel-latest", FINDING_WARNS,
			    node->host->name,
			    "sudo snap refresh microk8s --channel=TRACK/stable",
			    "it follows %s", channel);
}

void doctor_judge_identity(const struct cluster *cluster,
			   const struct node *node, GPtrArray *findings)
{
	judge_snapd(node, findings);
	judge_address(node, findings);
	judge_name(cluster, node, findings);
	judge_machine_id(cluster, node, findings);
	if (node->role == NODE_MASTER)
		judge_master(cluster, node, findings);
	else
		judge_worker(cluster, node, findings);
	judge_version(cluster, node, findings);
	judge_channel(node, findings);
}
