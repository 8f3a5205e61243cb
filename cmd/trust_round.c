/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asked when, what they showed, and what became of it.
 */
#include "trust_round.h"

#include "connection.h"
#include "fold.h"

#include "transport/error.h"
#include "transport/fleet.h"
#include "transport/trust.h"

#include <stdio.h>
#include <string.h>

#define ASK_US (60 * G_TIME_SPAN_SECOND)
#define FORKS_DEFAULT 32

struct member {
	const struct host *host;	/* of the inventory, or own */
	struct host own;		/* a jump host */
	char *jump;			/* what it is reached through, "" none */
	struct session *session;
	struct trust_offer *offer;	/* NULL: not asked, or error */
	GError *error;
	bool is_asked, is_told;
	char *note;			/* why its new key was not taken */
};

struct trust_run {
	const struct options *options;
	struct cancel *cancel;
	struct connection connection;
	struct redactor *redactor;
	struct transport *transport;
	GPtrArray *members;		/* struct member *; jump hosts too */
	int status;
};

struct trust_round {
	struct trust_run *run;
	GPtrArray *members;		/* struct member *, borrowed */
};

static void member_free(void *data)
{
	struct member *member = data;

	session_free(member->session);
	trust_offer_free(member->offer);
	g_clear_error(&member->error);
	g_free(member->own.name);
	g_free(member->jump);
	g_free(member->note);
	g_free(member);
}

static gint64 deadline(void)
{
	return g_get_monotonic_time() + ASK_US;
}

/* What went wrong, each once for all hosts it holds for: those behind one jump
 * host fail alike. */
static void tell_failures(struct trust_run *run)
{
	for (guint i = 0; i < run->members->len; i++) {
		struct member *first = g_ptr_array_index(run->members, i);
		g_autoptr(GPtrArray) names = g_ptr_array_new();

		for (guint k = i; first->error && !first->is_told &&
		     k < run->members->len; k++) {
			struct member *m = g_ptr_array_index(run->members, k);

			if (!m->error || m->is_told ||
			    strcmp(m->error->message,
				   first->error->message) != 0)
				continue;
			g_ptr_array_add(names, m->host->name);
			m->is_told = m != first;
			run->status = MAX(run->status,
					  muster_error_exit_status(
						  m->error->code));
		}
		if (names->len == 0)
			continue;
		g_autofree char *who = fold_names(
			(const char *const *)names->pdata, names->len);

		fprintf(stderr, "%s: %s\n", who, first->error->message);
		first->is_told = true;
	}
}

static bool has_jump(const struct trust_run *run, const char *spec)
{
	for (guint i = 0; i < run->members->len; i++) {
		const struct member *m = g_ptr_array_index(run->members, i);

		if (m->own.name && strcmp(m->own.name, spec) == 0)
			return true;
	}
	return false;
}

/* What leads to a host, each a member of its own: for "a,b" that is "a", and
 * whatever ssh_config has before "a". */
static void add_jumps(struct trust_run *run, const char *spec)
{
	while (spec && *spec && !has_jump(run, spec)) {
		struct member *m = g_new0(struct member, 1);

		m->own.name = g_strdup(spec);
		m->own.address = m->own.name;
		m->host = &m->own;
		m->session = trust_jump_session(run->transport, m->host, spec,
						deadline(), &m->error);
		m->jump = m->session ? trust_jump_of(m->session, deadline(),
						     &m->error) : NULL;
		g_ptr_array_add(run->members, m);
		spec = m->jump;
	}
}

static void add_host(struct trust_run *run, const struct host *host)
{
	struct member *member = g_new0(struct member, 1);

	member->host = host;
	member->session = session_new(run->transport, host);
	member->jump = trust_jump_of(member->session, deadline(),
				     &member->error);
	g_ptr_array_add(run->members, member);
	add_jumps(run, member->jump);
}

struct trust_run *trust_run_new(const struct options *options,
				const GPtrArray *hosts, struct cancel *cancel,
				GError **error)
{
	struct trust_run *run = g_new0(struct trust_run, 1);

	run->options = options;
	run->cancel = cancel;
	run->redactor = redactor_new();
	run->members = g_ptr_array_new_with_free_func(member_free);
	if (connection_init(&run->connection, options, cancel, error)) {
		run->transport = transport_new(&run->connection.transport,
					       hosts, cancel, run->redactor,
					       error);
	}
	if (!run->transport) {
		trust_run_free(run);
		return NULL;
	}
	for (guint i = 0; i < hosts->len; i++)
		add_host(run, g_ptr_array_index(hosts, i));
	tell_failures(run);
	return run;
}

void trust_run_free(struct trust_run *run)
{
	if (!run)
		return;
	g_ptr_array_unref(run->members);
	transport_free(run->transport);
	connection_clear(&run->connection);
	redactor_free(run->redactor);
	g_free(run);
}

int trust_run_status(const struct trust_run *run)
{
	return run->status;
}

/* --- a round --- */

/* Whether what `member` is reached through has had its turn. */
static bool is_next(const struct trust_run *run, const struct member *member)
{
	if (member->is_asked || !member->session || !member->jump)
		return false;
	if (!*member->jump)
		return true;
	for (guint i = 0; i < run->members->len; i++) {
		const struct member *m = g_ptr_array_index(run->members, i);

		if (m->own.name && strcmp(m->own.name, member->jump) == 0)
			return m->is_asked;
	}
	return false;
}

static void ask_one(size_t index, void *data)
{
	const struct trust_round *round = data;
	struct member *member = g_ptr_array_index(round->members, index);

	member->offer = trust_ask(member->session, deadline(),
				  &member->error);
	if (member->offer && member->offer->state == TRUST_REFUSED)
		member->error = g_error_copy(member->offer->why);
}

