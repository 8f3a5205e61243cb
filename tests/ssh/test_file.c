/* SPDX-License-Identifier: Apache-2.0
 *
 * file_read() and file_replace() against a real sshd: what a replacement keeps,
 * and that nothing changes when it is refused or fails.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct sshd *sshd;
static struct rig rig;
static struct host host;
static struct session *session;
static char *dir;		/* a fresh one for each test */
static char *path;		/* dir/args */

static int start_server(void **state)
{
	(void)state;
	sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(sshd);
	rig_init(&rig, &options);
	host = sshd_host(sshd, "root");
	session = session_new(rig.transport, &host);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	session_free(session);
	rig_clear(&rig);
	sshd_stop(sshd);
	return 0;
}

static int make_dir(void **state)
{
	static unsigned n;
	(void)state;
	g_autofree char *name = g_strdup_printf("dir %u", n++);
	dir = g_build_filename(sshd->dir, name, NULL);
	path = g_build_filename(dir, "args", NULL);
	return g_mkdir(dir, 0755);
}

static int forget_dir(void **state)
{
	(void)state;
	g_clear_pointer(&dir, g_free);
	g_clear_pointer(&path, g_free);
	return 0;
}

static void put(const char *file, const char *text)
{
	assert_true(g_file_set_contents(file, text, -1, NULL));
}

static void expect_text(const char *file, const char *text)
{
	g_autofree char *there = NULL;
	assert_true(g_file_get_contents(file, &there, NULL, NULL));
	assert_string_equal(there, text);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in the test's directory, sorted, joined by spaces; "" if none. */
static char *names(void)
{
	g_autoptr(GDir) list = g_dir_open(dir, 0, NULL);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	for (const char *name = g_dir_read_name(list); name;
	     name = g_dir_read_name(list))
		g_ptr_array_add(found, g_strdup(name));
	g_ptr_array_sort(found, by_name);
	g_ptr_array_add(found, NULL);
	return g_strjoinv(" ", (char **)found->pdata);
}

static void expect_names(const char *wanted)
{
	g_autofree char *there = names();
	assert_string_equal(there, wanted);
}

/* Replaces and expects `code` (-1: success), `words` in the error text. */
static void replace(const struct file_replacement *file, int code,
		    const char *words)
{
	g_autoptr(GError) error = NULL;
	bool good = file_replace(session, file, in_seconds(30), &error);
	if (error)
		print_message("%s\n", error->message);
	assert_int_equal(good ? -1 : error->code, code);
	if (words)
		assert_non_null(strstr(error->message, words));
}

static void test_file_read_gives_what_is_there(void **state)
{
	static const char *const texts[] = {
		"", "absent\n", "--a=1\n--b=2\n", "no newline at the end",
		"\n\n\n", "\303\244 $HOME `x` 'y' \\n\n",
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *text = NULL;
		put(path, texts[i]);
		assert_true(file_read(session, path, &text, in_seconds(30),
				      NULL));
		assert_string_equal(text, texts[i]);
	}
}

static void test_file_read_absent_is_null(void **state)
{
	(void)state;
	char *text = path;
	assert_true(file_read(session, path, &text, in_seconds(30), NULL));
	assert_null(text);
	assert_int_equal(symlink("nowhere", path), 0);
	text = path;
	assert_true(file_read(session, path, &text, in_seconds(30), NULL));
	assert_null(text);
}

static void test_file_read_refuses_what_is_no_text_file(void **state)
{
	g_autofree char *large = g_strnfill(1024 * 1024, 'x');
	g_autofree char *text = NULL;
	g_autoptr(GError) directory = NULL, binary = NULL, too_large = NULL;
	(void)state;

	assert_false(file_read(session, dir, &text, in_seconds(30),
			       &directory));
	assert_int_equal(directory->code, MUSTER_ERROR_COMMAND);
	assert_non_null(strstr(directory->message, "not a regular file"));

	assert_true(g_file_set_contents(path, "a\0b", 3, NULL));
	assert_false(file_read(session, path, &text, in_seconds(30), &binary));
	assert_int_equal(binary->code, MUSTER_ERROR_PROTOCOL);

	put(path, large);
	assert_true(file_read(session, path, &text, in_seconds(30), NULL));
	assert_int_equal(strlen(text), 1024 * 1024);
	assert_true(g_file_set_contents(path, large, 1024 * 1024, NULL));
	g_autofree char *larger = g_strconcat(large, "y", NULL);
	g_autofree char *nothing = NULL;
	put(path, larger);
	assert_false(file_read(session, path, &nothing, in_seconds(30),
			       &too_large));
	assert_int_equal(too_large->code, MUSTER_ERROR_OUTPUT_LIMIT);
	assert_null(nothing);
}

static void test_file_replace_keeps_owner_mode_and_backup(void **state)
{
	(void)state;
	struct file_replacement file = {
		.path = path, .text = "new\n", .backup_suffix = ".muster-1",
		.mode = "0600", .owner = "root:root",
	};
	put(path, "old\n");
	assert_int_equal(chown(path, 12, 34), 0);
	assert_int_equal(chmod(path, 0640), 0);
	replace(&file, -1, NULL);

	struct stat after, backup;
	g_autofree char *kept = g_strconcat(path, ".muster-1", NULL);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(stat(kept, &backup), 0);
	assert_int_equal(after.st_uid, 12);
	assert_int_equal(after.st_gid, 34);
	assert_int_equal(after.st_mode & 07777, 0640);
	assert_int_equal(backup.st_uid, 12);
	assert_int_equal(backup.st_mode & 07777, 0640);
	assert_int_equal(after.st_nlink, 1);
	expect_text(path, "new\n");
	expect_text(kept, "old\n");
	expect_names("args args.muster-1");
}

static void test_file_replace_new_file_gets_owner_and_mode(void **state)
{
	(void)state;
	struct file_replacement file = {
		.path = path, .text = "", .expected_sha256 = "",
		.backup_suffix = ".muster-1", .mode = "0660",
		.owner = "daemon:mail",
	};
	struct stat after;
	replace(&file, -1, NULL);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_uid, 1);
	assert_int_equal(after.st_gid, 8);
	assert_int_equal(after.st_mode & 07777, 0660);
	assert_int_equal(after.st_size, 0);
	expect_names("args");
}

