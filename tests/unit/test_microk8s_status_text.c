/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of `microk8s status` and of commands that refuse, each in the
 * stream it is printed to; most of them come with exit status 0.
 */
#include "playbooks/microk8s/status_text.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define ACTING "This MicroK8s deployment is acting as a node in a cluster."

static const struct {
	const char *name, *out, *err;
	enum status_state state;
} cases[] = {
	{ "pretty",
	  "microk8s is running\nhigh-availability: no\n"
	  "  datastore master nodes: 127.0.0.1:19001\n"
	  "  datastore standby nodes: none\naddons:\n  enabled:\n"
	  "    dns                  # (core) CoreDNS\n", "",
	  STATUS_RUNNING },
	{ "yaml", "microk8s:\n  running: True\nhigh-availability:\n"
	  "  enabled: True\n  nodes:\n    - address: 10.0.0.1:19001\n"
	  "      role: voter\naddons:\n  - name: dns\n    status: enabled\n",
	  NULL, STATUS_RUNNING },
	{ "short", "microk8s is running\naddons:\ncore/dns: enabled\n", NULL,
	  STATUS_RUNNING },
	{ "not ready", "microk8s is not running. Use microk8s inspect for a "
	  "deeper inspection.\n", NULL, STATUS_NOT_READY },
	{ "not ready, yaml", "microk8s:\n  running: False\n"
	  "high-availability:\n  enabled: True\n  message: microk8s is not "
	  "running. Use microk8s inspect for a deeper inspection.\n", NULL,
	  STATUS_NOT_READY },
	{ "stopped", "microk8s is not running, try microk8s start\n", "",
	  STATUS_STOPPED },
	{ "stopped, of a wrapper", "", "microk8s is not running, try microk8s "
	  "start\n", STATUS_STOPPED },
	{ "worker", ACTING "\nPlease use the control plane node.\n", "",
	  STATUS_WORKER },
	{ "no permission", "", "Insufficient permissions to access MicroK8s.\n"
	  "You can either try again with sudo or add the user x to the "
	  "'microk8s' group:\n", STATUS_NO_PERMISSION },
	{ "strict, no permission", "Elevated permissions are needed for this "
	  "command. Please use sudo.\n", NULL, STATUS_NO_PERMISSION },
	{ "low memory", "This node does not have enough RAM to host the "
	  "Kubernetes control plane services\nand join the cluster.\n", NULL,
	  STATUS_LOW_MEMORY },
	{ "a warning before", "WARNING: x\nmicrok8s is running\n", NULL,
	  STATUS_RUNNING },
	{ "an addon that says so", "x: microk8s is running\n"
	  "  demo   # microk8s is not running here\n", NULL, STATUS_UNKNOWN },
	{ "cut", "microk8s is runnin", NULL, STATUS_UNKNOWN },
	{ "nothing", "", "", STATUS_UNKNOWN },
	{ "no output", NULL, NULL, STATUS_UNKNOWN },
};

static void test_status_text_tells_the_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		enum status_state found = status_text_parse(cases[i].out,
							    cases[i].err);

		if (found != cases[i].state)
			fail_msg("%s: %s", cases[i].name,
				 status_state_name(found));
	}
}

static void test_status_text_refusals_are_recognized(void **state)
{
	static const char *const worker[] = {
		ACTING " Please use the microk8s kubectl on the master.\n",
		ACTING " Please use the microk8s config on the master.\n",
		ACTING " Please use microk8s leave.\n",
		ACTING "\nUse 'snap stop microk8s' to stop services on this "
		"node.\n",
		ACTING,
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(worker); i++) {
		assert_true(status_text_is_worker(worker[i]));
		assert_false(status_text_is_stopped(worker[i]));
	}
	assert_true(status_text_is_stopped(
		"microk8s is not running, try microk8s start\n"));
	assert_false(status_text_is_stopped("microk8s is not running.\n"));
	assert_false(status_text_is_worker("{\"kind\": \"NodeList\"}\n"));
	assert_false(status_text_is_worker(NULL));
	assert_false(status_text_is_stopped(NULL));
}

static void test_status_text_beyond_the_limit_is_not_seen(void **state)
{
	g_autofree char *text = g_strnfill(STATUS_TEXT_MAX + 64, '\n');

	(void)state;
	memcpy(text + STATUS_TEXT_MAX + 1, ACTING, strlen(ACTING));
	assert_false(status_text_is_worker(text));
	memcpy(text + STATUS_TEXT_MAX - 1 - strlen(ACTING), ACTING,
	       strlen(ACTING));
	assert_true(status_text_is_worker(text));
}

static void test_status_state_names_are_stable(void **state)
{
	(void)state;
	assert_string_equal(status_state_name(STATUS_RUNNING), "running");
	assert_string_equal(status_state_name(STATUS_NOT_READY), "not-ready");
	assert_string_equal(status_state_name(STATUS_UNKNOWN), "unknown");
	assert_string_equal(status_state_name((enum status_state)99),
			    "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_text_tells_the_state),
		cmocka_unit_test(test_status_text_refusals_are_recognized),
		cmocka_unit_test(
			test_status_text_beyond_the_limit_is_not_seen),
		cmocka_unit_test(test_status_state_names_are_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
