/* SPDX-License-Identifier: Apache-2.0
 *
 * muster restart: the shipped playbook restart.yaml over the hosts that
 * --limit and --exclude leave, and the masters, one of which is asked.
 */
#include "cmd.h"

#include "choice.h"
#include "options.h"
#include "runner.h"

#include "playbooks/embedded.h"
#include "playbooks/restart_service.h"

#include <stdio.h>
#include <sysexits.h>

static bool admit(const struct inventory *inventory, struct cluster *cluster,
		  GHashTable **limit, struct cancel *cancel, void *data,
		  GError **error)
{
	(void)cancel;
	return choice_admit(data, inventory, cluster, limit, error);
}

int cmd_restart(int argc, char **argv)
{
	g_autofree char *service = NULL;
	const GOptionEntry entries[] = {
		{ "service", 0, 0, G_OPTION_ARG_STRING, &service,
		  "Which (default kubelite): " RESTART_SERVICES, "NAME" },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.examples =
			"Examples:\n"
			"  muster restart -i inventory.ini\n"
			"  muster restart -i inventory.ini -l workers\n"
			"  muster restart -i inventory.ini -l node2 "
			"--service containerd\n"
			"\n"
			"Control planes one after the other, each only when "
			"the one before is Ready again;\nthen the workers, "
			"all at once. Containers keep running.",
		.summary =
			"Exit status: 0 all are Ready again, 2 a host failed, "
			"4 a host was unreachable,\n6 both 2 and 4, 64 usage, "
			"65 inventory, 66 no inventory, 69 a host is not of "
			"this\ncluster, 75 another run holds the cluster, 76 "
			"a host key changed, 130 Ctrl-C.",
		.entries = entries,
	};
	int status = 0;
	g_autoptr(Options) options = options_parse(argc, argv, &usage,
						   &status);

	if (!options)
		return status;
	if (service && !restart_knows(service)) {
		fprintf(stderr, "muster restart: no service '%s' ("
			RESTART_SERVICES ")\n", service);
		return EX_USAGE;
	}
	struct choice choice = { NULL, NULL, NULL };
	const struct runner_hooks hooks = { .admit = admit, .data = &choice };

	choice_take(&choice, options);
	if (service)
		g_hash_table_insert(options->extra_vars,
				    g_strdup("microk8s_service"),
				    g_strdup(service));
	status = runner_run_hooked(options, argv[0], "restart.yaml",
				   embedded_text("restart.yaml"), &hooks);
	choice_clear(&choice);
	return status;
}
