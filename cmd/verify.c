/* SPDX-License-Identifier: Apache-2.0
 *
 * muster verify: asks the cluster of an inventory as verify.yaml says, judges
 * what came back, and, with --wait, goes on until all of it holds.
 */
#include "cmd.h"

#include "proving.h"
#include "runner.h"

#include "playbooks/embedded.h"
#include "playbooks/verify/deep_objects.h"
#include "transport/error.h"
#include "transport/scalar.h"

#include <stdio.h>
#include <string.h>

#define COUNT_WITH_WAIT 3
#define INTERVAL_DEFAULT "5s"

struct verify {
	/* options */
	char *wait, *interval, *junit, *image;
	int count;
	gboolean deep, matrix;
	/* the run */
	const struct options *options;
	struct proving proving;
};

/* --- rounds --- */

static void begin(struct cluster *cluster, void *data)
{
	struct verify *v = data;

	v->proving.deep = v->deep;
	v->proving.image = v->image;
	v->proving.count = v->count;
	proving_begin(&v->proving, cluster);
}

static struct reporter *make_reporter(const struct run_info *info, void *data)
{
	const struct verify *v = data;
	const struct proof_telling *telling = &v->proving.telling;

	return v->options->json ? report_proof_json_new(info, telling)
				: report_conditions_new(info, telling);
}

static bool write_junit(const struct verify *v)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = NULL;

	if (!v->junit)
		return true;
	xml = proof_junit(v->proving.proof, g_get_monotonic_time() -
			  v->proving.telling.began_us);
	if (g_file_set_contents(v->junit, xml, -1, &error))
		return true;
	fprintf(stderr, "muster verify: --junit: %s\n", error->message);
	return false;
}

static bool after(const struct run_result *result, struct cancel *cancel,
		  int *status, void *data)
{
	struct verify *v = data;

	if (proving_after(&v->proving, result, cancel, status))
		return true;
	if (!write_junit(v) && *status == 0)
		*status = muster_error_exit_status(MUSTER_ERROR_OUTPUT);
	v->proving.telling.exit_status = *status;
	return false;
}

/* --- options --- */

/* What the types of GOption cannot say. */
static const char *mistake_in(struct verify *v)
{
	const char *interval = v->interval ? v->interval : INTERVAL_DEFAULT;

	if (v->wait && (!scalar_duration(v->wait, &v->proving.wait_us) ||
			v->proving.wait_us == 0))
		return "--wait takes a time such as 10m";
	if (!scalar_duration(interval, &v->proving.interval_us))
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

	return options_or_mistake(options, argv[0], mistake, status);
}

static void verify_clear(struct verify *v)
{
	proving_clear(&v->proving);
	g_free(v->wait);
	g_free(v->interval);
	g_free(v->junit);
	g_free(v->image);
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
		v.proving.options = options;
		v.proving.telling.has_matrix = v.matrix;
		v.proving.story_us = g_get_monotonic_time();
		v.proving.telling.began_us = v.proving.story_us;
		status = runner_run_hooked(options, argv[0], "verify.yaml",
					   embedded_text("verify.yaml"),
					   &hooks);
	}
	verify_clear(&v);
	return status;
}
