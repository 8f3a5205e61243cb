/* SPDX-License-Identifier: Apache-2.0
 *
 * muster init: an inventory to begin with, commented, with the addresses that
 * the hosts really have. Nothing is changed on them, and no file of yours is
 * written over.
 */
#include "cmd.h"

#include "init_ask.h"
#include "init_plan.h"
#include "options.h"
#include "signals.h"

#include "playbooks/embedded.h"
#include "transport/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define EXAMPLE "inventory.example.ini"

static const char examples[] =
	"Examples:\n"
	"  muster init >inventory.ini                a commented example\n"
	"  muster init -o inventory.ini ubuntu@203.0.113.10 node2 node3:2222\n"
	"  muster init --masters 3 node1 node2 node3 node4\n"
	"\n"
	"Asks the hosts for their addresses, if they answer, and proposes as "
	"node_ip those of\nthe one network in which every host has an address "
	"of its own and reaches the\nothers. The first host becomes the "
	"master, the others workers. Nothing is changed\non the hosts.";

static const char summary[] =
	"Host keys are checked as always: at a terminal unknown ones are shown "
	"and confirmed,\nelse such a host counts as one that does not answer. "
	"Those are written all the same,\nwith the reason in a comment.\n\n"
	"Exit status: 0 done, 4 a host did not answer, 64 usage, 73 the file "
	"is there\nalready (--force), 76 a host's key has changed, 130 "
	"Ctrl-C.";

struct init {
	char *output;			/* -o; NULL or "-": standard output */
	gboolean force;
	int masters;
};

static bool is_stdout(const struct init *init)
{
	return !init->output || strcmp(init->output, "-") == 0;
}

static bool check_output(const struct init *init, GError **error)
{
	if (is_stdout(init) || init->force ||
	    !g_file_test(init->output, G_FILE_TEST_EXISTS))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
		    "%s is there already; --force writes over it",
		    init->output);
	return false;
}

/* A file that came meanwhile is not written over either. */
static bool write_new(const char *path, const char *text, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool ok = file && fputs(text, file) >= 0;

	if (file)
		ok = fclose(file) == 0 && ok;
	if (!ok)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
			    "cannot write %s: %s", path, g_strerror(errno));
	return ok;
}

static bool write_over(const char *path, const char *text, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (g_file_set_contents(path, text, -1, &why))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
		    "cannot write %s: %s", path, why->message);
	return false;
}

static bool put(const struct init *init, const char *text, GError **error)
{
	if (is_stdout(init)) {
		if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
			return true;
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
			    "cannot write: %s", g_strerror(errno));
		return false;
	}
	return init->force ? write_over(init->output, text, error)
			   : write_new(init->output, text, error);
}

/* What a person should know now, not only whoever reads the file. */
static void tell(const struct init *init, const struct init_plan *plan)
{
	const struct network *network = init_plan_network(plan);

	for (guint i = 0; i < plan->hosts->len; i++) {
		const struct init_host *host =
			g_ptr_array_index(plan->hosts, i);
		g_autofree char *doubt = init_plan_doubt(plan, i);

		if (host->problem)
			fprintf(stderr, "muster init: %s: %s\n", host->given,
				host->problem);
		if (doubt)
			fprintf(stderr, "muster init: %s %s\n", host->name,
				doubt);
	}
	if (network)
		fprintf(stderr, "muster init: node_ip from %s\n",
			network->cidr);
	else if (plan->hosts->len > 1)
		fputs("muster init: the hosts share no network that is "
		      "surely one; node_ip is left to you, see the comments\n",
		      stderr);
	if (!is_stdout(init))
		fprintf(stderr, "muster init: %s is written; next: muster "
			"inventory lint -i %s\n", init->output, init->output);
}

static bool ask_and_write(const struct init *init, const struct options *o,
			  struct cancel *cancel, int *status, GError **error)
{
	g_autoptr(InitPlan) plan = init_plan_new(
		o->arguments, (guint)MAX(init->masters, 0), error);
	g_autofree char *text = NULL;

	if (!plan)
		return false;
	plan->user = o->user;
	plan->jump = o->jump;
	plan->private_key_file = o->private_key_file;
	if (!init_ask(plan, o, cancel, status, error))
		return false;
	init_plan_choose(plan);
	text = init_text(plan);
	if (!put(init, text, error))
		return false;
	tell(init, plan);
	return true;
}

static int run(const struct init *init, const struct options *o,
	       struct cancel *cancel)
{
	g_autoptr(GError) error = NULL;
	int status = 0;
	bool ok = check_output(init, &error) && (*o->arguments
		? ask_and_write(init, o, cancel, &status, &error)
		: put(init, embedded_text(EXAMPLE), &error));

	if (ok)
		return status;
	fprintf(stderr, "muster init: %s\n", error->message);
	return muster_error_exit_status(error->code);
}

int cmd_init(int argc, char **argv)
{
	struct init init = { .masters = 1 };
	const GOptionEntry entries[] = {
		{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &init.output,
		  "Write to this file instead of standard output", "FILE" },
		{ "force", 0, 0, G_OPTION_ARG_NONE, &init.force,
		  "Even if it is there already", NULL },
		{ "masters", 0, 0, G_OPTION_ARG_INT, &init.masters,
		  "So many of the first hosts are masters (default 1)", "N" },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.parameters = "[[USER@]HOST[:PORT]...]",
		.examples = examples, .summary = summary,
		.takes_hosts_only = true, .makes_inventory = true,
		.entries = entries,
	};
	int status = 0;
	struct options *o = options_parse(argc, argv, &usage, &status);

	if (o) {
		struct cancel *cancel = cancel_new();
		struct signals *signals = signals_start(cancel);

		status = run(&init, o, cancel);

		int number = signals_stop(signals);

		status = number ? 128 + number : status;
		cancel_free(cancel);
	}
	options_free(o);
	g_free(init.output);
	return status;
}
