/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of libcurl that this room calls, under their own names. The
 * library behind them is loaded at the first call of curl_global_init(): it
 * brings some twenty others along, which is a third of the memory and half of
 * the time that a command needs which asks no API.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <glib.h>
#include <stdarg.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

#undef curl_easy_setopt
#undef curl_easy_getinfo

/* Written once, by load(). */
static struct {
	CURLcode (*global_init)(long flags);
	char *(*version)(void);
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *easy);
	CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
	CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
	const char *(*easy_strerror)(CURLcode code);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_cleanup)(CURLM *multi);
	CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_perform)(CURLM *multi, int *running);
	CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd fds[],
				unsigned n, int timeout_ms, int *ready);
	CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
	struct curl_slist *(*slist_append)(struct curl_slist *list,
					   const char *text);
	void (*slist_free_all)(struct curl_slist *list);
} real;

static const struct {
	const char *name;
	void *function;		/* where its pointer goes */
} calls[] = {
	{"curl_global_init", &real.global_init},
	{"curl_version", &real.version},
	{"curl_easy_init", &real.easy_init},
	{"curl_easy_cleanup", &real.easy_cleanup},
	{"curl_easy_setopt", &real.easy_setopt},
	{"curl_easy_getinfo", &real.easy_getinfo},
	{"curl_easy_strerror", &real.easy_strerror},
	{"curl_multi_init", &real.multi_init},
	{"curl_multi_cleanup", &real.multi_cleanup},
	{"curl_multi_add_handle", &real.multi_add_handle},
	{"curl_multi_remove_handle", &real.multi_remove_handle},
	{"curl_multi_perform", &real.multi_perform},
	{"curl_multi_poll", &real.multi_poll},
	{"curl_multi_info_read", &real.multi_info_read},
	{"curl_slist_append", &real.slist_append},
	{"curl_slist_free_all", &real.slist_free_all},
};
G_STATIC_ASSERT(sizeof(real) == G_N_ELEMENTS(calls) * sizeof(void *));

/* NULL, or why there is no libcurl. */
static void *load(void *data)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	(void)data;
	for (size_t i = 0; library && i < G_N_ELEMENTS(calls); i++) {
		void *function = dlsym(library, calls[i].name);

		if (!function)
			return g_strdup_printf("%s has no %s", LIBRARY,
					       calls[i].name);
		memcpy(calls[i].function, &function, sizeof(function));
	}
	return library ? NULL : g_strdup(dlerror());
}

static const char *loaded(void)
{
	static GOnce once = G_ONCE_INIT;

	return g_once(&once, load, NULL);
}

CURLcode curl_global_init(long flags)
{
	return loaded() ? CURLE_FAILED_INIT : real.global_init(flags);
}

char *curl_version(void)
{
	const char *why = loaded();

	return why ? (char *)(guintptr)why : real.version();
}

CURL *curl_easy_init(void)
{
	return real.easy_init();
}

void curl_easy_cleanup(CURL *easy)
{
	if (easy)
		real.easy_cleanup(easy);
}

/* The kind of an option's argument is in its number. */
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	CURLcode code;
	va_list args;

	va_start(args, option);
	if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		code = real.easy_setopt(easy, option,
					va_arg(args, curl_off_t));
	else if (option < CURLOPTTYPE_OBJECTPOINT)
		code = real.easy_setopt(easy, option, va_arg(args, long));
	else
		code = real.easy_setopt(easy, option, va_arg(args, void *));
	va_end(args);
	return code;
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
	va_list args;

	va_start(args, info);
	void *to = va_arg(args, void *);

	va_end(args);
	return real.easy_getinfo(easy, info, to);
}

const char *curl_easy_strerror(CURLcode code)
{
	return real.easy_strerror(code);
}

CURLM *curl_multi_init(void)
{
	return real.multi_init();
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
	return multi ? real.multi_cleanup(multi) : CURLM_OK;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
	return real.multi_add_handle(multi, easy);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
	return real.multi_remove_handle(multi, easy);
}

CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
	return real.multi_perform(multi, running);
}

CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd fds[], unsigned n,
			  int timeout_ms, int *ready)
{
	return real.multi_poll(multi, fds, n, timeout_ms, ready);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
	return real.multi_info_read(multi, left);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
	return real.slist_append(list, text);
}

void curl_slist_free_all(struct curl_slist *list)
{
	if (list)
		real.slist_free_all(list);
}
