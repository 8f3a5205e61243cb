/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags that a person wants in MicroK8s' args files, as a list such as
 * "--max-pods=200 --v=2": which services there are, what each may be given,
 * and which flags are refused because the cluster hangs on them. Pure
 * functions.
 */
#ifndef MUSTER_MICROK8S_EXTRA_ARGS_H
#define MUSTER_MICROK8S_EXTRA_ARGS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct extra_args_service {
	const char *name;		/* of the args file: "kube-apiserver" */
	const char *variable;		/* "microk8s_kube_apiserver_args" */
	bool on_masters, on_workers;	/* where it runs */
	const char *const *owned;	/* flags not to be given, NULL-ended */
};

/* The i-th service, or NULL. */
const struct extra_args_service *extra_args_at(size_t i);

/* The service whose args file or variable is `name`, or NULL. */
const struct extra_args_service *extra_args_find(const char *name);

struct extra_arg {
	char *key;		/* "--max-pods" */
	char *value;		/* "" for a bare flag; NULL: written KEY-, the
				   flag must be absent */
};

/* The flags of a list between blanks (struct extra_arg *, with a free
 * function), each --FLAG, --FLAG=VALUE or --FLAG-. NULL with error DATA and
 * *at. */
GPtrArray *extra_args_parse(const struct extra_args_service *service,
			    const char *text, size_t *at, GError **error);

/* A rule for such a list, `name` being a service's or its variable's: see
 * param_rule. */
bool extra_args_check(const char *name, const char *text, size_t *at,
		      GError **error);

#endif
