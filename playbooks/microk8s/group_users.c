/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be the name of a user: as shadow's useradd sees it, and without
 * what a shell or a command line would take for something else.
 */
#include "group_users.h"
#include "word_list.h"

#include <string.h>

#define NAME_MAX_BYTES 32

bool group_users_is_name(const char *user)
{
	size_t length = strlen(user);

	if (length == 0 || length > NAME_MAX_BYTES ||
	    (!g_ascii_isalnum(*user) && *user != '_'))
		return false;
	return user[strspn(user, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
			   "_.-")] == '\0';
}

static bool is_user(const char *word)
{
	return group_users_is_name(word) ||
		strcmp(word, "${ansible_user}") == 0;
}

bool group_users_check(const char *name, const char *text, size_t *at,
		       GError **error)
{
	(void)name;
	return word_list_check(text, is_user, "not the name of a user "
			       "(${ansible_user} stands for the one who logs "
			       "in)", at, error);
}
