/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of the API's JSON.
 */
#include "kube_json.h"

const char *kube_string(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (!text || !*text || json_string_length(value) > KUBE_STRING_MAX)
		return NULL;
	return text;
}
