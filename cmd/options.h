/* SPDX-License-Identifier: Apache-2.0
 *
 * The options that every command with hosts behind it takes, in the words of
 * ansible-playbook where it has them.
 */
#ifndef MUSTER_CMD_OPTIONS_H
#define MUSTER_CMD_OPTIONS_H

#include "transport/session.h"

#include <glib.h>
#include <stdbool.h>

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
	char *inventory;		/* -i */
	char *limit, *exclude;		/* -l, -x: patterns, or NULL */
	int forks;			/* -f; 0: default */
	char *user;			/* -u */
	char *private_key_file;		/* --private-key */
	char *ssh_config;		/* -F */
	char *jump;			/* -J */
	int connect_forks;		/* --connect-forks; 0: default */
	bool ask_password;		/* -k */
	bool ask_become_password;	/* -K */
	char *become_password_file;	/* --become-password-file */
	char *known_hosts;		/* --known-hosts */
	enum host_key_policy host_key_policy; /* --host-key */
	gint64 connect_timeout_us;	/* -T */
	GHashTable *extra_vars;		/* -e: char * -> char * */
	bool check;			/* -C */
	bool adopt;			/* --adopt */
	bool json;			/* --json */
	bool exit_code;			/* --exit-code (plan) */
	bool assembles;			/* as options_usage has it */
	bool allow_two_masters;		/* --allow-two-masters */
	char *events_path;		/* --events */
	int verbosity;			/* -v, -q: 1, 0, -1 */
	enum color_mode color;
	char **arguments;		/* what is left, NULL-terminated; with
					   takes_command what follows -- */
};

/* What `-h` shows beside the options. */
struct options_usage {
	const char *parameters;		/* "FILE" or NULL */
	const char *examples;		/* shown first */
	const char *summary;		/* paragraphs below the options' list */
	bool is_plan;			/* takes --exit-code, not --check */
	bool takes_command;		/* no playbook, so none of -C, -e, ...;
					   a command to run follows -- */
	bool takes_hosts_only;		/* neither playbook nor command */
	bool assembles;			/* builds the inventory's cluster */
	bool makes_inventory;		/* so it reads none: no -i, -l, -x;
					   `parameters` may be absent */
	bool only_asks;			/* changes nothing: no -C, --adopt */
	const GOptionEntry *entries;	/* of this command alone, or NULL */
};

/* Parses argv. Returns NULL after -h (*status 0) or a mistake, which it
 * prints (*status EX_USAGE). */
struct options *options_parse(int argc, char **argv,
			      const struct options_usage *usage, int *status);
void options_free(struct options *options);

/* `options` (taken) unless there is a `mistake` in them, such as "--count is
 * of --wait": then NULL, a line that says so, and `*status` is that of
 * usage. */
struct options *options_or_mistake(struct options *options,
				   const char *command, const char *mistake,
				   int *status);
typedef struct options Options; /* for g_autoptr(Options) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Options, options_free)

#endif
