/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays over hosts. A conductor thread goes from play to play; hosts run on
 * threads of their own within one; the caller's thread hands out events.
 */
#include "run.h"

#include "departure.h"
#include "outcome.h"
#include "run_priv.h"

#include "transport/error.h"
#include "transport/fleet.h"
#include "transport/pattern.h"

#include <errno.h>
#include <poll.h>

#define FORKS_DEFAULT 32

/* --- events --- */

struct event *run_event(const struct run *run, enum event_kind kind)
{
	struct event *event = g_new0(struct event, 1);

	event->kind = kind;
	event->time_us = g_get_real_time();
	event->since_start_us = g_get_monotonic_time() - run->started_us;
	return event;
}

static void redact(const struct run *run, char **text)
{
	char *clean = redactor_apply(run->redactor, *text);

	g_free(*text);
	*text = clean;
}

static void redact_line(const struct run *run, char **text)
{
	g_autofree char *clean = redactor_apply(run->redactor, *text);

	g_free(*text);
	*text = event_line(clean);
}

void run_push(struct run *run, struct event *event)
{
	redact_line(run, &event->step);
	redact_line(run, &event->message);
	redact_line(run, &event->hint);
	redact(run, &event->diff);
	g_async_queue_push(run->events, event);
}

static void push_play(struct run *run, enum event_kind kind,
		      const struct play *play, guint hosts, gint64 elapsed_us)
{
	struct event *event = run_event(run, kind);

	event->play = g_strdup(play->name);
	event->hosts = hosts;
	event->elapsed_us = elapsed_us;
	run_push(run, event);
}

bool run_sleep(const struct run *run, gint64 until_us)
{
	struct pollfd stop = { .fd = cancel_stop_fd(run->cancel),
			       .events = POLLIN };

	while (!cancel_is_stopped(run->cancel)) {
		gint64 left_us = until_us - g_get_monotonic_time();

		if (left_us <= 0)
			return true;
		if (poll(&stop, 1, (int)MIN(left_us / 1000 + 1, 60000)) < 0 &&
		    errno != EINTR)
			g_error("poll: %s", g_strerror(errno));
	}
	return false;
}

/* --- a play --- */

struct play_run {
	struct run *run;
	const struct play *play;
	GPtrArray *hosts;		/* struct run_host *, that take part */
};

static void drop_out(struct run_host *host)
{
	const GError *error = host->result->error;

	host->failed = true;
	if (!host->node)
		return;
	host->node->failed = true;
	host->node->unreachable =
		error && muster_error_is_unreachable(error->code);
}

static void run_host_play(size_t index, void *data)
{
	const struct play_run *p = data;
	struct run_host *host = g_ptr_array_index(p->hosts, index);

	host->play_remote_us = 0;
	for (guint i = 0; i < p->play->steps->len; i++) {
		if (cancel_is_stopped(p->run->cancel) && !p->play->always)
			return;
		if (run_step(p->run, host, p->play,
			     g_ptr_array_index(p->play->steps, i)))
			continue;
		drop_out(host);
		return;
	}
}

/* The hosts of a play that --limit leaves. */
static GPtrArray *select_hosts(const struct run_options *o,
			       const struct play *play)
{
	g_autoptr(GPtrArray) selected = pattern_select(o->inventory, play->on,
						       true, NULL);
	GPtrArray *hosts = g_ptr_array_new();

	for (guint i = 0; selected && i < selected->len; i++) {
		gpointer host = g_ptr_array_index(selected, i);

		if (!o->limit || g_hash_table_contains(o->limit, host))
			g_ptr_array_add(hosts, host);
	}
	return hosts;
}

/* Leaves one of the hosts (struct run_host *) of a `run_once` play. Where the
 * play is for the master that speaks, no other stands in for it when it has
 * dropped out. */
static void keep_one(const struct run *run, const struct play *play,
		     GPtrArray *hosts)
{
	const struct host *master = run->options->cluster->master->host;
	g_autoptr(GPtrArray) meant = pattern_select(
		run->options->inventory, play->on, true, NULL);
	bool is_for_master = meant && g_ptr_array_find(meant, master, NULL);
	struct run_host *one = NULL;

	for (guint i = 0; !one && i < hosts->len; i++) {
		struct run_host *host = g_ptr_array_index(hosts, i);

		if (!is_for_master || host->host == master)
			one = host;
	}
	g_ptr_array_set_size(hosts, 0);
	if (one)
		g_ptr_array_add(hosts, one);
}

