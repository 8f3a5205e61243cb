/* SPDX-License-Identifier: Apache-2.0
 *
 * muster up: the shipped playbook up.yaml over an inventory.
 */
#include "cmd.h"

#include "options.h"
#include "runner.h"

#include "playbooks/embedded.h"

int cmd_up(int argc, char **argv)
{
	static const struct options_usage usage = {
		.examples =
			"Examples:\n"
			"  muster up -i inventory.ini\n"
			"  muster up -i inventory.ini --json >run.json\n"
			"  muster up -i inventory.ini -l masters,node4\n"
			"  muster up -i inventory.ini -e "
			"microk8s_channel=1.32/stable\n"
			"\n"
			"Assembles the cluster that the inventory describes, "
			"and proves it as muster verify\ndoes. Run again it "
			"repairs what has drifted, joins what is new, and "
			"changes nothing\nelse.",
		.summary =
			"Exit status: 0 done and proved, 2 a host failed, 3 "
			"the proof failed, 4 a host was\nunreachable, 6 both "
			"2 and 4, 64 usage, 65 inventory, 66 no inventory, 69 "
			"a host lacks\nsomething, 75 another run holds the "
			"cluster, 76 a host key changed, 130 Ctrl-C.\n"
			"`muster playbook show up` prints the steps, "
			"`muster verify -h` the conditions.",
		.assembles = true,
	};
	struct proving proving = { .options = NULL };
	const struct runner_hooks hooks = { .proof = &proving };
	int status = 0;
	g_autoptr(Options) options = options_parse(argc, argv, &usage,
						   &status);

	if (!options)
		return status;
	status = runner_run_hooked(options, argv[0], "up.yaml",
				   embedded_text("up.yaml"), &hooks);
	proving_clear(&proving);
	return status;
}
