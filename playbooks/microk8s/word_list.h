/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists as people write them in an inventory: words between blanks, or
 * between commas as well. Each word remembers where it stood, so that a
 * mistake is told with its column. Pure functions.
 */
#ifndef MUSTER_MICROK8S_WORD_LIST_H
#define MUSTER_MICROK8S_WORD_LIST_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define WORD_LIST_MAX 256			/* words of a list */
#define WORD_LIST_COMMAS true			/* a comma ends a word, too */
#define WORD_LIST_BLANKS false

struct list_word {
	char *text;		/* never empty */
	size_t at;		/* byte of the list where it begins */
};

/* The words of `text` (struct list_word *, with a free function). NULL with
 * error DATA if there are more than WORD_LIST_MAX, and *at then. */
GPtrArray *word_list(const char *text, bool commas, size_t *at,
		     GError **error);

/* True if every word between blanks or commas fits; else error DATA in the
 * words "'x' is WHAT", and *at. */
bool word_list_check(const char *text, bool (*fits)(const char *word),
		     const char *what, size_t *at, GError **error);

/* Sets error DATA, and *at to `where`; returns NULL for its callers. */
void *word_list_refuse(size_t *at, size_t where, GError **error,
		       const char *format, ...) G_GNUC_PRINTF(4, 5);

#endif
