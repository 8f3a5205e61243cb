/* SPDX-License-Identifier: Apache-2.0
 *
 * muster plan: the run of `up` with the gate closed.
 */
#include "cmd.h"

#include "options.h"
#include "runner.h"

#include "playbooks/embedded.h"

int cmd_plan(int argc, char **argv)
{
	static const struct options_usage usage = {
		.examples =
			"Examples:\n"
			"  muster plan -i inventory.ini\n"
			"  muster plan -i inventory.ini --exit-code || echo "
			"drifted\n"
			"\n"
			"Goes through the steps of `muster up`, changes "
			"nothing anywhere, and prints what would\nchange: "
			"files as unified diffs, hosts with the same change "
			"together.",
		.summary = "Exit status: as of `muster up`; with --exit-code "
			   "10 when something would change.",
		.is_plan = true, .assembles = true,
	};
	int status = 0;
	g_autoptr(Options) options = options_parse(argc, argv, &usage,
						   &status);

	if (!options)
		return status;
	return runner_run(options, argv[0], "up.yaml",
			  embedded_text("up.yaml"));
}
