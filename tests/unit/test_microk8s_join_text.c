/* SPDX-License-Identifier: Apache-2.0
 *
 * What a `microk8s join` ended with, told from the texts of join.py, the
 * cluster agent and snapd; and the URL that is made of add-node's answer.
 */
#include "playbooks/microk8s/cause.h"
#include "playbooks/microk8s/join_text.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define TOKEN "0123456789abcdef0123456789abcdef"
#define CHECK "0123456789ab"
#define CONTACT "Contacting cluster at 10.8.0.4\n"
#define REFUSED(text) CONTACT "Connection failed. " text ".\n"
#define TRACEBACK "Traceback (most recent call last):\n" \
	"  File \"/snap/microk8s/8136/scripts/wrappers/join.py\", line 1143, " \
	"in <module>\n    join()\n"

/* A worker's success, word for word. */
static const char joined[] = CONTACT
	"\nThe node has joined the cluster and will appear in the nodes list "
	"in a few seconds.\n\n"
	"This worker node gets automatically configured with the API server "
	"endpoints.\n"
	"If the API servers are behind a loadbalancer please set the "
	"'--refresh-interval' to '0s' in:\n"
	"    /var/snap/microk8s/current/args/apiserver-proxy\n"
	"and replace the API server endpoints with the one provided by the "
	"loadbalancer in:\n"
	"    /var/snap/microk8s/current/args/traefik/provider.yaml\n\n"
	"Successfully joined the cluster.\n";

