/* SPDX-License-Identifier: Apache-2.0
 *
 * Args files: what kubelite would see, and edits that leave the rest alone.
 * Every edit is done twice: the second time must change nothing.
 */
#include "playbooks/microk8s/args_file.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define KUBELET \
	"# written by the snap\n" \
	"--kubeconfig=${SNAP_DATA}/credentials/kubelet.config\n" \
	"\n" \
	"--node-labels=\"microk8s.io/cluster=true," \
	"node.kubernetes.io/microk8s-controlplane=microk8s-controlplane\"\n" \
	"--read-only-port=0\n"

static void test_args_file_get_forms_match_kubelite(void **state)
{
	static const struct {
		const char *text, *key, *value;
	} cases[] = {
		{ KUBELET, "--read-only-port", "0" },
		{ KUBELET, "--kubeconfig",
		  "${SNAP_DATA}/credentials/kubelet.config" },
		{ KUBELET, "--node-labels",
		  "microk8s.io/cluster=true,node.kubernetes.io/"
		  "microk8s-controlplane=microk8s-controlplane" },
		{ KUBELET, "--node-ip", NULL },
		{ "--a=1\n--a=2\n", "--a", "2" },
		{ "--a 1\n", "--a", "1" },
		{ "--a\n--b\n", "--a", "" },
		{ "--a=\n", "--a", "" },
		{ "--a=1 --b 2 --c=3\n", "--b", "2" },
		{ "--a=1 --b 2 --c=3", "--c", "3" },
		{ "  \t--a=1  \r\n", "--a", "1" },
		{ "--a=1\r\n--b=2\r\n", "--a", "1" },
		{ "#--a=1\n", "--a", NULL },
		{ "   # --a=1\n", "--a", NULL },
		{ "--node-ips=1\n", "--node-ip", NULL },
		{ "--node-ip=1\n", "--node-ips", NULL },
		{ "--x-node-ip=1\n", "--node-ip", NULL },
		{ "'--a'=\"1\"\n", "--a", "1" },
		{ "--a=b=c\n", "--a", "b=c" },
		{ "--etcd-servers=\"unix://x/kine.sock:12379\"\n",
		  "--etcd-servers", "unix://x/kine.sock:12379" },
		{ "--a=\"1\n", "--a", "1" },
		{ "--oom-score-adj -999\n", "--oom-score-adj", "-999" },
		{ "--v -x\n", "--v", "" },
		{ "--refresh-interval 30s\n", "--refresh-interval", "30s" },
		{ "--bind 0.0.0.0:25000\n", "--bind", "0.0.0.0:25000" },
		{ "", "--a", NULL },
		{ NULL, "--a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *value = args_file_get(cases[i].text,
						       cases[i].key);

		if (g_strcmp0(value, cases[i].value) != 0)
			fail_msg("case %zu: '%s' is '%s'", i, cases[i].key,
				 value ? value : "NULL");
	}
}

