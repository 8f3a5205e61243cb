/* SPDX-License-Identifier: Apache-2.0
 *
 * An inventory from a file or from memory: what can be told before reading
 * its lines, the order of the passes, and who frees what.
 */
#include "inventory_priv.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char export_hint[] =
	"muster reads INI files; `ansible-inventory --list` shows what this "
	"one holds";

static void host_free(void *data)
{
	struct host *host = data;

	g_free(host->name);
	g_free(host->address);
	g_free(host->user);
	g_free(host->private_key_file);
	g_free(host->become_user);
	g_hash_table_unref(host->vars);
	g_ptr_array_unref(host->groups);
	g_free(host);
}

static void group_free(void *data)
{
	groups_free(data);
}

void inventory_free(struct inventory *inventory)
{
	if (!inventory)
		return;
	g_hash_table_unref(inventory->by_name);
	g_ptr_array_unref(inventory->groups);
	g_ptr_array_unref(inventory->hosts);
	g_free(inventory->path);
	g_free(inventory);
}

struct host *inventory_find(const struct inventory *inventory,
			    const char *name)
{
	return g_hash_table_lookup(inventory->by_name, name);
}

struct inventory_group *inventory_find_group(const struct inventory *inventory,
					     const char *name)
{
	for (guint i = 0; i < inventory->groups->len; i++) {
		struct inventory_group *group =
			g_ptr_array_index(inventory->groups, i);

		if (strcmp(group->name, name) == 0)
			return group;
	}
	return NULL;
}

static struct inventory *inventory_new(const char *path)
{
	struct inventory *inventory = g_new0(struct inventory, 1);

	inventory->path = g_strdup(path);
	inventory->hosts = g_ptr_array_new_with_free_func(host_free);
	inventory->groups = g_ptr_array_new_with_free_func(group_free);
	inventory->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	return inventory;
}

/* Place of byte `offset` of `text`, which is UTF-8 up to there. */
static void add_at(GPtrArray *problems, const char *name, const char *text,
		   size_t offset, const char *hint, const char *message)
{
	unsigned line = 1;
	size_t start = 0;

	for (size_t i = 0; i < offset; i++)
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		}
	problem_add(problems, true, name, line,
		    (unsigned)g_utf8_strlen(text + start,
					    (gssize)(offset - start)) + 1,
		    hint, "%s", message);
}

/* Comments may be in any encoding: nobody reads them. */
static void blank_comments(char *text, size_t length)
{
	for (char *line = text, *end; line < text + length; line = end + 1) {
		char *first = line;

		end = memchr(line, '\n', (size_t)(text + length - line));
		end = end ? end : text + length;
		while (first < end && g_ascii_isspace(*first))
			first++;
		if (first < end && (*first == '#' || *first == ';') &&
		    !g_utf8_validate(line, end - line, NULL))
			memset(line, '#', (size_t)(end - line));
	}
}

/* What makes reading line by line pointless. */
static bool check_text(const char *text, size_t length, const char *name,
		       GPtrArray *problems)
{
	const char *end;
	size_t blank = 0;

	if (!g_utf8_validate(text, (gssize)length, &end)) {
		add_at(problems, name, text, (size_t)(end - text), NULL,
		       *end ? "not UTF-8 text" : "a NUL byte");
		return false;
	}
	while (blank < length && g_ascii_isspace(text[blank]))
		blank++;
	if (length - blank >= 3 && memcmp(text + blank, "---", 3) == 0) {
		add_at(problems, name, text, blank, export_hint,
		       "this is YAML");
		return false;
	}
	if (length - blank >= 1 && text[blank] == '{') {
		add_at(problems, name, text, blank, export_hint,
		       "this is JSON");
		return false;
	}
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct problem *const *left = a, *const *right = b;

	if ((*left)->line != (*right)->line)
		return (*left)->line < (*right)->line ? -1 : 1;
	if ((*left)->column != (*right)->column)
		return (*left)->column < (*right)->column ? -1 : 1;
	return 0;
}

static void read_text(struct inventory_reader *r, const char *text)
{
	r->groups = g_hash_table_new(g_str_hash, g_str_equal);
	r->own_vars = g_hash_table_new_full(NULL, NULL, NULL,
			(GDestroyNotify)g_hash_table_unref);
	r->warned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					  NULL);
	r->sections = g_ptr_array_new();
	groups_section(r, reader_group(r, "all", 0), true);
	r->group = reader_group(r, "ungrouped", 0);
	groups_section(r, r->group, true);
	groups_add_child(g_hash_table_lookup(r->groups, "all"), r->group);
	r->lines = g_strsplit(text, "\n", -1);
	r->n_lines = g_strv_length(r->lines);
	reader_run(r);
	groups_finish(r);
	vars_apply(r);
	if (r->inventory->hosts->len == 0)
		problem_add(r->problems, true, r->inventory->path, 0, 0,
			    "list the machines, one a line",
			    "no host in this inventory");
	g_strfreev(r->lines);
	g_ptr_array_unref(r->sections);
	g_hash_table_unref(r->groups);
	g_hash_table_unref(r->own_vars);
	g_hash_table_unref(r->warned);
}