static void test_file_replace_follows_symlink(void **state)
{
	(void)state;
	g_autofree char *real = g_build_filename(dir, "real", NULL);
	struct file_replacement file = {
		.path = path, .text = "new", .backup_suffix = ".muster-1",
	};
	put(real, "old");
	assert_int_equal(symlink("real", path), 0);
	replace(&file, -1, NULL);
	expect_text(real, "new");
	expect_names("args real real.muster-1");
	struct stat link;
	assert_int_equal(lstat(path, &link), 0);
	assert_true(S_ISLNK(link.st_mode));
}

static void test_file_replace_unexpected_content_is_left(void **state)
{
	g_autofree char *sha = file_sha256("what was read\n");
	g_autofree char *marker = g_build_filename(dir, "m", "mark", NULL);
	(void)state;
	struct file_replacement file = {
		.path = path, .text = "new", .expected_sha256 = sha,
		.backup_suffix = ".muster-1", .touch = marker,
	};
	put(path, "what somebody wrote\n");
	replace(&file, MUSTER_ERROR_PROTOCOL, "changed meanwhile");
	expect_text(path, "what somebody wrote\n");
	expect_names("args");

	file.expected_sha256 = "";
	replace(&file, MUSTER_ERROR_PROTOCOL, "made meanwhile");
	g_unlink(path);
	file.expected_sha256 = sha;
	replace(&file, MUSTER_ERROR_PROTOCOL, "changed meanwhile");
	expect_names("");

	put(path, "what was read\n");
	replace(&file, -1, NULL);
	expect_text(path, "new");
	expect_names("args args.muster-1 m");
	expect_text(marker, "");
}

static void test_file_replace_failure_changes_nothing(void **state)
{
	g_autofree char *marker = g_build_filename(dir, "args", "mark", NULL);
	g_autofree char *nowhere = g_build_filename(dir, "no", "args", NULL);
	(void)state;
	struct file_replacement file = {
		.path = path, .text = "new", .backup_suffix = ".muster-1",
	};
	put(path, "old");

	/* Its directory is a file. */
	file.touch = marker;
	replace(&file, MUSTER_ERROR_COMMAND, "mkdir");
	file.touch = NULL;
	/* The backup's directory does not exist. */
	file.backup_suffix = "/x/y";
	replace(&file, MUSTER_ERROR_COMMAND, "Not a directory");
	file.path = nowhere;
	replace(&file, MUSTER_ERROR_COMMAND, "directory does not exist");
	file.path = dir;
	replace(&file, MUSTER_ERROR_COMMAND, "not a regular file");
	expect_text(path, "old");
	expect_names("args");

	file.path = path;
	file.backup_suffix = NULL;
	file.owner = "no-such-user";
	g_unlink(path);
	replace(&file, MUSTER_ERROR_COMMAND, "no-such-user");
	expect_names("");
}

static void test_file_replace_marker_comes_before_the_file(void **state)
{
	g_autofree char *marker = g_build_filename(sshd->dir, "mark", NULL);
	(void)state;
	struct file_replacement file = {
		.path = path, .text = "new", .touch = marker,
	};
	/* The rename cannot be done onto a file that is immutable. */
	const char *const lock[] = {"chattr", "+i", path, NULL};
	const char *const unlock[] = {"chattr", "-i", path, NULL};
	put(path, "old");
	if (!run_local(lock))
		skip();
	g_autoptr(GError) error = NULL;
	bool good = file_replace(session, &file, in_seconds(30), &error);
	assert_true(run_local(unlock));
	assert_false(good);
	assert_int_equal(error->code, MUSTER_ERROR_COMMAND);
	expect_text(path, "old");
	expect_names("args");
	assert_int_equal(access(marker, F_OK), -1);

	/* One that was there before is not ours to remove. */
	put(marker, "");
	assert_true(run_local(lock));
	good = file_replace(session, &file, in_seconds(30), NULL);
	assert_true(run_local(unlock));
	assert_false(good);
	assert_int_equal(access(marker, F_OK), 0);
}

