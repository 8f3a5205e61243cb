/* SPDX-License-Identifier: Apache-2.0
 *
 * What probe.sh prints, read: every way to a peer, clocks, DNS answers, and
 * answers that are none.
 */
#include "playbooks/verify/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct probe *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	struct probe *probe = probe_parse(text, strlen(text), &error);

	if (!probe)
		print_error("%s -> %s\n", text, error->message);
	assert_non_null(probe);
	return probe;
}

static void test_probe_is_read_whole(void **state)
{
	struct probe *probe = parse(
		"begin=1795624092.357839026\ncard=wg0\ncard_mtu=1420\n"
		"vxlan_mtu=1370\nvxlan_local=10.8.0.4\nvxlan_card=wg0\n"
		"peer=10.8.0.5 kubelet=ok small=ok full=lost tunnel=refused "
		"pod=unreachable src=10.8.0.4 \n"
		"answer=401\napi_service=ok\ndns_service=lost\ndns=lost\n"
		"tokens=2\ntokens_left=86000\n"
		"something_new=1\nprovider=dGNwOgo=\n"
		"peer=10.8.0.6 kubelet=untold api=refused agent=sideways\n"
		"finish=1795624093.5\nend=1\n");
	const struct probe_peer *peer = probe_find(probe, "10.8.0.5");

	(void)state;
	assert_true(probe->has_clock);
	assert_int_equal(probe->begin_us, 1795624092357839);
	assert_int_equal(probe->finish_us, 1795624093500000);
	assert_string_equal(probe->card, "wg0");
	assert_int_equal(probe->card_mtu, 1420);
	assert_int_equal(probe->vxlan_mtu, 1370);
	assert_string_equal(probe->vxlan_local, "10.8.0.4");
	assert_string_equal(probe->vxlan_card, "wg0");
	assert_int_equal(probe->answer, 401);
	assert_int_equal(probe->api_service, REACH_OK);
	assert_int_equal(probe->dns_service, REACH_LOST);
	assert_int_equal(probe->dns_reach, REACH_LOST);
	assert_null(probe->dns);
	assert_true(probe->has_tokens);
	assert_int_equal(probe->tokens, 2);
	assert_int_equal(probe->tokens_left_s, 86000);
	assert_string_equal(probe->provider, "tcp:\n");
	assert_int_equal(probe->peers->len, 2);
	assert_int_equal(peer->kubelet, REACH_OK);
	assert_int_equal(peer->api, REACH_UNASKED);
	assert_int_equal(peer->full, REACH_LOST);
	assert_int_equal(peer->tunnel, REACH_REFUSED);
	assert_int_equal(peer->pod, REACH_UNREACHABLE);
	assert_string_equal(peer->src, "10.8.0.4");
	peer = probe_find(probe, "10.8.0.6");
	assert_int_equal(peer->kubelet, REACH_UNTOLD);
	assert_int_equal(peer->agent, REACH_UNASKED);
	assert_null(peer->src);
	assert_null(probe_find(probe, "10.8.0.7"));
	probe_free(probe);
}

static void test_probe_of_a_bare_host_knows_little(void **state)
{
	struct probe *probe = parse("begin=never\nfinish=\nanswer=untold\n"
				    "dns=untold\nend=1\n");

	(void)state;
	assert_false(probe->has_clock);
	assert_int_equal(probe->answer, -1);
	assert_int_equal(probe->dns_reach, REACH_UNTOLD);
	assert_false(probe->has_tokens);
	assert_null(probe->provider);
	assert_int_equal(probe->peers->len, 0);
	probe_free(probe);
}

/* Found by the fuzzer: an answer stayed beside the word that there is none. */
static void test_probe_last_word_on_dns_counts(void **state)
{
	struct probe *probe = parse("dns=1234\ndns=lost\nend=1\n");

	(void)state;
	assert_int_equal(probe->dns_reach, REACH_LOST);
	assert_null(probe->dns);
	probe_free(probe);
}

static void test_probe_that_is_none_is_refused(void **state)
{
	static const struct { const char *text; size_t length; } cases[] = {
		{ "", 0 },
		{ "answer=200\n", 11 },
		{ "answer=200\nend=", 15 },
		{ "end=1\0", 6 },
		{ "sudo: a password is required\n", 29 },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(probe_parse(cases[i].text, cases[i].length,
					&error));
		assert_non_null(error);
	}
}

/* Sent at 1000 s by our clock, its answer there at 1004; the script took 3. */
static void test_probe_offset_leaves_out_what_the_script_took(void **state)
{
	static const struct {
		const char *begin, *finish;
		gint64 offset_us, slack_us;
	} cases[] = {
		{ "1000.5", "1003.5", 0, 500000 },
		{ "1010.5", "1013.5", 10000000, 500000 },
		{ "997.5", "1000.5", -3000000, 500000 },
		/* a date without fractions */
		{ "1000", "1003", -500000, 1500000 },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strdup_printf(
			"begin=%s\nfinish=%s\nend=1\n", cases[i].begin,
			cases[i].finish);
		struct probe *probe = parse(text);

		probe_set_offset(probe, 1000000000, 1004000000);
		assert_int_equal(probe->offset_us, cases[i].offset_us);
		assert_int_equal(probe->slack_us, cases[i].slack_us);
		probe_free(probe);
	}
}

#define QUESTION "0a6b756265726e657465730764656661756c740373766307636c757374" \
	"6572056c6f63616c0000010001"

static const struct { const char *hex, *says; bool is_address; } answers[] = {
	{ "123481800001000100000000" QUESTION "c00c000100010000000500040a98b7"
	  "01", "10.152.183.1", true },
	/* a CNAME before it */
	{ "123481800001000200000000" QUESTION "c00c0005000100000005000201610"
	  "0" "c00c000100010000000500040a98b701", "the answer has no address",
	  false },
	{ "123481800001000200000000" QUESTION "c00c00050001000000050003016100"
	  "c00c000100010000000500040a98b701", "10.152.183.1", true },
	{ "123481830001000000000000" QUESTION, "it does not know the name",
	  false },
	{ "123481820001000000000000" QUESTION, "it answers with error 2",
	  false },
	{ "123481800001000000000000" QUESTION, "the answer has no address",
	  false },
	{ "123481800001000100000000" QUESTION "c00c000100010000000500040a98",
	  "the answer has no address", false },
	{ "432181800001000100000000" QUESTION, "what came back is no answer",
	  false },
	{ "123401000001000000000000" QUESTION, "what came back is no answer",
	  false },
	{ "1234", "what came back is no answer", false },
	{ "12348180000100010000000g", "what came back is no answer", false },
};

static void test_probe_dns_address_is_of_an_answer_to_us(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		g_autofree char *says = NULL;
		bool is_address = probe_dns_address(answers[i].hex, &says);

		if (is_address != answers[i].is_address ||
		    strcmp(says, answers[i].says) != 0)
			fail_msg("%s: %d %s", answers[i].hex, is_address,
				 says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_is_read_whole),
		cmocka_unit_test(test_probe_of_a_bare_host_knows_little),
		cmocka_unit_test(test_probe_last_word_on_dns_counts),
		cmocka_unit_test(test_probe_that_is_none_is_refused),
		cmocka_unit_test(
			test_probe_offset_leaves_out_what_the_script_took),
		cmocka_unit_test(
			test_probe_dns_address_is_of_an_answer_to_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