static const struct edit_case {
	const char *name, *before;
	struct args_edit edit;
	const char *after;
} edit_cases[] = {
	{ "append", "--a=1\n", { "--b", "2" }, "--a=1\n--b=2\n" },
	{ "no final newline", "--a=1", { "--b", "2" }, "--a=1\n--b=2\n" },
	{ "empty file", "", { "--b", "2" }, "--b=2\n" },
	{ "no file", NULL, { "--b", "2" }, "--b=2\n" },
	{ "replace in place", "--a=1\n# c\n\n--b=2\n--c=3\n", { "--b", "9" },
	  "--a=1\n# c\n\n--b=9\n--c=3\n" },
	{ "replace without newline", "--a=1\n--b=2", { "--b", "9" },
	  "--a=1\n--b=9\n" },
	{ "nothing to do", "--a=1\n--b=2", { "--b", "2" }, "--a=1\n--b=2" },
	{ "nothing to do, quoted", "--b=\"2\"\n", { "--b", "2" },
	  "--b=\"2\"\n" },
	{ "nothing to do, apart", "--b 2\n", { "--b", "2" }, "--b 2\n" },
	{ "value apart", "--b 2\n--c\n", { "--b", "3" }, "--b=3\n--c\n" },
	{ "value on the next line", "--b\n2\n--c\n", { "--b", "3" },
	  "--b=3\n--c\n" },
	{ "duplicates", "--b=1\n--a=1\n--b=2\n", { "--b", "3" },
	  "--b=3\n--a=1\n" },
	{ "duplicates of the value", "--b=3\n--a=1\n--b=3\n", { "--b", "3" },
	  "--b=3\n--a=1\n" },
	{ "last wins", "--b=3\n--b=4\n", { "--b", "4" }, "--b=4\n" },
	{ "negative number apart", "--b -1\n--c\n", { "--b", "5" },
	  "--b=5\n--c\n" },
	{ "remove", "--a=1\n--b=2\n--c=3\n", { "--b", NULL },
	  "--a=1\n--c=3\n" },
	{ "remove the last", "--a=1\n--b=2", { "--b", NULL }, "--a=1\n" },
	{ "remove the only", "--b=2", { "--b", NULL }, "" },
	{ "remove absent", "--a=1", { "--b", NULL }, "--a=1" },
	{ "remove apart", "--a=1\n--b 2\n--c=3\n", { "--b", NULL },
	  "--a=1\n--c=3\n" },
	{ "remove in a shared line", "--a=1 --b=2 --c=3\n", { "--b", NULL },
	  "--a=1 --c=3\n" },
	{ "remove apart in a shared line", "--a=1 --b 2 --c=3\n",
	  { "--b", NULL }, "--a=1 --c=3\n" },
	{ "remove at a line's end", "--a=1 --b=2\n--c=3\n", { "--b", NULL },
	  "--a=1\n--c=3\n" },
	{ "remove twice in a line", "--b=1 --b=2\n--c=3\n", { "--b", NULL },
	  "--c=3\n" },
	{ "set twice in a line", "--b=1 --b=2\n--c=3\n", { "--b", "7" },
	  "--b=7\n--c=3\n" },
	{ "longer name", "--node-ips=1\n", { "--node-ip", "2" },
	  "--node-ips=1\n--node-ip=2\n" },
	{ "remove keeps longer name", "--node-ips=1\n--node-ip=2\n",
	  { "--node-ip", NULL }, "--node-ips=1\n" },
	{ "comment is not a flag", "# --b=1\n", { "--b", "2" },
	  "# --b=1\n--b=2\n" },
	{ "comment stays", "#--b=1\n", { "--b", NULL }, "#--b=1\n" },
	{ "CRLF stays", "--a=1\r\n--b=2\r\n", { "--b", "3" },
	  "--a=1\r\n--b=3\r\n" },
	{ "CRLF removed", "--a=1\r\n--b=2\r\n", { "--b", NULL },
	  "--a=1\r\n" },
	{ "quoted blank", "--b=\"x y\" --c\n", { "--b", "1" }, "--b=1 --c\n" },
	{ "lone quote", "--b='x --c\n", { "--b", "1" }, "--b=1 --c\n" },
	{ "whole flag quoted", "\"--b=x\"\n", { "--b", "1" }, "--b=1\n" },
	{ "indented", "   --b=1\n", { "--b", "2" }, "   --b=2\n" },
	{ "empty value", "--b=1 x\n", { "--b", "" }, "--b= x\n" },
	{ "bare, then gone before a word", "--b\n--b=1\nx\n", { "--b", "" },
	  "--b=\nx\n" },
	{ "bare alone", "--b\n--c\n", { "--b", "" }, "--b\n--c\n" },
	{ "tab that becomes an indent", "--b=1 \t--b=2\n--c\n",
	  { "--b", NULL }, "--c\n" },
	{ "variable", "", { "--b", "${SNAP_DATA}/x" }, "--b=${SNAP_DATA}/x\n" },
	{ "comparison", "", { "--eviction-hard", "memory.available<100Mi" },
	  "--eviction-hard=memory.available<100Mi\n" },
	{ "expression", "", { "--cors-allowed-origins", "(a|b)\\.x$" },
	  "--cors-allowed-origins=(a|b)\\.x$\n" },
};

