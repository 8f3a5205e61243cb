/* SPDX-License-Identifier: Apache-2.0
 *
 * muster verify: asks the cluster of an inventory as verify.yaml says, judges
 * what came back, and, with --wait, goes on until all of it holds.
 */
#include "cmd.h"

#include "report_conditions.h"
#include "runner.h"

#include "playbooks/embedded.h"
#include "playbooks/verify/deep_objects.h"
#include "transport/error.h"
#include "transport/scalar.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define EXIT_NOT_PROVED 3
#define COUNT_WITH_WAIT 3
#define INTERVAL_DEFAULT "5s"

struct verify {
	/* options */
	char *wait, *interval, *junit, *image;
	int count;
	gboolean deep, matrix;
	gint64 wait_us, interval_us;	/* wait_us 0: one round */
	/* the run */
	const struct options *options;
	const struct run_info *info;
	struct cluster *cluster;
	struct proof *proof;
	struct proof_telling telling;
	char *told;			/* the last word on what fails */
};

/* --- rounds --- */

static void begin(struct cluster *cluster, void *data)
{
	struct verify *v = data;

	v->cluster = cluster;
	v->proof = proof_new(cluster);
	v->proof->deep = v->deep;
	v->proof->image = g_strdup(v->image ? v->image : DEEP_IMAGE);
	v->telling.proof = v->proof;
	cluster->proof = v->proof;
}

static struct reporter *make_reporter(const struct run_info *info, void *data)
{
	struct verify *v = data;

	v->info = info;
	return v->options->json ? report_proof_json_new(info, &v->telling)
				: report_conditions_new(info, &v->telling);
}

/* Why hosts dropped out is known to the run alone. */
static void note_unreached(struct verify *v, const struct run_result *result)
{
	for (guint i = 0; i < v->cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(v->cluster->nodes, i);

		for (guint k = 0; k < result->hosts->len; k++) {
			const struct host_result *h =
				g_ptr_array_index(result->hosts, k);

			if (h->host == node->host && h->error)
				g_ptr_array_index(v->proof->unreached, i) =
					g_strdup(h->error->message);
		}
	}
}

/* Until that moment or the first Ctrl-C. */
static void pause_until(struct cancel *cancel, gint64 until_us)
{
	struct pollfd fd = { .fd = cancel_stop_fd(cancel), .events = POLLIN };
	gint64 left_us = until_us - g_get_monotonic_time();

	while (left_us > 0 && !cancel_is_stopped(cancel)) {
		poll(&fd, 1, (int)MIN(left_us / 1000 + 1, 60 * 1000));
		left_us = until_us - g_get_monotonic_time();
	}
}

static void forget_round(struct verify *v)
{
	proof_reset(v->proof, v->cluster);
	for (guint i = 0; i < v->cluster->nodes->len; i++) {
		struct node *node = g_ptr_array_index(v->cluster->nodes, i);

		node->failed = false;
	}
	g_clear_pointer(&v->cluster->seen, g_ptr_array_unref);
}

/* What still fails is told when it changes. */
static void tell_round(struct verify *v)
{
	g_autofree char *failing = proof_failing(v->proof);
	g_autofree char *text = NULL;

	if (v->telling.in_a_row)
		text = g_strdup_printf("all well, %u of %d in a row",
				       v->telling.in_a_row, v->count);
	else
		text = g_strdup_printf("waiting for %s", *failing ? failing
				       : "hosts to be reached");
	if (v->options->verbosity >= 0 && g_strcmp0(text, v->told) != 0)
		fprintf(stderr, "%7.1fs  %s\n",
			(double)(g_get_monotonic_time() -
				 v->telling.began_us) / G_USEC_PER_SEC, text);
	g_free(v->told);
	v->told = g_steal_pointer(&text);
}

static bool write_junit(const struct verify *v)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = NULL;

	if (!v->junit)
		return true;
	xml = proof_junit(v->proof, g_get_monotonic_time() -
			  v->telling.began_us);
	if (g_file_set_contents(v->junit, xml, -1, &error))
		return true;
	fprintf(stderr, "muster verify: --junit: %s\n", error->message);
	return false;
}

static bool after(const struct run_result *result, struct cancel *cancel,
		  int *status, void *data)
{
	struct verify *v = data;
	gint64 next_us = g_get_monotonic_time() + v->interval_us;

	note_unreached(v, result);
	proof_judge(v->proof, v->cluster);
	if (*status == 0 && proof_count(v->proof, VERDICT_FAILS) > 0)
		*status = EXIT_NOT_PROVED;
	v->telling.rounds++;
	v->telling.in_a_row = *status == 0 ? v->telling.in_a_row + 1 : 0;
	if (v->wait_us > 0 && !result->stopped) {
		bool is_proved = v->telling.in_a_row >= (unsigned)v->count;

		if (!is_proved && next_us < v->telling.began_us + v->wait_us) {
			tell_round(v);
			pause_until(cancel, next_us);
			if (!cancel_is_stopped(cancel)) {
				forget_round(v);
				return true;
			}
		}
		if (!is_proved && *status == 0)
			*status = EXIT_NOT_PROVED;
	}
	if (!write_junit(v) && *status == 0)
		*status = muster_error_exit_status(MUSTER_ERROR_OUTPUT);
	v->telling.exit_status = *status;
	return false;
}

