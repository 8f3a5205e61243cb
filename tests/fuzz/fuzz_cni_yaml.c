/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a Calico manifest: an edit is seen by the reader and changes
 * one stretch of the text, not what stands before or behind it.
 */
#include "playbooks/microk8s/cni_yaml.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WANTED "interface=eth\\d\""

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t common_head(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/* Not reaching into the first `head` bytes of either. */
static size_t common_tail(const char *a, const char *b, size_t head)
{
	size_t most = MIN(strlen(a), strlen(b)) - head;
	const char *a_end = a + strlen(a), *b_end = b + strlen(b);
	size_t n = 0;

	while (n < most && a_end[-1 - (gssize)n] == b_end[-1 - (gssize)n])
		n++;
	return n;
}

/* Only the characters of a value on one line, without escapes, anchor or
 * tag, all of which may be any amount of text for nothing. */
static bool is_simple(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!g_ascii_isprint(text[i]) || strchr("\\&!", text[i]))
			return false;
	}
	return true;
}

static void check_edit(const char *text, const char *old)
{
	g_autofree char *after = cni_yaml_set_method(text, WANTED, NULL);
	g_autofree char *now = after ? cni_yaml_get_method(after, NULL) : NULL;
	size_t head, gone;

	if (!after)
		return;
	head = common_head(text, after);
	gone = strlen(text) - head - common_tail(text, after, head);
	/* Twice: a quote in single quotes is written as two. */
	if (strcmp(now, WANTED) != 0 ||
	    (is_simple(text + head, gone) && gone > strlen(old) * 2 + 2))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	g_autofree char *old = cni_yaml_get_method(text, &error);

	if (!old != (error != NULL))
		abort();
	if (old)
		check_edit(text, old);
	return 0;
}
