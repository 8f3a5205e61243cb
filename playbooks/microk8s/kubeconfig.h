/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the one cluster and the one user out of a kubeconfig such as
 * credentials/client.config: what an HTTPS client needs. Pure: no I/O.
 */
#ifndef MUSTER_PLAYBOOKS_MICROK8S_KUBECONFIG_H
#define MUSTER_PLAYBOOKS_MICROK8S_KUBECONFIG_H

#include <glib.h>
#include <stddef.h>

struct kubeconfig {
	char *server;		/* "https://127.0.0.1:16443" */
	char *ca_pem;		/* decoded certificate-authority-data */
	char *cert_pem;		/* decoded client-certificate-data */
	char *key_pem;		/* decoded client-key-data; wiped on free */
};

/* Parses at most 256 kB. The first cluster and the first user count, as
 * MicroK8s writes one of each. A missing part, a reference to a file instead
 * of inline data, or text that is not YAML is error PROTOCOL; the text never
 * quotes the content. Free with kubeconfig_free(). */
struct kubeconfig *kubeconfig_parse(const char *text, size_t length,
				    GError **error);
void kubeconfig_free(struct kubeconfig *config);
typedef struct kubeconfig Kubeconfig; /* for g_autoptr(Kubeconfig) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Kubeconfig, kubeconfig_free)

#endif