/* --- options --- */

/* What the types of GOption cannot say. */
static const char *mistake_in(struct verify *v)
{
	const char *interval = v->interval ? v->interval : INTERVAL_DEFAULT;

	if (v->wait && (!scalar_duration(v->wait, &v->wait_us) ||
			v->wait_us == 0))
		return "--wait takes a time such as 10m";
	if (!scalar_duration(interval, &v->interval_us))
		return "--interval takes a time such as 5s";
	if (!v->wait && (v->count || v->interval))
		return "--count and --interval are of --wait";
	if (v->count < 0)
		return "--count takes a number, 1 or more";
	if (v->image && !v->deep)
		return "--image is of --deep";
	if (v->count == 0)
		v->count = COUNT_WITH_WAIT;
	return NULL;
}

/* Help lists the conditions out of their table. */
static char *summary_text(void)
{
	GString *text = g_string_new(
		"Conditions, in the order in which they are told:\n");

	for (int c = 0; c < CONDITION_N; c++)
		g_string_append_printf(text, "  %-21s %s\n",
				       condition_texts[c].name,
				       condition_texts[c].proves);
	g_string_append(text,
		"Those that begin with deep- are asked with --deep alone. "
		"Every host is sent two\nscripts, whatever the number of "
		"hosts.\n\n"
		"Exit status: 0 all of it holds (a warning is none that does "
		"not), 3 a condition\ndoes not hold, 2 a host failed, 4 a "
		"host was unreachable, 6 both, 64 usage,\n65 inventory, 66 no "
		"inventory, 76 a host key changed, 130 Ctrl-C.");
	return g_string_free(text, FALSE);
}

static struct options *parse(struct verify *v, int argc, char **argv,
			     int *status)
{
	const GOptionEntry entries[] = {
		{ "wait", 'w', 0, G_OPTION_ARG_STRING, &v->wait,
		  "Ask again until all holds, for so long", "TIME" },
		{ "count", 0, 0, G_OPTION_ARG_INT, &v->count,
		  "With --wait: so often in a row (default 3)", "N" },
		{ "interval", 0, 0, G_OPTION_ARG_STRING, &v->interval,
		  "With --wait: so long between (default 5s)", "TIME" },
		{ "deep", 0, 0, G_OPTION_ARG_NONE, &v->deep,
		  "Ask from pods of its own too; they are removed", NULL },
		{ "image", 0, 0, G_OPTION_ARG_STRING, &v->image,
		  "Of those pods: sh, httpd, wget, nslookup (default "
		  DEEP_IMAGE ")", "IMAGE" },
		{ "matrix", 0, 0, G_OPTION_ARG_NONE, &v->matrix,
		  "Print who reaches whom", NULL },
		{ "junit", 0, 0, G_OPTION_ARG_FILENAME, &v->junit,
		  "Write the conditions as a JUnit file", "FILE" },
		G_OPTION_ENTRY_NULL
	};
	g_autofree char *summary = summary_text();
	const struct options_usage usage = {
		.examples =
			"Examples:\n"
			"  muster verify -i inventory.ini\n"
			"  muster verify -i inventory.ini --wait 10m\n"
			"  muster verify -i inventory.ini --deep --junit "
			"proof.xml\n"
			"  muster verify -i inventory.ini --matrix\n"
			"\n"
			"Proves that the cluster of the inventory works: at "
			"its API, on its nodes and between\nthem. Changes "
			"nothing, and may be asked at any time.",
		.summary = summary,
		.only_asks = true,
		.entries = entries,
	};
	struct options *options = options_parse(argc, argv, &usage, status);
	const char *mistake = options ? mistake_in(v) : NULL;

	if (!mistake)
		return options;
	fprintf(stderr, "muster %s: %s; see muster %s -h\n", argv[0], mistake,
		argv[0]);
	options_free(options);
	*status = EX_USAGE;
	return NULL;
}

static void verify_clear(struct verify *v)
{
	proof_free(v->proof);
	g_free(v->wait);
	g_free(v->interval);
	g_free(v->junit);
	g_free(v->image);
	g_free(v->told);
}

int cmd_verify(int argc, char **argv)
{
	struct verify v = { .options = NULL };
	int status = 0;
	g_autoptr(Options) options = parse(&v, argc, argv, &status);

	if (options) {
		const struct runner_hooks hooks = {
			.begin = begin, .reporter = make_reporter,
			.after = after, .data = &v,
		};

		v.options = options;
		v.telling.has_matrix = v.matrix;
		v.telling.began_us = g_get_monotonic_time();
		status = runner_run_hooked(options, argv[0], "verify.yaml",
					   embedded_text("verify.yaml"),
					   &hooks);
	}
	verify_clear(&v);
	return status;
}
