/* SPDX-License-Identifier: Apache-2.0
 *
 * Adds names to the template of a server certificate, line by line: OpenSSL's
 * own reader is not for editing, and the file has a mark for MicroK8s' sed
 * that must stay.
 */
#include "csr_conf.h"

#include "transport/error.h"
#include "transport/scalar.h"

#include <string.h>

#define MORE_MARK "#MOREIPS"

/* Section alt_names, in bytes of the text. */
struct names {
	const char *text;
	size_t insert_at;	/* where a new line goes */
	bool found;
	GPtrArray *keys;	/* "DNS.1", element-type char * */
	GPtrArray *values;	/* parallel */
};

bool csr_conf_is_name(const char *name)
{
	if (g_hostname_is_ip_address(name))
		return !strchr(name, '%');
	return scalar_is_dns_name(g_str_has_prefix(name, "*.") ? name + 2
				  : name);
}

static bool is_section(const char *line, const char *name)
{
	g_autofree char *inside = NULL;
	const char *close = strchr(line, ']');

	if (*line != '[' || !close)
		return false;
	inside = g_strndup(line + 1, (gsize)(close - line) - 1);
	return strcmp(g_strstrip(inside), name) == 0;
}

/* One line of the section; true if it is an entry. */
static bool read_entry(struct names *names, const char *line)
{
	const char *equals = strchr(line, '=');
	char *value;

	if (*line == '#' || !equals)
		return false;
	value = g_strdup(equals + 1);
	value[strcspn(value, "#")] = '\0';
	g_ptr_array_add(names->keys, g_strstrip(g_strndup(
		line, (gsize)(equals - line))));
	g_ptr_array_add(names->values, g_strstrip(value));
	return true;
}

/* New entries go in front of the mark, or else behind the last entry. */
static void read_lines(struct names *names, char **lines)
{
	bool inside = false, has_mark = false;
	size_t at = 0, length = strlen(names->text);

	for (; *lines; lines++) {
		size_t end = MIN(at + strlen(*lines) + 1, length);
		char *line = g_strstrip(*lines);
		bool here = false;

		if (*line == '[') {
			inside = is_section(line, "alt_names");
			here = inside && !names->found;
			names->found = names->found || inside;
		} else if (inside && g_str_has_prefix(line, MORE_MARK)) {
			if (!has_mark)
				names->insert_at = at;
			has_mark = true;
		} else if (inside) {
			here = read_entry(names, line);
		}
		if (here && !has_mark)
			names->insert_at = end;
		at = end;
	}
}

static bool read_names(struct names *names, const char *text, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	names->text = text;
	if (strlen(text) <= CSR_CONF_SIZE_MAX &&
	    g_strv_length(lines) <= CSR_CONF_LINES_MAX)
		read_lines(names, lines);
	if (!names->found)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "no certificate template with a section "
			    "alt_names");
	return names->found;
}

static bool has(const GPtrArray *list, const char *text)
{
	for (guint i = 0; i < list->len; i++)
		if (g_ascii_strcasecmp(g_ptr_array_index(list, i), text) == 0)
			return true;
	return false;
}

/* Appends the entry, numbered as no other is. */
static void add_name(struct names *names, GString *lines, const char *name)
{
	const char *kind = g_hostname_is_ip_address(name) ? "IP" : "DNS";
	g_autofree char *key = NULL;

	for (unsigned n = 1; !key; n++) {
		g_autofree char *try = g_strdup_printf("%s.%u", kind, n);

		if (!has(names->keys, try))
			key = g_steal_pointer(&try);
	}
	g_string_append_printf(lines, "%s = %s\n", key, name);
	g_ptr_array_add(names->keys, g_steal_pointer(&key));
	g_ptr_array_add(names->values, g_strdup(name));
}

static char *with_names(struct names *names, const char *const *wanted,
			GError **error)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	GString *text;

	for (; *wanted; wanted++) {
		if (!csr_conf_is_name(*wanted)) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
				    "'%.64s' is neither an address nor a name "
				    "that a certificate can have", *wanted);
			return NULL;
		}
		if (!has(names->values, *wanted))
			add_name(names, lines, *wanted);
	}
	text = g_string_new(names->text);
	if (lines->len && names->insert_at == text->len && text->len &&
	    text->str[text->len - 1] != '\n')
		g_string_prepend_c(lines, '\n');
	g_string_insert(text, (gssize)names->insert_at, lines->str);
	return g_string_free(text, FALSE);
}

char *csr_conf_add_names(const char *text, const char *const *names,
			 GError **error)
{
	struct names found = {
		.keys = g_ptr_array_new_with_free_func(g_free),
		.values = g_ptr_array_new_with_free_func(g_free),
	};
	char *after = NULL;

	if (read_names(&found, text ? text : "", error))
		after = with_names(&found, names, error);
	g_ptr_array_unref(found.keys);
	g_ptr_array_unref(found.values);
	return after;
}
