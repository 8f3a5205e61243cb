/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the API's list of pods or of their controllers: an error
 * exactly when there is no list, and everything in it has a name.
 */
#include "playbooks/microk8s/kube_workloads.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pods(const char *json, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) pods = kube_pods_parse(json, size, &error);

	if (!pods != (error != NULL))
		abort();
	for (guint i = 0; pods && i < pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(pods, i);

		if (!pod->name || !pod->space || pod->tcp_port > 65535)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *json = (const char *)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = kube_workloads_parse(json, size, &error);

	if (!list != (error != NULL))
		abort();
	for (guint i = 0; list && i < list->len; i++) {
		const struct kube_workload *w = g_ptr_array_index(list, i);
		g_autofree char *problem = kube_workload_problem(w);

		if (!w->name || !kube_workloads_find(list, w->name))
			abort();
	}
	check_pods(json, size);
	return 0;
}
