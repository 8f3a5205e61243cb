/* SPDX-License-Identifier: Apache-2.0
 *
 * The least that a client with libssh can do: connect, check the host key,
 * authenticate, run one command and wait for its end, a thread for each host.
 * No sudo, no log, no deadline, no output. What muster is measured against.
 *
 *	bare KEY KNOWN_HOSTS COMMAND <addresses
 *
 * Exit status: 0, or 1 if any host failed.
 */
#include <glib.h>
#include <libssh/libssh.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define STACK_SIZE ((size_t)256 * 1024)

struct shared {
	ssh_key key;
	GHashTable *known;	/* char * address -> char * base64 */
	const char *command;
	atomic_int failed;
};

struct target {
	struct shared *shared;
	char *address;
	pthread_t thread;
};

static bool has_known_key(const struct target *target, ssh_session ssh)
{
	const char *wanted = g_hash_table_lookup(target->shared->known,
						 target->address);
	ssh_key key = NULL;
	char *shown = NULL;
	bool good = wanted &&
		ssh_get_server_publickey(ssh, &key) == SSH_OK &&
		ssh_pki_export_pubkey_base64(key, &shown) == SSH_OK &&
		strcmp(shown, wanted) == 0;

	ssh_string_free_char(shown);
	ssh_key_free(key);
	return good;
}

static bool run_command(ssh_session ssh, const char *command)
{
	ssh_channel channel = ssh_channel_new(ssh);
	char ignored[4096];
	bool good = ssh_channel_open_session(channel) == SSH_OK &&
		ssh_channel_request_exec(channel, command) == SSH_OK;

	while (good && ssh_channel_read(channel, ignored, sizeof(ignored),
					0) > 0)
		;
	good = good && ssh_channel_get_exit_status(channel) == 0;
	ssh_channel_free(channel);
	return good;
}

static void *visit(void *data)
{
	struct target *target = data;
	ssh_session ssh = ssh_new();
	const bool no = false;
	const int yes = 1;
	const long seconds = 120;

	ssh_options_set(ssh, SSH_OPTIONS_PROCESS_CONFIG, &no);
	ssh_options_set(ssh, SSH_OPTIONS_HOST, target->address);
	ssh_options_set(ssh, SSH_OPTIONS_USER, "root");
	ssh_options_set(ssh, SSH_OPTIONS_NODELAY, &yes);
	ssh_options_set(ssh, SSH_OPTIONS_TIMEOUT, &seconds);
	bool good = ssh_connect(ssh) == SSH_OK && has_known_key(target, ssh) &&
		ssh_userauth_publickey(ssh, NULL, target->shared->key) ==
			SSH_AUTH_SUCCESS &&
		run_command(ssh, target->shared->command);

	if (!good) {
		fprintf(stderr, "bare: %s: %s\n", target->address,
			ssh_get_error(ssh));
		atomic_store(&target->shared->failed, 1);
	}
	ssh_disconnect(ssh);
	ssh_free(ssh);
	return NULL;
}

static GHashTable *read_known_hosts(const char *path)
{
	GHashTable *known = g_hash_table_new_full(g_str_hash, g_str_equal,
						  g_free, g_free);
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return known;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 3);

		if (g_strv_length(words) == 3)
			g_hash_table_insert(known, g_strdup(words[0]),
					    g_strdup(words[2]));
	}
	return known;
}

static void run_all(struct shared *shared, char **addresses)
{
	guint n = g_strv_length(addresses);
	g_autofree struct target *targets = g_new0(struct target, n);
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (guint i = 0; i < n; i++) {
		targets[i].shared = shared;
		targets[i].address = addresses[i];
		if (pthread_create(&targets[i].thread, &attr, visit,
				   &targets[i]) != 0)
			g_error("bare: no thread");
	}
	for (guint i = 0; i < n; i++)
		pthread_join(targets[i].thread, NULL);
	pthread_attr_destroy(&attr);
}

int main(int argc, char **argv)
{
	struct shared shared = { .command = argc == 4 ? argv[3] : NULL };
	GString *names = g_string_new(NULL);
	char line[256];

	if (argc != 4 || ssh_init() != SSH_OK ||
	    ssh_pki_import_privkey_file(argv[1], NULL, NULL, NULL,
					&shared.key) != SSH_OK) {
		fprintf(stderr, "usage: bare KEY KNOWN_HOSTS COMMAND\n");
		return 2;
	}
	shared.known = read_known_hosts(argv[2]);
	while (fgets(line, sizeof(line), stdin))
		g_string_append(names, line);
	g_strchomp(names->str);
	g_auto(GStrv) addresses = g_strsplit(names->str, "\n", -1);

	run_all(&shared, addresses);
	g_string_free(names, TRUE);
	g_hash_table_unref(shared.known);
	ssh_key_free(shared.key);
	return atomic_load(&shared.failed);
}
