/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that travels inside the binary: the shipped playbooks (*.yaml) and the
 * scripts that actions run on hosts (actions/ *.sh). The table is generated
 * by embed.cmake and ends with a NULL name.
 */
#ifndef MUSTER_PLAYBOOKS_EMBEDDED_H
#define MUSTER_PLAYBOOKS_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
	const char *name;	/* base name: "up.yaml", "facts.sh" */
	const char *text;	/* NUL-terminated */
	size_t length;
};

extern const struct embedded_file embedded_files[];

/* Text of `name`, or NULL; static storage. */
const char *embedded_text(const char *name);

#endif
