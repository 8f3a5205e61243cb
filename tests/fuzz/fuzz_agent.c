/* SPDX-License-Identifier: Apache-2.0
 *
 * What an agent may answer, and its keys held against each other. Beside not
 * crashing: no key is its own certificate.
 */
#include "transport/agent.h"
#include "transport/key_blob.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) keys = agent_parse(data, size);

	for (guint i = 0; keys && i < keys->len; i++) {
		GBytes *key = g_ptr_array_index(keys, i);

		if (key_blob_certifies(key, key))
			g_error("a key that certifies itself");
		if (i > 0)
			(void)key_blob_certifies(
				key, g_ptr_array_index(keys, i - 1));
	}
	return 0;
}
