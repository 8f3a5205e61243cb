/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds a text among those that embed.cmake put into the binary.
 */
#include "embedded.h"

#include <string.h>

const char *embedded_text(const char *name)
{
	for (const struct embedded_file *f = embedded_files; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f->text;
	return NULL;
}
