/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables: which ones muster knows, whether their text fits, and what the
 * connection variables make of a host. Values never appear in a message
 * unless their type is one that holds no secret.
 */
#include "inventory_priv.h"

#include "nearest.h"
#include "scalar.h"
#include "ssh_args.h"

#include <arpa/inet.h>
#include <string.h>

enum var_use {
	USE_QUIET,	/* used, or harmless */
	USE_IGNORED,	/* muster does not act on it: say so */
	USE_SECRET	/* used, and nobody else should read it */
};

static const struct {
	const char *name;
	enum inventory_type type;
	enum var_use use;
} known[] = {
	{ "ansible_host", INVENTORY_STRING, USE_QUIET },
	{ "ansible_ssh_host", INVENTORY_STRING, USE_QUIET },
	{ "ansible_port", INVENTORY_PORT, USE_QUIET },
	{ "ansible_ssh_port", INVENTORY_PORT, USE_QUIET },
	{ "ansible_user", INVENTORY_STRING, USE_QUIET },
	{ "ansible_ssh_user", INVENTORY_STRING, USE_QUIET },
	{ "ansible_private_key_file", INVENTORY_STRING, USE_QUIET },
	{ "ansible_ssh_private_key_file", INVENTORY_STRING, USE_QUIET },
	{ "ansible_become", INVENTORY_BOOL, USE_QUIET },
	{ "ansible_become_user", INVENTORY_STRING, USE_QUIET },
	{ "ansible_become_method", INVENTORY_STRING, USE_QUIET },
	{ "ansible_connection", INVENTORY_STRING, USE_QUIET },
	{ "ansible_ssh_timeout", INVENTORY_DURATION, USE_QUIET },
	{ "ansible_timeout", INVENTORY_DURATION, USE_QUIET },
	{ "ansible_group_priority", INVENTORY_STRING, USE_QUIET },
	{ "ansible_python_interpreter", INVENTORY_STRING, USE_QUIET },
	{ "ansible_shell_type", INVENTORY_STRING, USE_QUIET },
	{ "ansible_ssh_pipelining", INVENTORY_STRING, USE_QUIET },
	{ "ansible_pipelining", INVENTORY_STRING, USE_QUIET },
	{ "ansible_ssh_transfer_method", INVENTORY_STRING, USE_QUIET },
	{ "ansible_ssh_args", INVENTORY_SSH_ARGS, USE_QUIET },
	{ "ansible_ssh_common_args", INVENTORY_SSH_ARGS, USE_QUIET },
	{ "ansible_ssh_extra_args", INVENTORY_SSH_ARGS, USE_QUIET },
	{ "ansible_ssh_executable", INVENTORY_STRING, USE_IGNORED },
	{ "ansible_ssh_retries", INVENTORY_STRING, USE_IGNORED },
	{ "ansible_host_key_checking", INVENTORY_STRING, USE_IGNORED },
	{ "ansible_ssh_host_key_checking", INVENTORY_STRING, USE_IGNORED },
	{ "ansible_become_flags", INVENTORY_STRING, USE_IGNORED },
	{ "ansible_become_exe", INVENTORY_STRING, USE_IGNORED },
	{ "ansible_password", INVENTORY_STRING, USE_SECRET },
	{ "ansible_ssh_pass", INVENTORY_STRING, USE_SECRET },
	{ "ansible_ssh_password", INVENTORY_STRING, USE_SECRET },
	{ "ansible_become_password", INVENTORY_STRING, USE_SECRET },
	{ "ansible_become_pass", INVENTORY_STRING, USE_SECRET },
	{ "ansible_sudo_pass", INVENTORY_STRING, USE_SECRET },
	{ "ansible_ssh_private_key_passphrase", INVENTORY_STRING,
	  USE_IGNORED },
};

static bool fits_ipv4(const char *text)
{
	struct in_addr address;

	return inet_pton(AF_INET, text, &address) == 1;
}

static bool fits_port(const char *text)
{
	guint64 port;

	return g_ascii_string_to_unsigned(text, 10, 1, 65535, &port, NULL);
}

static bool fits_bool(const char *text)
{
	bool value;

	return scalar_bool(text, &value);
}

static bool fits_string(const char *text)
{
	return *text != '\0';
}

static bool fits_duration(const char *text)
{
	gint64 us;

	return scalar_duration(text, &us);
}

/* [TRACK/]RISK[/BRANCH] as snapd reads it, with at least the risk. */
static bool fits_channel(const char *text)
{
	static const char *const risks[] = { "stable", "candidate", "beta",
					     "edge", NULL };
	g_auto(GStrv) part = g_strsplit(text, "/", 4);
	guint n = g_strv_length(part);

	if (n < 1 || n > 3 || strpbrk(text, " \t"))
		return false;
	for (guint i = 0; i < n; i++)
		if (!*part[i])
			return false;
	return g_strv_contains((const char *const *)risks, part[0])
		? n <= 2
		: n >= 2 && g_strv_contains((const char *const *)risks, part[1]);
}

