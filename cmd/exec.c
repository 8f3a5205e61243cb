/* SPDX-License-Identifier: Apache-2.0
 *
 * muster exec: one command on many hosts. Each host's turn is: connect, run,
 * hand what comes to whoever wants it (gather, stream, files), hang up; so a
 * thousand hosts cost no more than those that are at it at a time.
 */
#include "cmd.h"

#include "exec_report.h"
#include "exec_run.h"
#include "options.h"
#include "problems.h"
#include "signals.h"

#include "playbooks/outcome.h"
#include "transport/error.h"
#include "transport/pattern.h"
#include "transport/scalar.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#define EXIT_BROKEN_PIPE 141	/* as of a process that SIGPIPE ends */

static const char examples[] =
	"Examples:\n"
	"  muster exec -i inventory.ini -- uname -r\n"
	"  muster exec -i inventory.ini -l workers --become -- snap refresh "
	"--hold\n"
	"  muster exec -i inventory.ini --diff -- cat /etc/resolv.conf\n"
	"  muster exec -i inventory.ini -- 'cat >motd' <motd";

static const char summary[] =
	"Runs a command on every host, as the login user and in its home, "
	"and prints\n"
	"what they said: once for all hosts that said the same and ended "
	"alike, as\n"
	"clush -b does, lines of standard error behind \"! \". The words "
	"of the command\n"
	"are joined with blanks and given to /bin/sh, as with ssh.\n\n"
	"What muster reads on its standard input, if that is no terminal, "
	"every host\n"
	"gets on its own (at most 32 MiB). Root by --become, or where the "
	"inventory\n"
	"says ansible_become=yes. Of each host 8 MiB of output are shown; "
	"--no-fold and\n"
	"--out-dir have no limit.\n\n"
	"Exit status: 0 all well; 2 the command failed on a host, or ran "
	"out of time; 4\n"
	"a host was unreachable; 6 both; 64 usage, or no host matches; 65 "
	"inventory\n"
	"does not hold; 66 a file is missing; 73 output cannot be written; "
	"76 a host\n"
	"key changed; 77 sudo refused everywhere; 130 Ctrl-C: what was "
	"said until then\n"
	"is printed.";

struct wishes {
	gboolean folds, does_not_fold, diff, become, no_become, no_stdin;
	char *out_dir, *timeout;
	gint64 timeout_us;		/* 0: none */
};

/* A mistake of the command line, or NULL. */
static const char *mistake_in(struct wishes *w, const struct options *o)
{
	if (w->become && w->no_become)
		return "--become and --no-become exclude each other";
	if (w->does_not_fold && (w->folds || w->diff || o->json))
		return "--no-fold goes with none of -b, --diff and --json";
	if (w->diff && o->json)
		return "--diff is for people, --json for programs";
	if (w->timeout && (!scalar_duration(w->timeout, &w->timeout_us) ||
			   w->timeout_us <= 0))
		return "--command-timeout takes a time such as 30 or 5m";
	return NULL;
}

static struct options *parse(int argc, char **argv, struct wishes *w,
			     int *status)
{
	const GOptionEntry entries[] = {
		{ "fold", 'b', 0, G_OPTION_ARG_NONE, &w->folds,
		  "Tell the same output once (default)", NULL },
		{ "no-fold", 0, 0, G_OPTION_ARG_NONE, &w->does_not_fold,
		  "Print lines as they come, the host before each", NULL },
		{ "diff", 0, 0, G_OPTION_ARG_NONE, &w->diff,
		  "Print how others differ from the largest group", NULL },
		{ "out-dir", 0, 0, G_OPTION_ARG_FILENAME, &w->out_dir,
		  "Write DIR/HOST.out and DIR/HOST.err too", "DIR" },
		{ "become", 0, 0, G_OPTION_ARG_NONE, &w->become,
		  "Run it as root, through sudo", NULL },
		{ "no-become", 0, 0, G_OPTION_ARG_NONE, &w->no_become,
		  "As the login user, whatever the inventory says", NULL },
		{ "command-timeout", 't', 0, G_OPTION_ARG_STRING, &w->timeout,
		  "End the command after this time (default: never)", "TIME" },
		{ "no-stdin", 0, 0, G_OPTION_ARG_NONE, &w->no_stdin,
		  "Do not read standard input for the hosts", NULL },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.parameters = "-- COMMAND...",
		.examples = examples,
		.summary = summary,
		.takes_command = true,
		.entries = entries,
	};
	struct options *o = options_parse(argc, argv, &usage, status);
	const char *mistake = o ? mistake_in(w, o) : NULL;

	if (!mistake)
		return o;
	fprintf(stderr, "muster exec: %s; see muster exec -h\n", mistake);
	options_free(o);
	*status = EX_USAGE;
	return NULL;
}

