/* SPDX-License-Identifier: Apache-2.0
 *
 * certs/csr.conf.template: what a control plane's server.crt is made from,
 * an OpenSSL configuration whose section alt_names lists the names of the
 * certificate; MicroK8s puts the host's own addresses where #MOREIPS stands.
 * Pure text functions; callers own every result.
 */
#ifndef MUSTER_MICROK8S_CSR_CONF_H
#define MUSTER_MICROK8S_CSR_CONF_H

#include <glib.h>
#include <stdbool.h>

#define CSR_CONF_SIZE_MAX (64 * 1024)
#define CSR_CONF_LINES_MAX 1024

/* True for what a certificate can name: an IP address, or a DNS name, whose
 * first label may be *. */
bool csr_conf_is_name(const char *name);

/* `text` with an entry (DNS.n or IP.n, n not used yet) for each of `names`, a
 * NULL-terminated list, that has none, in front of #MOREIPS; every other byte
 * is kept. NULL with error DATA if a name is none or the text has no section
 * alt_names. */
char *csr_conf_add_names(const char *text, const char *const *names,
			 GError **error);

#endif
