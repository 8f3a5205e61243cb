/* SPDX-License-Identifier: Apache-2.0
 *
 * args/traefik/provider.yaml: the control plane endpoints a worker's
 * apiserver-proxy balances over. Written by microk8s join.py, rewritten by
 * the proxy at every refresh. Pure text functions; callers own every result.
 */
#ifndef MUSTER_MICROK8S_PROVIDER_YAML_H
#define MUSTER_MICROK8S_PROVIDER_YAML_H

#include <glib.h>
#include <stddef.h>

#define PROVIDER_YAML_SIZE_MAX (64 * 1024)
#define PROVIDER_YAML_SERVERS_MAX 64
#define PROVIDER_YAML_ADDRESS_MAX 300		/* bytes of "host:port" */

/* The addresses ("10.0.0.1:16443"), in file order; element-type char *, with
 * a free function; owned by the caller. An empty list of servers is an empty
 * array. NULL with error DATA if the text is not such a file. */
GPtrArray *provider_yaml_addresses(const char *text, GError **error);

/* The text that lists exactly `addresses`, in that order: `text` edited in
 * place (comments and layout stay; identical if nothing is to do), or, if
 * `text` is NULL, empty or not understood, the file as join.py writes it.
 * NULL with error DATA if n is 0 (the proxy would exit: microk8s#4197) or an
 * address is not "host:port". Owned by the caller. */
char *provider_yaml_set(const char *text, const char *const *addresses,
			size_t n, GError **error);

#endif
