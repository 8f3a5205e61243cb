/* SPDX-License-Identifier: Apache-2.0
 *
 * The cures that harm nobody, by one static script.
 */
#include "doctor.h"

#include "playbooks/embedded.h"
#include "transport/error.h"
#include "transport/exec.h"

#include <string.h>

static const struct {
	const char *word;
	enum doctor_fix fix;
} fixes[] = {
	{ "hosts", DOCTOR_FIX_HOSTS },
	{ "lock", DOCTOR_FIX_LOCK },
	{ "hold", DOCTOR_FIX_HOLD },
};

static const struct {
	const char *code;
	enum doctor_fix fix;
} cures[] = {
	{ "hostname-unresolved", DOCTOR_FIX_HOSTS },
	{ "hosts-file-loopback", DOCTOR_FIX_HOSTS },
	{ "join-broke-off", DOCTOR_FIX_LOCK },
	{ "refresh-not-held", DOCTOR_FIX_HOLD },
};

unsigned doctor_fixes_parse(const char *text, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	unsigned bits = 0;

	for (char **word = words; *word; word++) {
		unsigned found = 0;

		for (size_t i = 0; i < G_N_ELEMENTS(fixes); i++)
			if (strcmp(fixes[i].word, *word) == 0)
				found = fixes[i].fix;
		if (!found) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
				    "--fix takes hosts, lock and hold with "
				    "commas between, not '%s'", text);
			return 0;
		}
		bits |= found;
	}
	if (!bits)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "--fix takes hosts, lock and hold");
	return bits;
}

unsigned doctor_fix_of(const struct finding *finding, unsigned wanted)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cures); i++)
		if (strcmp(cures[i].code, finding->cause->code) == 0)
			return cures[i].fix & wanted;
	return 0;
}

static const struct node *node_named(const struct cluster *cluster,
				     const char *name)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(cluster->nodes, i);

		if (strcmp(node->host->name, name) == 0)
			return node;
	}
	return NULL;
}

static bool run_fix(const struct node *node, const char *const *args,
		    gint64 deadline_us, GError **error)
{
	struct exec_request request = {
		.title = "cure what harms nobody",
		.script = embedded_text("fix.sh"),
		.args = args,
		.deadline_us = deadline_us,
	};

	return exec_run(node->session, &request, NULL, error);
}

/* Every name of another host that leads to this one gets that host's
 * address. */
static bool fix_loopbacks(const struct cluster *cluster,
			  const struct node *node, gint64 deadline_us,
			  GError **error)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *other =
			g_ptr_array_index(cluster->nodes, i);

		for (guint k = 0; other != node && other->facts &&
		     k < node->checks->loopbacks->len; k++) {
			const struct checks_name *n = g_ptr_array_index(
				node->checks->loopbacks, k);
			const char *args[] = {
				"hosts", other->node_ip, n->name, NULL
			};

			if (strcmp(n->name, other->facts->hostname) == 0 &&
			    !run_fix(node, args, deadline_us, error))
				return false;
		}
	}
	return true;
}

bool doctor_fix_apply(const struct cluster *cluster,
		      const struct finding *finding, const char *name,
		      gint64 deadline_us, GError **error)
{
	const struct node *node = node_named(cluster, name);
	const char *lock[] = { "lock", NULL }, *hold[] = { "hold", NULL };

	if (finding->cure_is_for_master) {
		const char *args[] = {
			"hosts", node->node_ip, node->facts->node_name, NULL
		};

		return run_fix(cluster->master, args, deadline_us, error);
	}
	switch ((enum doctor_fix)doctor_fix_of(finding, ~0U)) {
	case DOCTOR_FIX_HOSTS:
		return fix_loopbacks(cluster, node, deadline_us, error);
	case DOCTOR_FIX_LOCK:
		return run_fix(node, lock, deadline_us, error);
	case DOCTOR_FIX_HOLD:
		return run_fix(node, hold, deadline_us, error);
	}
	return true;
}
