/* SPDX-License-Identifier: Apache-2.0
 *
 * A step of a playbook: an action and its arguments, held against the action's
 * table of parameters.
 */
#include "playbook_priv.h"

#include <string.h>

#define TITLE_TEXT_MAX 40 /* bytes; a longer text is no title */

static const struct param *param_find(const struct action *action,
				      const char *name)
{
	for (size_t i = 0; i < action->n_params; i++)
		if (strcmp(action->params[i].name, name) == 0)
			return &action->params[i];
	return NULL;
}

/* One NAME: VALUE of a map; `seen` holds the names before it, borrowed. */
static void read_map_pair(struct playbook_reader *r, struct argument *argument,
			  const yaml_node_pair_t *pair, GHashTable *seen)
{
	const yaml_node_t *key = playbook_node(r, pair->key);
	const yaml_node_t *item = playbook_node(r, pair->value);
	const char *name = yaml_text_scalar(key);
	const char *text = yaml_text_scalar(item);

	if (!name || !*name || !text) {
		playbook_problem(r, name && *name ? item : key, NULL,
				 "'%s' takes plain values, no lists and no "
				 "mappings",
				 argument->param->name);
		return;
	}
	if (!g_hash_table_add(seen, (gpointer)(guintptr)name)) {
		playbook_problem(r, key, NULL, "'%s' is given twice", name);
		return;
	}
	g_ptr_array_add(argument->keys, g_strdup(name));
	g_ptr_array_add(argument->values,
			playbook_is_null(item) ? NULL : g_strdup(text));
}

static void read_map(struct playbook_reader *r, struct argument *argument,
		     const yaml_node_t *value)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	argument->keys = g_ptr_array_new_with_free_func(g_free);
	argument->values = g_ptr_array_new_with_free_func(g_free);
	if (value->type != YAML_MAPPING_NODE) {
		playbook_problem(r, value,
				 "such as {--node-ip: \"${node_ip}\"}",
				 "'%s' takes a mapping of names to values",
				 argument->param->name);
		return;
	}
	for (const yaml_node_pair_t *pair = value->data.mapping.pairs.start;
	     pair < value->data.mapping.pairs.top; pair++)
		read_map_pair(r, argument, pair, seen);
}

static void read_scalar(struct playbook_reader *r, struct argument *argument,
			const yaml_node_t *value)
{
	const char *text = yaml_text_scalar(value);
	g_autoptr(GError) error = NULL;

	argument->text = g_strdup(text ? text : "");
	if (!text)
		playbook_problem(r, value, NULL,
				 "'%s' takes a single value (%s)",
				 argument->param->name,
				 param_type_name(argument->param->type));
	else if (playbook_is_null(value))
		playbook_problem(r, value, "leave it out, or write \"\"",
				 "'%s' has no value", argument->param->name);
	else if (!strstr(text, "${") &&
		 !param_check(argument->param, text, &error))
		playbook_problem(r, value, NULL, "%s", error->message);
}

static void read_argument(struct playbook_reader *r, struct step *step,
			  const struct param *param, const yaml_node_t *value)
{
	struct argument *argument = g_new0(struct argument, 1);

	argument->param = param;
	argument->mark = playbook_mark(value);
	g_ptr_array_add(step->arguments, argument);
	if (param->type == PARAM_MAP)
		read_map(r, argument, value);
	else
		read_scalar(r, argument, value);
}

const struct argument *step_argument(const struct step *step,
				     const struct param *param)
{
	for (guint i = 0; i < step->arguments->len; i++) {
		const struct argument *a =
			g_ptr_array_index(step->arguments, i);

		if (a->param == param)
			return a;
	}
	return NULL;
}

static void problem_unknown_param(struct playbook_reader *r,
				  const yaml_node_t *key,
				  const struct action *action, const char *name)
{
	g_autoptr(GPtrArray) known = g_ptr_array_new();
	g_autofree char *what =
		g_strdup_printf("parameter of '%s'", action->name);
	g_autofree char *hint =
		g_strdup_printf("see muster explain %s", action->name);

	for (size_t i = 0; i < action->n_params; i++)
		g_ptr_array_add(known,
				(gpointer)(guintptr)action->params[i].name);
	playbook_problem_unknown(r, key, what, name, known, hint);
}

