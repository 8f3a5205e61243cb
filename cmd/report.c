/* SPDX-License-Identifier: Apache-2.0
 *
 * What reporters have in common.
 */
#include "report.h"

void reporter_free(struct reporter *reporter)
{
	if (!reporter)
		return;
	reporter->free(reporter->sink.data);
	g_free(reporter);
}
