/* SPDX-License-Identifier: Apache-2.0
 *
 * muster play: a playbook of the user's own.
 */
#include "cmd.h"

#include "options.h"
#include "runner.h"

#include "transport/error.h"

#include <stdio.h>
#include <sysexits.h>

int cmd_play(int argc, char **argv)
{
	static const struct options_usage usage = {
		.parameters = "FILE",
		.examples =
			"Examples:\n"
			"  muster play site.yaml -i inventory.ini\n"
			"  muster play site.yaml -i inventory.ini --check\n"
			"\n"
			"Runs the plays of FILE. `muster explain` lists the "
			"steps there are; `muster playbook\nshow up` is an "
			"example.",
		.summary = "Exit status: as of `muster up`.",
	};
	int status = 0;
	g_autoptr(Options) options = options_parse(argc, argv, &usage,
						   &status);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	gsize length = 0;

	if (!options)
		return status;
	if (options->arguments[1]) {
		fprintf(stderr, "muster play: one FILE at a time\n");
		return EX_USAGE;
	}
	if (!g_file_get_contents(options->arguments[0], &text, &length,
				 &error)) {
		fprintf(stderr, "muster play: %s\n", error->message);
		return muster_error_exit_status(MUSTER_ERROR_NO_INPUT);
	}
	return runner_run(options, argv[0], options->arguments[0], text);
}
