/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads labels and taints by the rules of k8s.io/apimachinery (validation of
 * qualified names), because what the API refuses late can be told early.
 */
#include "node_marks.h"
#include "word_list.h"

#include <string.h>

#define PREFIX_MAX 253
#define NAME_MAX_BYTES 63

/* The kubelet and MicroK8s set these: a node's role hangs on the last two. */
static const char *const own_labels[] = {
	"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
	"beta.kubernetes.io/os", "beta.kubernetes.io/arch",
	"microk8s.io/cluster", "node.kubernetes.io/microk8s-controlplane",
	"node.kubernetes.io/microk8s-worker", NULL
};

static const char *const effects[] = {
	"NoSchedule", "PreferNoSchedule", "NoExecute", NULL
};

static void mark_free(void *data)
{
	struct node_mark *mark = data;

	g_free(mark->key);
	g_free(mark->value);
	g_free(mark->effect);
	g_free(mark);
}

/* --- reading --- */

/* Letters and digits, with any of `inside` between them. */
static bool is_word(const char *text, size_t length, const char *inside)
{
	if (length == 0 || !g_ascii_isalnum(text[0]) ||
	    !g_ascii_isalnum(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(text[i]) && !strchr(inside, text[i]))
			return false;
	return true;
}

/* [PREFIX/]NAME, the prefix a DNS name. */
static bool is_key(const char *key)
{
	const char *slash = strchr(key, '/');
	const char *name = slash ? slash + 1 : key;

	if (slash) {
		g_autofree char *prefix = g_strndup(key,
						    (gsize)(slash - key));
		g_autofree char *lower = g_ascii_strdown(prefix, -1);

		if (strlen(prefix) > PREFIX_MAX ||
		    !is_word(prefix, strlen(prefix), "-.") ||
		    strstr(prefix, "..") || strcmp(prefix, lower) != 0)
			return false;
	}
	return strlen(name) <= NAME_MAX_BYTES &&
		is_word(name, strlen(name), "-_.");
}

static bool is_value(const char *value)
{
	return *value == '\0' ||
		(strlen(value) <= NAME_MAX_BYTES &&
		 is_word(value, strlen(value), "-_."));
}

/* Cuts "-" off the end: what must be absent. */
static bool cut_dash(char *text)
{
	size_t length = strlen(text);

	if (length < 2 || text[length - 1] != '-')
		return false;
	text[length - 1] = '\0';
	return true;
}

/* Takes KEY[=VALUE] apart. */
static void read_pair(struct node_mark *mark, const char *text)
{
	const char *equals = strchr(text, '=');

	mark->key = equals ? g_strndup(text, (gsize)(equals - text))
			   : g_strdup(text);
	mark->value = g_strdup(equals ? equals + 1 : "");
}

static bool check_pair(const struct node_mark *mark,
		       const struct list_word *word, size_t *at,
		       GError **error)
{
	if (!is_key(mark->key)) {
		word_list_refuse(at, word->at, error, "'%s' is not a key "
				 "(letters, digits and -_. between them, at "
				 "most %d; before it PREFIX/ if you like)",
				 mark->key, NAME_MAX_BYTES);
		return false;
	}
	if (!is_value(mark->value)) {
		word_list_refuse(at, word->at + strlen(mark->key) + 1, error,
				 "'%s' is not a value (letters, digits and "
				 "-_. between them, at most %d)", mark->value,
				 NAME_MAX_BYTES);
		return false;
	}
	return true;
}

static bool read_label(struct node_mark *mark, const struct list_word *word,
		       size_t *at, GError **error)
{
	g_autofree char *text = g_strdup(word->text);

	if (!strchr(text, '=')) {
		mark->is_absent = cut_dash(text);
		if (!mark->is_absent) {
			word_list_refuse(at, word->at, error, "'%s' is not a "
					 "label (KEY=VALUE, or KEY- to take "
					 "one away)", text);
			return false;
		}
	}
	read_pair(mark, text);
	if (!check_pair(mark, word, at, error))
		return false;
	if (!g_strv_contains(own_labels, mark->key))
		return true;
	word_list_refuse(at, word->at, error, "label '%s' is set by MicroK8s "
			 "or the kubelet", mark->key);
	return false;
}

static bool read_taint(struct node_mark *mark, const struct list_word *word,
		       size_t *at, GError **error)
{
	g_autofree char *text = g_strdup(word->text);
	char *colon;

	mark->is_absent = cut_dash(text);
	colon = strrchr(text, ':');
	if (colon) {
		*colon = '\0';
		mark->effect = g_strdup(colon + 1);
	}
	if (colon ? !g_strv_contains(effects, mark->effect)
		  : !mark->is_absent) {
		word_list_refuse(at, word->at + (colon ? (size_t)(colon - text)
						 + 1 : 0), error,
				 "'%s' is not a taint (KEY[=VALUE]:EFFECT, "
				 "EFFECT being NoSchedule, PreferNoSchedule "
				 "or NoExecute; a dash behind it takes it "
				 "away)", word->text);
		return false;
	}
	read_pair(mark, text);
	if (!check_pair(mark, word, at, error))
		return false;
	if (!g_str_has_prefix(mark->key, "node.kubernetes.io/"))
		return true;
	word_list_refuse(at, word->at, error, "taint '%s' is Kubernetes' own",
			 mark->key);
	return false;
}

static bool is_same(const struct node_mark *a, const struct node_mark *b)
{
	return strcmp(a->key, b->key) == 0 &&
		(!a->effect || !b->effect ||
		 strcmp(a->effect, b->effect) == 0);
}

static GPtrArray *parse(const char *text,
			bool (*read)(struct node_mark *mark,
				     const struct list_word *word, size_t *at,
				     GError **error),
			size_t *at, GError **error)
{
	g_autoptr(GPtrArray) marks = g_ptr_array_new_with_free_func(mark_free);
	g_autoptr(GPtrArray) words =
		word_list(text, WORD_LIST_COMMAS, at, error);

	for (guint i = 0; words && i < words->len; i++) {
		const struct list_word *word = g_ptr_array_index(words, i);
		struct node_mark *mark = g_new0(struct node_mark, 1);

		g_ptr_array_add(marks, mark);
		if (!read(mark, word, at, error))
			return NULL;
		for (guint k = 0; k < i; k++)
			if (is_same(g_ptr_array_index(marks, k), mark))
				return word_list_refuse(
					at, word->at, error,
					"'%s' is there twice", mark->key);
	}
	return words ? g_steal_pointer(&marks) : NULL;
}

GPtrArray *node_labels_parse(const char *text, size_t *at, GError **error)
{
	return parse(text, read_label, at, error);
}

GPtrArray *node_taints_parse(const char *text, size_t *at, GError **error)
{
	return parse(text, read_taint, at, error);
}

bool node_labels_check(const char *name, const char *text, size_t *at,
		       GError **error)
{
	g_autoptr(GPtrArray) marks = node_labels_parse(text, at, error);

	(void)name;
	return marks != NULL;
}

bool node_taints_check(const char *name, const char *text, size_t *at,
		       GError **error)
{
	g_autoptr(GPtrArray) marks = node_taints_parse(text, at, error);

	(void)name;
	return marks != NULL;
}

/* --- what is to change --- */

static void say(GString *said, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void say(GString *said, const char *format, ...)
{
	va_list args;

	if (said->len)
		g_string_append(said, ", ");
	va_start(args, format);
	g_string_append_vprintf(said, format, args);
	va_end(args);
}

json_t *node_labels_patch(const json_t *node, const GPtrArray *marks,
			  GString *said)
{
	const json_t *now = json_object_get(json_object_get(node, "metadata"),
					    "labels");
	json_t *labels = json_object();

	for (guint i = 0; i < marks->len; i++) {
		const struct node_mark *mark = g_ptr_array_index(marks, i);
		const char *has = json_string_value(
			json_object_get(now, mark->key));

		if (mark->is_absent) {
			if (!has)
				continue;
			json_object_set_new(labels, mark->key, json_null());
			say(said, "%s absent", mark->key);
		} else if (g_strcmp0(has, mark->value) != 0) {
			json_object_set_new(labels, mark->key,
					    json_string(mark->value));
			say(said, "%s=%s", mark->key, mark->value);
		}
	}
	if (json_object_size(labels) > 0)
		return json_pack("{s:{s:o}}", "metadata", "labels", labels);
	json_decref(labels);
	return NULL;
}

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* Whether `taint` of the node is the one that `mark` speaks of. */
static bool is_of(const json_t *taint, const struct node_mark *mark)
{
	return strcmp(field(taint, "key"), mark->key) == 0 &&
		(!mark->effect ||
		 strcmp(field(taint, "effect"), mark->effect) == 0);
}

/* One mark worked into the list; true if that changed it. */
static bool apply_taint(json_t *taints, const struct node_mark *mark)
{
	bool is_right = false, changed = false;

	for (size_t i = json_array_size(taints); i-- > 0;) {
		const json_t *taint = json_array_get(taints, i);

		if (!is_of(taint, mark))
			continue;
		if (!mark->is_absent &&
		    strcmp(field(taint, "value"), mark->value) == 0) {
			is_right = true;
			continue;
		}
		json_array_remove(taints, i);
		changed = true;
	}
	if (mark->is_absent || is_right)
		return changed;
	json_t *taint = json_pack("{s:s, s:s}", "key", mark->key, "effect",
				  mark->effect);

	if (*mark->value)
		json_object_set_new(taint, "value", json_string(mark->value));
	json_array_append_new(taints, taint);
	return true;
}

json_t *node_taints_patch(const json_t *node, const GPtrArray *marks,
			  GString *said)
{
	json_t *now = json_object_get(json_object_get(node, "spec"), "taints");
	json_t *taints = json_is_array(now) ? json_copy(now) : json_array();
	const char *version = field(json_object_get(node, "metadata"),
				    "resourceVersion");
	bool changed = false;

	for (guint i = 0; i < marks->len; i++) {
		const struct node_mark *mark = g_ptr_array_index(marks, i);

		if (!apply_taint(taints, mark))
			continue;
		changed = true;
		say(said, "%s%s%s%s%s%s", mark->key,
		    *mark->value ? "=" : "", mark->value,
		    mark->effect ? ":" : "", mark->effect ? mark->effect : "",
		    mark->is_absent ? " absent" : "");
	}
	if (changed)
		return json_pack("{s:{s:s}, s:{s:o}}", "metadata",
				 "resourceVersion", version, "spec", "taints",
				 taints);
	json_decref(taints);
	return NULL;
}