static const struct {
	int status;
	const char *out, *err;		/* either may be NULL */
	const char *cause;
	enum join_outcome outcome;
} cases[] = {
	{ 0, joined, "", "joined", JOIN_OK },
	{ 0, NULL, NULL, "joined", JOIN_OK },
	/* exit 4 */
	{ 4, CONTACT "Joining cluster failed. Could not verify the identity of "
	  "10.8.0.4. Use '--skip-verify' to skip server certificate check.\n",
	  "", "fingerprint-mismatch", JOIN_RETRY_NEW_TOKEN },
	{ 4, CONTACT "Peer node verification failed with [SSL: "
	  "WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1131).\n", NULL,
	  "tls-failed", JOIN_RETRY },
	{ 4, "Peer node verification failed (EOF occurred in violation of "
	  "protocol).\n", NULL, "tls-failed", JOIN_RETRY },
	/* exit 6, the agent's checks */
	{ 6, REFUSED("Invalid token (500)"), NULL, "invalid-token",
	  JOIN_RETRY_NEW_TOKEN },
	{ 6, REFUSED("Not possible to join. This is not an HA MicroK8s "
		     "cluster (501)"), NULL, "not-ha-cluster", JOIN_FATAL },
	{ 6, REFUSED("Failed to join the cluster. This is an HA MicroK8s "
		     "cluster.\nPlease retry after enabling HA on this "
		     "joining node with 'microk8s enable ha-cluster'. (500)"),
	  NULL, "joiner-not-ha", JOIN_FATAL },
	{ 6, REFUSED("The port of the cluster agent port has to be set to "
		     "25000 (502)"), NULL, "agent-port-differs", JOIN_FATAL },
	{ 6, REFUSED("The joining node has the same IP (10.8.0.4) as the node "
		     "we contact (503)"), NULL, "same-ip", JOIN_FATAL },
	{ 6, REFUSED("The hostname (node2) of the joining node does not "
		     "resolve to the IP \"10.8.0.5\". Refusing join (400)"),
	  NULL, "hostname-unresolved", JOIN_FATAL },
	{ 6, REFUSED("Hostname node2 should resolve to 10.8.0.5, but it did "
		     "not. Refusing join. (400)"), NULL,
	  "hostname-unresolved", JOIN_FATAL },
	{ 6, REFUSED("Failed to retrieve dqlite cluster nodes: the joining "
		     "node (10.8.0.5) is already known to dqlite (500)"),
	  NULL, "already-known-to-dqlite", JOIN_FATAL },
	{ 6, REFUSED("Failed to retrieve dqlite cluster nodes: failed to find "
		     "matching dqlite bind address for 1.2.3.4:25000: address "
		     "1.2.3.4 was not found in any host interface. refuse to "
		     "update dqlite bind address to 1.2.3.4 as it would break "
		     "the cluster (500)"), NULL, "bind-address-not-local",
	  JOIN_FATAL },
	{ 6, REFUSED("Failed to retrieve dqlite cluster nodes: failed to "
		     "update dqlite address to \"10.8.0.4\": failed to restart "
		     "k8s-dqlite service: command [snapctl restart "
		     "microk8s.daemon-k8s-dqlite] failed with exit code 1: "
		     "exit status 1 (500)"), NULL, "dqlite-unavailable",
	  JOIN_RETRY },
	{ 6, REFUSED("Failed to retrieve dqlite cluster nodes: timed out "
		     "waiting for cluster condition: context deadline "
		     "exceeded (500)"), NULL, "dqlite-unavailable",
	  JOIN_RETRY },
	{ 6, REFUSED("Failed to retrieve list of control plane nodes: failed "
		     "to list nodes: Get \"https://127.0.0.1:16443/api/v1/"
		     "nodes?labelSelector=x\": dial tcp 127.0.0.1:16443: "
		     "connect: connection refused (500)"), NULL,
	  "api-unavailable", JOIN_RETRY },
	{ 6, REFUSED("Failed to read callback token: context deadline "
		     "exceeded (500)"), NULL, "agent-deadline", JOIN_RETRY },
	{ 6, REFUSED("Something new (500)"), NULL, "agent-refused",
	  JOIN_FATAL },
	/* other statuses of their own */
	{ 2, "", "Error: Got unexpected extra argument (--foo)\n", "usage",
	  JOIN_FATAL },
	{ 5, CONTACT "Connecting to cluster failed with timed out.\n", NULL,
	  "http-failed", JOIN_RETRY },
	{ 7, "Error: Unknown API auth mode x. Exiting.\n", NULL,
	  "unknown-auth-mode", JOIN_FATAL },
	{ 124, CONTACT, "", "timed-out", JOIN_RETRY },
	{ 137, CONTACT, "", "timed-out", JOIN_RETRY },
	{ 127, "", "sh: 1: exec: /snap/bin/microk8s: not found\n",
	  "command-not-found", JOIN_FATAL },
	{ -9, CONTACT, "", "killed", JOIN_RETRY },
	/* exit 1 */
	{ 1, CONTACT "Please ensure the master node is reachable. Remote end "
	  "closed connection without response\n", NULL, "agent-closed",
	  JOIN_RETRY },
	{ 1, CONTACT, TRACEBACK "ConnectionRefusedError: [Errno 111] "
	  "Connection refused\n", "connection-refused", JOIN_RETRY },
	{ 1, CONTACT, TRACEBACK "TimeoutError: [Errno 110] Connection timed "
	  "out\n", "connection-timeout", JOIN_RETRY },
	{ 1, CONTACT, TRACEBACK "OSError: [Errno 113] No route to host\n",
	  "no-route", JOIN_RETRY },
	{ 1, CONTACT, TRACEBACK "OSError: [Errno 101] Network is "
	  "unreachable\n", "no-route", JOIN_RETRY },
	{ 1, CONTACT "Failed to sign kubelet certificate (500). Failed to "
	  "sign certificate: sign_certificate failed: exit status 1\n", NULL,
	  "sign-cert-failed", JOIN_RETRY },
	{ 1, CONTACT "Failed to sign proxy certificate (403).\n"
	  "Make sure the cluster you connect to supports joining worker "
	  "nodes.\n", NULL, "proxy-in-the-way", JOIN_FATAL },
	{ 1, CONTACT, TRACEBACK "requests.exceptions.ProxyError: "
	  "HTTPSConnectionPool(host='10.8.0.4', port=25000): Max retries "
	  "exceeded with url: /cluster/api/v1.0/sign-cert (Caused by "
	  "ProxyError('Cannot connect to proxy.', NewConnectionError('Failed "
	  "to establish a new connection: [Errno 111] Connection "
	  "refused')))\n", "proxy-in-the-way", JOIN_FATAL },
	{ 1, CONTACT, "error: error running snapctl: snap \"microk8s\" has "
	  "\"service-control\" change in progress\n" TRACEBACK
	  "subprocess.CalledProcessError: Command '['snapctl', 'restart', "
	  "'microk8s.daemon-kubelite']' returned non-zero exit status 1.\n",
	  "snapd-busy", JOIN_RETRY },
	{ 10, NULL, "error: snap \"microk8s\" has \"auto-refresh\" change in "
	  "progress\n", "snapd-busy", JOIN_RETRY },
	{ 1, CONTACT, "error: error running snapctl: restart command is "
	  "taking too long\n" TRACEBACK, "service-slow", JOIN_RETRY },
	{ 1, CONTACT, "error: error running snapctl: something else\n"
	  TRACEBACK, "snapctl-failed", JOIN_RETRY },
	{ 1, CONTACT "Joining process failed. Make sure the cluster you "
	  "connect to supports joining worker nodes.\n", NULL,
	  "role-mismatch", JOIN_FATAL },
	{ 1, "Invalid connection: Invalid master IP\n", NULL, "invalid-url",
	  JOIN_FATAL },
	{ 1, "Invalid connection: Fingerprint should be at least 12 bytes\n",
	  NULL, "invalid-url", JOIN_FATAL },
	{ 1, "This node does not have enough RAM to host the Kubernetes "
	  "control plane services\n", NULL, "low-memory", JOIN_FATAL },
	{ 1, "", "Insufficient permissions to access MicroK8s.\n",
	  "no-permission", JOIN_FATAL },
	{ 1, "Elevated permissions are needed for this command. Please use "
	  "sudo.\n", "", "no-permission", JOIN_FATAL },
	{ 1, "Something new\n", NULL, "unknown", JOIN_FATAL },
	{ 3, "", "", "unknown", JOIN_FATAL },
};

