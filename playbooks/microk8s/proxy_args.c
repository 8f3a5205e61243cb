/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads --refresh-interval as apiserver-proxy does.
 */
#include "proxy_args.h"

#include "args_file.h"
#include "transport/scalar.h"

#define DEFAULT_US (30 * G_TIME_SPAN_SECOND)
#define MIN_US (15 * G_TIME_SPAN_SECOND)

gint64 proxy_args_interval(const char *args)
{
	g_autofree char *text = args_file_get(args, PROXY_ARGS_INTERVAL);
	gint64 us = DEFAULT_US;

	if (text && !scalar_duration(text, &us))
		us = DEFAULT_US;
	return us == 0 ? 0 : MAX(us, MIN_US);
}

const char *proxy_args_wanted(const char *args, gboolean is_behind_balancer)
{
	gboolean is_never = proxy_args_interval(args) == 0;

	if (is_never == is_behind_balancer)
		return NULL;
	return is_behind_balancer ? "0s" : "30s";
}
