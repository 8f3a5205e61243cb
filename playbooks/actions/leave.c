/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `leave`: makes a member of a cluster a stand-alone MicroK8s again.
 * On the last master it destroys the datastore, which MicroK8s itself does not
 * refuse while there are only workers; so it is refused here unless everyone
 * goes.
 */
#include "actions.h"

#include "playbooks/departure.h"
#include "playbooks/members.h"

#include <string.h>

static const struct param params[] = {
	{ .name = "everyone", .type = PARAM_BOOL, .fallback = "no",
	  .help = "The whole cluster is taken apart, the last master too." },
	{ .name = "last", .type = PARAM_BOOL, .fallback = "no",
	  .help = "Only a master that an earlier step let wait, as the "
		  "datastore's only voter, for the others to leave." },
};

/* $1 master or worker, $2 its node_ip. `leave` refuses a stopped host and one
 * whose join broke off before its last step, and breaks off itself without
 * ca.remote.crt, as after a leave that was killed. It puts the snap's plain
 * args in place, without the address of a DNS addon that an empty datastore
 * does not have either; --advertise-address, which it leaves, names an address
 * that this host need not keep, as a worker's proxy that never looks for the
 * masters again belongs to a load balancer of the cluster it leaves. */
static const char leave_script[] =
	"data=" SNAP_DATA "\n"
	"locks=$data/var/lock\n"
	"if [ -e \"$locks/stopped.lock\" ]; then\n"
	"	snap=$(command -v snap || echo /usr/bin/snap)\n"
	"	\"$snap\" start --enable microk8s || exit $?\n"
	"	rm -f \"$locks/stopped.lock\"\n"
	"fi\n"
	"touch \"$locks/no-cert-reissue\" || exit $?\n"
	"if [ -e \"$locks/clustered.lock\" ] &&\n"
	"	[ ! -e \"$data/certs/ca.remote.crt\" ]; then\n"
	"	touch \"$data/certs/ca.remote.crt\" || exit $?\n"
	"fi\n"
	"dns=\n"
	"if [ \"$1\" = master ]; then\n"
	"	dns=$(sed -n 's/^--cluster-dns//p' \"$data/args/kubelet\")\n"
	"	args=$data/args/kube-apiserver\n"
	"	cp -p \"$args\" \"$args.muster\" &&\n"
	"	sed \"/^--advertise-address[= ]$2\\$/d\" \"$args\" \\\n"
	"		>\"$args.muster\" &&\n"
	"	mv -f \"$args.muster\" \"$args\" || exit $?\n"
	"elif args=$data/args/apiserver-proxy; [ -f \"$args\" ]; then\n"
	"	cp -p \"$args\" \"$args.muster\" &&\n"
	"	sed 's/^\\(--refresh-interval\\)[= ]0[a-z]*$/\\1 30s/' \\\n"
	"		\"$args\" >\"$args.muster\" &&\n"
	"	mv -f \"$args.muster\" \"$args\" || exit $?\n"
	"fi\n"
	"/snap/bin/microk8s leave || exit $?\n"
	"/snap/bin/microk8s status --wait-ready --timeout 300 >/dev/null ||\n"
	"	exit $?\n"
	"[ -z \"$dns\" ] || /snap/bin/microk8s enable dns || :\n";

static bool is_clustered(const struct facts *facts)
{
	return facts->installed &&
		facts->locks & (LOCK_CLUSTERED | LOCK_NO_CERT_REISSUE);
}

static bool has_dns(const struct facts *facts)
{
	return facts->args_kubelet &&
		strstr(facts->args_kubelet, "--cluster-dns");
}

static bool leave(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	bool is_master = node->role == NODE_MASTER;
	bool had_dns = is_master && has_dns(node->facts);
	const char *args[] = { is_master ? "master" : "worker",
			       node->node_ip, NULL };

	if (!node_run_patiently(task, "microk8s leave", leave_script, args,
				error)) {
		if (is_master && cluster_masters(task_cluster(task)) > 1)
			task_hint(task, "nobody leaves a datastore of which "
				  "most voters are down: bring them back, or "
				  "muster reset --purge");
		return false;
	}
	if (!node_look(task, error))
		return false;
	node->fresh_us = 0;
	if (is_clustered(node->facts)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
			    "microk8s leave said success, but the host is "
			    "still a member");
		return false;
	}
	if (had_dns && !has_dns(node->facts))
		task_warn(task, "its DNS addon did not come back: sudo "
			  "microk8s enable dns");
	if (is_master && task_bool(task, "everyone"))
		cluster_forget(task_cluster(task));
	return true;
}

