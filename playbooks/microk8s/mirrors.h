/* SPDX-License-Identifier: Apache-2.0
 *
 * Mirrors of image registries: the list in which a person names them, and
 * the args/certs.d/REGISTRY/hosts.toml that containerd reads at every pull,
 * so that nothing has to be restarted (containerd docs/hosts.md). Pure
 * functions.
 */
#ifndef MUSTER_MICROK8S_MIRRORS_H
#define MUSTER_MICROK8S_MIRRORS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct mirror {
	char *registry;		/* "docker.io", "10.0.0.1:5000", or "_default"
				   for all that have no file of their own */
	GPtrArray *urls;	/* char *, in the order to be tried */
};

/* The mirrors of a list of REGISTRY=URL between blanks or commas; a URL
 * without REGISTRY= is one more of the registry before. struct mirror *, with
 * a free function, each registry once. NULL with error DATA and *at. */
GPtrArray *mirrors_parse(const char *text, size_t *at, GError **error);

/* A rule for such a list: see param_rule. */
bool mirrors_check(const char *name, const char *text, size_t *at,
		   GError **error);

/* What hosts.toml is to be; owned by the caller. */
char *mirrors_hosts_toml(const struct mirror *mirror);

#endif
