/* SPDX-License-Identifier: Apache-2.0
 *
 * Command line to struct options, through GOptionContext.
 */
#include "options.h"

#include "transport/scalar.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static gboolean set_host_key(const char *name, const char *value,
			     gpointer data, GError **error)
{
	struct options *o = data;

	(void)name;
	if (strcmp(value, "strict") == 0)
		o->host_key_policy = HOST_KEY_STRICT;
	else if (strcmp(value, "accept-new") == 0)
		o->host_key_policy = HOST_KEY_ACCEPT_NEW;
	else {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--host-key is strict or accept-new, not '%s'",
			    value);
		return FALSE;
	}
	return TRUE;
}

static gboolean set_timeout(const char *name, const char *value,
			    gpointer data, GError **error)
{
	struct options *o = data;

	(void)name;
	if (scalar_duration(value, &o->connect_timeout_us) &&
	    o->connect_timeout_us > 0)
		return TRUE;
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "--timeout takes a time such as 10 or 2m, not '%s'",
		    value);
	return FALSE;
}

static gboolean add_extra_var(const char *name, const char *value,
			      gpointer data, GError **error)
{
	struct options *o = data;
	const char *equals = strchr(value, '=');

	(void)name;
	if (!equals || equals == value) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--extra-vars takes NAME=VALUE, not '%s'", value);
		return FALSE;
	}
	g_hash_table_insert(o->extra_vars,
			    g_strndup(value, (gsize)(equals - value)),
			    g_strdup(equals + 1));
	return TRUE;
}

static gboolean set_color(const char *name, const char *value, gpointer data,
			  GError **error)
{
	struct options *o = data;

	(void)name;
	if (strcmp(value, "auto") == 0)
		o->color = COLOR_AUTO;
	else if (strcmp(value, "always") == 0)
		o->color = COLOR_ALWAYS;
	else if (strcmp(value, "never") == 0)
		o->color = COLOR_NEVER;
	else {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--color is auto, always or never, not '%s'",
			    value);
		return FALSE;
	}
	return TRUE;
}

static gboolean louder(const char *name, const char *value, gpointer data,
		       GError **error)
{
	struct options *o = data;

	(void)value;
	(void)error;
	o->verbosity += strcmp(name, "-q") == 0 ||
		strcmp(name, "--quiet") == 0 ? -1 : 1;
	return TRUE;
}

/* What GOption fills in and struct options keeps in another type. */
struct raw {
	gboolean check, adopt, json, exit_code, help;
	gboolean ask_password, ask_become_password, allow_two_masters;
};

/* How hosts are connected to. */
static void add_connection_entries(GOptionGroup *group, struct options *o,
				   struct raw *raw)
{
	const GOptionEntry entries[] = {
		{ "user", 'u', 0, G_OPTION_ARG_STRING, &o->user,
		  "Log in as USER; wins over the inventory", "USER" },
		{ "private-key", 0, 0, G_OPTION_ARG_FILENAME,
		  &o->private_key_file, "Log in with this key file", "FILE" },
		{ "ssh-config", 'F', 0, G_OPTION_ARG_FILENAME, &o->ssh_config,
		  "Instead of ssh's own configuration; none: do without",
		  "FILE" },
		{ "jump", 'J', 0, G_OPTION_ARG_STRING, &o->jump,
		  "Reach hosts through these, as ssh -J", "HOST,..." },
		{ "connect-forks", 0, 0, G_OPTION_ARG_INT, &o->connect_forks,
		  "Handshakes at once behind one jump host (default 8)",
		  "N" },
		{ "ask-pass", 'k', 0, G_OPTION_ARG_NONE, &raw->ask_password,
		  "Ask for a password to log in with", NULL },
		{ "ask-become-pass", 'K', 0, G_OPTION_ARG_NONE,
		  &raw->ask_become_password, "Ask for a password for sudo",
		  NULL },
		{ "become-password-file", 0, 0, G_OPTION_ARG_FILENAME,
		  &o->become_password_file,
		  "Read it from a file's first line; - is standard input",
		  "FILE" },
		{ "host-key", 0, 0, G_OPTION_ARG_CALLBACK,
		  (gpointer)set_host_key,
		  "Unknown host keys: strict (refuse, default) or accept-new",
		  "POLICY" },
		{ "known-hosts", 0, 0, G_OPTION_ARG_FILENAME, &o->known_hosts,
		  "Instead of ~/.ssh/known_hosts", "FILE" },
		{ "timeout", 'T', 0, G_OPTION_ARG_CALLBACK,
		  (gpointer)set_timeout,
		  "For connecting to a host (default 10s)", "TIME" },
		G_OPTION_ENTRY_NULL
	};