/* The hosts of a play that are still in the run. */
static GPtrArray *play_hosts(const struct run *run, const struct play *play)
{
	const struct host *master = run->options->cluster->master->host;
	GPtrArray *hosts = g_ptr_array_new();
	g_autoptr(GPtrArray) selected = select_hosts(run->options, play);

	for (guint i = 0; i < selected->len; i++) {
		struct run_host *host = g_hash_table_lookup(
			run->by_host, g_ptr_array_index(selected, i));

		if ((!host->failed || play->always) &&
		    !(play->others && host->host == master))
			g_ptr_array_add(hosts, host);
	}
	if (play->run_once)
		keep_one(run, play, hosts);
	return hosts;
}

/* The longest chain of remote work in a play: one host's, or with `serial`
 * what all hosts need at so many at once. */
static gint64 longest_chain(const struct play_run *p)
{
	gint64 longest_us = 0, total_us = 0;

	for (guint i = 0; i < p->hosts->len; i++) {
		const struct run_host *host = g_ptr_array_index(p->hosts, i);

		longest_us = MAX(longest_us, host->play_remote_us);
		total_us += host->play_remote_us;
	}
	if (p->play->serial)
		longest_us = MAX(longest_us, total_us / p->play->serial);
	return longest_us;
}

static void run_play(struct run *run, const struct play *play)
{
	unsigned forks = run->options->forks ? run->options->forks
					     : FORKS_DEFAULT;
	unsigned window = play->serial ? MIN(play->serial, forks) : forks;
	struct play_run p = { .run = run, .play = play };
	gint64 begun_us = g_get_monotonic_time();

	p.hosts = play_hosts(run, play);
	push_play(run, EVENT_PLAY_START, play, p.hosts->len, 0);
	fleet_run(p.hosts->len, window, run_host_play, &p);
	run->critical_us += longest_chain(&p);
	push_play(run, EVENT_PLAY_END, play, p.hosts->len,
		  g_get_monotonic_time() - begun_us);
	g_ptr_array_unref(p.hosts);
}

static bool is_over(const struct run *run, const struct play *play)
{
	return cancel_is_stopped(run->cancel) ||
		(run->options->cluster->master->failed &&
		 !play->without_master);
}

static void push_warning(struct run *run, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

static void push_warning(struct run *run, const char *format, ...)
{
	struct event *event = run_event(run, EVENT_WARNING);
	va_list args;

	va_start(args, format);
	event->message = g_strdup_vprintf(format, args);
	va_end(args);
	run_push(run, event);
}

/* Who speaks for the cluster is settled between plays, when hosts have been
 * looked at or have dropped out. */
static void settle_master(struct run *run)
{
	struct cluster *cluster = run->options->cluster;
	const struct node *before = cluster->master;
	const char *no_master = cluster->no_master;
	bool had_token = cluster->token != NULL;
	/* Of a cluster that is taken apart it is no news who is left. */
	bool is_told = run->was_settled && !cluster->is_master_settled;
	bool is_other = cluster_settle_master(cluster);

	run->was_settled = run->was_settled || cluster->is_master_settled;
	if (is_told)
		return;
	if (is_other)
		push_warning(run, "%s %s: %s speaks for the cluster%s",
			     before->host->name,
			     before->unreachable ? "was not reached"
			     : departure_of(cluster, before) ? "is to go"
			     : before->facts ? "is no member now"
			     : "is not in this run",
			     cluster->master->host->name, had_token
			     ? "; the join token handed out by the one before "
			     "dies when its time is over" : "");
	else if (cluster->no_master != no_master)
		push_warning(run, "%s", cluster->no_master);
}

static enum task_status gravest_status(const struct run *run)
{
	static const enum task_status order[] = {
		TASK_FAILED, TASK_UNREACHABLE, TASK_CHANGED
	};

	for (size_t k = 0; k < G_N_ELEMENTS(order); k++)
		for (guint i = 0; i < run->hosts->len; i++) {
			const struct run_host *host =
				g_ptr_array_index(run->hosts, i);

			if (host->result->counts[order[k]])
				return order[k];
		}
	return TASK_OK;
}

static void *conduct(void *data)
{
	struct run *run = data;
	const GPtrArray *plays = run->options->playbook->plays;
	struct event *event = run_event(run, EVENT_RUN_START);

	event->message = g_strdup(run->options->playbook->file);
	event->hosts = run->hosts->len;
	run_push(run, event);
	for (guint i = 0; i < plays->len; i++) {
		const struct play *play = g_ptr_array_index(plays, i);

		if (is_over(run, play) && !play->always)
			continue;
		run_play(run, play);
		settle_master(run);
	}
	event = run_event(run, EVENT_RUN_END);
	event->status = gravest_status(run);
	event->elapsed_us = event->since_start_us;
	run_push(run, event);
	return NULL;
}

/* --- the run --- */

static void run_host_free(struct run_host *host)
{
	session_free(host->own_session);
	g_free(host);
}

static void add_host(struct run *run, struct run_result *result,
		     const struct host *host)
{
	struct run_host *h = g_new0(struct run_host, 1);

	h->host = host;
	h->node = cluster_find(run->options->cluster, host);
	if (!h->node)
		h->own_session = session_new(run->options->transport, host);
	h->session = h->node ? h->node->session : h->own_session;
	session_expect_more(h->session);
	h->result = host_result_new(host);
	g_ptr_array_add(run->hosts, h);
	g_ptr_array_add(result->hosts, h->result);
	g_hash_table_insert(run->by_host, (gpointer)(guintptr)host, h);
}

/* Every host that a play selects, in the order of the inventory. */
static void collect_hosts(struct run *run, struct run_result *result)
{
	const struct run_options *o = run->options;
	g_autoptr(GHashTable) all = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < o->playbook->plays->len; i++) {
		const struct play *play =
			g_ptr_array_index(o->playbook->plays, i);
		g_autoptr(GPtrArray) selected = select_hosts(o, play);

		for (guint k = 0; k < selected->len; k++)
			g_hash_table_add(all, g_ptr_array_index(selected, k));
	}
	for (guint i = 0; i < o->inventory->hosts->len; i++) {
		const struct host *host =
			g_ptr_array_index(o->inventory->hosts, i);

		if (g_hash_table_contains(all, host))
			add_host(run, result, host);
	}
}