static void read_arguments(struct playbook_reader *r, struct step *step,
			   const yaml_node_t *node)
{
	const struct action *action = step->action;

	if (node->type != YAML_MAPPING_NODE) {
		/* one plain value is the first parameter's */
		if (action->n_params && action->params[0].type != PARAM_MAP)
			read_argument(r, step, &action->params[0], node);
		else
			playbook_problem(r, node, NULL,
					 "'%s' takes no value here",
					 action->name);
		return;
	}
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = playbook_node(r, pair->key);
		const char *name = yaml_text_scalar(key);
		const struct param *param =
			name ? param_find(action, name) : NULL;

		if (!param)
			problem_unknown_param(r, key, action,
					      name ? name : "[...]");
		else if (step_argument(step, param))
			playbook_problem(r, key, NULL, "'%s' is given twice",
					 name);
		else
			read_argument(r, step, param,
				      playbook_node(r, pair->value));
	}
}

static void check_required(struct playbook_reader *r, const struct step *step,
			   const yaml_node_t *node)
{
	for (size_t i = 0; i < step->action->n_params; i++) {
		const struct param *param = &step->action->params[i];

		if (param->required && !step_argument(step, param))
			playbook_problem(r, node, param->help,
					 "'%s' needs '%s' (%s)",
					 step->action->name, param->name,
					 param_type_name(param->type));
	}
}

static bool is_telling(const char *text)
{
	return text && *text && !strstr(text, "${") && !strchr(text, '\n') &&
	       strlen(text) <= TITLE_TEXT_MAX;
}

/* "args kubelet": the action and what tells its steps apart, a value that it
 * cannot do without; so never the content of a file. */
static char *step_title(const struct step *step)
{
	for (size_t i = 0; i < step->action->n_params; i++) {
		const struct param *param = &step->action->params[i];
		const struct argument *a = step_argument(step, param);

		if (param->required && a && is_telling(a->text))
			return g_strdup_printf("%s %s", step->action->name,
					       a->text);
	}
	return g_strdup(step->action->name);
}

static const struct action *read_action(struct playbook_reader *r,
					const yaml_node_t *node)
{
	const char *name = yaml_text_scalar(node);
	const struct action *action = name ? action_find(name) : NULL;
	g_autoptr(GPtrArray) known = g_ptr_array_new();

	if (action)
		return action;
	if (!name) {
		playbook_problem(r, node, NULL,
				 "a step is the name of an action");
		return NULL;
	}
	for (size_t i = 0; action_table[i]; i++)
		g_ptr_array_add(known,
				(gpointer)(guintptr)action_table[i]->name);
	playbook_problem_unknown(r, node, "action", name, known,
				 "muster explain lists them");
	return NULL;
}

void playbook_step_free(struct step *step)
{
	g_free(step->title);
	g_ptr_array_unref(step->arguments);
	g_free(step);
}

void playbook_read_step(struct playbook_reader *r, struct play *play,
			const yaml_node_t *node)
{
	const yaml_node_t *name = node, *value = NULL;

	if (node->type == YAML_MAPPING_NODE) {
		const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

		if (node->data.mapping.pairs.top - pair != 1) {
			playbook_problem(r, node,
					 "begin each step with its own `-`",
					 "a step is one action, not several");
			return;
		}
		name = playbook_node(r, pair->key);
		value = playbook_node(r, pair->value);
	}
	const struct action *action = read_action(r, name);

	if (!action)
		return;
	struct step *step = g_new0(struct step, 1);

	step->action = action;
	step->mark = playbook_mark(name);
	step->arguments =
		g_ptr_array_new_with_free_func((GDestroyNotify)argument_free);
	if (value && !playbook_is_null(value))
		read_arguments(r, step, value);
	check_required(r, step, name);
	step->title = step_title(step);
	g_ptr_array_add(play->steps, step);
}