/* Whether it is this host's turn at all; says why not. */
static bool is_to_leave(struct task *task)
{
	const struct node *node = task_node(task);
	const struct departure *d =
		departure_of(task_cluster(task), node);

	if (task_bool(task, "last") && !node->leaves_last)
		task_say(task, "no master waited for the others");
	else if (task_bool(task, "everyone") || (d && d->may_leave))
		return true;
	else
		task_say(task, "it stays");
	return false;
}

/* Members that were not reached hold the others up: they are taken off first.
 * Its exit status is 1 also when it worked. */
static const char expel_script[] =
	"for address; do\n"
	"	timeout 100 /snap/bin/microk8s remove-node \"$address\" "
	"--force || :\n"
	"done\n";

/* How many other members have yet to leave; those that cannot, as nobody
 * reached them, are added to `dead` (char *, borrowed). */
static unsigned count_others(const struct cluster *cluster,
			     const struct node *own, GPtrArray *dead)
{
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node == own || !members_find(cluster, node))
			continue;
		if (node->facts && !node->failed)
			n++;
		else
			g_ptr_array_add(dead,
					(gpointer)(guintptr)node->node_ip);
	}
	return n;
}

/* The dead go first: without them the others can still vote. */
static bool expel(struct task *task, GPtrArray *dead, GError **error)
{
	struct exec_request request = {
		.title = "microk8s remove-node --force",
		.script = expel_script,
	};

	g_ptr_array_add(dead, NULL);
	request.args = (const char *const *)dead->pdata;
	return task_exec(task, request, NULL, error) &&
		node_ask_members(task, task_session(task), error);
}

/* When everyone goes, the datastore's only voter has to be the last: MicroK8s
 * does not let it go before. Without a leader nobody can tell, and all try. */
static bool is_turn(struct task *task, bool *turn, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	const struct node *own = task_node(task);
	g_autoptr(GPtrArray) dead = g_ptr_array_new();
	const struct backend_node *member;

	*turn = true;
	if (!task_bool(task, "everyone") || own->role != NODE_MASTER ||
	    cluster_masters(cluster) < 2 ||
	    !members_ask(cluster, task_session(task), task_deadline(task),
			 NULL))
		return true;
	unsigned others = count_others(cluster, own, dead);

	if (dead->len > 0 && task_may_change(task) &&
	    !expel(task, dead, error))
		return false;
	member = members_find(cluster, own);
	*turn = others == 0 || !member || member->role != BACKEND_VOTER ||
		members_count(cluster, BACKEND_VOTER) > 1;
	return true;
}

static enum task_status leave_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	struct departure *d;
	enum task_status status = TASK_CHANGED;

	if (node_skips(task, false) || !is_to_leave(task))
		return TASK_SKIPPED;
	d = departure_of(task_cluster(task), node);
	if (!is_clustered(node->facts)) {
		task_say(task, "%s", node->facts->installed
			 ? "stand-alone already"
			 : "MicroK8s is not installed");
		status = TASK_OK;
	} else {
		bool turn;

		if (!is_turn(task, &turn, error))
			return TASK_FAILED;
		node->leaves_last = !turn;
		if (!turn) {
			task_say(task, "the only voter: when the others have "
				 "left");
			return TASK_SKIPPED;
		}
		task_say(task, "%s", node->role == NODE_MASTER
			 ? "a stand-alone MicroK8s with an empty datastore"
			 : "a stand-alone MicroK8s");
		if (task_may_change(task) && !leave(task, error))
			return TASK_FAILED;
	}
	if (d)
		d->has_left = true;
	return status;
}

const struct action action_leave = {
	.name = "leave",
	.summary = "make a member of a cluster a stand-alone MicroK8s again",
	.help = "Runs `microk8s leave` detached on the host, mends what it "
		"would refuse, and waits until MicroK8s is ready. A master "
		"loses its copy of the datastore by it and gets its DNS addon "
		"again; the last one leaves only with everyone.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 20 * 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = leave_run,
};
