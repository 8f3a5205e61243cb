/* SPDX-License-Identifier: Apache-2.0
 *
 * What a certificate says: whom it names and how long.
 */
#ifndef MUSTER_MICROK8S_CERTIFICATE_H
#define MUSTER_MICROK8S_CERTIFICATE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define CERTIFICATE_SANS_MAX 512

/* The first certificate in a PEM text of `length` bytes. `sans` gets its
 * subject alternative names as openssl prints them, "DNS:kubernetes",
 * "IP Address:10.0.0.1", without control characters; NULL-terminated, empty if
 * it has none, the caller's. `not_after` gets Unix seconds. Both are written
 * only on success; false if there is no certificate, or one that makes no
 * sense or has too many names. */
bool certificate_read(const char *pem, size_t length, char ***sans,
		      gint64 *not_after);

#endif
