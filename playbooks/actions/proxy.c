/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs `proxy` and `proxy_check`: where a worker's apiserver-proxy looks
 * for the API. It rewrites its list from the `kubernetes` endpoints at every
 * refresh, so a wrong list is repaired here only if the endpoints are right.
 */
#include "actions.h"

#include "playbooks/microk8s/provider_yaml.h"

#include <string.h>

#define PROVIDER_PATH SNAP_DATA "/args/traefik/provider.yaml"
#define API_PORT 16443

static char *wanted_address(const struct cluster *cluster)
{
	return g_strdup_printf("%s:%d", cluster->master->node_ip, API_PORT);
}

static char *joined_addresses(const GPtrArray *addresses)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < addresses->len; i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
			(const char *)g_ptr_array_index(addresses, i));
	return g_string_free(text, FALSE);
}

static bool lists_only(const GPtrArray *addresses, const char *wanted)
{
	return addresses && addresses->len == 1 &&
		strcmp(g_ptr_array_index(addresses, 0), wanted) == 0;
}

static enum task_status proxy_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	g_autoptr(GPtrArray) addresses = NULL;
	g_autofree char *wanted = NULL, *after = NULL;

	if (node_skips(task, true) || node_is_unknowable(task))
		return TASK_SKIPPED;
	const char *before = node->facts->provider;

	wanted = wanted_address(task_cluster(task));
	addresses = before ? provider_yaml_addresses(before, NULL) : NULL;
	task_say(task, "API at %s", wanted);
	if (lists_only(addresses, wanted))
		return TASK_OK;
	if (addresses) {
		g_autofree char *old = joined_addresses(addresses);

		task_say(task, "API at %s instead of %s", wanted,
			 *old ? old : "nowhere");
	}
	after = provider_yaml_set(before, (const char *const *)&wanted, 1,
				  error);
	if (!after)
		return TASK_FAILED;
	enum task_status status = node_edit_file(task, PROVIDER_PATH, before,
						 after, 0, error);

	if (status != TASK_CHANGED || !task_may_change(task))
		return status;
	g_free(node->facts->provider);
	node->facts->provider = g_steal_pointer(&after);
	node->fresh_us = g_get_monotonic_time();
	return status;
}

const struct action action_proxy = {
	.name = "proxy",
	.summary = "point a worker's API proxy at the master's node_ip",
	.help = "Repairs args/traefik/provider.yaml in place, comments and "
		"layout kept; the proxy takes it up at once.",
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = proxy_run,
};

/* Prints provider.yaml after a line that says how the API answered through
 * the worker's own proxy; any HTTP answer proves the way there and back. */
static const char check_script[] =
	"u=https://127.0.0.1:16443/livez\n"
	"if command -v curl >/dev/null; then\n"
	"	a=$(curl -sk -m 10 -o /dev/null -w '%{http_code}' $u)\n"
	"elif command -v wget >/dev/null; then\n"
	"	a=$(wget -q -T 10 -t 1 --no-check-certificate -S -O /dev/null "
	"$u 2>&1 | awk '/HTTP\\//{print $2; exit}')\n"
	"elif command -v openssl >/dev/null; then\n"
	"	a=$(printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' | timeout 10 "
	"openssl s_client -quiet -connect 127.0.0.1:16443 2>/dev/null |\n"
	"		awk '/^HTTP\\//{print $2; exit}')\n"
	"else\n"
	"	a=unasked\n"
	"fi\n"
	"echo \"answer=${a:-000}\"\n"
	"cat " PROVIDER_PATH "\n";

#define CHECK_TRIES 10
#define CHECK_WAIT_US (2 * G_TIME_SPAN_SECOND)

/* Fills *problem with what is wrong, or leaves it NULL. */
static bool check_once(struct task *task, const char *wanted, char **problem,
		       GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GPtrArray) addresses = NULL;
	struct exec_request request = {
		.title = "ask the API through the worker's proxy",
		.script = check_script,
	};

	if (!task_exec(task, request, &result, error))
		return false;
	const char *file = strchr(result->out, '\n');

	addresses = file ? provider_yaml_addresses(file + 1, NULL) : NULL;
	if (!lists_only(addresses, wanted)) {
		g_autofree char *found = addresses
			? joined_addresses(addresses) : g_strdup("nothing");

		*problem = g_strdup_printf("its proxy was sent to %s instead "
					   "of %s", found, wanted);
	} else if (g_str_has_prefix(result->out, "answer=000")) {
		*problem = g_strdup_printf("no answer from the API at %s "
					   "through its own 127.0.0.1:%d",
					   wanted, API_PORT);
	}
	return true;
}

static enum task_status proxy_check_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	g_autofree char *wanted = wanted_address(task_cluster(task));
	g_autofree char *problem = NULL;

	if (node_skips(task, true) || node_is_unknowable(task))
		return TASK_SKIPPED;
	if (!node->recheck) {
		task_say(task, "nothing changed here");
		return TASK_SKIPPED;
	}
	for (unsigned try = 1; try <= CHECK_TRIES; try++) {
		g_clear_pointer(&problem, g_free);
		if (!check_once(task, wanted, &problem, error))
			return TASK_FAILED;
		if (!problem) {
			task_say(task, "the API answers through it");
			return TASK_OK;
		}
		if (try < CHECK_TRIES && !task_sleep(task, CHECK_WAIT_US,
						     error))
			return TASK_FAILED;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_VERIFY, "%s", problem);
	task_hint(task, "check from this host that %s can be reached, and "
		  "--advertise-address in " ARGS_DIR "/kube-apiserver on the "
		  "master", wanted);
	return TASK_FAILED;
}

const struct action action_proxy_check = {
	.name = "proxy_check",
	.summary = "ask for the API through a worker's own proxy",
	.help = "Asks 127.0.0.1:16443 on the worker and reads its endpoint "
		"list again; only where this run or one just before changed "
		"something.",
	.timeout_us = 120 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = proxy_check_run,
};
