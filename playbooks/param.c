/* SPDX-License-Identifier: Apache-2.0
 *
 * What fits a parameter, and the words for what does not.
 */
#include "param.h"

#include "transport/error.h"
#include "transport/scalar.h"

static const struct {
	const char *name;
	const char *takes;
} types[] = {
	[PARAM_STRING] = { "string", "a text" },
	[PARAM_INT] = { "integer", "a whole number" },
	[PARAM_BOOL] = { "boolean", "yes or no" },
	[PARAM_DURATION] = { "duration", "a time such as 35, 35s, 2m or "
			     "500ms" },
	[PARAM_ENUM] = { "choice", "one of its choices" },
	[PARAM_MAP] = { "map", "a mapping of names to values" },
};

const char *param_type_name(enum param_type type)
{
	return types[type].name;
}

static bool fits(const struct param *param, const char *text)
{
	gint64 number;
	bool is_true;

	switch (param->type) {
	case PARAM_STRING:
	case PARAM_MAP:
		return true;
	case PARAM_INT:
		return g_ascii_string_to_signed(text, 10, G_MININT32,
						G_MAXINT32, &number, NULL);
	case PARAM_BOOL:
		return scalar_bool(text, &is_true);
	case PARAM_DURATION:
		return scalar_duration(text, &number);
	case PARAM_ENUM:
		return g_strv_contains(param->choices, text);
	}
	return false;
}

static bool keeps_rule(const struct param *param, const char *text,
		       GError **error)
{
	size_t at;

	if (!param->rule || param->rule(param->name, text, &at, error))
		return true;
	g_prefix_error(error, "'%s': ", param->name);
	return false;
}

bool param_check(const struct param *param, const char *text, GError **error)
{
	g_autofree char *choices = NULL;

	if (fits(param, text))
		return keeps_rule(param, text, error);
	if (param->type == PARAM_ENUM) {
		g_autofree char *list = g_strjoinv(
			", ", (char **)(guintptr)param->choices);

		choices = g_strconcat("one of ", list, NULL);
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "'%s' takes %s, not '%s'", param->name,
		    choices ? choices : types[param->type].takes, text);
	return false;
}

void argument_free(struct argument *argument)
{
	if (!argument)
		return;
	g_free(argument->text);
	if (argument->keys)
		g_ptr_array_unref(argument->keys);
	if (argument->values)
		g_ptr_array_unref(argument->values);
	g_free(argument);
}
