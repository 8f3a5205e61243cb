/* SPDX-License-Identifier: Apache-2.0
 *
 * One SSH server and how to reach it, after ssh_config has had its say: what
 * the command line gives wins over the inventory, the inventory over
 * ssh_config (ssh_config(5), as ssh -G resolves it; libssh's own parser means
 * other things by the same file).
 */
#ifndef MUSTER_TRANSPORT_ENDPOINT_H
#define MUSTER_TRANSPORT_ENDPOINT_H

#include "cancel.h"
#include "host.h"

#include <glib.h>
#include <stdbool.h>

struct endpoint {
	char *label;		/* for messages: "10.8.0.5", "bastion 'gw'" */
	char *address;		/* what is dialled: HostName */
	unsigned port;
	char *user;
	char *key_name;		/* HostKeyAlias, or NULL: the address */
	char **identity_files;	/* NULL-terminated, "~/" filled in */
	bool identities_named;	/* by somebody, instead of the default files;
				   they go before the agent's others */
	bool identities_only;	/* of the agent, only these: IdentitiesOnly, or
				   a key that was given to muster itself */
	char **certificate_files;
	char **known_hosts;	/* user's files, NULL-terminated; empty: the
				   default */
	char *identity_agent;	/* NULL: SSH_AUTH_SOCK; "none": no agent */
	char *jump;		/* "user@gw:22,gw2", or NULL */
	char *proxy_command;	/* tokens filled in, or NULL */
	unsigned connect_timeout_s; /* 0: the run's */
	GPtrArray *notes;	/* char *: settings that are not followed */
};

void endpoint_free(struct endpoint *endpoint);
struct endpoint *endpoint_copy(const struct endpoint *endpoint);

struct endpoint_options {
	const char *config_file;	/* -F: NULL: ssh's own files; "none" */
	const char *user;		/* -u, or NULL */
	const char *private_key_file;	/* --private-key, or NULL */
	const char *jump;		/* -J, or NULL */
	struct cancel *cancel;		/* borrowed */
	/* Told once a host: settings that are not followed; or NULL */
	void (*note)(const struct host *host, const char *text, void *data);
	void *note_data;
};

/* Resolves endpoints and keeps them for the run. Copies the options. */
struct endpoints;
struct endpoints *endpoints_new(const struct endpoint_options *options);
void endpoints_free(struct endpoints *endpoints);

/* How `host` is reached; borrowed from the store. ssh is asked once a run.
 * Errors: DATA (arguments in the inventory, or ssh_config itself), DEADLINE,
 * CANCELLED. Any thread. */
const struct endpoint *endpoints_host(struct endpoints *endpoints,
				      const struct host *host,
				      gint64 deadline_us, GError **error);

/* The same for one hop of a jump list: "[user@]host[:port]" or an ssh:// URL.
 * Only ssh_config speaks for it, not the target's settings. */
const struct endpoint *endpoints_jump(struct endpoints *endpoints,
				      const char *spec, gint64 deadline_us,
				      GError **error);

/* Keeps `endpoint` (taken) for as long as the store lives; borrowed. */
const struct endpoint *endpoints_keep(struct endpoints *endpoints,
				      struct endpoint *endpoint);

#endif