static bool fits_server(const char *text)
{
	g_autofree char *host = NULL;
	unsigned port;

	return scalar_server(text, &host, &port);
}

static char *ssh_args_mistake(const char *text)
{
	struct ssh_args args;
	g_autoptr(GError) error = NULL;

	ssh_args_init(&args);
	(void)ssh_args_parse(&args, text, &error);
	ssh_args_clear(&args);
	return g_strdup(error ? error->message : NULL);
}

static bool fits_ssh_args(const char *text)
{
	g_autofree char *mistake = ssh_args_mistake(text);

	return !mistake;
}

static const struct {
	bool (*fits)(const char *text);
	const char *what, *hint;
} types[] = {
	[INVENTORY_STRING] = { fits_string, "a value", NULL },
	[INVENTORY_IPV4] = { fits_ipv4, "an IPv4 address",
			     "such as 10.8.0.4" },
	[INVENTORY_PORT] = { fits_port, "a port", "1 to 65535" },
	[INVENTORY_BOOL] = { fits_bool, "a truth value", "yes or no" },
	[INVENTORY_DURATION] = { fits_duration, "a time",
				 "such as 35, 35s, 2m or 500ms" },
	[INVENTORY_CHANNEL] = { fits_channel, "a snap channel",
				"such as 1.32/stable" },
	[INVENTORY_SERVER] = { fits_server, "a name or IPv4 address and a port",
			       "such as lb.example.com:16443" },
	[INVENTORY_SSH_ARGS] = { fits_ssh_args, "options of ssh",
				 "muster takes -o Key=Value, -J, -F and -i" },
};

static char *did_you_mean(const struct inventory_reader *r, const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *nearest;

	for (size_t i = 0; i < r->rules->n_vars; i++)
		g_ptr_array_add(names, (gpointer)(guintptr)
				r->rules->vars[i].name);
	if (g_str_has_prefix(name, "ansible_"))
		for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
			g_ptr_array_add(names,
					(gpointer)(guintptr)known[i].name);
	nearest = nearest_name(name, names);
	return nearest ? g_strdup_printf("did you mean %s?", nearest) : NULL;
}

/* Says once per name that muster makes nothing of it. */
static void warn_once(struct inventory_reader *r, const char *name,
		      size_t offset, const char *hint, const char *what)
{
	if (g_hash_table_add(r->warned, g_strdup(name)))
		reader_problem(r, false, offset, hint, "%s %s", name, what);
}

static void check_type(struct inventory_reader *r, const char *name,
		       const char *value, size_t offset,
		       enum inventory_type type)
{
	g_autofree char *why = NULL;

	if (types[type].fits(value))
		return;
	if (type == INVENTORY_SSH_ARGS && *value)
		why = ssh_args_mistake(value);
	if (why)
		reader_problem(r, true, offset, NULL, "%s: %s", name, why);
	else if (!*value)
		reader_problem(r, true, offset, types[type].hint,
			       "%s has no value", name);
	else
		reader_problem(r, true, offset, types[type].hint,
			       "%s: '%s' is not %s", name, value,
			       types[type].what);
}

/* Where byte `at` of a value is in the line: quotes before it count, escapes
 * do not matter to values that are checked so. */
static size_t place_in_value(const struct inventory_reader *r,
			     const char *value, size_t value_at, size_t at)
{
	for (size_t shift = 0; shift < 2; shift++)
		if (strncmp(r->line + value_at + shift, value, at) == 0)
			return value_at + shift + at;
	return value_at;
}

static void check_var(struct inventory_reader *r,
		      const struct inventory_var *var, const char *value,
		      size_t value_at)
{
	g_autoptr(GError) error = NULL;
	size_t at = 0;

	if (var->type != INVENTORY_OWN)
		check_type(r, var->name, value, value_at, var->type);
	else if (!r->rules->check(var->name, value, &at, &error))
		reader_problem(r, true,
			       place_in_value(r, value, value_at, at), NULL,
			       "%s: %s", var->name, error->message);
}

