/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums outcomes up.
 */
#include "outcome.h"

#include "transport/error.h"

enum {
	EXIT_FAILED_HOST = 2,
	EXIT_NOT_PROVED = 3,
	EXIT_UNREACHABLE_HOST = 4,
	EXIT_STOPPED = 130
};

void outcome_clear(struct outcome *outcome)
{
	g_clear_error(&outcome->error);
	g_free(outcome->message);
	g_free(outcome->hint);
	g_free(outcome->diff);
	*outcome = (struct outcome) { .status = TASK_OK };
}

static void redact_line(char **text, struct redactor *redactor)
{
	g_autofree char *clean = redactor_apply(redactor, *text);

	g_free(*text);
	*text = event_line(clean);
}

void outcome_redact(struct outcome *outcome, struct redactor *redactor)
{
	char *diff = redactor_apply(redactor, outcome->diff);

	g_free(outcome->diff);
	outcome->diff = diff;
	redact_line(&outcome->message, redactor);
	redact_line(&outcome->hint, redactor);
	if (outcome->error)
		redact_line(&outcome->error->message, redactor);
}

struct host_result *host_result_new(const struct host *host)
{
	struct host_result *result = g_new0(struct host_result, 1);

	result->host = host;
	return result;
}

void host_result_free(struct host_result *result)
{
	if (!result)
		return;
	g_clear_error(&result->error);
	g_free(result->failed_step);
	g_free(result->hint);
	g_free(result);
}

void host_result_add(struct host_result *result, const char *step,
		     const struct outcome *outcome)
{
	result->counts[outcome->status]++;
	result->elapsed_us += outcome->elapsed_us;
	result->remote_us += outcome->remote_us;
	if (!outcome->error || result->error)
		return;
	result->error = g_error_copy(outcome->error);
	result->failed_step = g_strdup(step);
	result->hint = g_strdup(outcome->hint);
	result->cause = outcome->cause;
}

/* How many hosts ended with each kind of error that has a status of its own;
 * the rest is failed or unreachable. */
struct tally {
	guint key, lock, absent, sudo, proof, failed, unreachable, cancelled;
};

static void count(struct tally *tally, const GError *error)
{
	switch (error->code) {
	case MUSTER_ERROR_HOST_KEY_CHANGED:
	case MUSTER_ERROR_HOST_KEY_REVOKED:
		tally->key++;
		break;
	case MUSTER_ERROR_LOCKED:
		tally->lock++;
		break;
	case MUSTER_ERROR_PREFLIGHT:
		tally->absent++;
		break;
	case MUSTER_ERROR_SUDO:
		tally->sudo++;
		break;
	case MUSTER_ERROR_VERIFY:
		tally->proof++;
		break;
	case MUSTER_ERROR_CANCELLED:
		tally->cancelled++;
		break;
	default:
		if (muster_error_is_unreachable(error->code))
			tally->unreachable++;
		else
			tally->failed++;
	}
}

int outcome_exit_status(const struct run_result *result)
{
	struct tally t = { 0 };
	int status = 0;

	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		if (h->error && !(h->is_bystander &&
				  muster_error_is_unreachable(h->error->code)))
			count(&t, h->error);
	}
	if (t.key)
		return muster_error_exit_status(MUSTER_ERROR_HOST_KEY_CHANGED);
	if (t.lock)
		return muster_error_exit_status(MUSTER_ERROR_LOCKED);
	if (t.absent)
		return muster_error_exit_status(MUSTER_ERROR_PREFLIGHT);
	if (t.sudo && t.sudo == result->hosts->len)
		return muster_error_exit_status(MUSTER_ERROR_SUDO);
	if (t.failed || t.sudo)
		status |= EXIT_FAILED_HOST;
	if (t.unreachable)
		status |= EXIT_UNREACHABLE_HOST;
	if (status == 0 && t.proof)
		return EXIT_NOT_PROVED;
	if (status == 0 && (t.cancelled || result->stopped))
		return EXIT_STOPPED;
	return status;
}
