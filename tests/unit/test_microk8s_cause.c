/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of causes: what MicroK8s, its agent, snapd, the API, kubelets
 * and Calico say in life, each held to the cause it is the word of. The texts
 * are what users have reported, not what the catalogue looks for.
 */
#include "playbooks/microk8s/cause.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define TOKEN "0123456789abcdef0123456789abcdef"
#define CONTACT "Contacting cluster at 10.8.0.4\n"
#define FAILED(text) CONTACT "Connection failed. " text "\n"
#define DQLITE "Failed to retrieve dqlite cluster nodes: "
#define RAISED "Traceback (most recent call last):\n" \
	"  File \"/snap/microk8s/7589/scripts/wrappers/join.py\", line 1092\n"
#define WORKER "This MicroK8s deployment is acting as a node in a cluster."

static const struct {
	const char *code;
	enum cause_source from;
	int status;
	const char *out, *err;
} cases[] = {
	/* the errors that the first attempt at this cluster met */
	{ "worker-lost-api", CAUSE_OF_LOG, 0,
	  "Get \"https://127.0.0.1:16443/api/v1/nodes?limit=500\": dial tcp "
	  "127.0.0.1:16443: connect: connection refused - error from a "
	  "previous attempt: read tcp 127.0.0.1:37782->127.0.0.1:16443: read: "
	  "connection reset by peer", NULL },
	{ "tls-handshake-timeout", CAUSE_OF_COMMAND, 1, NULL,
	  "Unable to connect to the server: net/http: TLS handshake timeout\n" },
	{ "node-missing", CAUSE_OF_COMMAND, 1, NULL,
	  "Error from server (NotFound): nodes \"node2\" not found\n" },
	{ "api-refused", CAUSE_OF_LOG, 0,
	  "dial tcp 127.0.0.1:16443: connect: connection refused", NULL },

	/* join: its own checks */
	{ "fingerprint-mismatch", CAUSE_OF_JOIN, 4, CONTACT
	  "Joining cluster failed. Could not verify the identity of 10.8.0.4. "
	  "Use '--skip-verify' to skip server certificate check.\n", "" },
	{ "tls-failed", CAUSE_OF_JOIN, 4, CONTACT
	  "Peer node verification failed with [SSL: WRONG_VERSION_NUMBER].\n",
	  "" },
	{ "tls-failed", CAUSE_OF_JOIN, 4,
	  "Peer node verification failed ([SSL] bad length).\n", NULL },
	{ "http-failed", CAUSE_OF_JOIN, 5,
	  "Connecting to cluster failed with Remote end closed.\n", NULL },
	{ "unknown-auth-mode", CAUSE_OF_JOIN, 7,
	  "Error: Unknown API auth mode Node. Exiting.\n", NULL },
	{ "usage", CAUSE_OF_JOIN, 2, NULL,
	  "Error: Got unexpected extra argument (--foo)\n" },
	{ "usage", CAUSE_OF_JOIN, 2, NULL,
	  "Error: Missing argument 'CONNECTION'.\n" },
	{ "worker-unsupported", CAUSE_OF_JOIN, 2, NULL,
	  "Error: no such option: --worker\n" },
	{ "invalid-url", CAUSE_OF_JOIN, 1, "Invalid connection: Expected "
	  "format: <master_IP>:<master_PORT>/<token>[/<fingerprint>]\n", "" },
	{ "invalid-url", CAUSE_OF_JOIN, 1,
	  "Invalid connection: Invalid master IP\n", "" },
	{ "invalid-url", CAUSE_OF_JOIN, 1, "Invalid connection: Cluster token "
	  "size should be at least 32 bytes\n", "" },
	{ "low-memory", CAUSE_OF_JOIN, 1, "This node does not have enough RAM "
	  "to host the Kubernetes control plane services\nand join the "
	  "database quorum. You may consider joining this node\nas a worker "
	  "instead to a cluster.\n", "" },

	/* join: what the agent answers, in the order of its checks */
	{ "invalid-token", CAUSE_OF_JOIN, 6, FAILED("Invalid token (500)."),
	  "" },
	{ "invalid-token", CAUSE_OF_JOIN, 6, FAILED("invalid token (500)."),
	  "" },
	{ "not-ha-cluster", CAUSE_OF_JOIN, 6,
	  FAILED("Not possible to join. This is not an HA MicroK8s cluster "
		 "(501)."), "" },
	{ "joiner-not-ha", CAUSE_OF_JOIN, 6,
	  FAILED("Failed to join the cluster. This is an HA MicroK8s "
		 "cluster.\nPlease retry after enabling HA (500)."), "" },
	{ "agent-port-differs", CAUSE_OF_JOIN, 6,
	  FAILED("The port of the cluster agent port has to be set to 25001 "
		 "(502)."), "" },
	{ "agent-port-differs", CAUSE_OF_JOIN, 6,
	  FAILED("the port of the cluster agent port has to be set to 25001 "
		 "(502)."), "" },
	{ "same-ip", CAUSE_OF_JOIN, 6,
	  FAILED("The joining node has the same IP (10.8.0.4) as the node we "
		 "contact (503)."), "" },
	{ "hostname-unresolved", CAUSE_OF_JOIN, 6,
	  FAILED("The hostname (node2) of the joining node does not resolve "
		 "to the IP \"10.8.0.5\". Refusing join (400)."), "" },
	{ "hostname-unresolved", CAUSE_OF_JOIN, 6,
	  FAILED("Hostname node2 should resolve to 10.8.0.5, but it did not. "
		 "Refusing join. (400)."), "" },
	{ "already-known-to-dqlite", CAUSE_OF_JOIN, 6,
	  FAILED(DQLITE "the joining node (10.8.0.5) is already known to "
		 "dqlite (500)."), "" },
	{ "bind-address-not-local", CAUSE_OF_JOIN, 6,
	  FAILED(DQLITE "failed to find matching dqlite bind address for "
		 "203.0.113.7:25000: address 203.0.113.7 was not found in any "
		 "host interface. refuse to update dqlite bind address to "
		 "203.0.113.7 as it would break the cluster (500)."), "" },
	{ "dqlite-unavailable", CAUSE_OF_JOIN, 6,
	  FAILED(DQLITE "failed to update dqlite address to \"10.8.0.4\": "
		 "failed to restart k8s-dqlite service: command [snapctl "
		 "restart microk8s.daemon-k8s-dqlite] failed with exit code "
		 "1: exit status 1 (500)."), "" },
	{ "dqlite-unavailable", CAUSE_OF_JOIN, 6,
	  FAILED(DQLITE "timed out waiting for cluster condition: context "
		 "deadline exceeded (500)."), "" },
	{ "api-unavailable", CAUSE_OF_JOIN, 6,
	  FAILED("Failed to retrieve list of control plane nodes: failed to "
		 "list nodes: Get \"https://127.0.0.1:16443/api/v1/nodes\": "
		 "dial tcp 127.0.0.1:16443: connect: connection refused "
		 "(500)."), "" },
	{ "agent-deadline", CAUSE_OF_JOIN, 6,
	  FAILED("Failed to read callback token: context deadline exceeded "
		 "(500)."), "" },
	{ "agent-refused", CAUSE_OF_JOIN, 6, FAILED("No tea left (418)."),
	  "" },

	/* join: everything of exit status 1, tracebacks too */
	{ "connection-refused", CAUSE_OF_JOIN, 1, "",
	  RAISED "ConnectionRefusedError: [Errno 111] Connection refused\n" },
	{ "connection-timeout", CAUSE_OF_JOIN, 1, "",
	  RAISED "TimeoutError: [Errno 110] Connection timed out\n" },
	{ "no-route", CAUSE_OF_JOIN, 1, "",
	  RAISED "OSError: [Errno 113] No route to host\n" },
	{ "agent-closed", CAUSE_OF_JOIN, 1,
	  "Please ensure the master node is reachable. Remote end closed "
	  "connection without response\n", "" },
	{ "agent-closed", CAUSE_OF_JOIN, 1, "",
	  RAISED "ConnectionResetError: [Errno 104] Connection reset by "
	  "peer\n" },
	{ "proxy-in-the-way", CAUSE_OF_JOIN, 1,
	  "Failed to sign proxy certificate (403).\nMake sure the cluster you "
	  "connect to supports joining worker nodes.\n", "" },
	{ "sign-cert-failed", CAUSE_OF_JOIN, 1,
	  "Failed to sign kubelet certificate (500). Failed to sign "
	  "certificate: sign_certificate failed: exit status 1\n", "" },
	{ "sign-cert-failed", CAUSE_OF_LOG, 0,
	  "Unable to load number from /var/snap/microk8s/7589/certs/ca.srl",
	  NULL },
	{ "snapd-busy", CAUSE_OF_JOIN, 1, "",
	  "error: error running snapctl: snap \"microk8s\" has "
	  "\"service-control\" change in progress\n" RAISED
	  "subprocess.CalledProcessError\n" },
	{ "snapd-busy", CAUSE_OF_COMMAND, 10, "",
	  "error: snap \"microk8s\" has \"auto-refresh\" change in "
	  "progress\n" },
	{ "service-slow", CAUSE_OF_JOIN, 1, "",
	  "error: error running snapctl: restart command is taking too long\n"
	  RAISED },
	{ "snapctl-failed", CAUSE_OF_JOIN, 1, "",
	  "error: error running snapctl: unknown service: \"kubelite\"\n" },
	{ "file-immutable", CAUSE_OF_JOIN, 1, "", RAISED
	  "PermissionError: [Errno 1] Operation not permitted: "
	  "'/var/snap/microk8s/7589/args/kubelet'\n" },
	{ "role-mismatch", CAUSE_OF_JOIN, 1,
	  "Joining process failed. Make sure the cluster you connect to "
	  "supports joining worker nodes.\n", "" },
	{ "no-permission", CAUSE_OF_COMMAND, 1, "",
	  "Insufficient permissions to access MicroK8s.\nYou can either try "
	  "again with sudo or add the user to the 'microk8s' group\n" },
	{ "no-permission", CAUSE_OF_JOIN, 1,
	  "Elevated permissions are needed for this command.\n", "" },
	{ "dqlite-own-database", CAUSE_OF_LOG, 0,
	  "Error: bootstrap node can't join a cluster", NULL },
	{ "timed-out", CAUSE_OF_JOIN, 124, CONTACT, "" },
	{ "timed-out", CAUSE_OF_JOIN, 137, CONTACT, "" },
	{ "killed", CAUSE_OF_JOIN, -15, CONTACT, "" },

	/* other commands: their exit status says nothing by itself */
	{ "is-a-worker", CAUSE_OF_COMMAND, 0, WORKER
	  "\nPlease use the control plane node.\n", "" },
	{ "is-a-worker", CAUSE_OF_COMMAND, 0, WORKER
	  " Please use the microk8s kubectl on the master.\n", "" },
	{ "is-a-worker", CAUSE_OF_COMMAND, 1, WORKER
	  " Please use microk8s leave.\n", "" },
	{ "not-in-a-cluster", CAUSE_OF_COMMAND, 1,
	  "This MicroK8s deployment is not acting as a node in a cluster.\n",
	  "" },
	{ "stopped", CAUSE_OF_COMMAND, 0,
	  "microk8s is not running, try microk8s start\n", "" },
	{ "not-running", CAUSE_OF_COMMAND, 1, "microk8s is not running. Use "
	  "microk8s inspect for a deeper inspection.\n", "" },
	{ "api-refused", CAUSE_OF_COMMAND, 1, "",
	  "The connection to the server 127.0.0.1:16443 was refused - did you "
	  "specify the right host or port?\n" },
	{ "holds-the-only-datastore", CAUSE_OF_COMMAND, 3,
	  "This node currently holds the only copy of the Kubernetes database "
	  "so it cannot leave the cluster.\n", "" },
	{ "node-missing", CAUSE_OF_COMMAND, 1,
	  "Node node9 does not exist in Kubernetes.\n", "" },
	{ "node-still-in-dqlite", CAUSE_OF_COMMAND, 1,
	  "Removal failed. Node node4 is registered with dqlite. Please, run "
	  "first 'microk8s leave' on the departing node.\n", "" },
	{ "several-nodes", CAUSE_OF_COMMAND, 0,
	  "This is a multi-node MicroK8s deployment. Reset is only available "
	  "for single node deployments.\n", "" },
	{ "no-default-route", CAUSE_OF_COMMAND, 0,
	  "    server: https://none:16443\n", "" },
	{ "command-not-found", CAUSE_OF_COMMAND, 127, "",
	  "sudo: microk8s: command not found\n" },
	{ "sudo-refused", CAUSE_OF_COMMAND, 1, "",
	  "sudo: a password is required\n" },
	{ "sudo-refused", CAUSE_OF_COMMAND, 1, "",
	  "ben is not in the sudoers file.\n" },
	{ "snap-classic", CAUSE_OF_COMMAND, 1, "",
	  "error: This revision of snap \"microk8s\" was published using "
	  "classic confinement\n" },
	{ "snapd-seeding", CAUSE_OF_COMMAND, 1, "",
	  "error: too early for operation, device not yet seeded or device "
	  "model not acknowledged\n" },
	{ "snapd-silent", CAUSE_OF_COMMAND, 1, "",
	  "error: cannot communicate with server: Get \"http://localhost/v2\": "
	  "dial unix /run/snapd.socket: connect: no such file\n" },
	{ "store-unreachable", CAUSE_OF_COMMAND, 1, "",
	  "error: unable to contact snap store\n" },

	/* the API, kubelets, Calico, the datastore */
	{ "tls-handshake-timeout", CAUSE_OF_LOG, 0,
	  "Get \"https://10.8.0.4:16443/version\": net/http: TLS handshake "
	  "timeout", NULL },
	{ "overlay-mtu-tls", CAUSE_OF_LOG, 0,
	  "Get \"https://10.152.183.1:443/api/v1/nodes\": net/http: TLS "
	  "handshake timeout", NULL },
	{ "service-address-unreachable", CAUSE_OF_LOG, 0,
	  "Hit error connecting to datastore - retry error=Get \"https://"
	  "10.152.183.1:443/api/v1/nodes/foo\": dial tcp 10.152.183.1:443: "
	  "i/o timeout", NULL },
	{ "certificate-without-address", CAUSE_OF_LOG, 0,
	  "Error from server: Get \"https://100.64.0.3:10250/containerLogs\": "
	  "tls: failed to verify certificate: x509: certificate is valid for "
	  "10.0.0.58, 172.17.0.1, not 100.64.0.3", NULL },
	{ "certificate-without-address", CAUSE_OF_LOG, 0,
	  "x509: cannot validate certificate for 10.0.0.5 because it doesn't "
	  "contain any IP SANs", NULL },
	{ "certificate-expired", CAUSE_OF_LOG, 0,
	  "x509: certificate has expired or is not yet valid: current time "
	  "2026-03-01T10:00:00Z is after 2026-02-01T00:00:00Z", NULL },
	{ "certificate-not-yet-valid", CAUSE_OF_LOG, 0,
	  "x509: certificate has expired or is not yet valid: current time "
	  "2026-03-01T10:00:00Z is before 2026-03-01T10:00:09Z", NULL },
	{ "ca-unknown", CAUSE_OF_LOG, 0,
	  "x509: certificate signed by unknown authority", NULL },
	{ "endpoints-empty", CAUSE_OF_LOG, 0,
	  "failed to load configuration: empty list of control plane "
	  "endpoints", NULL },
	{ "node-ip-absent", CAUSE_OF_LOG, 0,
	  "failed to get node ip: node IP: \"10.8.0.5\" not found in the "
	  "host's network interfaces", NULL },
	{ "calico-address-taken", CAUSE_OF_LOG, 0,
	  "Calico node 'old' is already using the IPv4 address 10.8.0.5",
	  NULL },
	{ "node-name-invalid", CAUSE_OF_LOG, 0,
	  "Node \"my_node\" is invalid: metadata.name: Invalid value: a "
	  "lowercase RFC 1123 subdomain must consist of lower case "
	  "alphanumeric characters", NULL },
	{ "dqlite-no-leader", CAUSE_OF_LOG, 0,
	  "no available dqlite leader server found", NULL },
	{ "dqlite-certificate", CAUSE_OF_LOG, 0,
	  "remote error: tls: bad certificate", NULL },

	/* and what nothing tells */
	{ "unknown", CAUSE_OF_JOIN, 1, "Something new\n", "" },
	{ "unknown", CAUSE_OF_JOIN, 3, "", "" },
	{ "unknown", CAUSE_OF_COMMAND, 6, "Invalid token (500)\n", NULL },
	{ "unknown", CAUSE_OF_LOG, 0, NULL, NULL },
};

