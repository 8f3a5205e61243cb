/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the one cluster and the one user out of a kubeconfig such as
 * credentials/client.config: what an HTTPS client needs. Pure: no I/O.
 */
#ifndef MUSTER_PLAYBOOKS_MICROK8S_KUBECONFIG_H
#define MUSTER_PLAYBOOKS_MICROK8S_KUBECONFIG_H

#include <glib.h>
#include <stddef.h>

#define KUBECONFIG_SIZE_MAX (256 * 1024)	/* bytes */
#define KUBECONFIG_TOKENS_MAX 10000		/* YAML tokens */

struct kubeconfig {
	char *server;		/* "https://127.0.0.1:16443" */
	char *ca_pem;		/* decoded certificate-authority-data */
	char *cert_pem;		/* decoded client-certificate-data */
	char *key_pem;		/* decoded client-key-data; wiped on free */
};

/* The first cluster and the first user count, as MicroK8s writes one of each.
 * A missing part, a reference to a file instead of inline data, text that is
 * not YAML or is beyond the limits is error PROTOCOL, which never quotes the
 * content. Free with kubeconfig_free(). */
struct kubeconfig *kubeconfig_parse(const char *text, size_t length,
				    GError **error);
void kubeconfig_free(struct kubeconfig *config);
typedef struct kubeconfig Kubeconfig; /* for g_autoptr(Kubeconfig) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Kubeconfig, kubeconfig_free)

#endif
