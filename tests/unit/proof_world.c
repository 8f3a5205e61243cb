/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes what a healthy cluster says of itself.
 */
#include "proof_world.h"

#include "playbooks/microk8s/cause.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/kube_workloads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define INVENTORY "[masters]\nm node_ip=10.8.0.4\n[workers]\n" \
	"v node_ip=10.8.0.5\nw node_ip=10.8.0.6\n"

static void free_problem(void *problem)
{
	problem_free(problem);
}

static void free_kube_node(void *node)
{
	kube_node_free(node);
}

static void free_pod(void *pod)
{
	kube_pod_free(pod);
}

static void free_workload(void *workload)
{
	kube_workload_free(workload);
}

struct node *world_node(const struct world *w, guint i)
{
	return g_ptr_array_index(w->cluster->nodes, i);
}

struct kube_node *world_seen(const struct world *w, guint i)
{
	return g_ptr_array_index(w->cluster->seen, i);
}

/* --- a healthy world --- */

void world_set_cert(struct facts_cert *cert, const char *ip)
{
	g_strfreev(cert->sans);
	cert->sans = g_new0(char *, 2);
	cert->sans[0] = g_strconcat("IP Address:", ip, NULL);
	cert->not_after = WORLD_TODAY + 300 * WORLD_DAY;
}

static void make_facts(struct node *node)
{
	g_autofree char *text = g_strdup_printf("hostname=%s\nend=1\n",
						node->host->name);
	struct facts *f = facts_parse(text, strlen(text), NULL);

	assert_non_null(f);
	f->epoch = WORLD_TODAY;
	f->installed = f->held = true;
	f->channel = g_strdup("1.32/stable");
	f->revision = g_strdup("8511");
	f->args_kubelet = g_strdup_printf("--node-ip=%s\n", node->node_ip);
	world_set_cert(&f->kubelet_cert, node->node_ip);
	if (node->role == NODE_MASTER) {
		f->args_apiserver = g_strdup_printf(
			"--advertise-address=%s\n", node->node_ip);
		world_set_cert(&f->server_cert, node->node_ip);
		f->cni_method = g_strdup("kubernetes-internal-ip");
	} else {
		f->locks = LOCK_CLUSTERED;
		f->provider = g_strdup(WORLD_PROVIDER("10.8.0.4"));
	}
	node->facts = f;
}

static void make_seen(struct world *w, const struct node *node, guint i)
{
	struct kube_node *seen = g_new0(struct kube_node, 1);

	seen->name = g_strdup(node->host->name);
	seen->internal_ip = g_strdup(node->node_ip);
	seen->calico_ip = g_strdup(node->node_ip);
	seen->calico_tunnel_ip = g_strdup_printf("10.1.%u.0", i);
	seen->ready = KUBE_READY;
	seen->version = g_strdup("v1.32.8");
	g_ptr_array_add(w->cluster->seen, seen);
	g_hash_table_insert(w->proof->logs, g_strdup(seen->name),
			    g_strdup(""));
}

static void make_workload(GPtrArray *list, const char *name, gint64 n,
			  const char *method)
{
	struct kube_workload *workload = g_new0(struct kube_workload, 1);

	workload->name = g_strdup(name);
	workload->wanted = workload->updated = workload->ready = n;
	workload->is_seen = true;
	workload->method = g_strdup(method);
	g_ptr_array_add(list, workload);
}

/* CoreDNS on w. */
static void make_pods(struct world *w)
{
	struct kube_pod *pod = g_new0(struct kube_pod, 1);

	w->proof->pods = g_ptr_array_new_with_free_func(free_pod);
	pod->name = g_strdup("coredns-1");
	pod->space = g_strdup("kube-system");
	pod->app = g_strdup("kube-dns");
	pod->node = g_strdup("w");
	pod->ip = g_strdup("10.1.2.7");
	pod->ready = true;
	g_ptr_array_add(w->proof->pods, pod);
}

static char *healthy_probe(const struct world *w, guint own)
{
	GString *text = g_string_new("begin=1700000000.5\n");

	g_string_append_printf(text, "card=wg0\ncard_mtu=1500\n"
			       "vxlan_mtu=1450\nvxlan_card=wg0\n"
			       "vxlan_local=%s\n", world_node(w, own)->node_ip);
	for (guint i = 0; i < WORLD_N; i++) {
		if (i == own)
			continue;
		g_string_append_printf(
			text, "peer=%s kubelet=ok%s small=ok full=ok "
			"tunnel=ok pod=%s src=%s dev=wg0\n",
			world_node(w, i)->node_ip,
			i == 0 ? " api=ok agent=ok" : "",
			i == 2 ? "ok" : "-", world_node(w, own)->node_ip);
	}
	g_string_append_printf(text, "answer=200\napi_service=ok\n"
			       "dns_service=ok\ndns=" WORLD_DNS_ANSWER "\n%s"
			       "finish=1700000001.5\nend=1\n", own == 0
			       ? "tokens=0\ntokens_left=0\n" : "");
	return g_string_free(text, FALSE);
}

GPtrArray *world_just(const char *text)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

	if (text)
		g_ptr_array_add(list, g_strdup(text));
	return list;
}

