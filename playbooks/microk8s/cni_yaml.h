/* SPDX-License-Identifier: Apache-2.0
 *
 * args/cni-network/cni.yaml: the Calico manifest of a control plane. Only one
 * value in it concerns us: the IP_AUTODETECTION_METHOD environment variable of
 * container calico-node in DaemonSet calico-node, which picks the address of
 * the overlay. Pure text functions; callers own every returned string.
 */
#ifndef MUSTER_MICROK8S_CNI_YAML_H
#define MUSTER_MICROK8S_CNI_YAML_H

#include <glib.h>

#define CNI_YAML_SIZE_MAX (1024 * 1024)
#define CNI_YAML_DOCUMENTS_MAX 256
#define CNI_YAML_METHOD_MAX 512			/* bytes of the value */

/* The method ("first-found", "can-reach=10.0.0.2", ...); owned by the caller.
 * NULL with error DATA if the text is no manifest or has no such variable. */
char *cni_yaml_get_method(const char *text, GError **error);

/* `text` with the method's value replaced and every other byte kept;
 * identical if it has that value already. Owned by the caller. NULL with
 * error DATA as above, or if `value` is empty or not printable ASCII. */
char *cni_yaml_set_method(const char *text, const char *value,
			  GError **error);

#endif
