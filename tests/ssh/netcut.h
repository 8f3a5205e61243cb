/* SPDX-License-Identifier: Apache-2.0
 *
 * A network of the test program's own, in which packets can be made to vanish
 * without a trace, as they do behind a router that forgot a connection.
 */
#ifndef MUSTER_TESTS_SSH_NETCUT_H
#define MUSTER_TESTS_SSH_NETCUT_H

#include <stdbool.h>

/* Puts the calling thread, and what it starts from now on, into a network
 * namespace with nothing but a loopback. Call it first in main(). False: that
 * cannot be had here, and nothing below works. */
bool netcut_init(void);

/* Drops every packet to and from local TCP port `port`. */
void netcut_all(unsigned port);

/* Drops those of the connections to `port` that are up now, and only those. */
void netcut_established(unsigned port);

void netcut_mend(void);

#endif