/* A worker outside the limit has dropped out before it began: nothing is
 * minted for it, waited for or expected of it. A master outside does not end
 * the run, so it has not failed. */
static void leave_out(const struct run_options *o)
{
	for (guint i = 0; o->limit && i < o->cluster->nodes->len; i++) {
		struct node *node = g_ptr_array_index(o->cluster->nodes, i);

		node->failed = node->failed || (node != o->cluster->first &&
			!g_hash_table_contains(o->limit, node->host));
	}
}

static void hand_out_events(struct run *run)
{
	const struct run_options *o = run->options;
	bool is_last = false;

	while (!is_last) {
		struct event *event = g_async_queue_pop(run->events);

		is_last = event->kind == EVENT_RUN_END;
		for (size_t i = 0; i < o->n_sinks; i++)
			o->sinks[i].event(event, o->sinks[i].data);
		event_free(event);
	}
}

/* The one that speaks in the end is none: without it nothing was done. */
static void note_bystanders(struct run *run)
{
	for (guint i = 0; i < run->hosts->len; i++) {
		struct run_host *h = g_ptr_array_index(run->hosts, i);

		h->result->is_bystander = h->node && h->node->bystander &&
			h->node != run->options->cluster->master;
	}
}

struct run_result *run_execute(const struct run_options *options)
{
	struct run_result *result = g_new0(struct run_result, 1);
	struct run run = {
		.options = options,
		.cancel = transport_cancel(options->transport),
		.redactor = transport_redactor(options->transport),
		.events = g_async_queue_new(),
		.hosts = g_ptr_array_new_with_free_func(
			(GDestroyNotify)run_host_free),
		.by_host = g_hash_table_new(NULL, NULL),
		.started_us = g_get_monotonic_time(),
	};

	result->hosts = g_ptr_array_new_with_free_func(
		(GDestroyNotify)host_result_free);
	collect_hosts(&run, result);
	leave_out(options);
	GThread *conductor = g_thread_new("conductor", conduct, &run);

	hand_out_events(&run);
	g_thread_join(conductor);
	result->wall_us = g_get_monotonic_time() - run.started_us;
	result->critical_us = run.critical_us;
	result->stopped = cancel_is_stopped(run.cancel);
	note_bystanders(&run);
	result->exit_status = outcome_exit_status(result);
	g_async_queue_unref(run.events);
	g_hash_table_unref(run.by_host);
	g_ptr_array_unref(run.hosts);
	return result;
}

bool run_result_has_changes(const struct run_result *result)
{
	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		if (h->counts[TASK_CHANGED] > 0)
			return true;
	}
	return false;
}

void run_result_free(struct run_result *result)
{
	if (!result)
		return;
	g_ptr_array_unref(result->hosts);
	g_free(result);
}