static void test_join_text_tells_the_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct join_verdict *verdict = join_text_classify(
			cases[i].status, cases[i].out, cases[i].err);

		if (strcmp(verdict->cause, cases[i].cause) != 0 ||
		    verdict->outcome != cases[i].outcome)
			fail_msg("case %zu, %s: %s (%d)", i, cases[i].cause,
				 verdict->cause, (int)verdict->outcome);
		assert_true(*verdict->meaning && verdict->fix);
		assert_non_null(verdict->detail);
		join_verdict_free(verdict);
	}
	join_verdict_free(NULL);
}

/* `detail` whole. */
static const struct {
	int status;
	const char *out, *err, *detail;
} details[] = {
	{ 6, REFUSED("Invalid token (500)"), "WARNING: x\n",
	  "Connection failed. Invalid token (500)." },
	{ 1, CONTACT, TRACEBACK "ConnectionRefusedError: [Errno 111] "
	  "Connection refused\n",
	  "ConnectionRefusedError: [Errno 111] Connection refused" },
	{ 2, "first\nlast\n\n  \n", "", "last" },
	{ 1, "first\n \nlast\n\n  \n", "", "first\nlast" },
	{ 1, "out\n", "err\n", "err" },
	{ 6, "out\n", "err\n", "out" },
	{ 6, "", "err\n", "err" },
	{ 0, "", "", "" },
	{ 1, NULL, NULL, "" },
	{ 1, "a\x1b[31mb\tc\r\n", NULL, "a [31mb c" },
	{ 1, "\xc3\xa4\xff\n", NULL, "\xc3\xa4\xef\xbf\xbd" },
	{ 2, "", "usage: join 10.8.0.4:25000/" TOKEN "/" CHECK " --x\n",
	  "usage: join 10.8.0.4:25000/****/" CHECK " --x" },
	{ 6, REFUSED("Invalid token " TOKEN TOKEN " (500)"), NULL,
	  "Connection failed. Invalid token **** (500)." },
};

static void test_join_text_detail_is_one_clean_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(details); i++) {
		struct join_verdict *verdict = join_text_classify(
			details[i].status, details[i].out, details[i].err);

		assert_string_equal(verdict->detail, details[i].detail);
		join_verdict_free(verdict);
	}
}

