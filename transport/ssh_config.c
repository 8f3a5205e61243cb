/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks ssh -G, and knows when there is no need to.
 */
#include "ssh_config.h"
#include "child.h"
#include "error.h"

#include <glob.h>
#include <string.h>

#define SYSTEM_FILE "/etc/ssh/ssh_config"
#define INCLUDE_DEPTH_MAX 16	/* as ssh(1) */

/* Keywords that say nothing about how a host is reached, or nothing that
 * muster follows. A file of only these need not be asked about. */
static const char *const idle_keywords[] = {
	"host", "sendenv", "setenv", "hashknownhosts",
	"gssapiauthentication", "gssapidelegatecredentials",
	"forwardx11", "forwardx11trusted", "forwardagent",
	"serveraliveinterval", "serveralivecountmax", "tcpkeepalive",
	"controlmaster", "controlpath", "controlpersist", "loglevel",
	"addkeystoagent", "visualhostkey", "updatehostkeys", "compression",
	"escapechar", "requesttty", "localforward", "remoteforward",
	"dynamicforward", "batchmode", "checkhostip", NULL
};

static bool file_matters(const char *path, unsigned depth);

/* ssh(1) looks for relative names beside the file it reads by default. */
static bool include_matters(const char *pattern, bool is_system,
			    unsigned depth)
{
	g_autofree char *full = NULL;
	glob_t found;
	bool matters = false;

	if (g_str_has_prefix(pattern, "~/"))
		full = g_build_filename(g_get_home_dir(), pattern + 2, NULL);
	else if (!g_path_is_absolute(pattern))
		full = is_system ? g_build_filename("/etc/ssh", pattern, NULL)
			: g_build_filename(g_get_home_dir(), ".ssh", pattern,
					   NULL);
	if (glob(full ? full : pattern, 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc && !matters; i++)
		matters = file_matters(found.gl_pathv[i], depth + 1);
	globfree(&found);
	return matters;
}

static bool line_matters(const char *line, const char *path, unsigned depth)
{
	size_t length = strcspn(line, " \t=");
	g_autofree char *keyword = g_ascii_strdown(line, (gssize)length);
	const char *value = line + length + strspn(line + length, " \t=");

	if (!*keyword || *keyword == '#')
		return false;
	if (strcmp(keyword, "include") != 0)
		return !g_strv_contains(idle_keywords, keyword);
	g_auto(GStrv) patterns = g_strsplit_set(value, " \t\"", -1);

	for (char **p = patterns; *p; p++)
		if (**p && include_matters(*p, g_str_has_prefix(
						path, "/etc/ssh/"), depth))
			return true;
	return false;
}

static bool file_matters(const char *path, unsigned depth)
{
	g_autofree char *text = NULL;

	if (depth > INCLUDE_DEPTH_MAX)
		return true;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		/* there, but not for us: ssh shall say so */
		return g_file_test(path, G_FILE_TEST_EXISTS);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++)
		if (line_matters(g_strstrip(*line), path, depth))
			return true;
	return false;
}

bool ssh_config_matters(const char *config_file)
{
	if (config_file)
		return g_ascii_strcasecmp(config_file, "none") != 0;
	g_autofree char *own = g_build_filename(g_get_home_dir(), ".ssh",
						"config", NULL);

	return file_matters(own, 0) || file_matters(SYSTEM_FILE, 0);
}

static void add(GPtrArray *argv, const char *option, const char *value)
{
	g_ptr_array_add(argv, g_strdup(option));
	g_ptr_array_add(argv, g_strdup(value));
}

/* Identity files are left out: ssh drops one that it cannot read, and a key
 * that was asked for by name must be missed loudly. */
static GPtrArray *command_line(const struct ssh_query *query)
{
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
	const struct ssh_args *args = query->args;
	const char *file = query->config_file ? query->config_file
		: args ? args->config_file : NULL;

	g_ptr_array_add(argv, g_strdup("ssh"));
	g_ptr_array_add(argv, g_strdup("-G"));
	if (file)
		add(argv, "-F", file);
	if (query->user)
		add(argv, "-l", query->user);
	if (query->port) {
		g_autofree char *port = g_strdup_printf("%u", query->port);

		add(argv, "-p", port);
	}
	for (guint i = 0; args && i < args->options->len; i++)
		add(argv, "-o", g_ptr_array_index(args->options, i));
	if (args && args->jump)
		add(argv, "-J", args->jump);
	g_ptr_array_add(argv, g_strdup("--"));
	g_ptr_array_add(argv, g_strdup(query->name));
	g_ptr_array_add(argv, NULL);
	return argv;
}

char *ssh_config_question(const struct ssh_query *query)
{
	g_autoptr(GPtrArray) argv = command_line(query);

	return g_strjoinv("\n", (char **)argv->pdata);
}

static void free_values(void *values)
{
	g_ptr_array_unref(values);
}

static GHashTable *parse(const char *text)
{
	GHashTable *settings = g_hash_table_new_full(
		g_str_hash, g_str_equal, g_free, free_values);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		char *space = strchr(*line, ' ');
		GPtrArray *values;

		if (!space)
			continue;
		g_autofree char *keyword = g_ascii_strdown(
			*line, (gssize)(space - *line));

		values = g_hash_table_lookup(settings, keyword);
		if (!values) {
			values = g_ptr_array_new_with_free_func(g_free);
			g_hash_table_insert(settings,
					    g_steal_pointer(&keyword),
					    values);
		}
		g_ptr_array_add(values, g_strdup(space + 1));
	}
	return settings;
}

GHashTable *ssh_config_ask(const struct ssh_query *query,
			   struct cancel *cancel, gint64 deadline_us,
			   GError **error)
{
	g_autoptr(GPtrArray) argv = command_line(query);
	g_autofree char *out = NULL, *err = NULL;
	int status = 0;

	if (!child_run((const char *const *)argv->pdata, cancel, deadline_us,
		       &out, &err, &status, error))
		return NULL;
	if (status == 0)
		return parse(out);
	g_strstrip(err);
	g_strdelimit(err, "\r\n", ' ');
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "ssh configuration for '%s': %s (try: ssh -G %s; -F none "
		    "does without)", query->name, err, query->name);
	return NULL;
}

const char *ssh_config_get(GHashTable *settings, const char *keyword)
{
	const GPtrArray *values = g_hash_table_lookup(settings, keyword);

	return values ? g_ptr_array_index(values, 0) : NULL;
}
