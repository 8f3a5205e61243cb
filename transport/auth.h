/* SPDX-License-Identifier: Apache-2.0
 *
 * Who we are to the hosts: private keys, each read once a run and shared by
 * all sessions, and the order in which they and the agent are tried.
 */
#ifndef MUSTER_TRANSPORT_AUTH_H
#define MUSTER_TRANSPORT_AUTH_H

#include "session.h"

struct identities;

struct identities *identities_new(void);
void identities_free(struct identities *identities);

/* Authenticates a connected session whose host key has been checked: with the
 * key file that is configured, else with the agent, else with the default
 * files. Never asks anybody anything. Errors: KEY_FILE, AUTH, LOST,
 * CONNECT_TIMEOUT, CANCELLED. */
bool auth_run(struct session *session, gint64 deadline_us, GError **error);

#endif
