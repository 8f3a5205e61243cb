/* SPDX-License-Identifier: Apache-2.0
 *
 * How a person writes one SSH server on a command line: [user@]host[:port],
 * an IPv6 address in brackets if a port follows, or an ssh:// URL.
 */
#ifndef MUSTER_TRANSPORT_HOST_SPEC_H
#define MUSTER_TRANSPORT_HOST_SPEC_H

#include <stdbool.h>

struct host_spec {
	char *user;		/* NULL: not given */
	char *name;		/* a name or an address, without brackets */
	unsigned port;		/* 0: not given */
};

/* Cuts `text`; false if it is none. The caller clears `spec` in either case. */
bool host_spec_parse(struct host_spec *spec, const char *text);
void host_spec_clear(struct host_spec *spec);

#endif
