/* SPDX-License-Identifier: Apache-2.0
 *
 * The jump hosts of a run, by the list that leads to them: "a,b" is found
 * through "a", and "b" through "a" if ssh_config says so. Locks are taken on
 * the way from a target to us, which check_loop() keeps from biting its tail.
 */
#include "jump.h"
#include "error.h"
#include "forward.h"
#include "session_priv.h"

#include <poll.h>
#include <string.h>

#define FORKS_DEFAULT 8
#define GIVE_UP_US (10 * G_TIME_SPAN_SECOND)
#define TURN_POLL_US (100 * G_TIME_SPAN_MILLISECOND)
#define HOPS_MAX 16

struct jump {
	struct host host;	/* stands for it in logs */
	GMutex lock;		/* protects what follows but the turns; held
				   while connecting: the others wait for the
				   outcome */
	struct forward *forward; /* NULL: not connected */
	gint order;		/* it came after those it goes through */
	GError *error;		/* of the last try */
	gint64 failed_us;
	GMutex turns_lock;	/* protects n_inside */
	GCond turn_free;
	unsigned n_inside;
};

struct jumps {
	struct transport *transport;
	unsigned forks;
	GMutex lock;		/* protects the table */
	GHashTable *by_spec;	/* char * -> struct jump * */
	gint n_connected;	/* atomic */
};

static void jump_free(void *data)
{
	struct jump *jump = data;

	g_clear_error(&jump->error);
	g_free(jump->host.name);
	g_mutex_clear(&jump->lock);
	g_mutex_clear(&jump->turns_lock);
	g_cond_clear(&jump->turn_free);
	g_free(jump);
}

struct jumps *jumps_new(struct transport *transport, unsigned forks)
{
	struct jumps *jumps = g_new0(struct jumps, 1);

	jumps->transport = transport;
	jumps->forks = forks ? forks : FORKS_DEFAULT;
	g_mutex_init(&jumps->lock);
	jumps->by_spec = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       jump_free);
	return jumps;
}

static gint last_first(gconstpointer a, gconstpointer b)
{
	const struct jump *const *x = a, *const *y = b;

	return (*y)->order - (*x)->order;
}

/* The far end of a chain goes before what it goes through. */
void jumps_free(struct jumps *jumps)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	if (!jumps)
		return;
	g_hash_table_iter_init(&iter, jumps->by_spec);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(all, value);
	g_ptr_array_sort(all, last_first);
	for (guint i = 0; i < all->len; i++) {
		struct jump *jump = g_ptr_array_index(all, i);

		g_clear_pointer(&jump->forward, forward_free);
	}
	g_hash_table_unref(jumps->by_spec);
	g_mutex_clear(&jumps->lock);
	g_free(jumps);
}

/* Host names of logs are file names. */
static char *log_name(const char *spec)
{
	char *name = g_strdup_printf("jump-%s", spec);

	return g_strdelimit(name, "/,@: ", '_');
}

static struct jump *find(struct jumps *jumps, const char *spec)
{
	struct jump *jump;

	g_mutex_lock(&jumps->lock);
	jump = g_hash_table_lookup(jumps->by_spec, spec);
	if (!jump) {
		jump = g_new0(struct jump, 1);
		jump->host.name = log_name(spec);
		jump->host.address = jump->host.name;
		g_mutex_init(&jump->lock);
		g_mutex_init(&jump->turns_lock);
		g_cond_init(&jump->turn_free);
		g_hash_table_insert(jumps->by_spec, g_strdup(spec), jump);
	}
	g_mutex_unlock(&jumps->lock);
	return jump;
}

bool jumps_enter(struct jumps *jumps, const char *spec, gint64 deadline_us,
		 GError **error)
{
	const struct cancel *cancel = jumps->transport->cancel;
	struct jump *jump = find(jumps, spec);
	bool is_in = false;

	g_mutex_lock(&jump->turns_lock);
	while (!is_in && g_get_monotonic_time() < deadline_us &&
	       !cancel_is_aborted(cancel)) {
		is_in = jump->n_inside < jumps->forks;
		if (is_in)
			jump->n_inside++;
		else	/* not for ever: an abort wakes nobody here */
			g_cond_wait_until(&jump->turn_free, &jump->turns_lock,
					  g_get_monotonic_time() +
					  TURN_POLL_US);
	}
	g_mutex_unlock(&jump->turns_lock);
	if (is_in)
		return true;
	g_set_error(error, MUSTER_ERROR, cancel_is_aborted(cancel)
		    ? MUSTER_ERROR_CANCELLED : MUSTER_ERROR_CONNECT_TIMEOUT,
		    "jump host '%s': no turn came in time", spec);
	return false;
}

