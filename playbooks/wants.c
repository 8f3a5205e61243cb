/* SPDX-License-Identifier: Apache-2.0
 *
 * A table: variable, and the rule that the action behind it has as well.
 */
#include "wants.h"

#include "param.h"
#include "microk8s/addons.h"
#include "microk8s/csr_conf.h"
#include "microk8s/extra_args.h"
#include "microk8s/group_users.h"
#include "microk8s/mirrors.h"
#include "microk8s/node_marks.h"
#include "microk8s/word_list.h"

#include <string.h>

static bool check_sans(const char *name, const char *text, size_t *at,
		       GError **error)
{
	(void)name;
	return word_list_check(text, csr_conf_is_name, "neither an address "
			       "nor a name that a certificate can have", at,
			       error);
}

static const struct {
	const char *variable;
	param_rule rule;
} table[] = {
	{ "microk8s_addons", addons_check },
	{ "microk8s_extra_sans", check_sans },
	{ "microk8s_group_users", group_users_check },
	{ "microk8s_registry_mirrors", mirrors_check },
	{ "node_labels", node_labels_check },
	{ "node_taints", node_taints_check },
};

bool wants_check(const char *name, const char *text, size_t *at,
		 GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (strcmp(table[i].variable, name) == 0)
			return table[i].rule(name, text, at, error);
	return extra_args_check(name, text, at, error);
}
