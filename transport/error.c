/* SPDX-License-Identifier: Apache-2.0
 *
 * The table behind muster's error codes: one row a code, in the order of the
 * enum. Names are part of the --json output and never change; statuses follow
 * sysexits(3) where it has one, Ansible (2 failed, 4 unreachable) and
 * timeout(1) where it does not.
 */
#include "error.h"

struct error_kind {
	const char *name;
	int exit_status;
	gboolean unreachable;
};

enum { FAILED_STEP = 2, NOT_VERIFIED = 3, UNREACHABLE = 4 };

static const struct error_kind kinds[] = {
	[MUSTER_ERROR_FAILED] = {"failed", 1, FALSE},
	[MUSTER_ERROR_USAGE] = {"usage", 64, FALSE},
	[MUSTER_ERROR_DATA] = {"data", 65, FALSE},
	[MUSTER_ERROR_NO_INPUT] = {"no-input", 66, FALSE},
	[MUSTER_ERROR_OUTPUT] = {"output", 73, FALSE},
	[MUSTER_ERROR_NAME_NOT_FOUND] = {"name-not-found", UNREACHABLE, TRUE},
	[MUSTER_ERROR_REFUSED] = {"refused", UNREACHABLE, TRUE},
	[MUSTER_ERROR_NO_ROUTE] = {"no-route", UNREACHABLE, TRUE},
	[MUSTER_ERROR_CONNECT_TIMEOUT] = {"connect-timeout", UNREACHABLE, TRUE},
	[MUSTER_ERROR_HANDSHAKE] = {"handshake", UNREACHABLE, TRUE},
	[MUSTER_ERROR_HOST_KEY_UNKNOWN] = {"host-key-unknown", UNREACHABLE,
					   TRUE},
	[MUSTER_ERROR_HOST_KEY_CHANGED] = {"host-key-changed", 76, TRUE},
	[MUSTER_ERROR_HOST_KEY_REVOKED] = {"host-key-revoked", 76, TRUE},
	[MUSTER_ERROR_HOST_KEY_UNREADABLE] = {"host-key-unreadable",
					      UNREACHABLE, TRUE},
	[MUSTER_ERROR_KEY_FILE] = {"key-file", UNREACHABLE, TRUE},
	[MUSTER_ERROR_AUTH] = {"auth", UNREACHABLE, TRUE},
	[MUSTER_ERROR_LOST] = {"lost", UNREACHABLE, TRUE},
	[MUSTER_ERROR_SUDO] = {"sudo", 77, FALSE},
	[MUSTER_ERROR_COMMAND] = {"command", FAILED_STEP, FALSE},
	[MUSTER_ERROR_SIGNALLED] = {"signalled", FAILED_STEP, FALSE},
	[MUSTER_ERROR_DEADLINE] = {"deadline", 124, FALSE},
	[MUSTER_ERROR_CANCELLED] = {"cancelled", 130, FALSE},
	[MUSTER_ERROR_OUTPUT_LIMIT] = {"output-limit", FAILED_STEP, FALSE},
	[MUSTER_ERROR_HTTP] = {"http", FAILED_STEP, FALSE},
	[MUSTER_ERROR_PREFLIGHT] = {"preflight", 69, FALSE},
	[MUSTER_ERROR_FOREIGN_CLUSTER] = {"foreign-cluster", FAILED_STEP,
					  FALSE},
	[MUSTER_ERROR_LOCKED] = {"locked", 75, FALSE},
	[MUSTER_ERROR_JOIN] = {"join", FAILED_STEP, FALSE},
	[MUSTER_ERROR_VERIFY] = {"verify", NOT_VERIFIED, FALSE},
	[MUSTER_ERROR_PROTOCOL] = {"protocol", FAILED_STEP, FALSE},
};

_Static_assert(G_N_ELEMENTS(kinds) == MUSTER_ERROR_N,
	       "every error code needs a row");

GQuark muster_error_quark(void)
{
	return g_quark_from_static_string("muster-error");
}

static const struct error_kind *kind(int code)
{
	if (code < 0 || code >= MUSTER_ERROR_N)
		code = MUSTER_ERROR_FAILED;
	return &kinds[code];
}

const char *muster_error_name(int code)
{
	return kind(code)->name;
}

int muster_error_exit_status(int code)
{
	return kind(code)->exit_status;
}

gboolean muster_error_is_unreachable(int code)
{
	return kind(code)->unreachable;
}
