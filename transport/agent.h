/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh-agent, seen through a filter. libssh offers a server every key that the
 * agent has (servers hang up after six) and waits for the agent without end;
 * a relay between them shows it only the keys that are meant, and gives up in
 * time. Protocol: draft-miller-ssh-agent.
 */
#ifndef MUSTER_TRANSPORT_AGENT_H
#define MUSTER_TRANSPORT_AGENT_H

#include "cancel.h"

#include <glib.h>

/* What the agent at `path` holds: public key blobs (GBytes *, RFC 4253
 * section 6.6) in its order; the caller unrefs. NULL with error AUTH if it
 * does not answer in time or makes no sense. */
GPtrArray *agent_list(const char *path, struct cancel *cancel,
		      gint64 deadline_us, GError **error);

/* The keys in an agent's answer, a message without its length (GBytes *); NULL
 * if it makes no sense. */
GPtrArray *agent_parse(const void *answer, gsize length);

struct agent_relay;

/* Serves the keys of `allowed` (GBytes *, kept) out of the agent at `path`, in
 * the order of `allowed`. `held` (GBytes *, kept) has as many: what the agent
 * is asked to sign with instead, such as the key of a certificate that it does
 * not have itself. NULL with error AUTH. */
struct agent_relay *agent_relay_start(const char *path, GPtrArray *allowed,
				      GPtrArray *held, struct cancel *cancel,
				      gint64 deadline_us, GError **error);

/* The end for libssh, which closes it with its session. */
int agent_relay_fd(const struct agent_relay *relay);

/* Ends the relay's thread; the fd it gave out then reads as closed. Accepts
 * NULL. */
void agent_relay_stop(struct agent_relay *relay);

#endif
