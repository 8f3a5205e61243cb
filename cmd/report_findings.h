/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings as people and machines read them.
 */
#ifndef MUSTER_CMD_REPORT_FINDINGS_H
#define MUSTER_CMD_REPORT_FINDINGS_H

#include "playbooks/finding.h"

#include <jansson.h>

/* Ranked findings on standard output, hosts folded, each with its cure.
 * Advice is only counted unless `is_verbose`. */
void report_findings(const GPtrArray *findings, bool is_verbose,
		     bool has_color);

/* An array of objects: code, severity, hosts, evidence, meaning, cure,
 * upstream. The caller json_decref()s. */
json_t *findings_json(const GPtrArray *findings);

/* The hosts of one, folded; newly allocated. */
char *finding_hosts(const struct finding *finding);

#endif
