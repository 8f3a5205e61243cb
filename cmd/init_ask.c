/* SPDX-License-Identifier: Apache-2.0
 *
 * The hosts are those of the inventory as it would be without an answer, so
 * that they are reached as that inventory's will be.
 */
#include "init_ask.h"

#include "ask.h"
#include "connection.h"
#include "trust.h"

#include "playbooks/cluster.h"
#include "playbooks/doctor/reach.h"
#include "playbooks/embedded.h"
#include "playbooks/event.h"
#include "transport/error.h"
#include "transport/exec.h"
#include "transport/fleet.h"

#include <stdio.h>
#include <string.h>

#define FORKS 32
#define ROUND_US (60 * G_TIME_SPAN_SECOND)
#define SSH_PORT 22

/* One host; used by one thread at a time. */
struct asked {
	struct init_host *host;		/* borrowed from the plan */
	const struct host *target;	/* borrowed from the inventory */
	struct session *session;
	GError *error;			/* why there are no facts */
	GPtrArray *questions;		/* char *, NULL-terminated */
	GPtrArray *reach;		/* struct reach *, or NULL */
};

struct round {
	struct init_plan *plan;
	const struct options *options;
	struct cancel *cancel;
	struct inventory *inventory;
	struct connection connection;
	struct redactor *redactor;
	struct transport *transport;
	GPtrArray *asked;		/* struct asked *, owned */
};

static void asked_free(void *data)
{
	struct asked *asked = data;

	session_free(asked->session);
	g_clear_error(&asked->error);
	g_clear_pointer(&asked->questions, g_ptr_array_unref);
	g_clear_pointer(&asked->reach, g_ptr_array_unref);
	g_free(asked);
}

/* known_hosts is read here: a key written since is known afterwards. */
static bool open_sessions(struct round *round, GError **error)
{
	for (guint i = 0; i < round->asked->len; i++) {
		struct asked *asked = g_ptr_array_index(round->asked, i);

		g_clear_pointer(&asked->session, session_free);
	}
	transport_free(round->transport);
	round->transport = transport_new(&round->connection.transport,
					 round->inventory->hosts,
					 round->cancel, round->redactor,
					 error);
	for (guint i = 0; round->transport && i < round->asked->len; i++) {
		struct asked *asked = g_ptr_array_index(round->asked, i);

		asked->session = session_new(round->transport, asked->target);
	}
	return round->transport != NULL;
}

static bool open_round(struct round *round, GError **error)
{
	g_autofree char *text = init_text(round->plan);
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);

	round->inventory = inventory_parse(text, strlen(text), "init",
					   cluster_inventory_rules(),
					   problems, error);
	if (!round->inventory || !connection_init(&round->connection,
						  round->options,
						  round->cancel, error))
		return false;
	round->redactor = redactor_new();
	for (guint i = 0; i < round->plan->hosts->len; i++) {
		struct asked *asked = g_new0(struct asked, 1);

		asked->host = g_ptr_array_index(round->plan->hosts, i);
		asked->target = inventory_find(round->inventory,
					       asked->host->name);
		g_ptr_array_add(round->asked, asked);
	}
	return open_sessions(round, error);
}

static void close_round(struct round *round)
{
	g_ptr_array_unref(round->asked);
	transport_free(round->transport);
	connection_clear(&round->connection);
	inventory_free(round->inventory);
	redactor_free(round->redactor);
}

/* What the script says without being root is all that is wanted. */
static bool look(struct asked *asked, GError **error)
{
	const char *args[] = { "worker", NULL };
	struct exec_request request = {
		.title = "look at the host",
		.script = embedded_text("facts.sh"),
		.args = args,
		.as_login_user = true,
		.output_max = FACTS_SIZE_MAX,
		.deadline_us = g_get_monotonic_time() + ROUND_US,
	};
	g_autoptr(ExecResult) result = NULL;

	if (!exec_run(asked->session, &request, &result, error))
		return false;
	asked->host->facts = facts_parse(result->out, result->out_length,
					 error);
	return asked->host->facts != NULL;
}

static void look_turn(size_t index, void *data)
{
	struct asked *asked = g_ptr_array_index((GPtrArray *)data, index);

	if (asked->host->facts)
		return;
	g_clear_error(&asked->error);
	look(asked, &asked->error);
}

static size_t forks(const struct round *round)
{
	return round->options->forks > 0 ? (size_t)round->options->forks
					 : FORKS;
}

/* The hosts whose keys are not known, struct host *. */
static GPtrArray *strangers(const struct round *round)
{
	GPtrArray *hosts = g_ptr_array_new();

	for (guint i = 0; i < round->asked->len; i++) {
		const struct asked *asked =
			g_ptr_array_index(round->asked, i);

		if (g_error_matches(asked->error, MUSTER_ERROR,
				    MUSTER_ERROR_HOST_KEY_UNKNOWN))
			g_ptr_array_add(hosts,
					(gpointer)(guintptr)asked->target);
	}
	return hosts;
}

