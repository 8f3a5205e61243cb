/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging in with a password, which servers ask for in two ways.
 */
#include "auth_priv.h"

static int call_password(struct attempt *attempt, const void *password)
{
	return ssh_userauth_password(attempt->session->ssh, NULL, password);
}

static int call_kbdint(struct attempt *attempt, const void *ignored)
{
	(void)ignored;
	return ssh_userauth_kbdint(attempt->session->ssh, NULL, NULL);
}

/* Every question that hides its answer is taken for the password's. */
static bool answer_questions(struct attempt *attempt)
{
	ssh_session ssh = attempt->session->ssh;
	int n = ssh_userauth_kbdint_getnprompts(ssh);

	for (int i = 0; i < n; i++) {
		char echo = 1;

		(void)ssh_userauth_kbdint_getprompt(ssh, (unsigned)i, &echo);
		if (ssh_userauth_kbdint_setanswer(
			    ssh, (unsigned)i, echo ? "" : attempt->password) < 0)
			return false;
	}
	return true;
}

static int try_kbdint(struct attempt *attempt, GError **error)
{
	bool asked = false;

	auth_note(attempt, "keyboard-interactive");
	for (int round = 0; round < 4; round++) {
		int rc = auth_try(attempt, call_kbdint, NULL, error);

		if (rc != SSH_AUTH_INFO)
			return rc;
		/* asked again for what was wrong: no second guess */
		if (ssh_userauth_kbdint_getnprompts(attempt->session->ssh) >
		    0) {
			if (asked)
				return SSH_AUTH_DENIED;
			asked = true;
		}
		if (!answer_questions(attempt))
			break;
	}
	return SSH_AUTH_DENIED;
}

int auth_try_password(struct attempt *attempt, GError **error)
{
	unsigned offered = (unsigned)ssh_userauth_list(attempt->session->ssh,
						       NULL);
	int rc = SSH_AUTH_DENIED;

	/* a server tells only when it has refused something */
	if (offered == 0)
		offered = SSH_AUTH_METHOD_PASSWORD |
			SSH_AUTH_METHOD_INTERACTIVE;
	if (offered & SSH_AUTH_METHOD_PASSWORD) {
		auth_note(attempt, "the password");
		rc = auth_try(attempt, call_password, attempt->password, error);
	}
	if (rc == SSH_AUTH_DENIED &&
	    (offered & SSH_AUTH_METHOD_INTERACTIVE))
		rc = try_kbdint(attempt, error);
	return rc;
}
