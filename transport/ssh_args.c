/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads ssh(1)'s options from a line of text.
 */
#include "ssh_args.h"
#include "error.h"

#include <string.h>

void ssh_args_init(struct ssh_args *args)
{
	memset(args, 0, sizeof(*args));
	args->options = g_ptr_array_new_with_free_func(g_free);
	args->identity_files = g_ptr_array_new_with_free_func(g_free);
	args->notes = g_ptr_array_new_with_free_func(g_free);
}

void ssh_args_clear(struct ssh_args *args)
{
	g_ptr_array_unref(args->options);
	g_ptr_array_unref(args->identity_files);
	g_ptr_array_unref(args->notes);
	g_free(args->jump);
	g_free(args->config_file);
}

/* No file at all, in any of ssh's words for it. */
static bool names_no_file(const char *value)
{
	g_auto(GStrv) words = g_strsplit_set(value, " \t\"", -1);
	bool found = false;

	for (char **word = words; *word; word++)
		if (strcmp(*word, "/dev/null") == 0 ||
		    g_ascii_strcasecmp(*word, "none") == 0)
			found = true;
		else if (**word)
			return false;
	return found;
}

/* Host keys are checked by muster's own policy, whatever these say. */
static bool weakens_host_keys(const char *key, const char *value)
{
	if (g_ascii_strcasecmp(key, "StrictHostKeyChecking") == 0)
		return g_ascii_strcasecmp(value, "yes") != 0 &&
			g_ascii_strcasecmp(value, "ask") != 0;
	if (g_ascii_strcasecmp(key, "UserKnownHostsFile") == 0 ||
	    g_ascii_strcasecmp(key, "GlobalKnownHostsFile") == 0)
		return names_no_file(value);
	return g_ascii_strcasecmp(key, "NoHostAuthenticationForLocalhost")
			== 0 ||
		g_ascii_strcasecmp(key, "VerifyHostKeyDNS") == 0;
}

/* "Key=Value", "Key Value" */
static bool take_option(struct ssh_args *args, const char *word,
			GError **error)
{
	size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	g_autofree char *key = g_strndup(word, length);
	const char *value = word + length + strspn(word + length, " \t");

	if (*value == '=')
		value += 1 + strspn(value + 1, " \t");
	if (!*key || !*value || value == word + length) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "-o takes Key=Value, not '%s'", word);
		return false;
	}
	if (weakens_host_keys(key, value))
		g_ptr_array_add(args->notes, g_strdup_printf(
			"%s=%s is not followed: host keys are always checked "
			"(new hosts: --host-key=accept-new)", key, value));
	else
		g_ptr_array_add(args->options,
				g_strdup_printf("%s=%s", key, value));
	return true;
}

static void take_text(char **to, const char *value)
{
	g_free(*to);
	*to = g_strdup(value);
}

static bool take(struct ssh_args *args, char letter, const char *value,
		 GError **error)
{
	switch (letter) {
	case 'o':
		return take_option(args, value, error);
	case 'J':
		take_text(&args->jump, value);
		return true;
	case 'F':
		take_text(&args->config_file, value);
		return true;
	default:
		g_ptr_array_add(args->identity_files, g_strdup(value));
		return true;
	}
}

static bool refuse(const char *word, GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "'%s' is not understood: of ssh's options muster takes "
		    "-o Key=Value, -J, -F and -i", word);
	return false;
}

/* Without an effect on what is reached; Ansible's own default has -C. */
static bool is_harmless(const char *word)
{
	static const char *const words[] = {"-C", "-a", "-x", "-q", "-T",
					    NULL};

	return g_strv_contains(words, word);
}

bool ssh_args_parse(struct ssh_args *args, const char *text, GError **error)
{
	g_auto(GStrv) words = NULL;
	g_autoptr(GError) why = NULL;

	if (!text || !*text)
		return true;
	if (!g_shell_parse_argv(text, NULL, &words, &why)) {
		if (g_error_matches(why, G_SHELL_ERROR,
				    G_SHELL_ERROR_EMPTY_STRING))
			return true;
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA, "%s",
			    why->message);
		return false;
	}
	for (char **word = words; *word; word++) {
		const char *w = *word;

		if (is_harmless(w))
			continue;
		if (w[0] != '-' || !w[1] || !strchr("oJFi", w[1]))
			return refuse(w, error);
		const char *value = w[2] ? w + 2 : word[1];

		if (!value) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
				    "'%s' lacks its value", w);
			return false;
		}
		if (!take(args, w[1], value, error))
			return false;
		word += w[2] ? 0 : 1;
	}
	return true;
}