	g_option_group_add_entries(group, entries);
}

/* Which hosts there are. */
static void add_inventory_entries(GOptionGroup *group, struct options *o)
{
	const GOptionEntry entries[] = {
		{ "inventory", 'i', 0, G_OPTION_ARG_FILENAME, &o->inventory,
		  "Inventory (INI as for Ansible; - is standard input)",
		  "FILE" },
		{ "limit", 'l', 0, G_OPTION_ARG_STRING, &o->limit,
		  "Only these hosts: names, groups, globs, a:!b, a:&b, g[0], "
		  "~regex, @FILE; commas or colons between them", "PATTERN" },
		{ "exclude", 'x', 0, G_OPTION_ARG_STRING, &o->exclude,
		  "None of these hosts", "PATTERN" },
		G_OPTION_ENTRY_NULL
	};

	g_option_group_add_entries(group, entries);
}

static void add_entries(GOptionGroup *group, struct options *o,
			struct raw *raw, const struct options_usage *usage)
{
	const GOptionEntry all[] = {
		{ "forks", 'f', 0, G_OPTION_ARG_INT, &o->forks,
		  "Hosts at once (default 32)", "N" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &raw->json,
		  "One JSON document on standard output", NULL },
		{ "color", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer)set_color,
		  "auto (default), always or never", "WHEN" },
		{ "verbose", 'v', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK,
		  (gpointer)louder, "Tell skipped steps and progress too",
		  NULL },
		{ "quiet", 'q', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK,
		  (gpointer)louder, "Tell only changes and failures", NULL },
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &raw->help, "Show this",
		  NULL },
		G_OPTION_ENTRY_NULL
	};

	if (!usage->makes_inventory)
		add_inventory_entries(group, o);
	g_option_group_add_entries(group, all);
	add_connection_entries(group, o, raw);
	if (usage->entries)
		g_option_group_add_entries(group, usage->entries);
}

static void add_playbook_entries(GOptionGroup *group, struct options *o,
				 struct raw *raw,
				 const struct options_usage *usage)
{
	const GOptionEntry playbook[] = {
		{ "extra-vars", 'e', 0, G_OPTION_ARG_CALLBACK,
		  (gpointer)add_extra_var,
		  "Set a variable; wins over the inventory", "NAME=VALUE" },
		{ "events", 0, 0, G_OPTION_ARG_FILENAME, &o->events_path,
		  "Write every event as a line of JSON", "FILE" },
		G_OPTION_ENTRY_NULL
	};
	const GOptionEntry adopt[] = {
		{ "adopt", 0, 0, G_OPTION_ARG_NONE, &raw->adopt,
		  "Take over hosts that belong to another cluster", NULL },
		G_OPTION_ENTRY_NULL
	};
	const GOptionEntry check[] = {
		{ "check", 'C', 0, G_OPTION_ARG_NONE, &raw->check,
		  "Change nothing, tell what would change", NULL },
		G_OPTION_ENTRY_NULL
	};
	const GOptionEntry exit_code[] = {
		{ "exit-code", 0, 0, G_OPTION_ARG_NONE, &raw->exit_code,
		  "Exit with 10 when something would change", NULL },
		G_OPTION_ENTRY_NULL
	};
	const GOptionEntry two_masters[] = {
		{ "allow-two-masters", 0, 0, G_OPTION_ARG_NONE,
		  &raw->allow_two_masters,
		  "Build a cluster that the loss of one of two masters ends",
		  NULL },
		G_OPTION_ENTRY_NULL
	};

	g_option_group_add_entries(group, playbook);
	if (usage->only_asks)
		return;
	g_option_group_add_entries(group, adopt);
	if (usage->assembles)
		g_option_group_add_entries(group, two_masters);
	g_option_group_add_entries(group, usage->is_plan ? exit_code : check);
}

/* Examples first: who asks for help wants to copy one. */
static void print_help(GOptionContext *context,
		       const struct options_usage *usage)
{
	g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);

	printf("%s\n\n%s", usage->examples, text);
}

