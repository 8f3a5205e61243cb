/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of sentences of the microk8s wrappers and status.py, in the order in
 * which they exclude each other, and what each means.
 */
#include "status_text.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>

static const char worker_text[] =
	"This MicroK8s deployment is acting as a node in a cluster.";
static const char stopped_text[] =
	"microk8s is not running, try microk8s start";

/* Both "not running" texts begin alike, so the longer ones come first. */
static const struct {
	const char *text;
	enum status_state state;
} table[] = {
	{ worker_text, STATUS_WORKER },
	{ stopped_text, STATUS_STOPPED },
	{ "Insufficient permissions to access MicroK8s", STATUS_NO_PERMISSION },
	{ "Elevated permissions are needed", STATUS_NO_PERMISSION },
	{ "This node does not have enough RAM to host the Kubernetes",
	  STATUS_LOW_MEMORY },
	{ "microk8s is not running", STATUS_NOT_READY },
	{ "running: False", STATUS_NOT_READY },
	{ "microk8s is running", STATUS_RUNNING },
	{ "running: True", STATUS_RUNNING },
};

static const char *const names[] = {
	[STATUS_RUNNING] = "running",
	[STATUS_NOT_READY] = "not-ready",
	[STATUS_STOPPED] = "stopped",
	[STATUS_WORKER] = "worker",
	[STATUS_NO_PERMISSION] = "no-permission",
	[STATUS_LOW_MEMORY] = "low-memory",
	[STATUS_UNKNOWN] = "unknown",
};
_Static_assert(G_N_ELEMENTS(names) == STATUS_UNKNOWN + 1, "one name a state");

/* True if a line of `text` begins, after blanks, with `sentence`: an addon's
 * description further right must not decide. */
static bool has_line(const char *text, const char *sentence)
{
	size_t left = strnlen(text, STATUS_TEXT_MAX);
	size_t length = strlen(sentence);

	while (left > 0) {
		const char *newline = memchr(text, '\n', left);
		size_t line = newline ? (size_t)(newline - text) : left;
		size_t blanks = 0;

		while (blanks < line &&
		       (text[blanks] == ' ' || text[blanks] == '\t'))
			blanks++;
		if (line - blanks >= length &&
		    memcmp(text + blanks, sentence, length) == 0)
			return true;
		if (!newline)
			break;
		left -= line + 1;
		text = newline + 1;
	}
	return false;
}

enum status_state status_text_parse(const char *out, const char *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		if ((out && has_line(out, table[i].text)) ||
		    (err && has_line(err, table[i].text)))
			return table[i].state;
	}
	return STATUS_UNKNOWN;
}

const char *status_state_name(enum status_state state)
{
	return (unsigned)state < G_N_ELEMENTS(names) ? names[state] :
		names[STATUS_UNKNOWN];
}

bool status_text_is_worker(const char *text)
{
	return text && has_line(text, worker_text);
}

bool status_text_is_stopped(const char *text)
{
	return text && has_line(text, stopped_text);
}
