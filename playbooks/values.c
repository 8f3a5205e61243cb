/* SPDX-License-Identifier: Apache-2.0
 *
 * From the text of a step's arguments, and the defaults of those not given,
 * to typed values for one host.
 */
#include "run_priv.h"
#include "vars.h"

#include "transport/error.h"
#include "transport/scalar.h"

static void value_clear(void *data)
{
	struct value *value = data;

	g_free(value->text);
	if (value->map_values)
		g_ptr_array_unref(value->map_values);
}

static void read_number(struct value *value)
{
	bool is_true = false;

	if (value->param->type == PARAM_INT)
		value->number = g_ascii_strtoll(value->text, NULL, 10);
	else if (value->param->type == PARAM_DURATION)
		scalar_duration(value->text, &value->number);
	else if (value->param->type == PARAM_BOOL &&
		 scalar_bool(value->text, &is_true))
		value->number = is_true;
}

static bool resolve_text(struct value *value, const char *text,
			 struct vars *vars, GError **error)
{
	vars->used_fact = false;
	value->text = playbook_interpolate(text, vars_lookup, vars, error);
	if (!value->text)
		return false;
	if (vars->is_preview && vars->used_fact)
		return true;
	if (!param_check(value->param, value->text, error))
		return false;
	read_number(value);
	return true;
}

static bool resolve_map(struct value *value, const struct argument *argument,
			struct vars *vars, GError **error)
{
	value->map_keys = argument->keys;
	value->map_values = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < argument->values->len; i++) {
		const char *text = g_ptr_array_index(argument->values, i);
		char *filled = NULL;

		if (text) {
			filled = playbook_interpolate(text, vars_lookup, vars,
						      error);
			if (!filled)
				return false;
		}
		g_ptr_array_add(value->map_values, filled);
	}
	return true;
}

GArray *values_resolve(const struct step *step, struct vars *vars,
		       struct mark *where, GError **error)
{
	g_autoptr(GArray) values = g_array_new(FALSE, TRUE,
					       sizeof(struct value));

	g_array_set_clear_func(values, value_clear);
	for (size_t i = 0; i < step->action->n_params; i++) {
		const struct param *param = &step->action->params[i];
		const struct argument *argument = step_argument(step, param);
		struct value value = { .param = param };
		bool ok = true;

		*where = argument ? argument->mark : step->mark;
		if (argument && param->type == PARAM_MAP)
			ok = resolve_map(&value, argument, vars, error);
		else if (argument || param->fallback)
			ok = resolve_text(&value, argument ? argument->text
					  : param->fallback, vars, error);
		g_array_append_val(values, value);
		if (!ok)
			return NULL;
	}
	return g_steal_pointer(&values);
}
