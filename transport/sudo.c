/* SPDX-License-Identifier: Apache-2.0
 *
 * sudo -n either works at once or says why not; sudo -S asks, by a prompt of
 * ours. Its messages are told apart by their untranslated texts (sudo 1.8 to
 * 1.9).
 */
#include "sudo.h"
#include "error.h"
#include "exec.h"
#include "exec_priv.h"

#include <string.h>

#define NOT_FOUND 127		/* exit status of a shell or env(1) */

void become_init(struct become *become, const char *password)
{
	g_autofree char *mark = password ? exec_new_mark() : NULL;

	memset(become, 0, sizeof(*become));
	become->password = password;
	/* no % in it: sudo would fill it in */
	become->prompt = mark ? g_strdup_printf("[%s] password:", mark) : NULL;
}

void become_clear(struct become *become)
{
	g_free(become->prompt);
}

bool become_hear(struct become *become, GString *err)
{
	size_t length = become->prompt ? strlen(become->prompt) : 0;
	char *at = length ? memmem(err->str, err->len, become->prompt, length)
			  : NULL;

	if (!at)
		return false;
	g_string_erase(err, at - err->str, (gssize)length);
	become->refused = become->answered;
	become->answered = true;
	return !become->refused;
}

static const char *target_of(const struct host *host)
{
	return host->become_user ? host->become_user : "root";
}

bool sudo_is_needed(const struct host *host, const char *user)
{
	return host->become != HOST_BECOME_NO &&
		!(host->become == HOST_BECOME_AUTO &&
		  strcmp(user, target_of(host)) == 0);
}

char *sudo_prefix(const struct host *host, const char *user,
		  const struct become *become)
{
	const char *target = target_of(host);

	if (!sudo_is_needed(host, user))
		return g_strdup("");
	g_autofree char *quoted = shell_quote(target);
	if (!become->prompt)
		return g_strdup_printf("env LC_ALL=C sudo -n -H -u %s -- ",
				       quoted);
	return g_strdup_printf("env LC_ALL=C sudo -S -p '%s' -H -u %s -- ",
			       become->prompt, quoted);
}

static const struct {
	const char *text, *why;
} refusals[] = {
	{"a password is required",
	 "it asks for a password (give it with -K, or give the user NOPASSWD "
	 "in /etc/sudoers.d)"},
	{"a terminal is required",
	 "it asks for a password (give it with -K, or give the user NOPASSWD "
	 "in /etc/sudoers.d)"},
	{"incorrect password attempt", "the password is wrong"},
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
		    const struct become *become, const char *text, int status)
{
	const char *why = become->refused ? "the password is wrong" : NULL;

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