static void test_args_file_edit_changes_only_the_flag(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(edit_cases); i++) {
		const struct edit_case *c = &edit_cases[i];
		g_autofree char *once = args_file_edit(c->before, &c->edit, 1,
						       NULL);
		g_autofree char *twice = NULL;

		if (g_strcmp0(once, c->after) != 0)
			fail_msg("%s: got '%s'", c->name,
				 once ? once : "NULL");
		twice = args_file_edit(once, &c->edit, 1, NULL);
		if (g_strcmp0(twice, once) != 0)
			fail_msg("%s: not idempotent: '%s'", c->name, twice);
	}
}

static void test_args_file_edit_several_applies_all(void **state)
{
	static const struct args_edit edits[] = {
		{ "--advertise-address", "10.8.0.4" },
		{ "--read-only-port", NULL },
		{ "--node-ip", "10.8.0.4" },
	};
	g_autofree char *text = args_file_edit(KUBELET, edits,
					       G_N_ELEMENTS(edits), NULL);
	g_autofree char *labels = args_file_get(text, "--node-labels");

	(void)state;
	assert_non_null(labels);
	assert_non_null(strstr(text, "# written by the snap\n"));
	assert_null(strstr(text, "--read-only-port"));
	assert_non_null(strstr(text, "\n--advertise-address=10.8.0.4\n"
			       "--node-ip=10.8.0.4\n"));
}

static void test_args_file_edit_unwritable_is_refused(void **state)
{
	static const struct args_edit cases[] = {
		{ "--a", "x y" }, { "--a", "x\ny" }, { "--a", "\"x\"" },
		{ "--a", "it's" }, { "--a", "$(reboot)" }, { "--a", "`x`" },
		{ "--a", "<(reboot)" }, { "--a", ">(reboot)" },
		{ "a", "1" }, { "", "1" }, { "--a=b", "1" }, { "--a b", "1" },
		{ "--a\n", "1" }, { "-", "1" }, { "# x", "1" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		char *text = args_file_edit("--a=1\n", &cases[i], 1, &error);

		if (text || !g_error_matches(error, MUSTER_ERROR,
					     MUSTER_ERROR_DATA))
			fail_msg("case %zu was written", i);
	}
}

static void test_args_file_limits_are_refused(void **state)
{
	const struct args_edit edit = { "--b", "1" };
	g_autofree char *large = g_malloc(ARGS_FILE_SIZE_MAX + 2);
	g_autoptr(GString) many = g_string_new(NULL);
	g_autoptr(GError) error = NULL, error2 = NULL;

	(void)state;
	memset(large, 'x', ARGS_FILE_SIZE_MAX + 1);
	large[ARGS_FILE_SIZE_MAX + 1] = '\0';
	assert_null(args_file_edit(large, &edit, 1, &error));
	assert_true(g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_DATA));
	assert_null(args_file_edit(large, &edit, 0, NULL));
	assert_null(args_file_get(large, "--b"));
	for (int i = 0; i <= ARGS_FILE_WORDS_MAX; i++)
		g_string_append(many, "-x ");
	assert_null(args_file_edit(many->str, &edit, 1, &error2));
	assert_non_null(error2);
}

static void test_args_file_binary_is_kept(void **state)
{
	const struct args_edit edit = { "--b", "1" };
	g_autofree char *text = args_file_edit("\xff\xfe\x01\n--b=2\n\x80",
					       &edit, 1, NULL);

	(void)state;
	assert_string_equal(text, "\xff\xfe\x01\n--b=1\n\x80\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args_file_get_forms_match_kubelite),
		cmocka_unit_test(test_args_file_edit_changes_only_the_flag),
		cmocka_unit_test(test_args_file_edit_several_applies_all),
		cmocka_unit_test(test_args_file_edit_unwritable_is_refused),
		cmocka_unit_test(test_args_file_limits_are_refused),
		cmocka_unit_test(test_args_file_binary_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