static bool look_at_hosts(struct round *round, GError **error)
{
	/* Standard output may be the inventory. */
	const struct trust_ways ways = { .to = stderr };
	int status = 0;

	fleet_run(round->asked->len, forks(round), look_turn, round->asked);
	g_autoptr(GPtrArray) unknown = strangers(round);

	if (unknown->len == 0 || !ask_is_possible() ||
	    cancel_is_stopped(round->cancel))
		return true;
	if (!trust_hosts(round->options, unknown, &ways, round->cancel,
			 &status, error) || !open_sessions(round, error))
		return false;
	fleet_run(round->asked->len, forks(round), look_turn, round->asked);
	return true;
}

/* --- the ways between them --- */

static unsigned port_of(const struct asked *asked)
{
	return asked->host->port ? asked->host->port : SSH_PORT;
}

/* Calls `each` for the ways between the first host that answered and every
 * other, there and back, in `network`: 2(N-1) of N(N-1), as all of them lead
 * through the same cards. */
static void each_way(struct round *round, struct network *network,
		     void (*each)(struct asked *from, struct asked *to,
				  const char *address,
				  struct network *network))
{
	struct asked *first = NULL;
	guint answer = 0;

	for (guint i = 0; i < round->asked->len; i++) {
		struct asked *asked = g_ptr_array_index(round->asked, i);

		if (!asked->host->facts)
			continue;
		if (!first) {
			first = asked;
		} else {
			each(first, asked, g_ptr_array_index(
				network->addresses, answer), network);
			each(asked, first, g_ptr_array_index(
				network->addresses, 0), network);
		}
		answer++;
	}
}

static void add_question(struct asked *from, struct asked *to,
			 const char *address, struct network *network)
{
	(void)network;
	g_ptr_array_add(from->questions, g_strdup_printf(
		"tcp:%s:%u", address, port_of(to)));
}

/* A refusal came from there all the same. */
static void count_answer(struct asked *from, struct asked *to,
			 const char *address, struct network *network)
{
	const char *word = from->reach
		? reach_word(from->reach, REACH_TCP, address, port_of(to))
		: NULL;

	if (g_strcmp0(word, "open") != 0 && g_strcmp0(word, "refused") != 0)
		network->unreached++;
}

static void reach_turn(size_t index, void *data)
{
	struct asked *asked = g_ptr_array_index((GPtrArray *)data, index);
	g_autoptr(ExecResult) result = NULL;

	if (asked->questions->len == 0)
		return;
	g_ptr_array_add(asked->questions, NULL);
	struct exec_request request = {
		.title = "try the ways to the other hosts",
		.script = embedded_text("reach.sh"),
		.args = (const char *const *)asked->questions->pdata,
		.as_login_user = true,
		.deadline_us = g_get_monotonic_time() + ROUND_US,
	};

	if (exec_run(asked->session, &request, &result, NULL))
		asked->reach = reach_parse(result->out, result->out_length,
					   NULL);
}

static void try_ways(struct round *round)
{
	GPtrArray *networks = round->plan->networks;

	for (guint i = 0; i < round->asked->len; i++) {
		struct asked *asked = g_ptr_array_index(round->asked, i);

		asked->questions = g_ptr_array_new_with_free_func(g_free);
	}
	for (guint i = 0; networks && i < networks->len; i++)
		each_way(round, g_ptr_array_index(networks, i), add_question);
	fleet_run(round->asked->len, forks(round), reach_turn, round->asked);
	for (guint i = 0; networks && i < networks->len; i++)
		each_way(round, g_ptr_array_index(networks, i), count_answer);
	if (networks)
		networks_rank(networks);
}

/* --- what came of it --- */

static int note_problems(struct round *round)
{
	int status = 0;

	for (guint i = 0; i < round->asked->len; i++) {
		struct asked *asked = g_ptr_array_index(round->asked, i);
		g_autofree char *text = NULL;

		if (!asked->error || asked->host->facts)
			continue;
		text = redactor_apply(round->redactor,
				      asked->error->message);
		g_free(asked->host->problem);
		asked->host->problem = event_line(text);
		status = MAX(status, muster_error_exit_status(
				asked->error->code));
	}
	return status;
}

bool init_ask(struct init_plan *plan, const struct options *options,
	      struct cancel *cancel, int *status, GError **error)
{
	struct round round = {
		.plan = plan, .options = options, .cancel = cancel,
		.asked = g_ptr_array_new_with_free_func(asked_free),
	};
	bool ok = open_round(&round, error) && look_at_hosts(&round, error);

	if (ok) {
		*status = note_problems(&round);
		init_plan_compare(plan);
		if (!cancel_is_stopped(cancel))
			try_ways(&round);
	}
	if (ok && cancel_is_stopped(cancel)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "stopped");
		ok = false;
	}
	close_round(&round);
	return ok;
}
