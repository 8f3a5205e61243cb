/* SPDX-License-Identifier: Apache-2.0
 *
 * A reporter that tells, after the recap, what each play of a run of two
 * playbooks took, and each of the two in all.
 */
#ifndef MUSTER_CMD_TIMINGS_H
#define MUSTER_CMD_TIMINGS_H

#include "report.h"

/* `first` is the text of the first playbook, whose phase is called
 * `first_name`; what plays follow are of `second_name`. Borrows the names. */
struct reporter *timings_new(const char *first_name, const char *first,
			     const char *second_name);

#endif
