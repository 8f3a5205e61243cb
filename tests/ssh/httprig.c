/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers are https_server.py, which ends when its standard input does,
 * and with this process at the latest.
 */
#include "httprig.h"

#include "told.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *dir;

char *httprig_path(const char *name)
{
	return g_build_filename(dir, name, NULL);
}

char *httprig_read(const char *name)
{
	g_autofree char *path = httprig_path(name);
	char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		g_error("cannot read %s", path);
	return text;
}

static const char make_certificates[] =
	"set -e; cd \"$1\"\n"
	"new() { openssl req -newkey ec -pkeyopt "
	"ec_paramgen_curve:prime256v1 -nodes -keyout $1.key -subj /CN=$1 "
	"\"$2\" -out $1.$3; }\n"
	"sign() {\n"
	"	new $2 -new csr\n"
	"	printf '%s\\n' \"$3\" >ext\n"
	"	openssl x509 -req -in $2.csr -CA $1.pem -CAkey $1.key \\\n"
	"		-CAcreateserial -days 30 -extfile ext -out $2.pem\n"
	"}\n"
	"new ca -x509 pem; new other-ca -x509 pem\n"
	"sign ca server subjectAltName=IP:127.0.0.1,DNS:localhost\n"
	"sign ca elsewhere subjectAltName=IP:10.1.2.3\n"
	"sign ca client extendedKeyUsage=clientAuth\n"
	"sign other-ca other-server subjectAltName=IP:127.0.0.1\n"
	"sign other-ca other-client extendedKeyUsage=clientAuth\n"
	"mkdir public\n"
	"cp other-ca.pem public/$(openssl x509 -hash -noout -in "
	"other-ca.pem).0\n";

int httprig_set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	dir = g_dir_make_tmp("muster-http-XXXXXX", NULL);
	const char *const argv[] = {"sh", "-c", make_certificates, "sh", dir,
				    NULL};
	if (!run_local(argv))
		g_error("openssl failed in %s", dir);
	return 0;
}

int httprig_tear_down(void **state)
{
	(void)state;
	const char *const argv[] = {"rm", "-rf", dir, NULL};
	run_local(argv);
	g_clear_pointer(&dir, g_free);
	return 0;
}

void httprig_start(struct https_server *server, const char *where,
		   const char *name, const char *client_ca)
{
	static unsigned n;
	const char *tests = g_getenv("MUSTER_TESTS_DIR");
	g_autofree char *script = g_build_filename(
		tests ? tests : "tests", "ssh", "https_server.py", NULL);
	g_autofree char *unique = g_strdup_printf("socket%u", n++);
	g_autofree char *pem = g_strconcat(dir, "/", name, ".pem", NULL);
	g_autofree char *key = g_strconcat(dir, "/", name, ".key", NULL);
	g_autofree char *ca = client_ca ? httprig_path(client_ca) : NULL;
	g_autoptr(GError) error = NULL;
	server->path = where ? g_strdup(where) : httprig_path(unique);
	char *argv[] = {(char[]){"python3"}, script, server->path, pem, key,
			ca, NULL};
	if (!g_spawn_async_with_pipes(NULL, argv, NULL,
				      G_SPAWN_SEARCH_PATH |
				      G_SPAWN_DO_NOT_REAP_CHILD,
				      die_with_parent, NULL, &server->pid,
				      &server->in, &server->out, NULL, &error))
		g_error("%s", error->message);
	char ready;
	if (read(server->out, &ready, 1) != 1)
		g_error("the HTTPS server did not start");
}

void httprig_stop(struct https_server *server)
{
	close(server->in);
	close(server->out);
	waitpid(server->pid, NULL, 0);
	g_free(server->path);
}

struct http_client *httprig_client(const char *socket_path, const char *ca,
				   const char *client,
				   struct cancel *cancel)
{
	g_autofree char *ca_pem = httprig_read(ca);
	g_autofree char *pem = client ? g_strconcat(client, ".pem", NULL)
				      : NULL;
	g_autofree char *key = client ? g_strconcat(client, ".key", NULL)
				      : NULL;
	g_autofree char *cert_pem = pem ? httprig_read(pem) : NULL;
	g_autofree char *key_pem = key ? httprig_read(key) : NULL;
	const struct http_options options = {
		.unix_socket = socket_path,
		.base_url = "https://127.0.0.1:16443",
		.ca_pem = ca_pem,
		.cert_pem = cert_pem,
		.key_pem = key_pem,
		.cancel = cancel,
	};
	g_autoptr(GError) error = NULL;
	struct http_client *made = http_client_new(&options, &error);
	if (error)
		print_message("%s\n", error->message);
	assert_non_null(made);
	return made;
}

void httprig_expect(struct http_client *client, const char *method,
		    const char *path, const char *body, long status,
		    const char *wanted)
{
	g_autoptr(HttpResponse) response = NULL;
	g_autoptr(GError) error = NULL;
	bool good = http_request(client, method, path, body, NULL,
				 in_seconds(30), &response, &error);
	if (error)
		print_message("%s\n", error->message);
	assert_true(good);
	assert_int_equal(response->status, status);
	assert_string_equal(response->body, wanted);
	assert_int_equal(response->length, strlen(wanted));
}

void httprig_expect_error(struct http_client *client, const char *path,
			  gint64 deadline_us, int code, const char *words)
{
	struct http_response *response = NULL;
	g_autoptr(GError) error = NULL;
	bool good = http_request(client, "GET", path, NULL, NULL, deadline_us,
				 &response, &error);
	assert_false(good);
	assert_null(response);
	assert_error(error, code, words);
}
