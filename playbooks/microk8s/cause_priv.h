/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue's sections, a file each. Within a section special texts stand
 * before general ones: the first row that holds decides.
 */
#ifndef MUSTER_MICROK8S_CAUSE_PRIV_H
#define MUSTER_MICROK8S_CAUSE_PRIV_H

#include "cause.h"

/* End with a row without a code. */
extern const struct cause cause_join[];		/* what a join ends with */
extern const struct cause cause_run[];		/* what a cluster's parts say */
extern const struct cause cause_host[];		/* what is seen by looking */
extern const struct cause cause_overlay[];	/* what a proof finds */

/* What tells nothing else; outside the sections, so that they come last. */
extern const struct cause cause_killed, cause_unknown;

#endif