/* The command line wins over the inventory. */
static void apply_become(const struct wishes *w, const GPtrArray *hosts)
{
	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i);

		if (w->no_become ||
		    (!w->become && host->become != HOST_BECOME_YES))
			host->become = HOST_BECOME_NO;
		else if (host->become == HOST_BECOME_NO)
			host->become = HOST_BECOME_AUTO;
	}
}

/* The same rules as for a playbook: a group is a host's ends. */
static int status_of(const GPtrArray *groups, size_t n_hosts, bool stopped)
{
	g_autofree struct host_result *results =
		g_new0(struct host_result, n_hosts);
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	g_autoptr(GError) failed = g_error_new_literal(
		MUSTER_ERROR, MUSTER_ERROR_COMMAND, "exit status");
	struct run_result result = { .hosts = all, .stopped = stopped };

	for (guint i = 0; i < groups->len; i++) {
		const struct group *group = g_ptr_array_index(groups, i);

		for (guint m = 0; m < group->members->len; m++) {
			struct host_result *one = &results[all->len];

			one->error = group->status > 0 ? failed : group->error;
			g_ptr_array_add(all, one);
		}
	}
	return outcome_exit_status(&result);
}

static int tell(const struct options *o, const struct wishes *w,
		const char *inventory, const struct exec_run *run,
		const GPtrArray *groups)
{
	struct exec_report report = {
		.groups = groups,
		.options = o,
		.inventory = inventory,
		.command = run->command,
		.is_folded = !w->does_not_fold,
		.shows_diff = w->diff,
		.stopped = cancel_is_stopped(run->cancel),
		.started_us = run->started_us,
		.wall_us = g_get_real_time() - run->started_us,
	};

	report.exit_status = status_of(groups, run->hosts->len,
				       report.stopped);
	if (o->json)
		exec_report_json(&report);
	else
		exec_report_text(&report);
	return report.exit_status;
}

/* What could not be told, or not be kept. */
static int output_status(int status, int stream_errno, const char *problem)
{
	int failed = stream_errno;

	if (!failed && (fflush(stdout) != 0 || ferror(stdout)))
		failed = errno ? errno : EIO;
	if (failed == EPIPE)
		return EXIT_BROKEN_PIPE;
	if (failed)
		fprintf(stderr, "muster exec: cannot write the output: %s\n",
			g_strerror(failed));
	if (problem)
		fprintf(stderr, "muster exec: %s\n", problem);
	return status == 0 && (failed || problem) ? EX_CANTCREAT : status;
}

static bool is_input_wanted(const struct options *o, const struct wishes *w)
{
	return !w->no_stdin && g_strcmp0(o->inventory, "-") != 0;
}

/* Sets everything up and runs; *status is written on success only. */
static bool run_all(const struct options *o, const struct wishes *w,
		    struct cancel *cancel, int *status, GError **error)
{
	g_autoptr(Inventory) inventory = problems_load_inventory(o, error);
	g_autoptr(GPtrArray) hosts = NULL;
	g_autofree char *command = g_strjoinv(" ", o->arguments);

	if (inventory)
		hosts = pattern_limit(inventory, o->limit, o->exclude, error);
	if (!hosts)
		return false;
	apply_become(w, hosts);
	struct exec_run run = {
		.options = o, .hosts = hosts, .command = command,
		.cancel = cancel, .timeout_us = w->timeout_us,
		.out_dir_path = w->out_dir, .is_folded = !w->does_not_fold,
		.reads_stdin = is_input_wanted(o, w),
	};

	bool good = exec_run_open(&run, error);

	if (good) {
		exec_run_hosts(&run);
		*status = 0;
		if (exec_run_stream_errno(&run) == 0)
			*status = tell(o, w, inventory->path, &run,
				       gather_groups(run.gather));
		*status = output_status(*status, exec_run_stream_errno(&run),
					exec_run_problem(&run));
	}
	exec_run_close(&run);
	return good;
}

static int run_with_signals(const struct options *o, const struct wishes *w)
{
	struct cancel *cancel = cancel_new();
	struct signals *signals = signals_start(cancel);
	g_autoptr(GError) error = NULL;
	int status;

	if (!run_all(o, w, cancel, &status, &error)) {
		fprintf(stderr, "muster exec: %s\n", error->message);
		status = muster_error_exit_status(error->code);
	}
	int signal_number = signals_stop(signals);

	cancel_free(cancel);
	return signal_number ? 128 + signal_number : status;
}

int cmd_exec(int argc, char **argv)
{
	struct wishes wishes = { .timeout_us = 0 };
	int status = 0;
	struct options *o = parse(argc, argv, &wishes, &status);

	if (o)
		status = run_with_signals(o, &wishes);
	options_free(o);
	g_free(wishes.out_dir);
	g_free(wishes.timeout);
	return status;
}
