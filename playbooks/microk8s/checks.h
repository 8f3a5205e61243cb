/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host's machine is like beside MicroK8s: names, listeners, routes,
 * kernel, firewall. Read by the same script and in the same round trip as the
 * facts (playbooks/actions/facts.sh, its lines check.*), and wanted only to
 * judge whether a cluster can work there. Never changed after parsing.
 */
#ifndef MUSTER_MICROK8S_CHECKS_H
#define MUSTER_MICROK8S_CHECKS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define CHECKS_LIST_MAX 1024		/* entries of one kind; more are left
					   out */

struct checks_name {
	char *ip, *name;
};

struct checks_listener {
	unsigned port;
	char *owner;			/* a process's name, "microk8s" for all
					   of the snap's; "?": not known */
};

struct checks_link {
	char *iface;
	unsigned mtu;			/* bytes */
};

struct checks_route {
	guint32 net;			/* host byte order, masked */
	unsigned prefix;
	char *iface;
};

struct checks {
	GPtrArray *loopbacks;		/* struct checks_name *: what of
					   /etc/hosts leads to 127.0.0.0/8,
					   without localhost */
	GPtrArray *listeners;		/* struct checks_listener * */
	GPtrArray *links;		/* struct checks_link * */
	GPtrArray *routes;		/* struct checks_route *, without the
					   default route */
	GPtrArray *missing_modules;	/* char * */
	char *no_proxy;			/* of /etc/environment, or NULL */
	char *container;		/* "lxc", or NULL */
	bool cgroup_memory_off;
	bool forward_policy_drop;	/* iptables -P FORWARD DROP */
	bool forward_rejects;		/* a FORWARD rule that stops all */
	bool ufw_drops_routed;
	bool selinux_enforcing;
	bool vpn_ordered;		/* kubelite is told to wait for a VPN */
	gint64 inotify_instances;	/* 0: not known */
	/* Our wall clock in us before the script was sent and after it had
	 * answered: the host's was read in between. Set by who ran it. */
	gint64 before_us, after_us;
};

/* The check.* lines of an answer that facts_parse() has taken; others, and
 * lines that make no sense, are passed over. Owned by the caller. */
struct checks *checks_parse(const char *text, size_t length);
void checks_free(struct checks *checks);

/* MTU of an interface, 0 if not known. */
unsigned checks_mtu(const struct checks *checks, const char *iface);

/* "10.1.0.0/16" (or a plain address) in host byte order, masked; false if it
 * is no IPv4 network. */
bool checks_net_parse(const char *text, guint32 *net, unsigned *prefix);

/* Whether two networks have an address in common. */
bool checks_nets_overlap(guint32 a, unsigned a_prefix, guint32 b,
			 unsigned b_prefix);

/* Whether `ip` is among the comma-separated hosts and networks of a no_proxy
 * value. */
bool checks_no_proxy_has(const char *no_proxy, const char *ip);

#endif
