/* SPDX-License-Identifier: Apache-2.0
 *
 * The known_hosts files, read once and indexed by host name. Knows the format
 * (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") and what a line says about a key;
 * what follows from that is hostkey.c's business. No libssh in here: its own
 * reader takes a host for unknown when an earlier line does not parse.
 */
#ifndef MUSTER_TRANSPORT_KNOWN_HOSTS_H
#define MUSTER_TRANSPORT_KNOWN_HOSTS_H

#include <glib.h>
#include <stdbool.h>

enum known_hosts_result {
	KNOWN_HOSTS_UNKNOWN,	/* no line names the host */
	KNOWN_HOSTS_MATCH,
	KNOWN_HOSTS_CHANGED,	/* lines for the host, none with this key */
	KNOWN_HOSTS_REVOKED,	/* a @revoked line has this key */
	KNOWN_HOSTS_UNREADABLE,	/* a line for the host makes no sense */
	KNOWN_HOSTS_AUTHORITY	/* only @cert-authority lines, which need host
				   certificates, and libssh has none */
};

struct known_hosts_verdict {
	enum known_hosts_result result;
	const char *file;	/* where the deciding line is; borrowed from
				   the index; NULL when UNKNOWN */
	unsigned line;
	const char *type;	/* key type of that line, or NULL */
	char *fingerprint;	/* of that line's key, or NULL; the caller's */
};

struct known_hosts;

struct known_hosts *known_hosts_new(void);
void known_hosts_free(struct known_hosts *known);

/* Indexes `text`, which came from `file` (both copied). Lines are kept even
 * if they do not parse, so that their hosts fail closed. */
void known_hosts_add(struct known_hosts *known, const char *file,
		     const char *text, size_t length);

/* What the index says of key `blob` (RFC 4253 section 6.6) for a host. With a
 * port other than 22 lines for "[address]:port" decide; if there are none, a
 * line for the bare address may still match, as in OpenSSH. Any thread. */
struct known_hosts_verdict known_hosts_check(const struct known_hosts *known,
					     const char *address,
					     unsigned port, const void *blob,
					     size_t length);

/* Key types the index has for a host ("ssh-ed25519"), borrowed strings, each
 * once; the caller unrefs the array. Without `try_hashed` lines with hashed
 * names are left out: each costs two hashes for each host. */
GPtrArray *known_hosts_types(const struct known_hosts *known,
			     const char *address, unsigned port,
			     bool try_hashed);

/* "host" or "[host]:port", lower case; newly allocated. */
char *known_hosts_name(const char *address, unsigned port);

/* "SHA256:..." as ssh-keygen -l prints it; newly allocated. */
char *known_hosts_fingerprint(const void *blob, size_t length);

#endif
