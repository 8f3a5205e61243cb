/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets a run up in the order in which mistakes are cheapest to find: files of
 * this machine first, all their problems at once, and no connection before
 * they are gone.
 */
#include "runner.h"

#include "connection.h"
#include "hostlog.h"
#include "limit.h"
#include "local_lock.h"
#include "problems.h"
#include "report.h"
#include "runner_proof.h"
#include "signals.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/run.h"
#include "transport/error.h"

#include <stdio.h>
#include <string.h>

#define EXIT_DIFFERENCES 10
#define REPORTERS_MAX 6

struct runner {
	const struct options *options;
	const struct runner_hooks *hooks;	/* NULL: none */
	const char *command;
	char *run_id;
	struct inventory *inventory;
	GHashTable *limit;	/* set of struct host *; NULL: all */
	struct playbook *playbook;
	struct cancel *cancel;
	struct connection connection;
	struct redactor *redactor;
	struct hostlog *log;
	struct transport *transport;
	struct cluster *cluster;
	struct local_lock *lock;
	struct run_info info;
	struct reporter *reporters[REPORTERS_MAX];
	size_t n_reporters;
	struct reporter *events;	/* of them, the last; or NULL */
};

static char *new_run_id(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%S");

	return g_strdup_printf("%s-%04x", time, g_random_int() & 0xffff);
}

/* Inventory, roles and playbook: everything that can be wrong on paper, all
 * of it found before any is acted on. */
static bool find_problems(struct runner *r, const char *name, const char *text,
			  GPtrArray *problems, GError **error)
{
	struct cluster *roles = NULL;
	g_autoptr(GError) playbook_error = NULL;
	bool ok;

	r->inventory = inventory_load(r->options->inventory,
				      cluster_inventory_rules(), problems,
				      error);
	if (r->inventory)
		roles = cluster_new(r->inventory, NULL, problems, error);
	if (roles && !api_endpoint_check_extra(r->options->extra_vars, error))
		g_clear_pointer(&roles, cluster_free);
	r->playbook = playbook_parse(text, strlen(text), name, problems,
				     &playbook_error);
	ok = roles && r->playbook &&
		(!r->options->assembles ||
		 cluster_check_masters(roles, r->options->allow_two_masters,
				       problems, error)) &&
		run_check(r->playbook, r->inventory, roles,
			  r->options->extra_vars, problems, error) &&
		limit_find(r->options, r->command, r->inventory, roles,
			   r->playbook, &r->limit, error);
	cluster_free(roles);
	if (playbook_error && error && !*error)
		g_propagate_error(error, g_steal_pointer(&playbook_error));
	return ok;
}

static bool read_files(struct runner *r, const char *name, const char *text,
		       GError **error)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	bool ok = find_problems(r, name, text, problems, error);

	problems_print(problems);
	return ok;
}

static bool open_transport(struct runner *r, GError **error)
{
	g_autoptr(GError) log_error = NULL;
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	struct transport_options options;

	if (!connection_init(&r->connection, r->options, r->cancel, error))
		return false;
	options = r->connection.transport;
	r->log = hostlog_new(r->run_id, r->redactor, &log_error);
	if (r->log) {
		options.log = hostlog_write;
		options.log_data = r->log;
	} else {
		fprintf(stderr, "muster: no logs: %s\n", log_error->message);
	}
	r->transport = transport_new(&options, r->inventory->hosts, r->cancel,
				     r->redactor, error);
	if (!r->transport)
		return false;
	r->cluster = cluster_new(r->inventory, r->transport, problems, error);
	if (!r->cluster)
		return false;
	r->cluster->adopt = r->options->adopt;
	return true;
}

static void add_reporter(struct runner *r, struct reporter *reporter)
{
	g_assert(r->n_reporters < REPORTERS_MAX);
	r->reporters[r->n_reporters++] = reporter;
}

/* A command with an answer of its own only reads. */
static bool has_own_answer(const struct runner *r)
{
	return r->hooks && r->hooks->reporter;
}

/* Who prints the answer on standard output. */
static struct reporter *answer_new(const struct runner *r)
{
	if (has_own_answer(r))
		return r->hooks->reporter(&r->info, r->hooks->data);
	if (r->options->json)
		return report_json_new(&r->info);
	return r->options->check ? report_plan_new(&r->info)
				 : report_answer_new(&r->info);
}

/* Who adds to it. */
static void add_others(struct runner *r)
{
	struct reporter *beside = r->hooks && r->hooks->beside
		? r->hooks->beside(&r->info, r->hooks->data) : NULL;

	if (beside)
		add_reporter(r, beside);
	if (r->hooks && r->hooks->proof && !r->options->json &&
	    !r->options->check)
		add_reporter(r, report_conditions_new(
				     &r->info, &r->hooks->proof->telling));
}

