/* SPDX-License-Identifier: Apache-2.0
 *
 * sudo -n: either it works at once or it says why not. Its messages are told
 * apart by their untranslated texts (sudo 1.8 to 1.9).
 */
#include "sudo.h"
#include "error.h"
#include "exec.h"

#include <string.h>

#define NOT_FOUND 127		/* exit status of a shell or env(1) */

char *sudo_prefix(const struct host *host, const char *user)
{
	const char *target = host->become_user ? host->become_user : "root";

	if (host->become == HOST_BECOME_NO)
		return g_strdup("");
	if (host->become == HOST_BECOME_AUTO && strcmp(user, target) == 0)
		return g_strdup("");
	g_autofree char *quoted = shell_quote(target);
	return g_strdup_printf("env LC_ALL=C sudo -n -H -u %s -- ", quoted);
}

static const struct {
	const char *text, *why;
} refusals[] = {
	{"a password is required",
	 "it asks for a password (give the user NOPASSWD in /etc/sudoers.d)"},
	{"a terminal is required",
	 "it asks for a password (give the user NOPASSWD in /etc/sudoers.d)"},
	{"must have a tty",
	 "it wants a terminal (remove 'Defaults requiretty' from sudoers)"},
	{"is not in the sudoers file",
	 "the user is not in the sudoers file"},
	{"may not run sudo", "the user may not run sudo on this host"},
	{"is not allowed to", "the user may not run /bin/sh with it"},
	{"unknown user", "the user to become does not exist (become_user)"},
	{"no new privileges",
	 "sshd or a container forbids new privileges there"},
	{"must be owned by uid 0", "its installation is damaged (setuid bit)"},
};

void sudo_set_error(GError **error, const char *title, const char *user,
		    const char *text, int status)
{
	const char *why = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(refusals) && !why; i++)
		if (strstr(text, refusals[i].text))
			why = refusals[i].why;
	if (!why && status == NOT_FOUND)
		why = "it is not installed (log in as root, or install sudo)";
	if (!why)
		why = "it failed before the command began";
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_SUDO,
		    "%s: sudo refused user '%s': %s; it said: %s", title, user,
		    why, *text ? text : "nothing");
}
