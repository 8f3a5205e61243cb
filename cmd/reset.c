/* SPDX-License-Identifier: Apache-2.0
 *
 * muster reset: the shipped playbook reset.yaml, once the cluster's name was
 * said.
 */
#include "cmd.h"

#include "confirm.h"

#include "playbooks/embedded.h"

static const char examples[] =
	"Examples:\n"
	"  muster reset -i inventory.ini\n"
	"  muster reset -i inventory.ini --confirm node1\n"
	"  muster reset -i inventory.ini --purge --confirm node1\n"
	"  muster reset -i inventory.ini --check\n"
	"\n"
	"Takes the whole cluster apart: workers in parallel, then the master. "
	"Every host is a\nstand-alone MicroK8s afterwards, or with --purge one "
	"without it. Asks for the\ncluster's name, which is that of its master "
	"in the inventory. Hosts that are down\nhold up nobody; they are "
	"listed.";

static const char summary[] =
	"Exit status: 0 every host is reset, 2 a host failed, 4 a host was "
	"unreachable, 6 both,\n64 usage or not confirmed, 65 inventory, 66 no "
	"inventory, 75 another run holds the\ncluster, 130 Ctrl-C. `muster "
	"playbook show reset` prints the steps.";

int cmd_reset(int argc, char **argv)
{
	g_auto(Confirm) confirm = { .options = NULL };
	static const struct options_usage usage = {
		.examples = examples, .summary = summary,
	};
	const struct runner_hooks hooks = {
		.admit = confirm_admit, .after = confirm_after,
		.data = &confirm,
	};
	int status = 0;

	if (!confirm_parse(&confirm, argc, argv, usage,
			   "Remove MicroK8s from the hosts", &status))
		return status;
	return runner_run_hooked(confirm.options, argv[0], "reset.yaml",
				 embedded_text("reset.yaml"), &hooks);
}
