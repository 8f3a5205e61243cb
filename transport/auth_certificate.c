/* SPDX-License-Identifier: Apache-2.0
 *
 * User certificates of keys that lie in files.
 */
#include "auth_priv.h"
#include "key_blob.h"

#include <unistd.h>

char **auth_certificates(const struct attempt *attempt,
			 const struct identity *identity)
{
	g_autofree char *beside = g_strconcat(identity->path, "-cert.pub",
					      NULL);
	char *const *named = attempt->endpoint->certificate_files;
	GStrvBuilder *builder = g_strv_builder_new();

	for (; named && *named; named++)
		g_strv_builder_add(builder, *named);
	if (access(beside, R_OK) == 0)
		g_strv_builder_add(builder, beside);
	char **files = g_strv_builder_end(builder);

	g_strv_builder_unref(builder);
	return files;
}

ssh_key auth_certified_key(const struct attempt *attempt,
			   const struct identity *identity)
{
	g_auto(GStrv) files = auth_certificates(attempt, identity);
	ssh_key both = NULL;

	for (char **file = files; *file && !both; file++) {
		g_autoptr(GBytes) blob = key_blob_read(*file);
		ssh_key certificate = NULL;

		/* libssh would take that of another key as well */
		if (!blob || !key_blob_certifies(blob, identity->blob) ||
		    ssh_pki_import_cert_file(*file, &certificate) != SSH_OK)
			continue;
		both = ssh_key_dup(identity->key);
		if (ssh_pki_copy_cert_to_privkey(certificate, both) != SSH_OK)
			g_clear_pointer(&both, ssh_key_free);
		ssh_key_free(certificate);
	}
	return both;
}