static void test_cause_recognise_tells_what_users_met(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *detail = NULL;
		const struct cause *cause = cause_recognise(
			cases[i].from, cases[i].status, cases[i].out,
			cases[i].err, &detail);

		if (strcmp(cause->code, cases[i].code) != 0)
			fail_msg("case %zu is %s, not %s: %s", i, cause->code,
				 cases[i].code, detail);
		assert_non_null(detail);
		assert_ptr_equal(cause_recognise(
			cases[i].from, cases[i].status, cases[i].out,
			cases[i].err, NULL), cause);
	}
}

static bool is_tested(const char *code)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		if (strcmp(cases[i].code, code) == 0)
			return true;
	return false;
}

static void test_cause_with_a_text_is_one_that_users_met(void **state)
{
	const struct cause *cause;

	(void)state;
	for (size_t i = 0; (cause = cause_at(i)); i++)
		if (cause->texts[0].from && !is_tested(cause->code))
			fail_msg("%s: no text above leads to it", cause->code);
}

static void test_cause_rows_are_whole_and_found_by_code(void **state)
{
	g_autoptr(GHashTable) codes = g_hash_table_new(g_str_hash,
						       g_str_equal);
	const struct cause *cause;

	(void)state;
	for (size_t i = 0; (cause = cause_at(i)); i++) {
		assert_true(g_hash_table_add(codes, (gpointer)(guintptr)
					     cause->code));
		assert_int_equal(strspn(cause->code, "abcdefghijklmnopqrstuvw"
					"xyz0123456789-"),
				 strlen(cause->code));
		assert_ptr_equal(cause_find(cause->code), cause);
		assert_true(*cause->meaning && *cause->fix);
		assert_non_null(cause->upstream);
		assert_int_not_equal(cause->meaning[strlen(cause->meaning) - 1],
				     '.');
	}
	assert_null(cause_find("no-such-cause"));
	assert_null(cause_at(g_hash_table_size(codes)));
}

static void test_cause_unknown_shows_the_last_lines(void **state)
{
	g_autofree char *detail = NULL, *masked = NULL;

	(void)state;
	cause_recognise(CAUSE_OF_COMMAND, 1, "not this\n",
			"1\n2\n\n3\n4\n5\n  \n6\n", &detail);
	assert_string_equal(detail, "2\n3\n4\n5\n6");
	cause_recognise(CAUSE_OF_COMMAND, 1, "odd " TOKEN "!\n", NULL,
			&masked);
	assert_string_equal(masked, "odd ****!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cause_recognise_tells_what_users_met),
		cmocka_unit_test(test_cause_with_a_text_is_one_that_users_met),
		cmocka_unit_test(test_cause_rows_are_whole_and_found_by_code),
		cmocka_unit_test(test_cause_unknown_shows_the_last_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
