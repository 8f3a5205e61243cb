/* SPDX-License-Identifier: Apache-2.0
 *
 * The template of a server certificate: what is added, where, and what a
 * certificate can name. Every addition is done twice: the second time must
 * change nothing.
 */
#include "playbooks/microk8s/csr_conf.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "[ req ]\nprompt = no\n\n[ alt_names ]\nDNS.1 = kubernetes\n" \
	"IP.1 = 127.0.0.1\nIP.2 = 10.152.183.1\n"
#define TAIL "\n[ v3_ext ]\nsubjectAltName=@alt_names\n"

static const struct add_case {
	const char *name, *before, *names[3], *after;
} add_cases[] = {
	{ "in front of the mark", HEAD "#MOREIPS\n" TAIL,
	  { "lb.example.com", "203.0.113.9" },
	  HEAD "DNS.2 = lb.example.com\nIP.3 = 203.0.113.9\n#MOREIPS\n" TAIL },
	{ "no mark: behind the last entry", HEAD TAIL, { "lb" },
	  HEAD "DNS.2 = lb\n" TAIL },
	{ "there already, in other letters", HEAD "#MOREIPS\n" TAIL,
	  { "Kubernetes", "127.0.0.1" }, HEAD "#MOREIPS\n" TAIL },
	{ "a comment is no part of it", HEAD "DNS.7 = lb # ours\n" TAIL,
	  { "lb", "ls" }, HEAD "DNS.7 = lb # ours\nDNS.2 = ls\n" TAIL },
	{ "one that is commented out", HEAD "#DNS.2 = lb\n#MOREIPS\n" TAIL,
	  { "lb" }, HEAD "#DNS.2 = lb\nDNS.2 = lb\n#MOREIPS\n" TAIL },
	{ "numbers are not used twice",
	  HEAD "dns.2=a\nIP.4=9.9.9.9\n#MOREIPS\n" TAIL,
	  { "b", "8.8.8.8", "2001:db8::1" },
	  HEAD "dns.2=a\nIP.4=9.9.9.9\nDNS.3 = b\nIP.3 = 8.8.8.8\n"
	  "IP.5 = 2001:db8::1\n#MOREIPS\n" TAIL },
	{ "another section's entries", "[x]\nDNS.1=lb\n" HEAD, { "lb" },
	  "[x]\nDNS.1=lb\n" HEAD "DNS.2 = lb\n" },
	{ "no final newline", "[alt_names]\nDNS.1=a", { "b" },
	  "[alt_names]\nDNS.1=a\nDNS.2 = b\n" },
	{ "nothing asked for", HEAD TAIL, { NULL }, HEAD TAIL },
};

static void test_csr_conf_names_are_added_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(add_cases); i++) {
		const struct add_case *c = &add_cases[i];
		const char *names[G_N_ELEMENTS(c->names) + 1] = { NULL };
		g_autofree char *once = NULL, *twice = NULL;

		memcpy(names, c->names, sizeof(c->names));
		once = csr_conf_add_names(c->before, names, NULL);
		if (g_strcmp0(once, c->after) != 0)
			fail_msg("%s: got\n%s", c->name, once ? once : "NULL");
		twice = csr_conf_add_names(once, names, NULL);
		if (g_strcmp0(once, twice) != 0)
			fail_msg("%s: the second time differs", c->name);
	}
}

static void test_csr_conf_what_it_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "", "lb" },
		{ NULL, "lb" },
		{ "[ req ]\nDNS.1 = a\n", "lb" },
		{ HEAD, "lb\nIP.9 = 1.2.3.4" },
		{ HEAD, "a=b" },
		{ HEAD, "" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *const names[] = { cases[i].name, NULL };
		g_autoptr(GError) error = NULL;

		assert_null(csr_conf_add_names(cases[i].text, names, &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
	}
}

static void test_csr_conf_names_a_certificate_can_have(void **state)
{
	static const struct {
		const char *name;
		bool is_one;
	} cases[] = {
		{ "lb", true }, { "lb.example.com", true },
		{ "*.example.com", true }, { "a-b.c_d.e", true },
		{ "10.0.0.1", true }, { "2001:db8::1", true },
		{ "9lives", true }, { "*", false }, { "a.*.b", false },
		{ "10.0.0.300", false }, { "1.2.3", false },
		{ "-a", false }, { "a-", false }, { "a..b", false },
		{ "a.", false }, { "a b", false }, { "fe80::1%eth0", false },
		{ "[::1]", false }, { "a:1", false },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		if (csr_conf_is_name(cases[i].name) != cases[i].is_one)
			fail_msg("'%s'", cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csr_conf_names_are_added_once),
		cmocka_unit_test(test_csr_conf_what_it_cannot_be_is_refused),
		cmocka_unit_test(test_csr_conf_names_a_certificate_can_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