static void check_known(struct inventory_reader *r, size_t i, size_t at,
			const char *value, size_t value_at)
{
	const char *name = known[i].name;
	guint64 unused;

	if (known[i].use == USE_SECRET) {
		r->has_secret = true;
		return;
	}
	if (known[i].use == USE_IGNORED) {
		warn_once(r, name, at, strstr(name, "host_key")
			  ? "see --host-key" : NULL,
			  "is not used by this version of muster");
		return;
	}
	check_type(r, name, value, value_at, known[i].type);
	if (strcmp(name, "ansible_connection") == 0 &&
	    strcmp(value, "ssh") && strcmp(value, "smart"))
		reader_problem(r, true, value_at,
			       "remove it, or set it to ssh",
			       "muster reaches hosts over SSH only");
	if (strcmp(name, "ansible_become_method") == 0 && strcmp(value, "sudo"))
		reader_problem(r, true, value_at, NULL,
			       "muster becomes root with sudo only");
	if (strcmp(name, "ansible_group_priority") == 0 &&
	    !g_ascii_string_to_unsigned(value, 10, 0, 1000000, &unused, NULL))
		reader_problem(r, true, value_at, NULL,
			       "ansible_group_priority is a number");
}

static void check_name(struct inventory_reader *r, const char *name, size_t at,
		       const char *value, size_t value_at)
{
	g_autofree char *hint = NULL;

	for (size_t i = 0; i < r->rules->n_vars; i++)
		if (strcmp(name, r->rules->vars[i].name) == 0) {
			check_var(r, &r->rules->vars[i], value, value_at);
			return;
		}
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(name, known[i].name) == 0) {
			check_known(r, i, at, value, value_at);
			return;
		}
	hint = did_you_mean(r, name);
	if (r->rules->prefix && g_str_has_prefix(name, r->rules->prefix))
		reader_problem(r, true, at, hint, "unknown variable %s", name);
	else if (g_str_has_prefix(name, "ansible_"))
		warn_once(r, name, at, hint, "means nothing to muster");
	else if (hint)
		warn_once(r, name, at, hint, "means nothing to muster");
}

static void var_free(void *data)
{
	struct host_var *var = data;

	g_free(var->value);
	g_free(var);
}

GHashTable *vars_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, var_free);
}

void vars_copy(GHashTable *to, GHashTable *from)
{
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, from);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const struct host_var *var = value;
		struct host_var *copy = g_new(struct host_var, 1);

		*copy = *var;
		copy->value = g_strdup(var->value);
		g_hash_table_replace(to, g_strdup(key), copy);
	}
}

void vars_set(struct inventory_reader *r, GHashTable *vars, const char *name,
	      size_t name_offset, const char *value, size_t value_offset)
{
	struct host_var *var = g_new0(struct host_var, 1);

	var->value = g_strdup(value);
	var->file = r->inventory->path;
	var->line = r->line_no;
	var->column = reader_column(r, value_offset);
	g_hash_table_replace(vars, g_strdup(name), var);
	if (strstr(value, "{{") || strstr(value, "{%"))
		reader_problem(r, true, value_offset, "write the value itself",
			       "%s: templates are not supported", name);
	else
		check_name(r, name, name_offset, value, value_offset);
}

/* Ansible asks for several names and the last one set wins. */
static const char *last_of(const struct host *host, const char *first,
			   const char *second)
{
	const char *value = host_var(host, second);

	return value ? value : host_var(host, first);
}

static void apply_host(struct host *host)
{
	const char *value;
	gint64 us;
	bool become;

	value = last_of(host, "ansible_host", "ansible_ssh_host");
	host->address = g_strdup(value ? value : host->name);
	value = last_of(host, "ansible_port", "ansible_ssh_port");
	host->port = value ? (unsigned)g_ascii_strtoull(value, NULL, 10) : 22;
	host->user = g_strdup(last_of(host, "ansible_user",
				      "ansible_ssh_user"));
	host->private_key_file = g_strdup(last_of(host,
			"ansible_private_key_file",
			"ansible_ssh_private_key_file"));
	host->become_user = g_strdup(host_var(host, "ansible_become_user"));
	value = host_var(host, "ansible_become");
	if (value && scalar_bool(value, &become))
		host->become = become ? HOST_BECOME_YES : HOST_BECOME_NO;
	value = last_of(host, "ansible_timeout", "ansible_ssh_timeout");
	if (value && scalar_duration(value, &us))
		host->connect_timeout_s = (unsigned)(
			(us + G_TIME_SPAN_SECOND - 1) / G_TIME_SPAN_SECOND);
}

void vars_apply(struct inventory_reader *r)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash,
			g_str_equal, g_free, NULL);
	GPtrArray *hosts = r->inventory->hosts;

	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i), *other;
		char *place;

		apply_host(host);
		if (!*host->address)
			continue; /* already a problem of its own */
		place = g_strdup_printf("%s %u", host->address, host->port);
		other = g_hash_table_lookup(seen, place);
		if (!other) {
			g_hash_table_insert(seen, place, host);
			continue;
		}
		problem_add(r->problems, true, host->file, host->line,
			    host->column, "one machine has one name",
			    "'%s' has the address and port of '%s' (line %u)",
			    host->name, other->name, other->line);
		g_free(place);
	}
}
