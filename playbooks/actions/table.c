/* SPDX-License-Identifier: Apache-2.0
 *
 * All actions, in the order of the alphabet. A new one is a file beside this
 * and a line here.
 */
#include "actions.h"

#include <string.h>

const struct action *const action_table[] = {
	&action_addons,
	&action_alias,
	&action_api,
	&action_args,
	&action_ask_api,
	&action_ask_api_again,
	&action_ask_deep,
	&action_ask_host,
	&action_belongs,
	&action_certificates,
	&action_cni,
	&action_cni_apply,
	&action_copy,
	&action_datastore,
	&action_departures,
	&action_drain,
	&action_extra_args,
	&action_forget,
	&action_group_users,
	&action_hold,
	&action_join,
	&action_label,
	&action_leave,
	&action_lock,
	&action_look,
	&action_member,
	&action_mirrors,
	&action_node_ready,
	&action_preflight,
	&action_proxy,
	&action_proxy_refresh,
	&action_purge,
	&action_remove_node,
	&action_restart,
	&action_restart_service,
	&action_revoke,
	&action_run,
	&action_settle,
	&action_snap,
	&action_taint,
	&action_token,
	&action_upgrade,
	&action_upgrade_check,
	&action_verify,
	NULL
};

const struct action *action_find(const char *name)
{
	for (size_t i = 0; action_table[i]; i++)
		if (strcmp(action_table[i]->name, name) == 0)
			return action_table[i];
	return NULL;
}
