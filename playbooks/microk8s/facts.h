/* SPDX-License-Identifier: Apache-2.0
 *
 * What one host says about itself, read in one round trip by
 * playbooks/actions/facts.sh and parsed here. Absent things are NULL, false or
 * empty: a host without MicroK8s has facts too. Never changed after parsing.
 */
#ifndef MUSTER_MICROK8S_FACTS_H
#define MUSTER_MICROK8S_FACTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define FACTS_SIZE_MAX (3 * 1024 * 1024)	/* bytes of the whole answer */
#define FACTS_LINES_MAX 4096
#define FACTS_VALUE_MAX 4096			/* bytes of a plain value */
#define FACTS_FILE_MAX (512 * 1024)		/* bytes of one file, decoded */
#define FACTS_ADDRESSES_MAX 512
#define FACTS_AGE_NONE ((gint64)-1)

/* Marker files of /var/snap/microk8s/current/var/lock. */
enum facts_lock {
	LOCK_CLUSTERED = 1 << 0,	/* is a worker */
	LOCK_NO_CERT_REISSUE = 1 << 1,	/* is part of a cluster */
	LOCK_JOIN_IN_PROGRESS = 1 << 2,	/* a join runs, or failed */
	LOCK_STOPPED = 1 << 3,		/* `microk8s stop` */
	LOCK_NO_APISERVER_PROXY = 1 << 4,
	LOCK_NO_DQLITE = 1 << 5,
	LOCK_HA_CLUSTER = 1 << 6,	/* dqlite mode, the default */
	LOCK_INSTALLED = 1 << 7,	/* install hook has finished */
	LOCK_LITE = 1 << 8,
	LOCK_LOW_MEMORY = 1 << 9,
	LOCK_CNI_LOADED = 1 << 10
};

/* Restarts an earlier run still owes; same bits as enum node_service. */
enum facts_pending {
	FACTS_PENDING_KUBELITE = 1 << 0,
	FACTS_PENDING_DQLITE = 1 << 1,
	FACTS_PENDING_PROXY = 1 << 2,
	FACTS_PENDING_CONTAINERD = 1 << 3,
	FACTS_PENDING_AGENT = 1 << 4
};

struct facts_address {
	char *iface;
	char *ip;			/* without prefix */
	unsigned prefix;
};

struct facts_cert {
	char **sans;			/* "DNS:kubernetes", "IP Address:10...",
					   NULL-terminated, never NULL itself */
	gint64 not_after;		/* Unix seconds; 0: no such file, or
					   none that can be read */
};

struct facts {
	/* the machine */
	char *hostname;			/* as the kernel has it; never NULL */
	char *node_name;		/* lower-cased: the Node object's name;
					   never NULL */
	char *machine_id, *kernel, *os, *arch;
	gint64 epoch;			/* the host's clock, Unix seconds */
	gint64 uptime_s;		/* 0: not known */
	guint64 memory_kb;		/* 0: not known */
	GPtrArray *addresses;		/* struct facts_address *, IPv4 */
	char *default_src, *default_iface;	/* of the default route */
	bool has_systemd, has_openssl;
	bool proxy_environment;		/* http(s)_proxy in /etc/environment */
	/* the snap */
	char *snap_path;		/* of the snap command, or NULL */
	char *snap_error;		/* why snapd would not answer */
	bool installed;
	char *version, *revision;	/* "v1.31.9", "8136" */
	char *channel;			/* tracked: "1.31/stable" */
	char *notes;			/* "classic,held" */
	bool held;
	/* MicroK8s' state */
	unsigned locks;			/* enum facts_lock bits */
	gint64 clustered_age_s, provider_age_s;
					/* since last written, >= 0, or
					   FACTS_AGE_NONE: no such file */
	char *ca_sha256;		/* certs/ca.crt: SHA-256 hex of the PEM
					   text without white space */
	char *ca_remote_sha256;		/* the same of certs/ca.remote.crt */
	struct facts_cert server_cert, kubelet_cert;
	char *args_apiserver, *args_kubelet, *args_proxy;
	char *args_apiserver_proxy, *args_cluster_agent;
	char *provider;			/* args/traefik/provider.yaml */
	char *backend_info, *backend_cluster;	/* info.yaml, cluster.yaml */
	char *cni_method;		/* IP_AUTODETECTION_METHOD in cni.yaml;
					   read only on a "master" */
	unsigned pending;		/* enum facts_pending bits */
};

/* Parses what facts.sh printed. Unknown keys are ignored. NULL with error
 * PROTOCOL if the answer is cut short, malformed, without a hostname or beyond
 * the limits. The result is owned by the caller. */
struct facts *facts_parse(const char *text, size_t length, GError **error);
void facts_free(struct facts *facts);

/* The address whose IP is `ip`, or NULL; borrowed. */
const struct facts_address *facts_find_address(const struct facts *facts,
					       const char *ip);
bool facts_has_address(const struct facts *facts, const char *ip);

/* True if the host is a worker of some cluster (clustered.lock). */
bool facts_is_worker(const struct facts *facts);

/* True if the host is a worker of the cluster `master` is control plane of:
 * it trusts that CA. Both borrowed. */
bool facts_is_member_of(const struct facts *facts,
			const struct facts *master);

/* The members of the datastore that the host last knew (struct backend_node *,
 * see backend_yaml_cluster()), or NULL: it told of none that can be read. The
 * caller owns the result. */
GPtrArray *facts_datastore(const struct facts *facts);

/* What the host is as seen from `master` (borrowed; may be NULL: unknown). */
enum facts_membership {
	FACTS_NOT_INSTALLED,
	FACTS_FRESH,		/* stand-alone, never in a cluster */
	FACTS_MEMBER,		/* worker or control plane of this cluster */
	FACTS_FOREIGN_WORKER,	/* worker of another cluster */
	FACTS_CONTROL_PLANE	/* of another cluster: has accepted a join, or
				   is a member of an HA cluster */
};
enum facts_membership facts_membership(const struct facts *facts,
				       const struct facts *master);

/* True if the certificate names `ip` ("IP Address:<ip>"). */
bool facts_san_has_ip(const struct facts_cert *cert, const char *ip);
/* The same of an address or a DNS name, in any case ("DNS:<name>"). */
bool facts_san_has_name(const struct facts_cert *cert, const char *name);

/* Whole days until the certificate ends at the host's own clock; negative if
 * past, G_MAXINT64 if not known. */
gint64 facts_cert_days_left(const struct facts *facts,
			    const struct facts_cert *cert);

#endif
