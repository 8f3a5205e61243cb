/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the list of mirrors and writes hosts.toml. Registries become names of
 * folders and URLs stand in quotes, so both are read narrowly.
 */
#include "mirrors.h"
#include "word_list.h"

#include <string.h>

#define ALL "_default"
#define URL_MAX 1024

static void mirror_free(void *data)
{
	struct mirror *mirror = data;

	g_free(mirror->registry);
	g_ptr_array_unref(mirror->urls);
	g_free(mirror);
}

/* HOST[:PORT] at the begin of `text`, in bytes; 0: none. */
static size_t host_length(const char *text)
{
	size_t length = strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
			       ".-");
	size_t digits;

	if (length == 0 || !g_ascii_isalnum(text[0]) ||
	    !g_ascii_isalnum(text[length - 1]))
		return 0;
	if (text[length] != ':')
		return length;
	digits = strspn(text + length + 1, G_CSET_DIGITS);
	return digits >= 1 && digits <= 5 ? length + 1 + digits : 0;
}

static bool is_registry(const char *text)
{
	size_t length = host_length(text);

	return strcmp(text, ALL) == 0 || (length > 0 && text[length] == '\0');
}

/* No query, no user: a password has no place in a file that pods' owners may
 * come to read. */
static bool is_url(const char *text)
{
	const char *rest = strstr(text, "://");
	size_t length;

	if (!g_str_has_prefix(text, "http://") &&
	    !g_str_has_prefix(text, "https://"))
		return false;
	rest += strlen("://");
	length = host_length(rest);
	if (length == 0 || strlen(text) > URL_MAX)
		return false;
	return rest[length] == '\0' ||
		(rest[length] == '/' &&
		 !rest[length + strspn(rest + length, G_CSET_A_2_Z
				       G_CSET_a_2_z G_CSET_DIGITS
				       "/._~%+-")]);
}

static struct mirror *find(const GPtrArray *mirrors, const char *registry)
{
	for (guint i = 0; i < mirrors->len; i++) {
		struct mirror *mirror = g_ptr_array_index(mirrors, i);

		if (strcmp(mirror->registry, registry) == 0)
			return mirror;
	}
	return NULL;
}

static struct mirror *find_or_add(GPtrArray *mirrors, const char *registry)
{
	struct mirror *mirror = find(mirrors, registry);

	if (mirror)
		return mirror;
	mirror = g_new(struct mirror, 1);
	mirror->registry = g_strdup(registry);
	mirror->urls = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(mirrors, mirror);
	return mirror;
}

/* One word; *last is the registry of the one before. */
static bool read_word(GPtrArray *mirrors, const struct list_word *word,
		      struct mirror **last, size_t *at, GError **error)
{
	size_t before = strcspn(word->text, "=/");
	bool has_registry = word->text[before] == '=';
	g_autofree char *registry = NULL;
	const char *url = word->text;

	if (has_registry) {
		registry = g_strndup(word->text, before);
		url += before + 1;
	}
	if (has_registry ? !is_registry(registry) : !*last) {
		word_list_refuse(at, word->at, error, "'%s' is not "
				 "REGISTRY=URL (such as docker.io="
				 "https://mirror.example:5000)", word->text);
		return false;
	}
	if (!is_url(url)) {
		word_list_refuse(at, word->at + (size_t)(url - word->text),
				 error, "'%s' is not the URL of a mirror "
				 "(http or https, a host, perhaps a port and "
				 "a path)", url);
		return false;
	}
	if (has_registry)
		*last = find_or_add(mirrors, registry);
	if (g_ptr_array_find_with_equal_func((*last)->urls, url, g_str_equal,
					     NULL)) {
		word_list_refuse(at, word->at, error, "'%s' is there twice",
				 word->text);
		return false;
	}
	g_ptr_array_add((*last)->urls, g_strdup(url));
	return true;
}

GPtrArray *mirrors_parse(const char *text, size_t *at, GError **error)
{
	g_autoptr(GPtrArray) mirrors =
		g_ptr_array_new_with_free_func(mirror_free);
	g_autoptr(GPtrArray) words =
		word_list(text, WORD_LIST_COMMAS, at, error);
	struct mirror *last = NULL;

	for (guint i = 0; words && i < words->len; i++)
		if (!read_word(mirrors, g_ptr_array_index(words, i), &last,
			       at, error))
			return NULL;
	return words ? g_steal_pointer(&mirrors) : NULL;
}

bool mirrors_check(const char *name, const char *text, size_t *at,
		   GError **error)
{
	g_autoptr(GPtrArray) mirrors = mirrors_parse(text, at, error);

	(void)name;
	return mirrors != NULL;
}

char *mirrors_hosts_toml(const struct mirror *mirror)
{
	GString *text = g_string_new("# Written by muster: "
				     "microk8s_registry_mirrors\n");

	/* Docker Hub answers by another name than its images have. */
	if (strcmp(mirror->registry, ALL) != 0)
		g_string_append_printf(
			text, "server = \"https://%s\"\n",
			strcmp(mirror->registry, "docker.io") == 0
			? "registry-1.docker.io" : mirror->registry);
	for (guint i = 0; i < mirror->urls->len; i++) {
		const char *url = g_ptr_array_index(mirror->urls, i);

		g_string_append_printf(text, "\n[host.\"%s\"]\n"
				       "  capabilities = [\"pull\", "
				       "\"resolve\"]\n", url);
		/* A path with the API's root in it is not extended by one. */
		if (strstr(url, "/v2/") || g_str_has_suffix(url, "/v2"))
			g_string_append(text, "  override_path = true\n");
	}
	return g_string_free(text, FALSE);
}
