/* SPDX-License-Identifier: Apache-2.0
 *
 * muster doctor: what would stop a run, of all hosts in one report.
 */
#include "cmd.h"

#include "doctor_run.h"
#include "report_findings.h"
#include "signals.h"
#include "term.h"

#include "transport/error.h"

#include <stdio.h>
#include <stdlib.h>

static const char examples[] =
	"Examples:\n"
	"  muster doctor -i inventory.ini\n"
	"  muster doctor -i inventory.ini -v            advice, too\n"
	"  muster doctor -i inventory.ini --fix=hosts,lock,hold\n"
	"\n"
	"Looks at all hosts before a run and changes nothing: one script on "
	"each, then one\nthat tries the ways between master and workers. "
	"Everything found is told at once,\nthe gravest first, each with the "
	"command that cures it. `muster explain CODE` tells\nmore of a code.";

static const char summary[] =
	"--fix applies, after telling, only what harms nobody:\n"
	"  hosts  a node's name in /etc/hosts that leads to a wrong address\n"
	"  lock   the mark of a join that never ended\n"
	"  hold   snapd does not refresh MicroK8s by itself\n"
	"\n"
	"Exit status: 0 nothing stops a run, 1 a cure failed, 64 usage, 65 "
	"inventory, 66 no\ninventory, 69 something would stop it, 130 Ctrl-C.";

static void print_json(const struct doctor_run *run, int cured)
{
	json_t *hosts = json_array();

	for (guint i = 0; i < run->cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(run->cluster->nodes, i);

		json_array_append_new(hosts, json_string(node->host->name));
	}
	json_t *all = json_pack(
		"{s:s, s:o, s:o, s:i, s:i, s:i, s:i, s:I}",
		"schema", "muster.doctor/1", "hosts", hosts,
		"findings", findings_json(run->findings),
		"blocks", (int)findings_count(run->findings, FINDING_BLOCKS),
		"warns", (int)findings_count(run->findings, FINDING_WARNS),
		"advises", (int)findings_count(run->findings,
					       FINDING_ADVISES),
		"cured", cured, "elapsed_ms",
		(json_int_t)(run->elapsed_us / 1000));

	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static void print_text(const struct doctor_run *run)
{
	const struct options *o = run->options;

	report_findings(run->findings, o->verbosity > 0,
			term_has_color(stdout, o->color));
	printf("%u hosts looked at in %.1f s\n", run->patients->len,
	       (double)run->elapsed_us / G_USEC_PER_SEC);
}

/* What was found, cured and found again. */
static int tell(struct doctor_run *run, unsigned fixes)
{
	int cured = 0;

	if (fixes) {
		if (!run->options->json)
			print_text(run);
		fflush(stdout);
		cured = doctor_run_fix(run, fixes);
		if (cured != 0 && !doctor_run_examine(run))
			return 130;
	}
	if (run->options->json)
		print_json(run, MAX(cured, 0));
	else if (!fixes || cured != 0)
		print_text(run);
	if (findings_count(run->findings, FINDING_BLOCKS) > 0)
		return muster_error_exit_status(MUSTER_ERROR_PREFLIGHT);
	return cured < 0 ? EXIT_FAILURE : 0;
}

static int examine(struct doctor_run *run, const char *fix)
{
	g_autoptr(GError) error = NULL;
	unsigned fixes = fix ? doctor_fixes_parse(fix, &error) : 0;
	int status;

	if (error || !doctor_run_open(run, &error)) {
		fprintf(stderr, "muster doctor: %s\n", error->message);
		status = muster_error_exit_status(error->code);
	} else {
		status = doctor_run_examine(run) ? tell(run, fixes) : 130;
	}
	doctor_run_close(run);
	return status;
}

int cmd_doctor(int argc, char **argv)
{
	char *fix = NULL;
	const GOptionEntry entries[] = {
		{ "fix", 0, 0, G_OPTION_ARG_STRING, &fix,
		  "Cure what harms nobody: hosts, lock, hold", "WHAT,..." },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.examples = examples, .summary = summary,
		.takes_hosts_only = true, .entries = entries,
	};
	int status = 0;
	struct options *o = options_parse(argc, argv, &usage, &status);

	if (o) {
		struct cancel *cancel = cancel_new();
		struct signals *signals = signals_start(cancel);
		struct doctor_run run = { .options = o, .cancel = cancel };

		status = examine(&run, fix);

		int number = signals_stop(signals);

		status = number ? 128 + number : status;
		cancel_free(cancel);
	}
	options_free(o);
	g_free(fix);
	return status;
}
