/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of snap, and the many ways to write one channel.
 */
#include "playbooks/microk8s/snap_text.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "Name      Version  Rev    Tracking       Publisher    Notes\n"

static void test_snap_row_is_found_by_its_name(void **state)
{
	static const struct {
		const char *text;
		const char *version, *revision, *channel, *notes;
	} cases[] = {
		{ HEAD "core20    20240111 2182   latest/stable  canonical**  "
		  "base\nmicrok8s  v1.31.9  8136   1.31/stable    "
		  "canonical**  classic\n",
		  "v1.31.9", "8136", "1.31/stable", "classic" },
		{ "microk8s v1.32.3 8148 1.32-strict/stable canonical\xe2\x9c"
		  "\x93 held", "v1.32.3", "8148", "1.32-strict/stable",
		  "held" },
		{ HEAD "microk8s  v1.31.9  x1  -  -  classic,held\r\n",
		  "v1.31.9", "x1", NULL, "classic,held" },
		{ HEAD "microk8s  v1.31.9  8136  1.31/stable  canonical**  "
		  "-\n", "v1.31.9", "8136", "1.31/stable", "" },
		{ HEAD "microk8s  v1.31.9  8136  \xe2\x80\x93  x  "
		  "\xe2\x80\x93\n", "v1.31.9", "8136", NULL, "" },
		{ "microk8s  v1.31.9  8136  1.31/stable", "v1.31.9", "8136",
		  "1.31/stable", "" },
		{ HEAD, NULL, NULL, NULL, NULL },
		{ HEAD "microk8s-x  v1.31.9  8136  1.31/stable  c  -\n",
		  NULL, NULL, NULL, NULL },
		{ "microk8s  v1.31.9  8136\n", NULL, NULL, NULL, NULL },
		{ "error: no matching snaps installed\n", NULL, NULL, NULL,
		  NULL },
		{ "", NULL, NULL, NULL, NULL },
		{ NULL, NULL, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct snap_row *row = snap_text_find_row(cases[i].text,
							  "microk8s");

		if ((row != NULL) != (cases[i].version != NULL))
			fail_msg("case %zu", i);
		if (!row)
			continue;
		assert_string_equal(row->name, "microk8s");
		assert_string_equal(row->version, cases[i].version);
		assert_string_equal(row->revision, cases[i].revision);
		if (g_strcmp0(row->channel, cases[i].channel) != 0)
			fail_msg("case %zu: channel", i);
		assert_string_equal(row->notes, cases[i].notes);
		snap_row_free(row);
	}
	snap_row_free(NULL);
}

static void test_snap_notes_are_whole_words(void **state)
{
	(void)state;
	assert_true(snap_notes_has("classic,held", "held"));
	assert_true(snap_notes_has("held", "held"));
	assert_false(snap_notes_has("upheld,heldback", "held"));
	assert_false(snap_notes_has("", "held"));
	assert_false(snap_notes_has(NULL, "held"));
}

static void test_snap_busy_names_the_change(void **state)
{
	static const struct { const char *text, *kind; } cases[] = {
		{ "error: snap \"microk8s\" has \"service-control\" change in "
		  "progress\n", "service-control" },
		{ "error: error running snapctl: snap \"microk8s\" has "
		  "\"auto-refresh\" change in progress\nTraceback (most "
		  "recent call last):\n", "auto-refresh" },
		{ "snap \"core20\" has \"no\" updates\nerror: snap "
		  "\"microk8s\" has \"install-snap\" change in progress\n",
		  "install-snap" },
		{ "a change in progress\nsnap \"microk8s\" has \"x\" change "
		  "in progress", "x" },
		{ "snap \"microk8s\" has \"x\n\" change in progress", NULL },
		{ "no change in progress", NULL },
		{ "Restarted.\n", NULL },
		{ "", NULL },
		{ NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *kind = NULL;
		bool busy = snap_text_is_busy(cases[i].text, &kind);

		if (busy != (cases[i].kind != NULL) ||
		    g_strcmp0(kind, cases[i].kind) != 0)
			fail_msg("case %zu: %s", i, kind ? kind : "NULL");
		assert_true(snap_text_is_busy(cases[i].text, NULL) == busy);
	}
}

static void test_snap_already_installed_is_told(void **state)
{
	(void)state;
	assert_true(snap_text_is_already_installed(
		"snap \"microk8s\" is already installed, see 'snap help "
		"refresh'\n"));
	assert_false(snap_text_is_already_installed(
		"microk8s (1.31/stable) v1.31.9 from Canonical\xe2\x9c\x93 "
		"installed\n"));
	assert_false(snap_text_is_already_installed(NULL));
}

static void test_snap_undone_is_not_a_download_that_failed(void **state)
{
	(void)state;
	assert_true(snap_text_is_undone(
		"error: cannot perform the following tasks:\n- Run "
		"post-refresh hook of \"microk8s\" snap if present (run hook "
		"\"post-refresh\": ...)\n"));
	assert_false(snap_text_is_undone(
		"error: cannot perform the following tasks:\n- Download snap "
		"\"microk8s\" (8511) from channel \"1.32/stable\" (EOF)\n"));
	assert_false(snap_text_is_undone(
		"error: snap \"microk8s\" has \"auto-refresh\" change in "
		"progress"));
	assert_false(snap_text_is_undone(NULL));
}

#define INFO \
	"name:      microk8s\nsummary:   1.33/stable: x\nchannels:\n" \
	"  1.33/stable:      v1.33.4 2025-08-29 (8512) 170MB classic\n" \
	"  1.33/candidate:   ^                                        \n" \
	"  1.33/beta:        v1.33.5 2025-09-01 (8600) 170MB classic\n" \
	"  1.33/edge:        \xe2\x86\x91\n" \
	"  1.20/stable:      --\n  1.20/edge: \xe2\x80\x93\n" \
	"  latest/stable:    v1.35.0 2025-12-01 (8602) 170MB classic\n" \
	"installed:          v1.32.8            (8511) 170MB classic\n" \
	"  1.19/stable:      v1.19.1 2020-01-01 (1) 1MB classic\n"

static void test_snap_info_tells_what_a_channel_has(void **state)
{
	static const struct { const char *channel, *version; } cases[] = {
		{ "1.33/stable", "v1.33.4" }, { "1.33", "v1.33.4" },
		{ "1.33/candidate", "v1.33.4" }, { "1.33/beta", "v1.33.5" },
		{ "1.33/edge", "v1.33.5" }, { "stable", "v1.35.0" },
		{ "1.20/stable", NULL }, { "1.20/edge", NULL },
		{ "1.19/stable", NULL }, { "1.33/edge/fix", NULL },
		{ "1.36/stable", NULL }, { "name", NULL }, { NULL, NULL },
	};
	bool told = false;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *version = snap_info_version(
			INFO, cases[i].channel, &told);

		assert_true(told);
		if (g_strcmp0(version, cases[i].version) != 0)
			fail_msg("%s: %s", cases[i].channel, version);
	}
	assert_null(snap_info_version("name: microk8s\ninstalled: v1.32.8\n",
				      "1.32/stable", &told));
	assert_false(told);
	assert_null(snap_info_version(NULL, "1.32/stable", NULL));
}

static void test_snap_channel_has_one_normal_form(void **state)
{
	static const struct { const char *text, *normal; } cases[] = {
		{ "1.31", "1.31/stable" },
		{ "1.31/stable", "1.31/stable" },
		{ "1.31-strict/edge", "1.31-strict/edge" },
		{ "edge", "latest/edge" },
		{ "latest", "latest/stable" },
		{ "latest/beta", "latest/beta" },
		{ "1.31/candidate/fix-1", "1.31/candidate/fix-1" },
		{ "edge/fix", "latest/edge/fix" },
		{ "1.31/stable/\xe2\x80\xa6", "1.31/stable/\xe2\x80\xa6" },
		{ NULL, NULL }, { "", NULL }, { "/", NULL },
		{ "1.31/", NULL }, { "/stable", NULL }, { "1.31/x", NULL },
		{ "1.31/stable/", NULL }, { "1.31/stable/a/b", NULL },
		{ "stable/a/b", NULL }, { "1.31 /stable", NULL },
		{ "1.31/stable\n", NULL }, { "$(x)", NULL },
		{ "\xe2\x80\xa6", NULL },
	};
	g_autofree char *track = g_strnfill(SNAP_CHANNEL_MAX - 6, 'x');
	g_autofree char *longest = NULL;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *normal = snap_channel_normalize(
			cases[i].text, &error);

		if (g_strcmp0(normal, cases[i].normal) != 0)
			fail_msg("'%s': '%s'", cases[i].text, normal);
		assert_true(normal || g_error_matches(error, MUSTER_ERROR,
						      MUSTER_ERROR_DATA));
	}
	/* One byte too much with the risk it stands for. */
	assert_null(snap_channel_normalize(track, NULL));
	longest = snap_channel_normalize(track + 1, NULL);
	assert_int_equal(strlen(longest), SNAP_CHANNEL_MAX);
	assert_true(snap_channel_equal(longest, track + 1));
}

