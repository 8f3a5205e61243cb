/* SPDX-License-Identifier: Apache-2.0
 *
 * --out-dir: what each host printed, to the last byte, in DIR/HOST.out and
 * DIR/HOST.err (0600; DIR is made 0700).
 */
#ifndef MUSTER_CMD_OUT_DIR_H
#define MUSTER_CMD_OUT_DIR_H

#include <glib.h>
#include <stdbool.h>

struct out_dir;

/* Makes `path` if it is not there, and removes files of an earlier run for
 * `hosts` (const struct host *), so that whatever is found there afterwards is
 * of this one. NULL with error OUTPUT. */
struct out_dir *out_dir_new(const char *path, const GPtrArray *hosts,
			    GError **error);
void out_dir_free(struct out_dir *dir);

/* The first thing that could not be written, or NULL; borrowed. After the
 * last out_files_close(). */
const char *out_dir_problem(const struct out_dir *dir);

/* The two files of one host, which are made here. One thread at a time;
 * problems are kept by `dir`, which it borrows. */
struct out_files;
struct out_files *out_files_open(struct out_dir *dir, const char *host);
void out_files_write(struct out_files *files, const char *bytes, size_t n,
		     bool is_stderr);
void out_files_close(struct out_files *files);

#endif
