/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of everything a `microk8s join` is known to end with. Sources of
 * the texts: microk8s scripts/wrappers/join.py, the cluster agent's
 * pkg/api/v2/join.go, snapd; microk8s#4513, #4010, #3242, #2065. join.py
 * prints most errors on standard output, tracebacks on standard error, and a
 * single-use token is spent by any attempt that reached the agent.
 */
#include "join_text.h"

#include <string.h>

#define ANY_STATUS (-1000)

struct rule {
	int status;			/* exit status, or ANY_STATUS */
	const char *text;		/* in either output; NULL: any */
	const char *also;		/* and this on the same line, or NULL */
	struct join_verdict verdict;
};

#define VERDICT(c, o, m, f) \
	{ .cause = c, .outcome = o, .meaning = m, .fix = f }

/* The first rule that holds decides: special texts before general ones. */
static const struct rule rules[] = {
	{ 0, NULL, NULL, VERDICT("joined", JOIN_OK,
		"microk8s join ended with success", "") },

	/* exit 4: before the token was sent */
	{ 4, "Could not verify the identity of", NULL,
	  VERDICT("fingerprint-mismatch", JOIN_RETRY_NEW_TOKEN,
		"the master's certificate is not the one the token was made "
		"for: it changed in between, or another machine answers",
		"if a fresh token meets it too, restart the cluster agent on "
		"the master, and check that node_ip is the master's own") },
	{ 4, NULL, NULL, VERDICT("tls-failed", JOIN_RETRY,
		"the master's cluster agent did not complete a TLS handshake",
		"check that port 25000 of the master is its cluster agent") },

	/* exit 6: the agent's answer, in the order of its checks */
	{ 6, "Invalid token", NULL,
	  VERDICT("invalid-token", JOIN_RETRY_NEW_TOKEN,
		"the master does not know the token: used, expired or lost",
		"use a new token; make no tokens while joins run") },
	{ 6, "is already known to dqlite", NULL,
	  VERDICT("already-known-to-dqlite", JOIN_FATAL,
		"the datastore still lists a member with this host's address",
		"remove the old member with microk8s remove-node --force") },
	{ 6, "address", "was not found in any host interface",
	  VERDICT("bind-address-not-local", JOIN_FATAL,
		"the address the join went to is not the master's own, so its "
		"datastore cannot be moved there",
		"set node_ip of the master to an address of its interfaces") },
	{ 6, "not an HA MicroK8s cluster", NULL,
	  VERDICT("not-ha-cluster", JOIN_FATAL,
		"the master runs without dqlite",
		"enable ha-cluster on the master") },
	{ 6, "This is an HA MicroK8s cluster", NULL,
	  VERDICT("joiner-not-ha", JOIN_FATAL,
		"this host runs without dqlite, the master with it",
		"enable ha-cluster on this host") },
	{ 6, "The port of the cluster agent port has to be set to", NULL,
	  VERDICT("agent-port-differs", JOIN_FATAL,
		"the cluster agents of both hosts use different ports",
		"set the same --bind in args/cluster-agent on both") },
	{ 6, "has the same IP", "as the node we contact",
	  VERDICT("same-ip", JOIN_FATAL,
		"the master sees this host with the master's own address",
		"check node_ip of both hosts and that no NAT lies between") },
	{ 6, "does not resolve to the IP", NULL,
	  VERDICT("hostname-unresolved", JOIN_FATAL,
		"the master cannot resolve this host's name to its address",
		"add the host to /etc/hosts of the master") },
	{ 6, "should resolve to", "but it did not",
	  VERDICT("hostname-unresolved", JOIN_FATAL,
		"the master cannot resolve this host's name to its address",
		"add the host to /etc/hosts of the master") },
	{ 6, "Failed to retrieve list of control plane nodes", NULL,
	  VERDICT("api-unavailable", JOIN_RETRY,
		"the master's API server was not answering",
		"check that the master is ready") },
	{ 6, "Failed to retrieve dqlite cluster nodes", NULL,
	  VERDICT("dqlite-unavailable", JOIN_RETRY,
		"the master's datastore was not ready for a join",
		"check k8s-dqlite on the master") },
	{ 6, "context deadline exceeded", NULL,
	  VERDICT("agent-deadline", JOIN_RETRY,
		"the master did not finish within its own deadline",
		"check that the master is ready") },
	{ 6, NULL, NULL, VERDICT("agent-refused", JOIN_FATAL,
		"the master's cluster agent refused the join",
		"read the journal of snap.microk8s.daemon-cluster-agent on "
		"the master") },

	{ 5, NULL, NULL, VERDICT("http-failed", JOIN_RETRY,
		"the talk with the master's cluster agent broke off",
		"check that port 25000 of the master is its cluster agent") },
	{ 7, NULL, NULL, VERDICT("unknown-auth-mode", JOIN_FATAL,
		"the master asks for an authentication this host lacks",
		"run the same MicroK8s channel on both") },
	{ 2, NULL, NULL, VERDICT("usage", JOIN_FATAL,
		"this MicroK8s does not understand the join command",
		"check the MicroK8s version of this host") },

	/* of timeout(1), which muster runs join under: the agent accepted and
	 * never answered, and join has no timeout of its own */
	{ 124, NULL, NULL,
	  VERDICT("timed-out", JOIN_RETRY,
		"the join did not end in its time: the master's cluster agent "
		"does not answer, or a service of this host does not restart",
		"read the journal of snap.microk8s.daemon-cluster-agent on "
		"the master") },
	{ 137, NULL, NULL,
	  VERDICT("timed-out", JOIN_RETRY,
		"the join did not end in its time: the master's cluster agent "
		"does not answer, or a service of this host does not restart",
		"read the journal of snap.microk8s.daemon-cluster-agent on "
		"the master") },

	/* exit 1: everything else, told by text alone */
	{ 1, "Failed to sign", "certificate",
	  VERDICT("sign-cert-failed", JOIN_RETRY,
		"the master could not sign this host's certificate: several "
		"joins at once disturb each other there, or a proxy is set",
		"if it persists, join fewer hosts at once, and put the "
		"master's address into no_proxy") },
	{ ANY_STATUS, "change in progress", NULL,
	  VERDICT("snapd-busy", JOIN_RETRY,
		"snapd was busy with another change on this host",
		"wait for `snap changes` to settle; hold refreshes") },
	{ 1, "command is taking too long", NULL,
	  VERDICT("service-slow", JOIN_RETRY,
		"a service of this host took longer to restart than snapd "
		"allows", "check load and disk of this host") },
	/* Its text quotes why the proxy was not reached. */
	{ 1, "ProxyError", NULL,
	  VERDICT("proxy-in-the-way", JOIN_FATAL,
		"the request for a certificate went to an HTTP proxy",
		"put the master's address into no_proxy on this host") },
	{ 1, "Remote end closed connection", NULL,
	  VERDICT("agent-closed", JOIN_RETRY,
		"the master's cluster agent went away during the join",
		"restart no services on the master while hosts join") },
	{ 1, "ConnectionRefusedError", NULL,
	  VERDICT("connection-refused", JOIN_RETRY,
		"nothing listens where the join went to",
		"check the cluster agent of the master, port 25000") },
	{ 1, "Connection refused", NULL,
	  VERDICT("connection-refused", JOIN_RETRY,
		"nothing listens where the join went to",
		"check the cluster agent of the master, port 25000") },
	{ 1, "TimeoutError", NULL,
	  VERDICT("connection-timeout", JOIN_FATAL,
		"the master did not answer this host at all",
		"check node_ip of the master, the route to it and firewalls "
		"for port 25000") },
	{ 1, "Connection timed out", NULL,
	  VERDICT("connection-timeout", JOIN_FATAL,
		"the master did not answer this host at all",
		"check node_ip of the master, the route to it and firewalls "
		"for port 25000") },
	{ 1, "No route to host", NULL,
	  VERDICT("no-route", JOIN_FATAL,
		"this host has no route to the master's address",
		"check node_ip of the master and the route to it") },
	{ 1, "Network is unreachable", NULL,
	  VERDICT("no-route", JOIN_FATAL,
		"this host has no route to the master's address",
		"check node_ip of the master and the route to it") },
	{ 1, "ConnectionResetError", NULL,
	  VERDICT("agent-closed", JOIN_RETRY,
		"the master's cluster agent went away during the join",
		"restart no services on the master while hosts join") },
	{ 1, "Please ensure the master node is reachable", NULL,
	  VERDICT("agent-closed", JOIN_RETRY,
		"the master's cluster agent did not answer to the end",
		"restart no services on the master while hosts join") },
	{ 1, "Joining process failed", NULL,
	  VERDICT("role-mismatch", JOIN_FATAL,
		"the master answered as to a control plane, this host asked "
		"to be a worker", "run the same MicroK8s channel on both") },
	{ 1, "Invalid connection", NULL,
	  VERDICT("invalid-url", JOIN_FATAL,
		"join did not accept the address it was given",
		"node_ip of the master must be an IPv4 address") },
	{ 1, "does not have enough RAM", NULL,
	  VERDICT("low-memory", JOIN_FATAL,
		"this host has too little memory for a control plane",
		"give it more memory, or join it as a worker") },
	{ 1, "Insufficient permissions", NULL,
	  VERDICT("no-permission", JOIN_FATAL,
		"join was not run as root", "check sudo on this host") },
	{ 1, "Elevated permissions are needed", NULL,
	  VERDICT("no-permission", JOIN_FATAL,
		"join was not run as root", "check sudo on this host") },
	{ 1, "error running snapctl", NULL,
	  VERDICT("snapctl-failed", JOIN_RETRY,
		"snapd could not restart a service of this host",
		"read the journal of snapd and of the service") },
	{ 127, NULL, NULL, VERDICT("command-not-found", JOIN_FATAL,
		"there is no microk8s command on this host, or no sudo "
		"that it needs", "install the snap; install sudo") },
	{ ANY_STATUS, NULL, NULL, VERDICT("unknown", JOIN_FATAL,
		"microk8s join failed in a way muster does not know",
		"read the output; a new run tries again") },
};

