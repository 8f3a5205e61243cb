/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of users that are to be in MicroK8s' group. Pure functions.
 */
#ifndef MUSTER_MICROK8S_GROUP_USERS_H
#define MUSTER_MICROK8S_GROUP_USERS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* A rule for a list of names of users between blanks or commas: see
 * param_rule. ${ansible_user} may stand for one. */
bool group_users_check(const char *name, const char *text, size_t *at,
		       GError **error);

/* Whether `user` is a name that useradd would take. */
bool group_users_is_name(const char *user);

#endif
