/* SPDX-License-Identifier: Apache-2.0
 *
 * muster's one error domain. Every fallible function of every room sets a
 * GError of this domain; the code says what kind of failure it was, the table
 * behind it (error.c) gives each code a stable name for --json and the
 * process exit status. Texts have the form "what failed: why (hint)".
 */
#ifndef MUSTER_TRANSPORT_ERROR_H
#define MUSTER_TRANSPORT_ERROR_H

#include <glib.h>

enum muster_error {
	MUSTER_ERROR_FAILED,		/* unclassified */
	MUSTER_ERROR_USAGE,		/* bad command line */
	MUSTER_ERROR_DATA,		/* inventory or playbook does not hold */
	MUSTER_ERROR_NO_INPUT,		/* a local input file is missing */
	MUSTER_ERROR_OUTPUT,		/* a local output cannot be written */
	/* reaching a host */
	MUSTER_ERROR_NAME_NOT_FOUND,
	MUSTER_ERROR_REFUSED,
	MUSTER_ERROR_NO_ROUTE,
	MUSTER_ERROR_CONNECT_TIMEOUT,
	MUSTER_ERROR_HANDSHAKE,		/* not SSH, or no common algorithm */
	MUSTER_ERROR_HOST_KEY_UNKNOWN,
	MUSTER_ERROR_HOST_KEY_CHANGED,
	MUSTER_ERROR_HOST_KEY_REVOKED,
	MUSTER_ERROR_HOST_KEY_UNREADABLE, /* a known_hosts line for this host
					     that cannot be understood */
	MUSTER_ERROR_KEY_FILE,		/* private key missing, unreadable */
	MUSTER_ERROR_AUTH,
	MUSTER_ERROR_LOST,		/* connection lost after it was up */
	/* doing something there */
	MUSTER_ERROR_SUDO,
	MUSTER_ERROR_COMMAND,		/* exit status other than 0 */
	MUSTER_ERROR_SIGNALLED,		/* remote command died of a signal */
	MUSTER_ERROR_DEADLINE,
	MUSTER_ERROR_CANCELLED,
	MUSTER_ERROR_OUTPUT_LIMIT,	/* remote printed more than allowed */
	MUSTER_ERROR_HTTP,		/* API not reached, TLS, bad answer */
	/* what muster refuses or finds */
	MUSTER_ERROR_PREFLIGHT,		/* required thing absent on a host */
	MUSTER_ERROR_FOREIGN_CLUSTER,	/* host belongs to another cluster */
	MUSTER_ERROR_LOCKED,		/* another run holds the cluster */
	MUSTER_ERROR_JOIN,		/* microk8s join refused or failed */
	MUSTER_ERROR_VERIFY,		/* steps succeeded, the proof did not */
	MUSTER_ERROR_PROTOCOL,		/* a host's answer made no sense */
	MUSTER_ERROR_N
};

#define MUSTER_ERROR (muster_error_quark())
GQuark muster_error_quark(void);

/* Stable kebab-case name of `code` ("host-key-changed"); never NULL. */
const char *muster_error_name(int code);

/* Exit status a run ends with when this is what went wrong (0..255):
 * unreachable kinds give 4, failed steps 2, DATA 65, NO_INPUT 66,
 * HOST_KEY_CHANGED/REVOKED 76, LOCKED 75, VERIFY 3, USAGE 64 and so on. */
int muster_error_exit_status(int code);

/* True for codes that mean the host could not be reached at all. */
gboolean muster_error_is_unreachable(int code);

#endif