static const struct rule killed_rule = {
	ANY_STATUS, NULL, NULL, VERDICT("killed", JOIN_RETRY,
		"microk8s join was ended by a signal",
		"check memory and shutdowns of this host")
};

#undef VERDICT

/* --- finding the line that told it --- */

static bool has(const char *line, size_t length, const char *what)
{
	return memmem(line, length, what, strlen(what)) != NULL;
}

/* The line of `text` with both texts; *length without the newline. */
static const char *find_line(const char *text, const char *what,
			     const char *also, size_t *length)
{
	while (text && *text) {
		const char *newline = strchrnul(text, '\n');

		*length = (size_t)(newline - text);
		if (has(text, *length, what) &&
		    (!also || has(text, *length, also)))
			return text;
		text = *newline ? newline + 1 : NULL;
	}
	return NULL;
}

/* The last line that is not blank, where errors usually stand. */
static const char *last_line(const char *text, size_t *length)
{
	const char *best = NULL;

	while (text && *text) {
		const char *newline = strchrnul(text, '\n');
		size_t n = (size_t)(newline - text);

		if (strspn(text, " \t\r") < n) {
			best = text;
			*length = n;
		}
		text = *newline ? newline + 1 : NULL;
	}
	return best;
}

/* A readable copy, at most JOIN_DETAIL_MAX bytes. Whatever is as long as a
 * token and made of a token's characters may be one. */