static void test_join_text_long_output_is_bounded(void **state)
{
	static const char cut[] = "Invalid connection: early\nx 0123456789ab";
	g_autoptr(GString) text = g_string_new("Invalid connection: early\n");
	struct join_verdict *verdict;

	(void)state;
	/* More than is looked at, cut in the middle of a token. */
	g_string_append(text, "x " TOKEN "\n");
	while (text->len < JOIN_TEXT_MAX + strlen(cut))
		g_string_append_c(text, ' ');
	verdict = join_text_classify(1, text->str, NULL);
	assert_string_equal(verdict->cause, "unknown");
	assert_null(strstr(verdict->detail, "cdef"));
	join_verdict_free(verdict);

	g_string_assign(text, "Invalid connection:");
	while (text->len < 4096)
		g_string_append(text, " \xe2\x82\xac");
	verdict = join_text_classify(1, text->str, NULL);
	assert_string_equal(verdict->cause, "invalid-url");
	assert_in_range(strlen(verdict->detail), CAUSE_DETAIL_MAX - 8,
			CAUSE_DETAIL_MAX);
	assert_true(g_utf8_validate(verdict->detail, -1, NULL));
	join_verdict_free(verdict);
}

/* --- the token and the URL --- */

static void test_join_token_check_is_the_only_line(void **state)
{
	static const struct { const char *text, *token; } texts[] = {
		{ TOKEN "/" CHECK "\n", TOKEN "/" CHECK },
		{ "\n  " TOKEN "/" CHECK "\r\n\n", TOKEN "/" CHECK },
		{ TOKEN TOKEN "/" CHECK, TOKEN TOKEN "/" CHECK },
		{ NULL, NULL }, { "", NULL }, { " \n", NULL },
		{ TOKEN "\n", NULL }, { TOKEN "/\n", NULL },
		{ TOKEN "/0123456789a\n", NULL },
		{ TOKEN "/0123456789aX\n", NULL },
		{ "123/" CHECK "\n", NULL },
		{ TOKEN "/" CHECK "/x\n", NULL },
		{ TOKEN "/" CHECK "\n" TOKEN "/" CHECK "\n", NULL },
		{ "10.8.0.4:25000/" TOKEN "/" CHECK "\n", NULL },
		{ "This MicroK8s deployment is acting as a node in a cluster. "
		  "Please use the microk8s add-node on the master.\n", NULL },
		{ "Failed to call utility function.\n", NULL },
		{ "microk8s is not running, try microk8s start\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *token = join_token_check_parse(texts[i].text,
								&error);

		if (g_strcmp0(token, texts[i].token) != 0)
			fail_msg("case %zu: '%s'", i, token ? token : "NULL");
		assert_true(token || g_error_matches(error, MUSTER_ERROR,
						     MUSTER_ERROR_PROTOCOL));
		assert_true(token || !strstr(error->message, "0123"));
	}
}

static void test_join_url_takes_what_join_takes(void **state)
{
	static const struct { const char *ip, *token; } wrong[] = {
		{ "node1", TOKEN "/" CHECK }, { "fd00::1", TOKEN "/" CHECK },
		{ "10.8.0", TOKEN "/" CHECK }, { "", TOKEN "/" CHECK },
		{ "10.8.0.4", TOKEN }, { "10.8.0.4", "" },
		{ "10.8.0.4", TOKEN "/" CHECK " --skip-verify" },
	};
	g_autofree char *url = join_url("10.8.0.4", TOKEN "/" CHECK, NULL);

	(void)state;
	assert_string_equal(url, "10.8.0.4:25000/" TOKEN "/" CHECK);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;

		if (join_url(wrong[i].ip, wrong[i].token, &error))
			fail_msg("case %zu has a URL", i);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		assert_null(strstr(error->message, "0123"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join_text_tells_the_cause),
		cmocka_unit_test(test_join_text_detail_is_one_clean_line),
		cmocka_unit_test(test_join_text_long_output_is_bounded),
		cmocka_unit_test(test_join_token_check_is_the_only_line),
		cmocka_unit_test(test_join_url_takes_what_join_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
