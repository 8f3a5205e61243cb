/* SPDX-License-Identifier: Apache-2.0
 *
 * muster status: the inventory beside the cluster, and what differs.
 */
#include "cmd.h"

#include "report_status.h"
#include "runner.h"

#include "playbooks/embedded.h"

#define EXIT_DRIFT 10

struct status {
	gboolean exit_code;		/* --exit-code */
	struct cluster *cluster;
	struct proof *proof;
	GPtrArray *drift;
	struct status_telling telling;
};

static void begin(struct cluster *cluster, void *data)
{
	struct status *s = data;

	s->cluster = cluster;
	s->proof = proof_new(cluster);
	cluster->proof = s->proof;
}

static struct reporter *make_reporter(const struct run_info *info, void *data)
{
	struct status *s = data;

	return report_status_new(info, &s->telling);
}

static bool after(const struct run_result *result, struct cancel *cancel,
		  int *status, void *data)
{
	struct status *s = data;

	(void)result;
	(void)cancel;
	proof_judge(s->proof, s->cluster);
	s->drift = status_drift(s->cluster, s->proof);
	if (*status == 0 && s->exit_code && s->drift->len > 0)
		*status = EXIT_DRIFT;
	s->telling.drift = s->drift;
	s->telling.exit_status = *status;
	return false;
}

int cmd_status(int argc, char **argv)
{
	struct status s = { .exit_code = FALSE };
	const GOptionEntry entries[] = {
		{ "exit-code", 0, 0, G_OPTION_ARG_NONE, &s.exit_code,
		  "Exit with 10 when there is drift", NULL },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.examples =
			"Examples:\n"
			"  muster status -i inventory.ini\n"
			"  muster status -i inventory.ini --exit-code || echo "
			"drifted\n"
			"  muster status -i inventory.ini --json\n"
			"\n"
			"Each host of the inventory and the node it is, the "
			"nodes that it does not name,\nand in what the "
			"cluster has drifted. Changes nothing, and takes one "
			"script a host;\nwhether nodes and pods reach each "
			"other is for muster verify.",
		.summary =
			"Exit status: 0 it was asked, 2 a host failed, 4 a "
			"host was unreachable, 6 both,\n10 with --exit-code "
			"if there is drift, 64 usage, 65 inventory, 66 no "
			"inventory,\n76 a host key changed, 130 Ctrl-C.",
		.only_asks = true,
		.entries = entries,
	};
	const struct runner_hooks hooks = {
		.begin = begin, .reporter = make_reporter, .after = after,
		.data = &s,
	};
	int status = 0;
	g_autoptr(Options) options = options_parse(argc, argv, &usage,
						   &status);

	if (!options)
		return status;
	status = runner_run_hooked(options, argv[0], "status.yaml",
				   embedded_text("status.yaml"), &hooks);
	proof_free(s.proof);
	g_clear_pointer(&s.drift, g_ptr_array_unref);
	return status;
}