static char *make_detail(const char *line, size_t length)
{
	GString *masked = g_string_new(NULL);
	g_autofree char *raw = NULL;
	char *detail;

	for (size_t i = 0; i < length && masked->len < JOIN_DETAIL_MAX;) {
		size_t run = 0;

		while (i + run < length && g_ascii_isalnum(line[i + run]))
			run++;
		if (run >= JOIN_TOKEN_MIN)
			g_string_append(masked, "****");
		else if (run > 0)
			g_string_append_len(masked, line + i, (gssize)run);
		else
			g_string_append_c(masked, g_ascii_iscntrl(line[i]) ?
					  ' ' : line[i]);
		i += MAX(run, 1);
	}
	raw = g_string_free(masked, FALSE);
	detail = g_utf8_make_valid(raw, -1);
	if (strlen(detail) > JOIN_DETAIL_MAX) {
		size_t end = JOIN_DETAIL_MAX;

		while (((unsigned char)detail[end] & 0xc0) == 0x80)
			end--;
		detail[end] = '\0';
	}
	return g_strstrip(detail);
}

/* The last JOIN_TEXT_MAX bytes, from a line's start on: half a token would
 * not be known for one. */
static const char *tail(const char *text)
{
	size_t length = text ? strlen(text) : 0;
	const char *newline;

	if (length <= JOIN_TEXT_MAX)
		return text;
	text += length - JOIN_TEXT_MAX;
	newline = strchr(text, '\n');
	return newline ? newline + 1 : "";
}

static bool rule_holds(const struct rule *rule, int status, const char *out,
		       const char *err, const char **line, size_t *length)
{
	if (rule->status != ANY_STATUS && rule->status != status)
		return false;
	*line = NULL;
	if (!rule->text)
		return true;
	*line = find_line(out, rule->text, rule->also, length);
	if (!*line)
		*line = find_line(err, rule->text, rule->also, length);
	return *line != NULL;
}

struct join_verdict *join_text_classify(int exit_status, const char *out,
					const char *err)
{
	const struct rule *rule = &killed_rule;
	const char *line = NULL;
	struct join_verdict *verdict;
	size_t length = 0;

	out = tail(out);
	err = tail(err);
	if (exit_status >= 0) {
		rule = rules;
		while (!rule_holds(rule, exit_status, out, err, &line,
				   &length))
			rule++;
	}
	if (!line)
		line = last_line(exit_status == 0 || exit_status == 4 ||
				 exit_status == 6 ? out : err, &length);
	if (!line)
		line = last_line(out, &length);
	if (!line)
		line = last_line(err, &length);
	verdict = g_new0(struct join_verdict, 1);
	*verdict = rule->verdict;
	verdict->detail = line ? make_detail(line, length) : g_strdup("");
	return verdict;
}

void join_verdict_free(struct join_verdict *verdict)
{
	if (!verdict)
		return;
	g_free(verdict->detail);
	g_free(verdict);
}

/* Several texts may tell one cause: the first stands for it. */
static bool is_first_of_cause(size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(rules[i].verdict.cause,
			   rules[at].verdict.cause) == 0)
			return false;
	}
	return true;
}

bool join_text_cause(size_t i, struct join_verdict *verdict)
{
	size_t seen = 0;

	for (size_t at = 0; at < G_N_ELEMENTS(rules); at++) {
		if (!is_first_of_cause(at))
			continue;
		if (seen++ == i) {
			*verdict = rules[at].verdict;
			return true;
		}
	}
	if (seen != i)
		return false;
	*verdict = killed_rule.verdict;
	return true;
}
