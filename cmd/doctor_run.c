/* SPDX-License-Identifier: Apache-2.0
 *
 * Two rounds: every host is looked at; then those that could be try the ways
 * to each other, and the master's API is asked for its nodes meanwhile.
 */
#include "doctor_run.h"

#include "problems.h"

#include "playbooks/event.h"
#include "transport/error.h"
#include "transport/fleet.h"
#include "transport/pattern.h"

#include <stdio.h>

#define FORKS 32
#define ROUND_US (60 * G_TIME_SPAN_SECOND)
#define FIX_US (60 * G_TIME_SPAN_SECOND)

/* One host of the run; used by one thread at a time. */
struct patient {
	struct doctor_run *run;		/* borrowed */
	struct node *node;		/* borrowed from the cluster */
	GError *error;			/* why it could not be looked at */
	GError *api_error;		/* of the master: why not the API */
	GPtrArray *reach;		/* struct reach *, or NULL */
};

static void patient_clear(struct patient *patient)
{
	g_clear_error(&patient->error);
	g_clear_error(&patient->api_error);
	g_clear_pointer(&patient->reach, g_ptr_array_unref);
}

static void patient_free(void *data)
{
	patient_clear(data);
	g_free(data);
}

static bool read_inventory(struct doctor_run *run, GPtrArray *problems,
			   GError **error)
{
	struct cluster *roles = NULL;

	run->inventory = inventory_load(run->options->inventory,
					cluster_inventory_rules(), problems,
					error);
	if (run->inventory)
		roles = cluster_new(run->inventory, NULL, problems, error);
	cluster_free(roles);
	return roles != NULL;
}

static bool choose_patients(struct doctor_run *run, GError **error)
{
	g_autoptr(GPtrArray) hosts = pattern_limit(
		run->inventory, run->options->limit, run->options->exclude,
		error);

	if (!hosts)
		return false;
	run->patients = g_ptr_array_new_with_free_func(patient_free);
	for (guint i = 0; i < run->cluster->nodes->len; i++) {
		struct node *node = g_ptr_array_index(run->cluster->nodes, i);
		struct patient *patient;

		if (!g_ptr_array_find(hosts, node->host, NULL))
			continue;
		patient = g_new0(struct patient, 1);
		patient->run = run;
		patient->node = node;
		g_ptr_array_add(run->patients, patient);
	}
	return true;
}

bool doctor_run_open(struct doctor_run *run, GError **error)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	bool ok = read_inventory(run, problems, error);

	problems_print(problems);
	if (!ok || !connection_init(&run->connection, run->options,
				    run->cancel, error))
		return false;
	run->redactor = redactor_new();
	run->transport = transport_new(&run->connection.transport,
				       run->inventory->hosts, run->cancel,
				       run->redactor, error);
	if (!run->transport)
		return false;
	run->cluster = cluster_new(run->inventory, run->transport, problems,
				   error);
	return run->cluster && choose_patients(run, error);
}

static void look_turn(size_t index, void *data)
{
	struct patient *patient = g_ptr_array_index((GPtrArray *)data, index);

	patient_clear(patient);
	if (!doctor_look(patient->node, g_get_monotonic_time() + ROUND_US,
			 &patient->error))
		g_clear_pointer(&patient->node->facts, facts_free);
	patient->node->failed = !patient->node->facts;
	patient->node->unreachable = patient->error &&
		muster_error_is_unreachable(patient->error->code);
}

static void reach_turn(size_t index, void *data)
{
	struct patient *patient = g_ptr_array_index((GPtrArray *)data, index);
	struct cluster *cluster = patient->run->cluster;
	gint64 deadline_us = g_get_monotonic_time() + ROUND_US;

	if (!patient->node->facts)
		return;
	patient->reach = doctor_reach(cluster, patient->node, deadline_us,
				      &patient->error);
	if (patient->node == cluster->master)
		doctor_see(cluster, deadline_us, &patient->api_error);
}

static void judge_patient(struct doctor_run *run, const struct patient *p)
{
	const struct node *node = p->node;

	if (node->facts)
		doctor_judge_node(run->cluster, node, run->findings);
	if (p->error)
		doctor_judge_error(node, p->error, run->findings);
	if (p->reach)
		doctor_judge_reach(run->cluster, node, p->reach,
				   run->findings);
	if (p->api_error)
		doctor_judge_api_error(node, p->api_error, run->findings);
}

/* Error texts may quote what hosts said. */
static void redact(struct doctor_run *run)
{
	for (guint i = 0; i < run->findings->len; i++) {
		struct finding *f = g_ptr_array_index(run->findings, i);
		g_autofree char *raw = g_steal_pointer(&f->evidence);
		g_autofree char *clean = redactor_apply(run->redactor, raw);

		f->evidence = event_line(clean);
	}
}

bool doctor_run_examine(struct doctor_run *run)
{
	size_t forks = run->options->forks > 0 ? (size_t)run->options->forks
					       : FORKS;
	gint64 begun_us = g_get_monotonic_time();

	g_clear_pointer(&run->findings, g_ptr_array_unref);
	run->findings = findings_new();
	fleet_run(run->patients->len, forks, look_turn, run->patients);
	cluster_settle_master(run->cluster);
	fleet_run(run->patients->len, forks, reach_turn, run->patients);
	for (guint i = 0; i < run->patients->len; i++)
		judge_patient(run, g_ptr_array_index(run->patients, i));
	doctor_judge_seen(run->cluster, run->findings);
	redact(run);
	findings_rank(run->findings);
	run->elapsed_us = g_get_monotonic_time() - begun_us;
	return !cancel_is_stopped(run->cancel);
}

static bool fix_host(struct doctor_run *run, const struct finding *finding,
		     const char *name)
{
	g_autoptr(GError) error = NULL;

	if (doctor_fix_apply(run->cluster, finding, name,
			     g_get_monotonic_time() + FIX_US, &error)) {
		fprintf(stderr, "cured: %s: %s\n", name, finding->cause->code);
		return true;
	}
	fprintf(stderr, "not cured: %s: %s: %s\n", name, finding->cause->code,
		error->message);
	return false;
}

int doctor_run_fix(struct doctor_run *run, unsigned fixes)
{
	int cured = 0;
	bool ok = true;

	for (guint i = 0; i < run->findings->len; i++) {
		const struct finding *f =
			g_ptr_array_index(run->findings, i);

		if (!doctor_fix_of(f, fixes))
			continue;
		for (guint k = 0; k < f->hosts->len; k++) {
			bool is_cured = fix_host(
				run, f, g_ptr_array_index(f->hosts, k));

			cured += is_cured;
			ok = ok && is_cured;
		}
	}
	return ok ? cured : -1;
}

void doctor_run_close(struct doctor_run *run)
{
	g_clear_pointer(&run->findings, g_ptr_array_unref);
	g_clear_pointer(&run->patients, g_ptr_array_unref);
	cluster_free(run->cluster);
	transport_free(run->transport);
	connection_clear(&run->connection);
	inventory_free(run->inventory);
	redactor_free(run->redactor);
}