static void test_snap_channels_compare_by_meaning(void **state)
{
	static const struct { const char *a, *b; bool equal; } cases[] = {
		{ "1.31", "1.31/stable", true },
		{ "edge", "latest/edge", true },
		{ "1.31/stable", "1.32/stable", false },
		{ "1.31/stable", "1.31/edge", false },
		{ "1.31/stable", "1.31-strict/stable", false },
		{ "1.31/edge/a", "1.31/edge/b", false },
		{ "1.31/edge/a", "1.31/edge", false },
		{ "1.31/edge/a", "1.31/edge/\xe2\x80\xa6", true },
		{ "1.31/edge/...", "1.31/edge/a", true },
		{ "1.31/edge/...", "1.31/edge", true },
		{ "nonsense/x", "nonsense/x", false },
		{ NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		if (snap_channel_equal(cases[i].a, cases[i].b) !=
		    cases[i].equal)
			fail_msg("%s, %s", cases[i].a, cases[i].b);
	}
}

static void test_snap_version_is_two_numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned major, minor;
	} cases[] = {
		{ "v1.31.9", 1, 31 }, { "1.31-strict", 1, 31 },
		{ "1.31/stable", 1, 31 }, { "1.31", 1, 31 },
		{ "v1.9999", 1, 9999 },
	};
	static const char *const none[] = {
		"latest/stable", "v1", "1.", ".1", "", "v", "1.99999",
		"vv1.2", "-1.2", NULL
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		unsigned major = 0, minor = 0;

		assert_true(snap_version_parse(cases[i].text, &major, &minor));
		assert_int_equal(major, cases[i].major);
		assert_int_equal(minor, cases[i].minor);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
		unsigned major, minor;

		if (snap_version_parse(none[i], &major, &minor))
			fail_msg("'%s' is a version", none[i]);
	}
}

