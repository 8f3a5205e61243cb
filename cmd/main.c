/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands, and nothing else.
 */
#include "cmd.h"

#include <glib.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "init", cmd_init, "write an inventory, asking the hosts for addresses" },
	{ "up", cmd_up, "assemble the cluster of an inventory, and prove it" },
	{ "plan", cmd_plan, "show what up would change; changes nothing" },
	{ "doctor", cmd_doctor, "find what would stop a run, and its cures" },
	{ "verify", cmd_verify, "prove that nodes and pods reach each other" },
	{ "status", cmd_status, "the inventory beside the cluster, and drift" },
	{ "kubeconfig", cmd_kubeconfig, "print or merge what kubectl needs" },
	{ "restart", cmd_restart, "restart a service, masters one by one" },
	{ "upgrade", cmd_upgrade, "bring all nodes to another channel" },
	{ "remove", cmd_remove, "let hosts leave the cluster, dead ones too" },
	{ "reset", cmd_reset, "take the whole cluster apart" },
	{ "rebuild", cmd_rebuild, "reset and up in one, with timings" },
	{ "exec", cmd_exec, "run a command on hosts, tell their answers once" },
	{ "play", cmd_play, "run a playbook of your own" },
	{ "playbook", cmd_playbook, "list or show the playbooks inside muster" },
	{ "trust", cmd_trust, "get to know the hosts' keys, and confirm them once" },
	{ "inventory", cmd_inventory, "check or list an inventory" },
	{ "explain", cmd_explain, "the manual of a step, or of a cause of failure" },
	{ "version", cmd_version, "print muster's version" },
};

static void print_help(FILE *to)
{
	fputs("Examples:\n"
	      "  muster up -i inventory.ini        assemble the cluster\n"
	      "  muster plan -i inventory.ini      what that would change\n"
	      "  muster inventory lint -i inventory.ini\n"
	      "\n"
	      "muster assembles MicroK8s clusters over SSH. It connects to "
	      "the hosts of an\n"
	      "Ansible-style inventory as you would with ssh and sudo; nothing "
	      "is installed\n"
	      "on them for it.\n"
	      "\n"
	      "Usage: muster COMMAND [OPTION...]\n"
	      "\n"
	      "Commands:\n", to);
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(to, "  %-11s%s\n", commands[i].name,
			commands[i].summary);
	fputs("\nmuster COMMAND -h tells more of each.\n", to);
}

int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("muster " MUSTER_VERSION);
	return 0;
}

static const char *const help_words[] = { "-h", "--help", "help", NULL };

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		print_help(stderr);
		return EX_USAGE;
	}
	if (g_strv_contains(help_words, argv[1])) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(0, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "muster: no command '%s'; muster -h lists them\n",
		argv[1]);
	return EX_USAGE;
}
