/* SPDX-License-Identifier: Apache-2.0
 *
 * The log is one text, in which tests look for words.
 */
#include "told.h"

#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void on_log(const struct host *host, const char *title,
		   const char *out, const char *err, int status,
		   gint64 elapsed_us, void *data)
{
	struct told *told = data;

	(void)host, (void)elapsed_us;
	pthread_mutex_lock(&told->lock);
	g_string_append_printf(told->text, "%s/%s/%s/%d\n", title,
			       out ? out : "-", err ? err : "-", status);
	pthread_mutex_unlock(&told->lock);
}

void told_init(struct told *told)
{
	pthread_mutex_init(&told->lock, NULL);
	told->text = g_string_new(NULL);
}

void told_clear(struct told *told)
{
	g_string_free(told->text, TRUE);
	pthread_mutex_destroy(&told->lock);
}

void told_listen(struct told *told, struct transport_options *options)
{
	options->log = on_log;
	options->log_data = told;
}

bool told_has(struct told *told, const char *words)
{
	pthread_mutex_lock(&told->lock);
	bool found = strstr(told->text->str, words) != NULL;

	pthread_mutex_unlock(&told->lock);
	return found;
}

void told_forget(struct told *told)
{
	pthread_mutex_lock(&told->lock);
	g_string_truncate(told->text, 0);
	pthread_mutex_unlock(&told->lock);
}

void assert_error(const GError *error, int code, const char *words)
{
	assert_non_null(error);
	print_message("%s\n", error->message);
	assert_int_equal(error->domain, MUSTER_ERROR);
	assert_int_equal(error->code, code);
	assert_non_null(strstr(error->message, words));
}
