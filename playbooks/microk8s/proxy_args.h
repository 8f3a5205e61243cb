/* SPDX-License-Identifier: Apache-2.0
 *
 * args/apiserver-proxy: how often a worker's proxy asks the API where the API
 * is. Pure text functions.
 */
#ifndef MUSTER_MICROK8S_PROXY_ARGS_H
#define MUSTER_MICROK8S_PROXY_ARGS_H

#include <glib.h>

#define PROXY_ARGS_INTERVAL "--refresh-interval"

/* Its interval in us, as the proxy takes it: 30 s if nothing is said (`args`
 * may be NULL), 15 s at least; 0 if it never asks. */
gint64 proxy_args_interval(const char *args);

/* What the interval has to be instead, or NULL if it is right as it is: 0s
 * behind a load balancer; without one anything but never. Static. */
const char *proxy_args_wanted(const char *args, gboolean is_behind_balancer);

#endif
