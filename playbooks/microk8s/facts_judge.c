/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows from a host's facts: questions about one host, and how it
 * stands to a master.
 */
#include "backend_yaml.h"
#include "facts.h"

#include <string.h>

const struct facts_address *facts_find_address(const struct facts *facts,
					       const char *ip)
{
	for (guint i = 0; i < facts->addresses->len; i++) {
		const struct facts_address *address =
			g_ptr_array_index(facts->addresses, i);

		if (strcmp(address->ip, ip) == 0)
			return address;
	}
	return NULL;
}

bool facts_has_address(const struct facts *facts, const char *ip)
{
	return facts_find_address(facts, ip) != NULL;
}

bool facts_is_worker(const struct facts *facts)
{
	return (facts->locks & LOCK_CLUSTERED) != 0;
}

bool facts_is_member_of(const struct facts *facts,
			const struct facts *master)
{
	return facts_is_worker(facts) && facts->ca_remote_sha256 &&
		master->ca_sha256 &&
		strcmp(facts->ca_remote_sha256, master->ca_sha256) == 0;
}

/* A control plane has the cluster's own CA, key and all. */
static bool is_peer_of(const struct facts *facts,
			     const struct facts *master)
{
	return (facts->locks & LOCK_NO_CERT_REISSUE) && master &&
		facts->ca_sha256 && master->ca_sha256 &&
		strcmp(facts->ca_sha256, master->ca_sha256) == 0;
}

GPtrArray *facts_datastore(const struct facts *facts)
{
	return facts->backend_cluster
		? backend_yaml_cluster(facts->backend_cluster, NULL) : NULL;
}

/* More than one member in the datastore it last knew. */
static bool is_in_datastore(const struct facts *facts)
{
	g_autoptr(GPtrArray) nodes = facts_datastore(facts);

	return nodes && nodes->len > 1;
}

enum facts_membership facts_membership(const struct facts *facts,
				       const struct facts *master)
{
	if (!facts->installed)
		return FACTS_NOT_INSTALLED;
	if (facts == master)
		return FACTS_MEMBER;
	if (facts_is_worker(facts)) {
		if (master && facts_is_member_of(facts, master))
			return FACTS_MEMBER;
		return FACTS_FOREIGN_WORKER;
	}
	if (is_peer_of(facts, master))
		return FACTS_MEMBER;
	if ((facts->locks & LOCK_NO_CERT_REISSUE) || is_in_datastore(facts))
		return FACTS_CONTROL_PLANE;
	return FACTS_FRESH;
}

static bool san_has(const struct facts_cert *cert, const char *kind,
		    const char *name)
{
	for (char **san = cert->sans; *san; san++) {
		if (g_str_has_prefix(*san, kind) &&
		    g_ascii_strcasecmp(*san + strlen(kind), name) == 0)
			return true;
	}
	return false;
}

bool facts_san_has_ip(const struct facts_cert *cert, const char *ip)
{
	return san_has(cert, "IP Address:", ip);
}

bool facts_san_has_name(const struct facts_cert *cert, const char *name)
{
	return g_hostname_is_ip_address(name) ? facts_san_has_ip(cert, name)
					      : san_has(cert, "DNS:", name);
}

gint64 facts_cert_days_left(const struct facts *facts,
			    const struct facts_cert *cert)
{
	const gint64 day = 86400;
	gint64 left;

	if (cert->not_after == 0 || facts->epoch == 0)
		return G_MAXINT64;
	left = cert->not_after - facts->epoch;
	/* Rounded down, so that a past end is never day 0. */
	return left >= 0 ? left / day : -((-left + day - 1) / day);
}