static bool open_reporters(struct runner *r, GError **error)
{
	r->info = (struct run_info) {
		.command = r->command,
		.playbook = r->playbook->file,
		.inventory = r->inventory->path,
		.run_id = r->run_id,
		.log_dir = r->log ? hostlog_dir(r->log) : NULL,
		.cluster = r->cluster,
		.started_us = g_get_real_time(),
		.options = r->options,
	};
	if (!has_own_answer(r) || r->options->verbosity > 0)
		add_reporter(r, report_plain_new(&r->info));
	add_reporter(r, answer_new(r));
	add_others(r);
	if (!r->options->events_path)
		return true;
	r->events = report_events_new(&r->info, r->options->events_path,
				      error);
	if (!r->events)
		return false;
	add_reporter(r, r->events);
	return true;
}

/* Nothing is proved of a run that failed or was not to change anything. */
static void prove(struct runner *r, const struct run_options *options,
		  struct proof_relay *relay, struct run_result *result)
{
	if (result->exit_status == 0 && !result->stopped &&
	    !r->options->check)
		runner_proof_run(r->hooks->proof, *options, relay, r->cancel,
				 result);
	proof_relay_end(relay, result);
}

static struct run_result *execute(struct runner *r, struct run_options options)
{
	struct proof_relay relay = {
		.sinks = options.sinks, .n_sinks = options.n_sinks,
		.events = r->events ? &r->events->sink : NULL,
	};
	const struct event_sink sink = { proof_relay_event, &relay };
	struct run_result *result;

	if (!r->hooks || !r->hooks->proof)
		return run_execute(&options);
	options.sinks = &sink;
	options.n_sinks = 1;
	result = run_execute(&options);
	prove(r, &options, &relay, result);
	return result;
}

static int run_it(struct runner *r)
{
	struct event_sink sinks[REPORTERS_MAX];
	const struct run_options options = {
		.playbook = r->playbook,
		.inventory = r->inventory,
		.limit = r->limit,
		.transport = r->transport,
		.cluster = r->cluster,
		.extra_vars = r->options->extra_vars,
		.forks = (unsigned)r->options->forks,
		.check = r->options->check,
		.run_id = r->run_id,
		.sinks = sinks,
		.n_sinks = r->n_reporters,
	};

	for (size_t i = 0; i < r->n_reporters; i++)
		sinks[i] = r->reporters[i]->sink;
	struct run_result *result = execute(r, options);
	int status = result->exit_status;

	while (r->hooks && r->hooks->after &&
	       r->hooks->after(result, r->cancel, &status, r->hooks->data)) {
		run_result_free(result);
		result = execute(r, options);
		status = result->exit_status;
	}
	for (size_t i = 0; i < r->n_reporters; i++)
		r->reporters[i]->finish(r->reporters[i]->sink.data, result);
	if (status == 0 && r->options->exit_code && run_result_has_changes(result))
		status = EXIT_DIFFERENCES;
	run_result_free(result);
	return status;
}

static void runner_clear(struct runner *r)
{
	for (size_t i = 0; i < r->n_reporters; i++)
		reporter_free(r->reporters[i]);
	cluster_free(r->cluster);
	transport_free(r->transport);
	connection_clear(&r->connection);
	hostlog_free(r->log);
	local_lock_free(r->lock);
	playbook_free(r->playbook);
	g_clear_pointer(&r->limit, g_hash_table_unref);
	inventory_free(r->inventory);
	redactor_free(r->redactor);
	cancel_free(r->cancel);
	g_free(r->run_id);
}

/* Two runs of one user on one cluster are told apart before any connects;
 * reading is always allowed. */
static bool take_local_lock(struct runner *r, GError **error)
{
	const struct host *master = r->cluster->master->host;

	if (r->options->check || has_own_answer(r))
		return true;
	r->lock = local_lock_take(master->address, master->port, r->run_id,
				  error);
	return r->lock != NULL;
}

static bool is_admitted(struct runner *r, GError **error)
{
	return !r->hooks || !r->hooks->admit ||
		r->hooks->admit(r->inventory, r->cluster, &r->limit,
				r->cancel, r->hooks->data, error);
}

int runner_run(const struct options *options, const char *command,
	       const char *name, const char *text)
{
	return runner_run_hooked(options, command, name, text, NULL);
}

int runner_run_hooked(const struct options *options, const char *command,
		      const char *name, const char *text,
		      const struct runner_hooks *hooks)
{
	struct runner r = {
		.options = options, .hooks = hooks, .command = command,
		.run_id = new_run_id(), .cancel = cancel_new(),
		.redactor = redactor_new(),
	};
	struct signals *signals = signals_start(r.cancel);
	g_autoptr(GError) error = NULL;
	int status;

	if (read_files(&r, name, text, &error) && open_transport(&r, &error) &&
	    is_admitted(&r, &error) && take_local_lock(&r, &error) &&
	    open_reporters(&r, &error)) {
		if (hooks && hooks->begin)
			hooks->begin(r.cluster, hooks->data);
		if (hooks && hooks->proof)
			runner_proof_begin(hooks->proof, options, r.cluster);
		status = run_it(&r);
	} else {
		fprintf(stderr, "muster %s: %s\n", command, error->message);
		status = muster_error_exit_status(error->code);
	}
	int signal_number = signals_stop(signals);

	runner_clear(&r);
	return signal_number ? 128 + signal_number : status;
}
