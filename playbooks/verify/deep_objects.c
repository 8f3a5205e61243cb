/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds the objects of the deep proof.
 */
#include "deep_objects.h"

static const char serve_script[] =
	"mkdir -p /tmp/page && echo \"$NODE\" >/tmp/page/index.html && "
	"exec httpd -f -p 8080 -h /tmp/page";

/* Asks for everything at once; a line each, end the last. A pod that ended
 * would be started again and lose its log. GNU's wget tries twenty times, so
 * each try is limited from outside, where timeout is there and of today. */
static const char ask_script[] =
	"limit=\n"
	"if timeout 1 true 2>/dev/null; then limit='timeout 8'; fi\n"
	"twice() { \"$@\" >/dev/null 2>&1 || \"$@\" >/dev/null 2>&1; }\n"
	"page() { twice $limit wget -q -T 5 -O /dev/null "
	"\"http://$1:8080/\"; }\n"
	"name() { twice $limit nslookup \"$1\"; }\n"
	"tell() { if \"$3\" \"$4\"; then echo \"$1 $2 ok\"; else\n"
	"	echo \"$1 $2 lost\"; fi; }\n"
	"for peer in $PEERS; do tell pod \"${peer%%=*}\" page "
	"\"${peer#*=}\" & done\n"
	"tell service \"$SERVICE\" page \"$SERVICE\" &\n"
	"if [ -n \"$DNS\" ]; then tell dns \"$DNS\" name \"$DNS\" & fi\n"
	"wait\n"
	"echo end\n"
	"exec sleep 3600\n";

static json_t *metadata(const char *name, gint64 ends)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, ends);

	return json_pack("{s:s, s:{s:s}, s:{s:s}}", "name", name,
			 "labels", DEEP_LABEL, name,
			 "annotations", DEEP_END, text);
}

/* Takes `container`. Leaves at once when it is told to, and holds no
 * credentials. */
static json_t *daemon_set(const char *name, gint64 ends, json_t *container)
{
	return json_pack(
		"{s:s, s:s, s:o, s:{s:{s:{s:s}}, s:{s:{s:{s:s}}, s:{s:b, s:i,"
		" s:b, s:[{s:s}], s:[o]}}}}",
		"apiVersion", "apps/v1", "kind", "DaemonSet",
		"metadata", metadata(name, ends),
		"spec",
		"selector", "matchLabels", DEEP_LABEL, name,
		"template",
		"metadata", "labels", DEEP_LABEL, name,
		"spec",
		"automountServiceAccountToken", 0,
		"terminationGracePeriodSeconds", 0,
		"enableServiceLinks", 0,
		"tolerations", "operator", "Exists",
		"containers", container);
}

json_t *deep_servers(const char *name, const char *image, gint64 ends)
{
	return daemon_set(name, ends, json_pack(
		"{s:s, s:s, s:[s, s, s], s:[{s:s, s:{s:{s:s}}}], s:[{s:i}],"
		" s:{s:{s:i}, s:i}}",
		"name", "serve", "image", image,
		"command", "sh", "-c", serve_script,
		"env", "name", "NODE", "valueFrom", "fieldRef", "fieldPath",
		"spec.nodeName",
		"ports", "containerPort", DEEP_PORT,
		"readinessProbe", "tcpSocket", "port", DEEP_PORT,
		"periodSeconds", 1));
}

json_t *deep_service(const char *name, const char *servers, gint64 ends)
{
	return json_pack(
		"{s:s, s:s, s:o, s:{s:{s:s}, s:[{s:i, s:i}]}}",
		"apiVersion", "v1", "kind", "Service",
		"metadata", metadata(name, ends),
		"spec", "selector", DEEP_LABEL, servers,
		"ports", "port", DEEP_PORT, "targetPort", DEEP_PORT);
}

json_t *deep_askers(const char *name, const char *image, gint64 ends,
		    const char *peers, const char *service, const char *dns)
{
	return daemon_set(name, ends, json_pack(
		"{s:s, s:s, s:[s, s, s], s:[{s:s, s:s}, {s:s, s:s},"
		" {s:s, s:s}]}",
		"name", "ask", "image", image,
		"command", "sh", "-c", ask_script,
		"env", "name", "PEERS", "value", peers,
		"name", "SERVICE", "value", service,
		"name", "DNS", "value", dns));
}

GPtrArray *deep_leftovers(const json_t *list, gint64 now)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(list, "items"), i, item) {
		const json_t *meta = json_object_get(item, "metadata");
		const char *name = json_string_value(
			json_object_get(meta, "name"));
		const char *ends = json_string_value(json_object_get(
			json_object_get(meta, "annotations"), DEEP_END));

		if (name && ends && g_ascii_strtoll(ends, NULL, 10) < now &&
		    json_object_get(json_object_get(meta, "labels"),
				    DEEP_LABEL))
			g_ptr_array_add(names, g_strdup(name));
	}
	return names;
}