static bool has_fatal(const GPtrArray *problems, guint from, const char *name,
		      GError **error)
{
	guint n = 0;

	for (guint i = from; i < problems->len; i++) {
		const struct problem *problem = g_ptr_array_index(problems, i);

		n += problem->fatal ? 1 : 0;
	}
	if (n > 0)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "read inventory %s: %u %s in it", name, n,
			    n == 1 ? "mistake" : "mistakes");
	return n > 0;
}

static struct inventory *parse(const char *text, size_t length,
			       const char *name, mode_t mode,
			       const struct inventory_rules *rules,
			       GPtrArray *problems, GError **error)
{
	static const struct inventory_rules no_rules;
	g_autoptr(Inventory) inventory = inventory_new(name);
	struct inventory_reader r = {
		.inventory = inventory,
		.rules = rules ? rules : &no_rules,
		.problems = problems,
	};
	guint from = problems->len;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	if (length > INVENTORY_MAX_BYTES) {
		problem_add(problems, true, name, 0, 0, NULL,
			    "the inventory is larger than 1 MiB");
	} else {
		g_autofree char *copy = g_malloc0(length + 1);

		memcpy(copy, text, length);
		blank_comments(copy, length);
		if (check_text(copy, length, name, problems))
			read_text(&r, copy);
	}
	if (r.has_secret && (mode & (S_IRWXG | S_IRWXO)))
		problem_add(problems, false, name, 0, 0, "chmod 600",
			    "others can read this file, and it holds a "
			    "password");
	if (problems->len > from)
		qsort(problems->pdata + from, problems->len - from,
		      sizeof(gpointer), by_place);
	if (has_fatal(problems, from, name, error))
		return NULL;
	return g_steal_pointer(&inventory);
}

struct inventory *inventory_parse(const char *text, size_t length,
				  const char *name,
				  const struct inventory_rules *rules,
				  GPtrArray *problems, GError **error)
{
	return parse(text, length, name, 0, rules, problems, error);
}

static struct inventory *refuse(const char *path, const char *what,
				GPtrArray *problems, GError **error)
{
	guint from = problems->len;

	problem_add(problems, true, path, 0, 0, export_hint, "%s", what);
	has_fatal(problems, from, path, error);
	return NULL;
}

/* Up to one byte more than allowed, so that the cap is noticed. */
static GString *read_all(int fd)
{
	GString *text = g_string_new(NULL);
	char buffer[16384];

	while (text->len <= INVENTORY_MAX_BYTES) {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			g_string_free(text, TRUE);
			return NULL;
		}
		if (n == 0)
			break;
		g_string_append_len(text, buffer, n);
	}
	return text;
}

static struct inventory *load_fd(int fd, const char *path,
				 const struct inventory_rules *rules,
				 GPtrArray *problems, GError **error)
{
	struct inventory *inventory;
	struct stat info;
	GString *text;

	if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
		return refuse(path, "this is a directory", problems, error);
	text = read_all(fd);
	if (!text) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "read inventory %s: %s", path, g_strerror(errno));
		return NULL;
	}
	if (g_str_has_prefix(text->str, "#!"))
		inventory = refuse(path, "this is a program that makes an "
				   "inventory", problems, error);
	else if (g_str_has_suffix(path, ".yml") ||
		 g_str_has_suffix(path, ".yaml"))
		inventory = refuse(path, "this is a YAML file", problems,
				   error);
	else
		inventory = parse(text->str, text->len, path, info.st_mode,
				  rules, problems, error);
	g_string_free(text, TRUE);
	return inventory;
}

struct inventory *inventory_load(const char *path,
				 const struct inventory_rules *rules,
				 GPtrArray *problems, GError **error)
{
	struct inventory *inventory;
	int fd;

	if (strcmp(path, "-") == 0)
		return load_fd(STDIN_FILENO, "standard input", rules, problems,
			       error);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "read inventory %s: %s", path, g_strerror(errno));
		return NULL;
	}
	inventory = load_fd(fd, path, rules, problems, error);
	close(fd);
	return inventory;
}
