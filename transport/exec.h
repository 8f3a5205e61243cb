/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one script on a host and brings back everything it said. Scripts are
 * static POSIX sh text; what varies goes in as $1... and is quoted in one
 * place (shell_quote). On an open session one request is one round trip, one
 * more if a channel has to be opened first, and one more if there is input:
 * sshd takes none before it has started the command. On a session that expects
 * more (session_expect_more) all but those as the login user, with on_output
 * or with much input share a shell on the host.
 */
#ifndef MUSTER_TRANSPORT_EXEC_H
#define MUSTER_TRANSPORT_EXEC_H

#include "session.h"

/* Takes output as it comes, on the session's thread; may block. Pieces end
 * anywhere, in lines too. */
typedef void (*exec_output_fn)(const char *bytes, size_t n, bool is_stderr,
			       void *data);

struct exec_request {
	const char *title;		/* for logs and error texts; no secrets */
	const char *script;		/* POSIX sh, static text */
	const char *const *args;	/* $1.., NULL-terminated, or NULL; visible
					   in the node's process list */
	const void *input;		/* standard input of the script, or NULL.
					   The script goes on the command line;
					   without input one of more than 32 kB
					   goes on standard input instead */
	size_t input_length;
	bool as_login_user;		/* do not use sudo */
	bool accept_failure;		/* exit status != 0 is not an error */
	bool private_output;		/* what it prints holds secrets: kept out
					   of logs and error texts */
	gint64 deadline_us;		/* absolute; required */
	size_t output_max;		/* bytes kept per stream; 0 = 1 MiB. More
					   is error OUTPUT_LIMIT */
	exec_output_fn on_output;	/* or NULL: gets all of both streams,
					   without a limit; out and err of the
					   result are empty then, and neither
					   log nor error texts quote them */
	void *output_data;
};

struct exec_result {
	char *out, *err;		/* NUL-terminated, may hold NULs inside */
	size_t out_length, err_length;
	int status;			/* exit status */
	gint64 elapsed_us;
};

void exec_result_free(struct exec_result *result);
typedef struct exec_result ExecResult; /* for g_autoptr(ExecResult) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ExecResult, exec_result_free)

/* Connects if needed. Becomes root as the host says (sudo -n; root needs
 * none). On success `*result` (may be NULL if not wanted) is the caller's.
 * Errors: those of session_connect(), SUDO, COMMAND (text ends with the last
 * lines of what it said), SIGNALLED (in a shared shell it is COMMAND, with
 * status 128 and the signal's number), DEADLINE, LOST, OUTPUT_LIMIT, CANCELLED.
 * On COMMAND *result is set as well, so that callers can classify. */
bool exec_run(struct session *session, const struct exec_request *request,
	      struct exec_result **result, GError **error);

/* `word` quoted for POSIX sh; newly allocated. */
char *shell_quote(const char *word);

#endif
