/* SPDX-License-Identifier: Apache-2.0
 *
 * The objects of the deep proof: a DaemonSet whose pods serve, a Service
 * before them, and a DaemonSet whose pods ask for all of those and say in
 * their logs what came of it. All have one label, and run on every node
 * whatever its taints. JSON out; the caller json_decref()s.
 */
#ifndef MUSTER_VERIFY_DEEP_OBJECTS_H
#define MUSTER_VERIFY_DEEP_OBJECTS_H

#include <glib.h>
#include <jansson.h>

#define DEEP_IMAGE "busybox:1.36"	/* small, public, for every CPU */
#define DEEP_PORT 8080
#define DEEP_LABEL "muster-proof"	/* its value is the object's name */
#define DEEP_END "muster-proof-ends"	/* annotation: Unix seconds after which
					   nobody needs the object any more */

/* Pods that serve a page each. */
json_t *deep_servers(const char *name, const char *image, gint64 ends);

/* One address before the pods of `servers`. */
json_t *deep_service(const char *name, const char *servers, gint64 ends);

/* Pods that ask. `peers` is "NODE=ADDRESS" words, `service` an address, and
 * `dns` a name to resolve, or "". */
json_t *deep_askers(const char *name, const char *image, gint64 ends,
		    const char *peers, const char *service, const char *dns);

/* Names of the objects of an API list whose time is over (char *, owned). */
GPtrArray *deep_leftovers(const json_t *list, gint64 now);

#endif
