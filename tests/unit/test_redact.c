/* SPDX-License-Identifier: Apache-2.0
 *
 * What must not leave the process does not, and what the user needs to read
 * stays readable.
 */
#include "transport/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEX32 "0123456789abcdef0123456789abcdef"

static void test_redact_texts_are_masked(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"", ""},
		{"nothing here", "nothing here"},
		{"the s3cret word", "the [redacted] word"},
		{"s3crets3cret", "[redacted][redacted]"},
		{"a longer s3cret-and-more", "a longer [redacted]"},
		{"too short: abc", "too short: abc"},
		{"token " HEX32, "token [redacted]"},
		{HEX32, "[redacted]"},
		{"10.0.0.1:25000/" HEX32 "/a1b2c3d4e5f6 --worker",
		 "10.0.0.1:25000/[redacted] --worker"},
		{HEX32 "/a1b2c3d4e5f60", "[redacted]/a1b2c3d4e5f60"},
		{HEX32 "/kube", "[redacted]/kube"},
		{HEX32 "|1800000000", "[redacted]|1800000000"},
		{"sha256 " HEX32 HEX32, "sha256 " HEX32 HEX32},
		{"33 digits " HEX32 "0", "33 digits " HEX32 "0"},
		{"word x" HEX32, "word x" HEX32},
		{"word " HEX32 "Z", "word " HEX32 "Z"},
		{"uuid 01234567-89ab-cdef-0123-456789abcdef",
		 "uuid 01234567-89ab-cdef-0123-456789abcdef"},
		{"SHA256:di2a2s1ImTOuntH/df3FXZtSu1yVeQhesF3eE7NHyu8",
		 "SHA256:di2a2s1ImTOuntH/df3FXZtSu1yVeQhesF3eE7NHyu8"},
	};
	struct redactor *redactor = redactor_new();
	(void)state;

	redactor_add(redactor, "s3cret");
	redactor_add(redactor, "s3cret-and-more");
	redactor_add(redactor, "s3cret");
	redactor_add(redactor, "abc");
	redactor_add(redactor, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = redactor_apply(redactor, cases[i].in);
		assert_string_equal(got, cases[i].want);
	}
	assert_null(redactor_apply(redactor, NULL));
	redactor_free(redactor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redact_texts_are_masked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
