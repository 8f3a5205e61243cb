/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a host's account of its surroundings and of its ways to the
 * others: lists stay within their limits, and what was kept makes sense.
 */
#include "playbooks/doctor/reach.h"
#include "playbooks/microk8s/checks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lists(const struct checks *c)
{
	if (c->loopbacks->len > CHECKS_LIST_MAX ||
	    c->listeners->len > CHECKS_LIST_MAX ||
	    c->links->len > CHECKS_LIST_MAX ||
	    c->routes->len > CHECKS_LIST_MAX ||
	    c->missing_modules->len > CHECKS_LIST_MAX)
		abort();
	for (guint i = 0; i < c->listeners->len; i++) {
		const struct checks_listener *l =
			g_ptr_array_index(c->listeners, i);

		if (l->port > 65535 || !l->owner)
			abort();
	}
	for (guint i = 0; i < c->routes->len; i++) {
		const struct checks_route *r = g_ptr_array_index(c->routes, i);

		if (r->prefix > 32 || !r->iface ||
		    !checks_nets_overlap(r->net, r->prefix, r->net, 32))
			abort();
	}
	checks_no_proxy_has(c->no_proxy, "10.8.0.4");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct checks *checks = checks_parse(text, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) reach = reach_parse(text, size, &error);

	check_lists(checks);
	checks_free(checks);
	if (!reach != (error != NULL))
		abort();
	for (guint i = 0; reach && i < reach->len; i++) {
		const struct reach *r = g_ptr_array_index(reach, i);

		if (!reach_word(reach, r->kind, r->peer, r->port))
			abort();
	}
	return 0;
}