/* Where "--" stands, or `argc`. GOption keeps it or not by rules of its own,
 * so it never sees it. */
static int find_dashes(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return argc;
}

static bool take_command(struct options *o, char **words, GError **error)
{
	if (*o->arguments) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			    "'%s' is no option; the command goes after --",
			    *o->arguments);
		return false;
	}
	g_strfreev(o->arguments);
	o->arguments = g_strdupv(words);
	return true;
}

/* Sets *helped if help was asked for and given: then there are no options. */
static bool parse(struct options *o, int argc, char **argv,
		  const struct options_usage *usage, bool *helped,
		  GError **error)
{
	g_autoptr(GOptionContext) context =
		g_option_context_new(usage->parameters);
	GOptionGroup *group = g_option_group_new(NULL, NULL, NULL, o, NULL);
	g_auto(GStrv) words = g_new0(char *, (gsize)argc + 1);
	struct raw raw = { 0 };
	int end = usage->takes_command ? find_dashes(argc, argv) : argc;

	for (int i = 0; i < end; i++)
		words[i] = i ? g_strdup(argv[i])
			     : g_strconcat("muster ", argv[0], NULL);
	g_set_prgname(words[0]);
	add_entries(group, o, &raw, usage);
	if (!usage->takes_command && !usage->takes_hosts_only)
		add_playbook_entries(group, o, &raw, usage);
	g_option_context_set_main_group(context, group);
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_description(context, usage->summary);
	if (!g_option_context_parse_strv(context, &words, error))
		return false;
	*helped = raw.help;
	if (raw.help) {
		print_help(context, usage);
		return true;
	}
	o->check = raw.check || usage->is_plan;
	o->adopt = raw.adopt;
	o->json = raw.json;
	o->assembles = usage->assembles;
	o->allow_two_masters = raw.allow_two_masters;
	o->ask_password = raw.ask_password;
	o->ask_become_password = raw.ask_become_password;
	o->exit_code = raw.exit_code;
	o->arguments = g_strdupv(words + (words[0] ? 1 : 0));
	return !usage->takes_command ||
		take_command(o, argv + MIN(end + 1, argc), error);
}

/* What the types of GOption cannot say. */
static const char *mistake_in(const struct options *o,
			      const struct options_usage *usage)
{
	if (!o->inventory && !usage->makes_inventory)
		return "no inventory: give one with -i FILE";
	if (o->forks < 0 || o->connect_forks < 0)
		return "--forks and --connect-forks take a number of hosts, "
		       "1 or more";
	if (o->ask_become_password && o->become_password_file)
		return "give one of -K and --become-password-file";
	if (!usage->parameters && *o->arguments)
		return "takes no arguments besides its options";
	if (usage->parameters && !usage->makes_inventory && !*o->arguments)
		return usage->takes_command ? "no command: it goes after --"
			: "an argument is missing";
	return NULL;
}

struct options *options_or_mistake(struct options *options,
				   const char *command, const char *mistake,
				   int *status)
{
	if (!mistake)
		return options;
	fprintf(stderr, "muster %s: %s; see muster %s -h\n", command, mistake,
		command);
	options_free(options);
	*status = EX_USAGE;
	return NULL;
}

struct options *options_parse(int argc, char **argv,
			      const struct options_usage *usage, int *status)
{
	struct options *o = g_new0(struct options, 1);
	g_autoptr(GError) error = NULL;
	const char *mistake = NULL;
	bool helped = false;

	o->extra_vars = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					      g_free);
	if (!parse(o, argc, argv, usage, &helped, &error))
		mistake = error->message;
	else if (!helped)
		mistake = mistake_in(o, usage);
	if (mistake || !helped)
		return options_or_mistake(o, argv[0], mistake, status);
	options_free(o);
	*status = 0;
	return NULL;
}

void options_free(struct options *o)
{
	if (!o)
		return;
	g_free(o->inventory);
	g_free(o->limit);
	g_free(o->exclude);
	g_free(o->user);
	g_free(o->private_key_file);
	g_free(o->ssh_config);
	g_free(o->jump);
	g_free(o->become_password_file);
	g_free(o->known_hosts);
	g_free(o->events_path);
	g_hash_table_unref(o->extra_vars);
	g_strfreev(o->arguments);
	g_free(o);
}
