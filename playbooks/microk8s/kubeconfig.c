/* SPDX-License-Identifier: Apache-2.0
 *
 * kubeconfig text to the four values an HTTPS client needs. The scanner's
 * tokens are enough: keys are unique in the file MicroK8s writes, so each
 * wanted key's first scalar value is taken, whatever its nesting.
 */
#include "kubeconfig.h"

#include "transport/error.h"

#include <stdbool.h>
#include <string.h>
#include <yaml.h>

enum wanted { SERVER, CA, CERT, KEY, WANTED_N };

static const char *const wanted_keys[WANTED_N] = {
	[SERVER] = "server",
	[CA] = "certificate-authority-data",
	[CERT] = "client-certificate-data",
	[KEY] = "client-key-data",
};

static void wipe_free(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

void kubeconfig_free(struct kubeconfig *config)
{
	if (!config)
		return;
	g_free(config->server);
	g_free(config->ca_pem);
	g_free(config->cert_pem);
	wipe_free(config->key_pem);
	g_free(config);
}

static int wanted_key(const yaml_token_t *token)
{
	for (int i = 0; i < WANTED_N; i++)
		if (strcmp((const char *)token->data.scalar.value,
			   wanted_keys[i]) == 0)
			return i;
	return -1;
}

/* Collects the scalars; false when the text does not scan. */
static bool scan(yaml_parser_t *parser, char *values[static WANTED_N])
{
	bool in_key = false;
	int pending = -1;

	for (unsigned n = 0; n < KUBECONFIG_TOKENS_MAX; n++) {
		yaml_token_t token;

		if (!yaml_parser_scan(parser, &token))
			return false;
		yaml_token_type_t type = token.type;

		if (type == YAML_SCALAR_TOKEN && in_key)
			pending = wanted_key(&token);
		else if (type == YAML_SCALAR_TOKEN && pending >= 0) {
			if (!values[pending])
				values[pending] = g_strdup(
					(char *)token.data.scalar.value);
			pending = -1;
		}
		if (type == YAML_KEY_TOKEN)
			in_key = true;
		else if (type == YAML_VALUE_TOKEN)
			in_key = false;
		yaml_token_delete(&token);
		if (type == YAML_STREAM_END_TOKEN)
			return true;
	}
	return false;
}

static char *decode_pem(const char *base64)
{
	gsize length = 0;
	g_autofree guchar *bytes = g_base64_decode(base64, &length);
	char *pem = g_strndup((const char *)bytes, length);

	explicit_bzero(bytes, length);
	if (strstr(pem, "-----BEGIN "))
		return pem;
	wipe_free(pem);
	return NULL;
}

static struct kubeconfig *from_values(char *values[static WANTED_N],
				      GError **error)
{
	for (int i = 0; i < WANTED_N; i++) {
		if (values[i])
			continue;
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "kubeconfig has no %s", wanted_keys[i]);
		return NULL;
	}
	struct kubeconfig *config = g_new0(struct kubeconfig, 1);

	config->server = g_strdup(values[SERVER]);
	config->ca_pem = decode_pem(values[CA]);
	config->cert_pem = decode_pem(values[CERT]);
	config->key_pem = decode_pem(values[KEY]);
	if (config->ca_pem && config->cert_pem && config->key_pem)
		return config;
	kubeconfig_free(config);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "kubeconfig holds data that is not base64 of PEM");
	return NULL;
}

struct kubeconfig *kubeconfig_parse(const char *text, size_t length,
				    GError **error)
{
	char *values[WANTED_N] = { NULL };
	struct kubeconfig *config = NULL;
	yaml_parser_t parser;

	if (length > KUBECONFIG_SIZE_MAX) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "kubeconfig is larger than %d bytes",
			    KUBECONFIG_SIZE_MAX);
		return NULL;
	}
	if (!yaml_parser_initialize(&parser))
		g_error("libyaml: out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text,
				     length);
	if (scan(&parser, values))
		config = from_values(values, error);
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "kubeconfig is not valid YAML");
	yaml_parser_delete(&parser);
	for (int i = 0; i < WANTED_N; i++)
		wipe_free(values[i]);
	return config;
}
