/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the load balancer's address leads to this cluster's API, as a host
 * itself finds it: nobody is sent there before it does.
 */
#include "actions.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/embedded.h"

#include <string.h>

#define TRIES 8
#define WAIT_US (2 * G_TIME_SPAN_SECOND)

static const struct {
	const char *word;
	enum endpoint_state state;
	const char *text;		/* %s: HOST:PORT */
} words[] = {
	{ "ok", ENDPOINT_OK, "the API answers at %s" },
	{ "untold", ENDPOINT_UNTOLD,
	  "neither curl nor openssl is there to ask %s with" },
	{ "untrusted", ENDPOINT_UNTRUSTED,
	  "what answers at %s has a certificate that does not name it, or is "
	  "not of this cluster's CA" },
	{ "name", ENDPOINT_UNRESOLVED, "%s does not resolve here" },
	{ "refused", ENDPOINT_SILENT, "nobody listens at %s" },
	{ "closed", ENDPOINT_SILENT,
	  "%s takes connections and ends them: no master is behind it" },
	{ "lost", ENDPOINT_SILENT, "no answer from %s" },
};

bool endpoint_ask(struct task *task, enum endpoint_state *state, char **text,
		  GError **error)
{
	const struct api_endpoint *endpoint = task_cluster(task)->endpoint;
	g_autofree char *port = g_strdup_printf("%u", endpoint->port);
	const char *args[] = { endpoint->host, port, NULL };
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "ask for the API through the load balancer",
		.script = embedded_text("endpoint.sh"),
		.args = args,
	};

	if (!task_exec(task, request, &result, error))
		return false;
	g_strstrip(result->out);
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		if (strcmp(result->out, words[i].word) != 0)
			continue;
		g_auto(GStrv) parts = g_strsplit(words[i].text, "%s", 2);

		*state = words[i].state;
		*text = g_strconcat(parts[0], endpoint->text, parts[1], NULL);
		return true;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "what the host said of the load balancer makes no sense");
	return false;
}

bool endpoint_await(struct task *task, GError **error)
{
	for (unsigned try = 1;; try++) {
		enum endpoint_state state;
		g_autofree char *text = NULL;

		if (!endpoint_ask(task, &state, &text, error))
			return false;
		if (state == ENDPOINT_OK || state == ENDPOINT_UNTOLD)
			return true;
		/* A balancer takes a while to find a master well again. */
		if (try < TRIES && state == ENDPOINT_SILENT &&
		    task_may_change(task)) {
			task_note(task, "waiting: %s", text);
			if (!task_sleep(task, WAIT_US, error))
				return false;
			continue;
		}
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
			    "%s", text);
		task_cause(task, endpoint_cause(state));
		task_hint(task, "its way to the API stays as it is; put the "
			  "load balancer right, or take microk8s_api_endpoint "
			  "out of the inventory");
		return false;
	}
}

const char *endpoint_cause(enum endpoint_state state)
{
	switch (state) {
	case ENDPOINT_UNTRUSTED:
		return "endpoint-untrusted";
	case ENDPOINT_UNRESOLVED:
		return "endpoint-unresolved";
	case ENDPOINT_SILENT:
		return "endpoint-silent";
	case ENDPOINT_UNASKED:
	case ENDPOINT_OK:
	case ENDPOINT_UNTOLD:
		break;
	}
	return NULL;
}
