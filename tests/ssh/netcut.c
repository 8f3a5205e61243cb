/* SPDX-License-Identifier: Apache-2.0
 *
 * nft(8) drops packets as they come in, so that senders are told nothing.
 */
#include "netcut.h"

#include "sshd.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <stdio.h>

#define TABLE "inet muster_test"
#define ESTABLISHED 1	/* state in /proc/net/tcp */

static bool available;

static void must(const char *command)
{
	const char *const argv[] = {"sh", "-c", command, NULL};
	if (!run_local(argv))
		g_error("failed: %s", command);
}

bool netcut_init(void)
{
	const char *const argv[] = {"sh", "-c", "ip link set lo up && "
				    "nft list ruleset", NULL};
	available = unshare(CLONE_NEWNET) == 0 && run_local(argv);
	return available;
}

void netcut_mend(void)
{
	if (available)
		must("nft 'table " TABLE "\ndelete table " TABLE "'");
}

static void drop(const char *rules)
{
	netcut_mend();
	g_autofree char *command = g_strdup_printf(
		"nft 'table " TABLE " {\nchain in {\ntype filter hook input "
		"priority 0;\n%s\n}\n}'", rules);
	must(command);
}

void netcut_all(unsigned port)
{
	g_autofree char *rules = g_strdup_printf(
		"tcp dport %u drop\ntcp sport %u drop", port, port);
	drop(rules);
}

void netcut_established(unsigned port)
{
	g_autofree char *text = NULL;
	GString *rules = g_string_new(NULL);
	if (!g_file_get_contents("/proc/thread-self/net/tcp", &text, NULL,
				 NULL))
		g_error("no /proc/thread-self/net/tcp");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 1; lines[i] && *lines[i]; i++) {
		unsigned local, remote, state;
		if (sscanf(lines[i], " %*u: %*x:%x %*x:%x %x", &local, &remote,
			   &state) != 3)
			g_error("not understood: %s", lines[i]);
		if (remote == port && state == ESTABLISHED)
			g_string_append_printf(
				rules, "tcp dport %u tcp sport %u drop\ntcp "
				"sport %u tcp dport %u drop\n", port, local,
				port, local);
	}
	if (rules->len == 0)
		g_error("no connection to port %u", port);
	drop(rules->str);
	g_string_free(rules, TRUE);
}
