/* SPDX-License-Identifier: Apache-2.0
 *
 * Files go up on the standard input of one script that does all the rest on
 * the host (SFTP would take a round trip for each step, cannot become root,
 * and its rename does not replace in libssh 0.10). The script checks that the
 * text arrived whole before it touches anything that was there.
 */
#include "file.h"
#include "error.h"
#include "exec_priv.h"

#include <string.h>

#define READ_MAX ((size_t)1024 * 1024)
#define ABSENT "absent\n"
#define PRESENT "present\n"
#define STATUS_CHANGED 90	/* of the script below: not what was expected */

/* $1 path. Its first line tells a file that is empty from one that is not
 * there; a dangling symbolic link counts as not there. */
static const char read_script[] =
	"set -eu\n"
	"if [ ! -e \"$1\" ]; then echo absent; exit 0; fi\n"
	"if [ ! -f \"$1\" ]; then echo 'not a regular file' >&2; exit 1; fi\n"
	"exec 3<\"$1\"\n"
	"echo present\n"
	"exec cat <&3\n";

/* $1 path, $2 hash of what should be there, "" for nothing, "any" for
 * whatever, $3 backup suffix, $4 mode, $5 owner, $6 marker, $7 hash of the new
 * text, $8 a word for the new file's first name. A link to the old file is its
 * backup: as soon as the new one has its name that is all there is of it, with
 * owner, mode and everything else. Backups are ordered by ctime, which is when
 * they became one. */
static const char replace_script[] =
	"set -u\n"
	"newline='\n'\n"
	"expected=$2 suffix=$3 mode=$4 owner=$5 marker=$6 sum=$7\n"
	"new= backup= made=\n"
	"fail() { echo \"$1\" >&2; exit \"${2-1}\"; }\n"
	"undo() { rm -f -- ${new:+\"$new\"} ${backup:+\"$backup\"} "
	"${made:+\"$made\"}; }\n"
	"trap undo EXIT\n"
	"trap 'exit 1' HUP INT TERM\n"
	"path=$1\n"
	"if [ -L \"$path\" ]; then\n"
	"	path=$(readlink -f -- \"$path\") ||\n"
	"		fail 'the directory does not exist'\n"
	"fi\n"
	"[ -d \"${path%/*}/\" ] || fail 'the directory does not exist'\n"
	"[ ! -e \"$path\" ] || [ -f \"$path\" ] || fail 'not a regular file'\n"
	/* made by the shell itself, and only if it is not there */
	"fresh=${path%/*}/.${path##*/}.$8\n"
	"umask 077; set -C; : >\"$fresh\" || exit; set +C; umask 022\n"
	"new=$fresh\n"
	"there=\n"
	"[ ! -e \"$path\" ] || there=1\n"
	/* with owner and mode of what was there */
	"[ -z \"$there\" ] || cp -p -- \"$path\" \"$new\" || exit\n"
	"cat >\"$new\" || exit\n"
	"if [ -n \"$there\" ]; then\n"
	"	sums=$(sha256sum \"$new\" \"$path\") || exit\n"
	"else\n"
	"	sums=$(sha256sum \"$new\") || exit\n"
	"	[ -z \"$owner\" ] || chown -- \"$owner\" \"$new\" || exit\n"
	"	chmod -- \"${mode:-0644}\" \"$new\" || exit\n"
	"fi\n"
	/* a line for each, with a backslash where the name needs any */
	"old=${sums#*\"$newline\"}; [ \"$old\" != \"$sums\" ] || old=\n"
	"sums=${sums#\\\\} sums=${sums%% *} old=${old#\\\\} old=${old%% *}\n"
	"[ \"$sums\" = \"$sum\" ] || fail 'the new text did not arrive whole'\n"
	"sync -- \"$new\" 2>/dev/null || sync || exit\n"
	"[ \"$expected\" = any ] || [ \"$expected\" = \"$old\" ] ||\n"
	"	fail 'it changed meanwhile' 90\n"
	"if [ -n \"$marker\" ] && [ ! -e \"$marker\" ]; then\n"
	"	mkdir -p -- \"${marker%/*}\" && : >\"$marker\" || exit\n"
	"	made=$marker\n"
	"fi\n"
	/* The first backup of a run is what the run found. */
	"if [ -n \"$suffix\" ] && [ -n \"$old\" ] &&\n"
	"   [ ! -e \"$path$suffix\" ]; then\n"
	"	backup=$path$suffix\n"
	"	ln -- \"$path\" \"$backup\" 2>/dev/null ||\n"
	"		cp -p -- \"$path\" \"$backup\" || exit\n"
	"fi\n"
	"mv -f -- \"$new\" \"$path\" || exit\n"
	"trap - EXIT\n"
	"sync -- \"${path%/*}/\" 2>/dev/null || sync\n"
	"set -- \"$path\".muster-*\n"
	"[ $# -lt 4 ] || ls -1tcd -- \"$@\" 2>/dev/null | {\n"
	"	read -r _; read -r _; read -r _\n"
	"	while IFS= read -r old; do rm -f -- \"$old\"; done\n"
	"}\n"
	"exit 0\n";

char *file_sha256(const char *text)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

bool file_read(struct session *session, const char *path, char **text,
	       gint64 deadline_us, GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	g_autofree char *title = g_strdup_printf("read %s", path);
	const char *const args[] = {path, NULL};
	const struct exec_request request = {
		.title = title,
		.script = read_script,
		.args = args,
		.deadline_us = deadline_us,
		.output_max = READ_MAX + strlen(PRESENT),
	};

	if (!exec_run(session, &request, &result, error))
		return false;
	if (strcmp(result->out, ABSENT) == 0) {
		*text = NULL;
		return true;
	}
	if (!g_str_has_prefix(result->out, PRESENT) ||
	    strlen(result->out) != result->out_length) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "%s: not a text file", title);
		return false;
	}
	*text = g_strdup(result->out + strlen(PRESENT));
	return true;
}

static void set_changed(GError **error, const struct file_replacement *file)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "write %s: %s (run again to see what is there now)",
		    file->path, *file->expected_sha256
		    ? "the file changed meanwhile, so it was left alone"
		    : "the file was made meanwhile, so it was left alone");
}

bool file_replace(struct session *session, const struct file_replacement *file,
		  gint64 deadline_us, GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) why = NULL;
	g_autofree char *title = g_strdup_printf("write %s", file->path);
	g_autofree char *sum = file_sha256(file->text);
	g_autofree char *word = exec_new_mark();
	const char *const args[] = {
		file->path,
		file->expected_sha256 ? file->expected_sha256 : "any",
		file->backup_suffix ? file->backup_suffix : "",
		file->mode ? file->mode : "",
		file->owner ? file->owner : "",
		file->touch ? file->touch : "",
		sum,
		word,
		NULL
	};
	const struct exec_request request = {
		.title = title,
		.script = replace_script,
		.args = args,
		.input = file->text,
		.input_length = strlen(file->text),
		.deadline_us = deadline_us,
	};

	if (exec_run(session, &request, &result, &why))
		return true;
	if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_COMMAND) &&
	    result->status == STATUS_CHANGED && file->expected_sha256)
		set_changed(error, file);
	else
		g_propagate_error(error, g_steal_pointer(&why));
	return false;
}
