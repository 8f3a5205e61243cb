/* SPDX-License-Identifier: Apache-2.0
 *
 * What readers of the API's JSON have in common: fields that are as they
 * should be, or absent.
 */
#ifndef MUSTER_MICROK8S_KUBE_JSON_H
#define MUSTER_MICROK8S_KUBE_JSON_H

#include <jansson.h>

#define KUBE_JSON_SIZE_MAX (16 * 1024 * 1024)	/* bytes of one answer */
#define KUBE_STRING_MAX 4096			/* longer fields are refused */

/* A string member, borrowed; NULL if absent, empty or absurdly long. */
const char *kube_string(const json_t *object, const char *key);

#endif
