/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys as they go over the wire (RFC 4253 section 6.6), and OpenSSH's
 * certificates of them (PROTOCOL.certkeys): which belongs to which.
 */
#ifndef MUSTER_TRANSPORT_KEY_BLOB_H
#define MUSTER_TRANSPORT_KEY_BLOB_H

#include <glib.h>
#include <stdbool.h>

/* True if `blob` is a certificate of the key `plain`. Neither need make
 * sense. */
bool key_blob_certifies(GBytes *blob, GBytes *plain);

/* The certificate in a file as ssh-keygen -s writes it; NULL if there is none
 * to be read. */
GBytes *key_blob_read(const char *path);

#endif
