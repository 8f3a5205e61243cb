/* SPDX-License-Identifier: Apache-2.0
 *
 * muster rebuild: the plays of reset.yaml and then those of up.yaml, as one
 * run, with what each phase took.
 */
#include "cmd.h"

#include "confirm.h"
#include "timings.h"

#include "playbooks/embedded.h"

static const char examples[] =
	"Examples:\n"
	"  muster rebuild -i inventory.ini --confirm node1\n"
	"  muster rebuild -i inventory.ini --purge --confirm node1\n"
	"\n"
	"Takes the cluster apart as muster reset does, assembles it anew as "
	"muster up does, and\nprints what each phase took. Asks for the "
	"cluster's name, which is that of its master\nin the inventory. With "
	"--check it tells what the reset would change.";

static const char summary[] =
	"Exit status: as of muster up; 64 also when it was not confirmed. A "
	"host that could\nnot be reset does not take part in what follows. "
	"`muster playbook show reset` and\n`muster playbook show up` print "
	"the steps.";

static struct reporter *tell_timings(const struct run_info *info, void *data)
{
	const struct confirm *confirm = data;

	(void)info;
	if (confirm->options->json || confirm->options->check)
		return NULL;
	return timings_new("reset", embedded_text("reset.yaml"), "up");
}

int cmd_rebuild(int argc, char **argv)
{
	g_auto(Confirm) confirm = { .options = NULL };
	g_autofree char *text = NULL;
	static const struct options_usage usage = {
		.examples = examples, .summary = summary, .assembles = true,
	};
	struct proving proving = { .options = NULL };
	const struct runner_hooks hooks = {
		.admit = confirm_admit, .beside = tell_timings,
		.after = confirm_after, .proof = &proving, .data = &confirm,
	};
	int status = 0;

	if (!confirm_parse(&confirm, argc, argv, usage, "Remove MicroK8s in "
			   "between, and install it anew", &status))
		return status;
	/* What up would do is not known while the old cluster stands. */
	text = g_strconcat(embedded_text("reset.yaml"), confirm.options->check
			   ? "" : embedded_text("up.yaml"), NULL);
	status = runner_run_hooked(confirm.options, argv[0], "rebuild.yaml",
				   text, &hooks);
	proving_clear(&proving);
	return status;
}
