/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels and taints: what lists of them mean, and the patch that gives a node
 * what it lacks. Every patch is merged and made again: nothing must be left.
 */
#include "playbooks/microk8s/node_marks.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define LONG "a123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	bool is_taint;
	const char *text;
	size_t at;
	const char *why;
} bad[] = {
	{ false, "disk", 0, "'disk' is not a label" },
	{ false, "a=b disk=", 99, NULL },
	{ false, "a=b -disk=x", 4, "'-disk' is not a key" },
	{ false, "a/b/c=d", 0, "is not a key" },
	{ false, "Example.com/b=d", 0, "is not a key" },
	{ false, LONG "=x", 0, "is not a key" },
	{ false, "disk=" LONG, 5, "is not a value" },
	{ false, "disk=a=b", 5, "'a=b' is not a value" },
	{ false, "x=1,disk=ssd-", 9, "'ssd-' is not a value" },
	{ false, "a=1 a=2", 4, "'a' is there twice" },
	{ false, "a=1 a-", 4, "'a' is there twice" },
	{ false, "microk8s.io/cluster=false", 0, "set by MicroK8s" },
	{ false, "a=1 kubernetes.io/hostname-", 4, "set by MicroK8s" },
	{ true, "dedicated=db", 0, "is not a taint" },
	{ true, "dedicated=db:Never", 13, "is not a taint" },
	{ true, "a:NoExecute dedicated:", 22, "is not a taint" },
	{ true, "=db:NoSchedule", 0, "is not a key" },
	{ true, "node.kubernetes.io/not-ready:NoExecute", 0,
	  "is Kubernetes' own" },
	{ true, "a=1:NoSchedule a=2:NoSchedule", 15, "there twice" },
	{ true, "a=1:NoSchedule a-", 15, "there twice" },
	{ true, "a=1:NoSchedule a=2:NoExecute", 99, NULL },
};

static void test_node_marks_mistakes_have_a_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		size_t at = 99;
		g_autoptr(GError) error = NULL;
		bool ok = bad[i].is_taint
			? node_taints_check("x", bad[i].text, &at, &error)
			: node_labels_check("x", bad[i].text, &at, &error);

		if (ok != !bad[i].why || at != bad[i].at)
			fail_msg("%s: %d, %zu", bad[i].text, ok, at);
		if (!ok && !strstr(error->message, bad[i].why))
			fail_msg("%s: %s", bad[i].text, error->message);
	}
}

#define NODE(labels, taints) \
	"{'metadata': {'resourceVersion': '7', 'labels': {" labels "}}, " \
	"'spec': {" taints "}}"
#define DB "{'key': 'dedicated', 'value': 'db', 'effect': 'NoSchedule'}"
#define NEW "{'key': 'node.kubernetes.io/not-ready', " \
	"'effect': 'NoSchedule', 'timeAdded': 'x'}"
#define GPU "{'effect': 'NoSchedule', 'key': 'gpu'}"

static const struct {
	bool is_taint;
	const char *node, *wanted;
	const char *patch, *said;	/* NULL: nothing to do */
} patches[] = {
	{ false, NODE("'disk': 'ssd'", ""), "disk=ssd gone-", NULL, NULL },
	{ false, NODE("'disk': 'hdd', 'mine': '1'", ""), "disk=ssd",
	  "{'metadata': {'labels': {'disk': 'ssd'}}}", "disk=ssd" },
	{ false, NODE("'a': '1'", ""), "a- b=, c=3",
	  "{'metadata': {'labels': {'a': null, 'b': '', 'c': '3'}}}",
	  "a absent, b=, c=3" },
	{ false, "{'metadata': {}}", "a=1",
	  "{'metadata': {'labels': {'a': '1'}}}", "a=1" },
	{ true, NODE("", "'taints': [" DB "]"), "dedicated=db:NoSchedule",
	  NULL, NULL },
	{ true, NODE("", ""), "dedicated=db:NoSchedule gpu:NoSchedule",
	  "{'metadata': {'resourceVersion': '7'}, 'spec': {'taints': ["
	  DB ", " GPU "]}}", "dedicated=db:NoSchedule, gpu:NoSchedule" },
	{ true, NODE("", "'taints': [" NEW ", " DB "]"),
	  "dedicated=web:NoSchedule",
	  "{'metadata': {'resourceVersion': '7'}, 'spec': {'taints': [" NEW
	  ", {'key': 'dedicated', 'value': 'web', 'effect': 'NoSchedule'}"
	  "]}}", "dedicated=web:NoSchedule" },
	{ true, NODE("", "'taints': [" DB ", " GPU "]"),
	  "dedicated- gpu:NoExecute-",
	  "{'metadata': {'resourceVersion': '7'}, 'spec': {'taints': [" GPU
	  "]}}", "dedicated absent" },
	{ true, NODE("", "'taints': [" DB "]"), "dedicated:NoSchedule-",
	  "{'metadata': {'resourceVersion': '7'}, 'spec': {'taints': []}}",
	  "dedicated:NoSchedule absent" },
	{ true, NODE("", "'taints': [" NEW "]"), "dedicated-", NULL, NULL },
};

/* JSON with ' for ". */
static json_t *loads(const char *text)
{
	g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
	json_t *value = json_loads(json, 0, NULL);

	assert_non_null(value);
	return value;
}

/* RFC 7396, as far as nodes go. */
static void merge(json_t *into, json_t *change)
{
	const char *key;
	json_t *value;

	json_object_foreach(change, key, value) {
		json_t *old = json_object_get(into, key);

		if (json_is_null(value)) {
			json_object_del(into, key);
		} else if (json_is_object(value)) {
			if (!old) {
				old = json_object();
				json_object_set_new(into, key, old);
			}
			merge(old, value);
		} else {
			json_object_set(into, key, value);
		}
	}
}

static void test_node_marks_patch_gives_what_lacks(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(patches); i++) {
		size_t at;
		bool is_taint = patches[i].is_taint;
		g_autoptr(GPtrArray) marks =
			(is_taint ? node_taints_parse : node_labels_parse)(
				patches[i].wanted, &at, NULL);
		g_autoptr(GString) said = g_string_new(NULL);
		json_t *node = loads(patches[i].node);
		json_t *(*make)(const json_t *, const GPtrArray *, GString *) =
			is_taint ? node_taints_patch : node_labels_patch;
		json_t *patch = make(node, marks, said);

		assert_int_equal(patch != NULL, patches[i].patch != NULL);
		if (patch) {
			json_t *expected = loads(patches[i].patch);

			if (!json_equal(patch, expected))
				fail_msg("%s: %s", patches[i].wanted,
					 json_dumps(patch, 0));
			assert_string_equal(said->str, patches[i].said);
			json_decref(expected);
			merge(node, patch);
			assert_null(make(node, marks, said));
		}
		json_decref(patch);
		json_decref(node);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_marks_mistakes_have_a_place),
		cmocka_unit_test(test_node_marks_patch_gives_what_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