static void test_snap_alias_belongs_to_a_command(void **state)
{
	static const char rows[] =
		"Command           Alias    Notes\n"
		"kubectl.other     k        manual\n"
		"old.kubectl       kubectl  disabled\n"
		"microk8s.kubectl  kubectl  manual\n"
		"microk8s.helm     helm     disabled\n"
		"lxd.lxc           lxc      -\n";
	g_autofree char *kubectl = snap_text_alias_of(rows, "kubectl");
	g_autofree char *lxc = snap_text_alias_of(rows, "lxc");

	(void)state;
	assert_string_equal(kubectl, "microk8s.kubectl");
	assert_string_equal(lxc, "lxd.lxc");
	assert_null(snap_text_alias_of(rows, "helm"));
	assert_null(snap_text_alias_of(rows, "kubect"));
	assert_null(snap_text_alias_of("No aliases are currently defined.\n",
				       "kubectl"));
	assert_null(snap_text_alias_of(NULL, "kubectl"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snap_row_is_found_by_its_name),
		cmocka_unit_test(test_snap_notes_are_whole_words),
		cmocka_unit_test(test_snap_busy_names_the_change),
		cmocka_unit_test(test_snap_already_installed_is_told),
		cmocka_unit_test(
			test_snap_undone_is_not_a_download_that_failed),
		cmocka_unit_test(test_snap_info_tells_what_a_channel_has),
		cmocka_unit_test(test_snap_channel_has_one_normal_form),
		cmocka_unit_test(test_snap_channels_compare_by_meaning),
		cmocka_unit_test(test_snap_version_is_two_numbers),
		cmocka_unit_test(test_snap_alias_belongs_to_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
