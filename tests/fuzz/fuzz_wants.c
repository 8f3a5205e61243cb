/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as each of the lists that an inventory may hold, and as what
 * `microk8s status` printed: a mistake has a place inside the text.
 */
#include "playbooks/cluster.h"
#include "playbooks/microk8s/addons.h"
#include "playbooks/microk8s/mirrors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_all(const char *text)
{
	const struct inventory_rules *rules = cluster_inventory_rules();

	for (size_t i = 0; i < rules->n_vars; i++) {
		g_autoptr(GError) error = NULL;
		size_t at = 0;

		if (rules->vars[i].type == INVENTORY_OWN &&
		    rules->check(rules->vars[i].name, text, &at, &error) ==
		    (error != NULL))
			abort();
		if (at > strlen(text))
			abort();
	}
}

/* What stands in quotes must not be able to end them. */
static void write_mirrors(const char *text)
{
	size_t at;
	g_autoptr(GPtrArray) mirrors = mirrors_parse(text, &at, NULL);

	for (guint i = 0; mirrors && i < mirrors->len; i++) {
		const struct mirror *mirror = g_ptr_array_index(mirrors, i);
		g_autofree char *toml = mirrors_hosts_toml(mirror);

		if (strchr(mirror->registry, '/') ||
		    strchr(mirror->registry, '"') || strchr(toml, '\\'))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GPtrArray) addons = addons_status(text);

	if (addons)
		addons_find(addons, text);
	check_all(text);
	write_mirrors(text);
	return 0;
}
