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
	g_autoptr(GPtrArray) words =
		word_list(text, WORD_LIST_COMMAS, at, error);

	(void)name;
	for (guint i = 0; words && i < words->len; i++) {
		const struct list_word *word = g_ptr_array_index(words, i);

		if (csr_conf_is_name(word->text))
			continue;
		word_list_refuse(at, word->at, error, "'%s' is neither an "
				 "address nor a name that a certificate can "
				 "have", word->text);
		return false;
	}
	return words != NULL;
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
