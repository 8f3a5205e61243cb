/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what a join or an add-node printed: always a verdict, whose
 * detail is a few clean lines without anything as long as a token; and a token
 * only where a URL can be made of it.
 */
#include "playbooks/microk8s/cause.h"
#include "playbooks/microk8s/join_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_detail(const char *detail)
{
	size_t run = 0;

	if (strlen(detail) > CAUSE_LAST_LINES * (CAUSE_DETAIL_MAX + 1) ||
	    !g_utf8_validate(detail, -1, NULL))
		abort();
	for (const char *p = detail; *p; p++) {
		run = g_ascii_isalnum(*p) ? run + 1 : 0;
		if (run >= JOIN_TOKEN_MIN ||
		    (g_ascii_iscntrl(*p) && *p != '\n'))
			abort();
	}
}

static void check_token(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *token = join_token_check_parse(text, &error);
	g_autofree char *url = token ? join_url("10.8.0.4", token, NULL) :
		NULL;

	if (!token != (error != NULL) || !token != !url)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = { 0, 1, 4, 6 };
	g_autofree char *text = g_strndup((const char *)data, size);
	/* Both outputs, one behind the other as the corpus has them. */
	const char *err = strchr(text, '\f');

	for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
		struct join_verdict *verdict = join_text_classify(
			statuses[i], text, err ? err + 1 : NULL);

		if (!verdict->cause || !verdict->meaning || !verdict->fix ||
		    (verdict->outcome == JOIN_OK) != (statuses[i] == 0))
			abort();
		check_detail(verdict->detail);
		join_verdict_free(verdict);
	}
	check_token(text);
	return 0;
}