void jumps_leave(struct jumps *jumps, const char *spec)
{
	struct jump *jump = find(jumps, spec);

	g_mutex_lock(&jump->turns_lock);
	jump->n_inside--;
	g_cond_signal(&jump->turn_free);
	g_mutex_unlock(&jump->turns_lock);
}

const struct endpoint *jumps_hop(struct jumps *jumps, const char *spec,
				 gint64 deadline_us, GError **error)
{
	struct endpoints *endpoints = jumps->transport->endpoints;
	const char *comma = strrchr(spec, ',');
	const struct endpoint *known = endpoints_jump(
		endpoints, comma ? comma + 1 : spec, deadline_us, error);

	if (!known || !comma)
		return known;
	struct endpoint *hop = endpoint_copy(known);

	g_free(hop->jump);
	hop->jump = g_strndup(spec, (gsize)(comma - spec));
	g_clear_pointer(&hop->proxy_command, g_free);
	return endpoints_keep(endpoints, hop);
}

/* Two jump hosts that each go through the other would wait for ever. */
static bool check_loop(struct jumps *jumps, const char *spec,
		       gint64 deadline_us, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	const char *at = spec;

	while (at && g_hash_table_size(seen) < HOPS_MAX) {
		if (!g_hash_table_add(seen, (gpointer)(guintptr)at))
			break;
		const struct endpoint *hop = jumps_hop(jumps, at, deadline_us,
						       error);

		if (!hop)
			return false;
		at = hop->jump;
	}
	if (!at)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "jump host '%s' is reached through itself, or through "
		    "more than %d others (look at its ProxyJump: ssh -G)",
		    spec, HOPS_MAX);
	return false;
}

static struct forward *connect_jump(struct jumps *jumps, struct jump *jump,
				    const char *spec, gint64 deadline_us,
				    GError **error)
{
	const struct endpoint *hop = jumps_hop(jumps, spec, deadline_us,
					       error);
	struct session *session;

	if (!hop || !check_loop(jumps, spec, deadline_us, error))
		return NULL;
	session = session_new_to(jumps->transport, &jump->host, hop);
	if (session_connect(session, deadline_us, error))
		return forward_start(session, "jump host", NULL, error);
	session_free(session);
	g_prefix_error(error, "jump host '%s': ", spec);
	return NULL;
}

/* The forwarder of `jump`, connected by whoever comes first. */
static struct forward *get_forward(struct jumps *jumps, struct jump *jump,
				   const char *spec, gint64 deadline_us,
				   GError **error)
{
	g_mutex_lock(&jump->lock);
	bool is_fresh_failure = jump->error && g_get_monotonic_time() <
		jump->failed_us + GIVE_UP_US;

	if (!jump->forward && !is_fresh_failure) {
		g_clear_error(&jump->error);
		jump->forward = connect_jump(jumps, jump, spec, deadline_us,
					     &jump->error);
		jump->failed_us = g_get_monotonic_time();
		jump->order = g_atomic_int_add(&jumps->n_connected, 1);
	}
	struct forward *forward = jump->forward;

	if (!forward)
		g_propagate_error(error, g_error_copy(jump->error));
	g_mutex_unlock(&jump->lock);
	return forward;
}

bool jumps_connect(struct jumps *jumps, const char *spec, gint64 deadline_us,
		   GError **error)
{
	return get_forward(jumps, find(jumps, spec), spec, deadline_us,
			   error) != NULL;
}

int jumps_dial(struct jumps *jumps, const char *spec, const char *address,
	       unsigned port, gint64 deadline_us, GError **error)
{
	struct jump *jump = find(jumps, spec);
	struct forward *forward = get_forward(jumps, jump, spec, deadline_us,
					      error);
	int fd = forward ? forward_dial(forward, address, port, deadline_us,
					error) : -1;

	if (forward && fd < 0)
		g_prefix_error(error, "through jump host '%s': ", spec);
	return fd;
}
