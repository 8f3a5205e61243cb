/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what `microk8s status` printed: one of the known states,
 * wherever the text was printed to.
 */
#include "playbooks/microk8s/status_text.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	enum status_state out = status_text_parse(text, NULL);
	enum status_state err = status_text_parse(NULL, text);

	if (out != err || out > STATUS_UNKNOWN || !status_state_name(out) ||
	    status_text_is_worker(text) != (out == STATUS_WORKER) ||
	    (out == STATUS_STOPPED && !status_text_is_stopped(text)))
		abort();
	return 0;
}