static void test_file_replace_keeps_three_newest_backups(void **state)
{
	(void)state;
	put(path, "0");
	g_autofree char *other = g_strconcat(path, ".bak", NULL);
	put(other, "somebody's");
	for (int i = 1; i <= 5; i++) {
		/* Names whose order is not that of time. */
		g_autofree char *suffix = g_strdup_printf(".muster-%d",
							  7 * i % 10);
		g_autofree char *text = g_strdup_printf("%d", i);
		struct file_replacement file = {
			.path = path, .text = text, .backup_suffix = suffix,
		};
		replace(&file, -1, NULL);
	}
	/* The backups of i = 3, 4, 5, which hold what was there before. */
	expect_names("args args.bak args.muster-1 args.muster-5 "
		     "args.muster-8");
	g_autofree char *newest = g_strconcat(path, ".muster-5", NULL);
	expect_text(newest, "4");
	expect_text(path, "5");
}

static void test_file_replace_second_edit_keeps_first_backup(void **state)
{
	(void)state;
	g_autofree char *kept = g_strconcat(path, ".muster-1", NULL);
	struct file_replacement file = {
		.path = path, .text = "first", .backup_suffix = ".muster-1",
	};
	put(path, "found");
	replace(&file, -1, NULL);
	file.text = "second";
	replace(&file, -1, NULL);
	expect_text(kept, "found");
	expect_text(path, "second");
}

static void test_file_replace_large_text_arrives_whole(void **state)
{
	(void)state;
	g_autofree char *text = g_strnfill(3000000, 'x');
	struct file_replacement file = {.path = path, .text = text};
	replace(&file, -1, NULL);
	expect_text(path, text);
}

/* A host whose cat stops early stands for a connection that drops. */
static void test_file_replace_half_a_text_is_refused(void **state)
{
	(void)state;
	g_autofree char *shell = sshd_write(
		sshd, "short", "#!/bin/sh\n[ \"$1\" = -c ] || exit 1\n"
		"head -c 10 | /bin/sh -c \"$2\"\n", 0755);
	const char *user = sshd_add_user(sshd, shell, "ALL=(ALL) NOPASSWD: "
					 "ALL");
	if (!user || access("/usr/bin/sudo", X_OK) < 0)
		skip();
	struct host other = sshd_host(sshd, user);
	struct session *short_session = session_new(rig.transport, &other);
	g_autoptr(GError) error = NULL;
	struct file_replacement file = {
		.path = path, .text = "longer than ten bytes",
		.backup_suffix = ".muster-1",
	};
	put(path, "old");
	assert_false(file_replace(short_session, &file, in_seconds(30),
				  &error));
	print_message("%s\n", error->message);
	assert_non_null(strstr(error->message, "arrive whole"));
	expect_text(path, "old");
	expect_names("args");
	session_free(short_session);
}

static void test_file_works_through_sudo(void **state)
{
	(void)state;
	const char *user = sshd_add_user(sshd, NULL, "ALL=(ALL) NOPASSWD: "
					 "ALL");
	if (!user || access("/usr/bin/sudo", X_OK) < 0)
		skip();
	struct host other = sshd_host(sshd, user);
	struct session *sudo_session = session_new(rig.transport, &other);
	struct file_replacement file = {
		.path = path, .text = "new", .backup_suffix = ".muster-1",
	};
	g_autofree char *text = NULL;
	put(path, "old");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_true(file_replace(sudo_session, &file, in_seconds(30), NULL));
	assert_true(file_read(sudo_session, path, &text, in_seconds(30),
			      NULL));
	assert_string_equal(text, "new");
	expect_names("args args.muster-1");
	session_free(sudo_session);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, forget_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_read_gives_what_is_there),
		TEST(test_file_read_absent_is_null),
		TEST(test_file_read_refuses_what_is_no_text_file),
		TEST(test_file_replace_keeps_owner_mode_and_backup),
		TEST(test_file_replace_new_file_gets_owner_and_mode),
		TEST(test_file_replace_follows_symlink),
		TEST(test_file_replace_unexpected_content_is_left),
		TEST(test_file_replace_failure_changes_nothing),
		TEST(test_file_replace_marker_comes_before_the_file),
		TEST(test_file_replace_keeps_three_newest_backups),
		TEST(test_file_replace_second_edit_keeps_first_backup),
		TEST(test_file_replace_large_text_arrives_whole),
		TEST(test_file_replace_half_a_text_is_refused),
		TEST(test_file_works_through_sudo),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