void world_init(struct world *w)
{
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	struct proof *proof;

	w->inventory = inventory_parse(INVENTORY, strlen(INVENTORY), "i",
				       cluster_inventory_rules(), problems,
				       NULL);
	w->cluster = cluster_new(w->inventory, NULL, problems, NULL);
	proof = w->proof = proof_new(w->cluster);
	w->cluster->seen = g_ptr_array_new_with_free_func(free_kube_node);
	for (guint i = 0; i < WORLD_N; i++) {
		make_facts(world_node(w, i));
		make_seen(w, world_node(w, i), i);
		w->probes[i] = healthy_probe(w, i);
	}
	make_pods(w);
	proof->api_asked = proof->api_ready = true;
	proof->endpoints[0] = world_just("10.8.0.4");
	proof->endpoints[1] = world_just("10.8.0.4");
	proof->daemons = g_ptr_array_new_with_free_func(free_workload);
	proof->deployments = g_ptr_array_new_with_free_func(free_workload);
	make_workload(proof->daemons, "calico-node", WORLD_N,
		      "kubernetes-internal-ip");
	make_workload(proof->deployments, "calico-kube-controllers", 1, NULL);
	make_workload(proof->deployments, "coredns", 1, NULL);
	proof->api_service = g_strdup("10.152.183.1");
	proof->dns_service = g_strdup("10.152.183.10");
}

void world_clear(struct world *w)
{
	for (guint i = 0; i < WORLD_N; i++)
		g_free(w->probes[i]);
	proof_free(w->proof);
	cluster_free(w->cluster);
	inventory_free(w->inventory);
}

void world_judge(struct world *w)
{
	for (guint i = 0; i < WORLD_N; i++) {
		struct probe *probe = w->probes[i]
			? probe_parse(w->probes[i], strlen(w->probes[i]), NULL)
			: NULL;

		if (!probe)
			continue;
		if (probe->has_clock)
			probe_set_offset(probe, 1700000000400000,
					 1700000001600000);
		proof_set_probe(w->proof, w->cluster, world_node(w, i), probe);
	}
	proof_judge(w->proof, w->cluster);
}

/* --- spoiling and telling --- */

/* In what host `i` said, every `from` becomes `to`. */
void world_edit(struct world *w, guint i, const char *from, const char *to)
{
	g_auto(GStrv) parts = g_strsplit(w->probes[i], from, -1);

	if (!parts[1])
		print_error("no '%s' in:\n%s\n", from, w->probes[i]);
	assert_non_null(parts[1]);
	g_free(w->probes[i]);
	w->probes[i] = g_strjoinv(to, parts);
}

/* In every line about the peer at `ip`. */
void world_edit_peer(struct world *w, guint i, const char *ip,
		      const char *from, const char *to)
{
	g_auto(GStrv) lines = g_strsplit(w->probes[i], "\n", -1);
	g_autofree char *start = g_strdup_printf("peer=%s ", ip);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) parts = NULL;

		if (!g_str_has_prefix(*line, start))
			continue;
		parts = g_strsplit(*line, from, -1);
		g_free(*line);
		*line = g_strjoinv(to, parts);
	}
	g_free(w->probes[i]);
	w->probes[i] = g_strjoinv("\n", lines);
}

void world_reset(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

/* Names of all conditions that are at least warned of, and by *only the one
 * cause that they have; NULL if they have several. *says: the first. */
char *world_bad(const struct proof *proof, const char **only,
			    char **says)
{
	GString *names = g_string_new(NULL);

	*only = NULL;
	*says = NULL;
	for (int c = 0; c < CONDITION_N; c++) {
		bool is_bad = false;

		for (guint i = 0; i < proof->verdicts[c]->len; i++) {
			struct verdict *v = g_ptr_array_index(
				proof->verdicts[c], i);

			if (v->state < VERDICT_WARNS)
				continue;
			is_bad = true;
			if (!*says) {
				g_ptr_array_add(v->hosts, NULL);
				g_autofree char *hosts = g_strjoinv(
					",", (char **)v->hosts->pdata);

				g_ptr_array_set_size(v->hosts,
						     (int)v->hosts->len - 1);
				*says = g_strdup_printf("%s: %s", hosts,
							v->evidence);
				*only = v->cause;
			}
			if (g_strcmp0(*only, v->cause) != 0)
				*only = "several";
		}
		if (is_bad)
			g_string_append_printf(names, "%s%s",
					       names->len ? ", " : "",
					       condition_texts[c].name);
	}
	return g_string_free(names, FALSE);
}

void world_run_cases(const struct world_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct world w;
		const char *cause;
		g_autofree char *says = NULL, *names = NULL;

		world_init(&w);
		cases[i].spoil(&w);
		world_judge(&w);
		names = world_bad(w.proof, &cause, &says);
		if (strcmp(names, cases[i].conditions) != 0 ||
		    g_strcmp0(cause, cases[i].cause) != 0 ||
		    g_strcmp0(says, cases[i].says) != 0)
			fail_msg("%s: %s [%s] %s", cases[i].name, names,
				 cause ? cause : "none", says ? says : "");
		assert_int_equal(proof_count(w.proof, VERDICT_FAILS) > 0,
				 cases[i].state == VERDICT_FAILS);
		assert_non_null(cause_find(cases[i].cause));
		world_clear(&w);
	}
}
