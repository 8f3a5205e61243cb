/* SPDX-License-Identifier: Apache-2.0
 *
 * What probe.sh found from one host: its clock, its way to the API, its cards,
 * and each peer by each way there is. Text in, values out.
 */
#ifndef MUSTER_VERIFY_PROBE_H
#define MUSTER_VERIFY_PROBE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define PROBE_SIZE_MAX (1024 * 1024)	/* bytes of a whole answer */
#define PROBE_LINES_MAX 8192
#define PROBE_PEERS_MAX 5000
#define PROBE_FILE_MAX (64 * 1024)	/* bytes of provider.yaml, decoded */

enum reach {
	REACH_UNASKED,
	REACH_OK,
	REACH_REFUSED,		/* the host answers, nobody listens */
	REACH_LOST,		/* no answer in time */
	REACH_UNREACHABLE,	/* no way there */
	REACH_UNTOLD		/* the host has no tool that could tell */
};

/* "ok", "refused", ...; "-" for what was not asked */
const char *reach_name(enum reach reach);

struct probe_peer {
	char *node_ip;
	enum reach kubelet, api, agent;	/* TCP 10250, 16443, 25000 */
	enum reach small, full;		/* its tunnel address, 56 bytes and
					   all that fits, not to be cut */
	enum reach tunnel;		/* TCP to its tunnel address */
	enum reach pod;			/* TCP to a pod on it */
	char *src;			/* of packets to it, or NULL */
};

struct probe {
	bool has_clock;
	gint64 begin_us, finish_us;	/* by the host's own clock, since the
					   epoch */
	gint64 offset_us, slack_us;	/* its clock minus ours, give or take;
					   set by who asked */
	int answer;			/* HTTP status of the API by its own
					   127.0.0.1:16443; 0: none; -1: no
					   tool to ask with */
	char *card;			/* carries its node_ip, or NULL */
	unsigned card_mtu, vxlan_mtu;	/* 0: not there */
	char *vxlan_local, *vxlan_card;	/* what vxlan.calico rides on, or NULL*/
	enum reach api_service, dns_service;
	char *dns;			/* a DNS answer in hex, or NULL */
	enum reach dns_reach;		/* OK if there is one */
	bool has_tokens;		/* a master: the next two are known */
	unsigned tokens;		/* that live and have a lifetime */
	gint64 tokens_left_s;		/* of the one that lives longest */
	char *provider;			/* provider.yaml, or NULL */
	GPtrArray *peers;		/* struct probe_peer *; owned */
};

/* NULL with error PROTOCOL if the answer is cut short, malformed or beyond
 * the limits. Unknown keys are ignored. The caller owns the result. */
struct probe *probe_parse(const char *text, size_t length, GError **error);
void probe_free(struct probe *probe);

/* What was found of the peer at `node_ip`, or NULL; borrowed. */
const struct probe_peer *probe_find(const struct probe *probe,
				    const char *node_ip);

/* Whether a DNS answer in hex is one to the query of probe.sh that names an
 * IPv4 address. `*address` gets it, newly allocated, or what is wrong with
 * the answer. */
bool probe_dns_address(const char *hex, char **address);

/* Sets offset and slack from when, by our clock (us since the epoch), the
 * script was sent and its answer had come. */
void probe_set_offset(struct probe *probe, gint64 sent_us, gint64 came_us);

#endif