static GPtrArray *members_of_round(const struct trust_run *run)
{
	GPtrArray *members = g_ptr_array_new();

	for (guint i = 0; i < run->members->len; i++)
		if (is_next(run, g_ptr_array_index(run->members, i)))
			g_ptr_array_add(members,
					g_ptr_array_index(run->members, i));
	return members;
}

/* Whose turn never came: no key of theirs was looked at. */
static void give_up_rest(struct trust_run *run)
{
	for (guint i = 0; i < run->members->len; i++) {
		struct member *m = g_ptr_array_index(run->members, i);

		if (!m->is_asked && !m->error)
			m->error = g_error_new(
				MUSTER_ERROR, MUSTER_ERROR_NO_ROUTE,
				"not asked: there is no way to its jump host "
				"'%s'", m->jump);
	}
	tell_failures(run);
}

struct trust_round *trust_run_next(struct trust_run *run)
{
	struct trust_round *round = g_new0(struct trust_round, 1);

	round->run = run;
	round->members = members_of_round(run);
	if (round->members->len == 0) {
		trust_round_free(round);
		give_up_rest(run);
		return NULL;
	}
	for (guint i = 0; i < round->members->len; i++) {
		struct member *m = g_ptr_array_index(round->members, i);

		m->is_asked = true;
	}
	fleet_run(round->members->len, run->options->forks
		  ? (size_t)run->options->forks : FORKS_DEFAULT, ask_one,
		  round);
	tell_failures(run);
	return round;
}

void trust_round_free(struct trust_round *round)
{
	g_ptr_array_unref(round->members);
	g_free(round);
}

static bool is_new(const struct member *member)
{
	return member->offer && member->offer->state == TRUST_NEW &&
		!member->note;
}

guint trust_round_new(const struct trust_round *round)
{
	guint n = 0;

	for (guint i = 0; i < round->members->len; i++)
		n += is_new(g_ptr_array_index(round->members, i));
	return n;
}

/* Hosts that show the key of `first`, from `i` on, as one cell. */
static char *same_key(const struct trust_round *round, guint i)
{
	const struct member *first = g_ptr_array_index(round->members, i);
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint k = i; k < round->members->len; k++) {
		const struct member *m = g_ptr_array_index(round->members, k);

		if (is_new(m) && strcmp(m->offer->fingerprint,
					first->offer->fingerprint) == 0)
			g_ptr_array_add(names, m->host->name);
	}
	return fold_names((const char *const *)names->pdata, names->len);
}

static bool is_told_before(const struct trust_round *round, guint i)
{
	const struct member *member = g_ptr_array_index(round->members, i);

	for (guint k = 0; k < i; k++) {
		const struct member *m = g_ptr_array_index(round->members, k);

		if (is_new(m) && strcmp(m->offer->fingerprint,
					member->offer->fingerprint) == 0)
			return true;
	}
	return false;
}

void trust_round_print(const struct trust_round *round, FILE *to)
{
	guint known = 0;

	for (guint i = 0; i < round->members->len; i++) {
		const struct member *m = g_ptr_array_index(round->members, i);

		known += m->offer && m->offer->state == TRUST_KNOWN;
		if (!is_new(m) || is_told_before(round, i))
			continue;
		g_autofree char *names = same_key(round, i);

		fprintf(to, "%-24s %-20s %s\n", names, m->offer->type,
			m->offer->fingerprint);
	}
	if (known > 0)
		fprintf(to, "%u %s known already\n", known,
			known == 1 ? "host is" : "hosts are");
	fflush(to);
}

/* True if a word of the line names `member`. */
static bool names_it(char *const *words, const struct member *member)
{
	const char *const names[] = { member->host->name,
				      member->host->address,
				      member->offer->name, NULL };

	for (; *words; words++)
		if (g_strv_contains(names, *words))
			return true;
	return false;
}

/* 1: a line has this key; -1: lines are for this host, none has it; 0: none is
 * for it. */
static int find_in(char *const *lines, const struct member *member)
{
	int found = 0;

	for (; *lines; lines++) {
		g_auto(GStrv) words = g_strsplit_set(*lines, " \t\r,", -1);

		if (**lines == '#' || !names_it(words, member))
			continue;
		if (g_strv_contains((const char *const *)words,
				    member->offer->fingerprint))
			return 1;
		found = -1;
	}
	return found;
}

static void judge(struct member *member, int found)
{
	if (found > 0)
		return;
	member->note = g_strdup(found < 0 ? "changed" : "absent");
	member->error = g_error_new(
		MUSTER_ERROR, found < 0 ? MUSTER_ERROR_HOST_KEY_CHANGED
		: MUSTER_ERROR_HOST_KEY_UNKNOWN,
		found < 0 ? "shows %s %s, and the list has another key for it:"
			    " not written"
			  : "shows %s %s, and the list has no line for it: "
			    "not written",
		member->offer->type, member->offer->fingerprint);
}

bool trust_round_compare(struct trust_round *round, const char *path,
			 GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;

	if (!g_file_get_contents(path, &text, NULL, &why)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT, "%s",
			    why->message);
		return false;
	}
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = 0; i < round->members->len; i++) {
		struct member *m = g_ptr_array_index(round->members, i);

		if (is_new(m))
			judge(m, find_in(lines, m));
	}
	tell_failures(round->run);
	return true;
}

void trust_round_accept(struct trust_round *round, FILE *to)
{
	guint n = 0;

	for (guint i = 0; i < round->members->len; i++) {
		struct member *m = g_ptr_array_index(round->members, i);

		if (!is_new(m))
			continue;
		n += trust_accept(m->session, m->offer, &m->error);
	}
	tell_failures(round->run);
	if (n > 0)
		fprintf(to, "%u %s written\n", n, n == 1 ? "key" : "keys");
}
