/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS servers of a test program's own on UNIX sockets, certificates for them,
 * and clients that talk to them with http_request(). In the rig's directory
 * are NAME.pem and NAME.key: `ca` signs `server`, `elsewhere` (for another
 * address) and `client`; `other-ca` signs `other-server` and `other-client`,
 * and lies alone in `public`, a directory as /etc/ssl/certs is one.
 */
#ifndef MUSTER_TESTS_SSH_HTTPRIG_H
#define MUSTER_TESTS_SSH_HTTPRIG_H

#include "sshd.h"
#include "transport/http.h"

/* Makes and removes the directory; for a group of tests. */
int httprig_set_up(void **state);
int httprig_tear_down(void **state);

/* A path below it, or a file's text; newly allocated. */
char *httprig_path(const char *name);
char *httprig_read(const char *name);

struct https_server {
	char *path;		/* or tcp:PORT */
	GPid pid;
	int in, out;
};

/* `where` NULL: a UNIX socket of its own. `name` is whose certificate it has;
 * `client_ca` NULL: asks for no certificate, else a file. Answers when this
 * returns. */
void httprig_start(struct https_server *server, const char *where,
		   const char *name, const char *client_ca);
void httprig_stop(struct https_server *server);

/* `ca` is a file, `client` a name or NULL: no certificate; `cancel` may be
 * NULL. The caller frees it. */
struct http_client *httprig_client(const char *socket_path, const char *ca,
				   const char *client, struct cancel *cancel);

/* Asks, and expects an answer of exactly that within 30 s. */
void httprig_expect(struct http_client *client, const char *method,
		    const char *path, const char *body, long status,
		    const char *wanted);

/* Asks, and expects an error of that code with `words` in its text. */
void httprig_expect_error(struct http_client *client, const char *path,
			  gint64 deadline_us, int code, const char *words);

#endif
