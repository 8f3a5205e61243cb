/* SPDX-License-Identifier: Apache-2.0
 *
 * The join URL "<ip>:25000/<token>/<check>" and the "token/check" that
 * `microk8s add-node --format token-check` prints. No error text here quotes
 * what it refuses: it may be a token.
 */
#include "join_text.h"

#include "transport/error.h"

#include <string.h>

/* "token/check" and nothing else, `length` bytes long. */
static bool is_token_check(const char *text, size_t length)
{
	size_t token = 0, check;

	if (length > JOIN_TOKEN_MAX + 1 + JOIN_CHECK_MAX)
		return false;
	while (token < length && (g_ascii_isalnum(text[token]) ||
				  (text[token] && strchr("._-", text[token]))))
		token++;
	if (token < JOIN_TOKEN_MIN || token > JOIN_TOKEN_MAX ||
	    token == length || text[token] != '/')
		return false;
	check = token + 1;
	while (check < length && g_ascii_isxdigit(text[check]))
		check++;
	return check == length && length - token - 1 >= JOIN_CHECK_MIN &&
		length - token - 1 <= JOIN_CHECK_MAX;
}

char *join_token_check_parse(const char *text, GError **error)
{
	size_t length = text ? strnlen(text, JOIN_TEXT_MAX) : 0;

	while (length > 0 && g_ascii_isspace(text[length - 1]))
		length--;
	while (length > 0 && g_ascii_isspace(*text)) {
		text++;
		length--;
	}
	if (length > 0 && is_token_check(text, length))
		return g_strndup(text, length);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "microk8s add-node did not print a token and a "
		    "certificate check (%s)",
		    length == 0 ? "it printed nothing" : "other text");
	return NULL;
}

char *join_url(const char *ip, const char *token_check, GError **error)
{
	if (!g_hostname_is_ip_address(ip) || strchr(ip, ':')) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'%.64s' is not an IPv4 address, and microk8s join "
			    "takes no other", ip);
		return NULL;
	}
	if (!is_token_check(token_check, strlen(token_check))) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "not a join token with its certificate check");
		return NULL;
	}
	return g_strdup_printf("%s:%d/%s", ip, JOIN_AGENT_PORT, token_check);
}
