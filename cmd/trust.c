/* SPDX-License-Identifier: Apache-2.0
 *
 * muster trust: all unknown host keys gathered at once, shown in one table,
 * confirmed with one answer or held against a list. Jump hosts come first:
 * nobody is logged in to before he is known.
 */
#include "cmd.h"

#include "ask.h"
#include "options.h"
#include "problems.h"
#include "signals.h"
#include "trust.h"
#include "trust_round.h"

#include "transport/error.h"
#include "transport/pattern.h"

#include <stdio.h>
#include <stdlib.h>

static const char examples[] =
	"Examples:\n"
	"  muster trust -i inventory.ini\n"
	"  muster trust -i inventory.ini -l workers\n"
	"  muster trust -i inventory.ini --fingerprints keys.txt\n"
	"\n"
	"Asks every host for its key, prints those that known_hosts does not "
	"have yet, and\nwrites them there once you say yes. With "
	"--fingerprints it asks nothing: a key is\nwritten if the file has its "
	"fingerprint on a line with the host's name, as\n`HOST SHA256:...`. A "
	"key that has changed is never replaced.";

static const char summary[] =
	"Exit status: 0 every host is known now, 1 you said no, 4 a host was "
	"not reached or\nits key is not in the list, 64 usage, 65 inventory, "
	"66 no such file, 76 a key has\nchanged or is not the listed one, 130 "
	"Ctrl-C.";

static bool confirm(const struct trust_round *round, struct cancel *cancel)
{
	g_autofree char *prompt = g_strdup_printf(
		"Are these the hosts' keys? Write %s to known_hosts? [y/N] ",
		trust_round_new(round) == 1 ? "it" : "them");

	if (ask_is_possible())
		return ask_yes(prompt, cancel);
	fputs("muster trust: there is no terminal to confirm at; give "
	      "--fingerprints FILE\n", stderr);
	return false;
}

/* One round: what is new is shown and, if it may be, written. */
static bool settle(struct trust_round *round, const struct trust_ways *ways,
		   struct cancel *cancel, int *status, GError **error)
{
	trust_round_print(round, ways->to);
	if (trust_round_new(round) == 0)
		return true;
	if (ways->list) {
		if (!trust_round_compare(round, ways->list, error))
			return false;
	} else if (!confirm(round, cancel)) {
		*status = cancel_is_stopped(cancel) ? 130 : EXIT_FAILURE;
		return true;
	}
	trust_round_accept(round, ways->to);
	return true;
}

bool trust_hosts(const struct options *options, const GPtrArray *hosts,
		 const struct trust_ways *ways, struct cancel *cancel,
		 int *status, GError **error)
{
	struct trust_run *run = trust_run_new(options, hosts, cancel, error);
	bool ok = run != NULL;

	while (ok && *status == 0 && !cancel_is_stopped(cancel)) {
		struct trust_round *round = trust_run_next(run);

		if (!round)
			break;
		ok = settle(round, ways, cancel, status, error);
		trust_round_free(round);
	}
	if (ok && *status == 0)
		*status = cancel_is_stopped(cancel) ? 130
			: trust_run_status(run);
	trust_run_free(run);
	return ok;
}

static bool trust_inventory(const struct options *o, const char *list,
			    struct cancel *cancel, int *status,
			    GError **error)
{
	const struct trust_ways ways = { .list = list, .to = stdout };
	g_autoptr(Inventory) inventory = problems_load_inventory(o, error);
	g_autoptr(GPtrArray) hosts = inventory
		? pattern_limit(inventory, o->limit, o->exclude, error) : NULL;

	return hosts && trust_hosts(o, hosts, &ways, cancel, status, error);
}

int cmd_trust(int argc, char **argv)
{
	char *list = NULL;
	const GOptionEntry entries[] = {
		{ "fingerprints", 0, 0, G_OPTION_ARG_FILENAME, &list,
		  "Compare with this list instead of asking", "FILE" },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.examples = examples, .summary = summary,
		.takes_hosts_only = true, .entries = entries,
	};
	int status = 0;
	struct options *o = options_parse(argc, argv, &usage, &status);
	g_autoptr(GError) error = NULL;

	if (o) {
		struct cancel *cancel = cancel_new();
		struct signals *signals = signals_start(cancel);

		if (!trust_inventory(o, list, cancel, &status, &error)) {
			fprintf(stderr, "muster trust: %s\n", error->message);
			status = muster_error_exit_status(error->code);
		}
		int number = signals_stop(signals);

		status = number ? 128 + number : status;
		cancel_free(cancel);
	}
	options_free(o);
	g_free(list);
	return status;
}
