/* SPDX-License-Identifier: Apache-2.0
 *
 * The hosts of playrig.h. Each has, by a script of its server's (ForceCommand),
 * a timeout(1) of its own, which can kill the connection above a command.
 */
#include "playrig.h"

#include "transport/job_priv.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define RUN_ID_PREFIX "test-play-"

static const char *const names[PLAYRIG_HOSTS] = { "m", "w2", "w1", "o" };

/* $1 is the host's directory. */
static const char wrapper_script[] =
	"#!/bin/sh\n"
	"export PLAYRIG_DIR=\"$1\" PATH=\"${0%/*}/bin:$PATH\"\n"
	"exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n";

/* Every command runs under it. */
static const char timeout_script[] =
	"#!/bin/sh\n"
	"case $* in\n"
	"*cut-me*)\n"
	"	if rm \"$PLAYRIG_DIR/cut\" 2>/dev/null; then\n"
	"		p=$PPID\n"
	"		until grep -q '^sshd' /proc/$p/comm; do\n"
	"			p=$(cut -d' ' -f4 /proc/$p/stat)\n"
	"		done\n"
	"		kill -KILL $p\n"
	"		exit 1\n"
	"	fi ;;\n"
	"esac\n"
	"exec /usr/bin/timeout \"$@\"\n";

char *playrig_path(const struct playrig *p, const char *host,
		   const char *name)
{
	return g_build_filename(p->dir, host, name, NULL);
}

static void write_file(const char *path, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (!g_file_set_contents(path, text, -1, &error))
		g_error("%s", error->message);
}

static void write_program(const char *path, const char *text)
{
	write_file(path, text);
	g_chmod(path, 0755);
}

void playrig_touch(const struct playrig *p, const char *host,
		   const char *name)
{
	g_autofree char *path = playrig_path(p, host, name);

	write_file(path, "");
}

bool playrig_has(const struct playrig *p, const char *host, const char *name)
{
	g_autofree char *path = playrig_path(p, host, name);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

void playrig_cut(const struct playrig *p, const char *host)
{
	playrig_touch(p, host, "cut");
}

int playrig_set_up(void **state)
{
	struct playrig *p = g_new0(struct playrig, 1);

	p->dir = g_dir_make_tmp("muster-play-XXXXXX", NULL);
	p->log = g_build_filename(p->dir, "log", NULL);
	g_autofree char *wrapper = g_build_filename(p->dir, "wrapper", NULL);
	g_autofree char *bin = g_build_filename(p->dir, "bin", NULL);
	g_autofree char *timeout = g_build_filename(bin, "timeout", NULL);

	write_program(wrapper, wrapper_script);
	g_mkdir(bin, 0755);
	write_program(timeout, timeout_script);
	for (int i = 0; i < PLAYRIG_HOSTS; i++) {
		g_autofree char *config = g_strdup_printf(
			"ForceCommand %s %s/%s\n", wrapper, p->dir, names[i]);

		p->sshds[i] = sshd_start(config);
	}
	*state = p;
	return 0;
}

int playrig_tear_down(void **state)
{
	struct playrig *p = *state;
	const char *const rm[] = { "rm", "-rf", p->dir, NULL };
	/* what jobs past their deadline have left behind */
	g_autofree char *jobs = g_strdup_printf(
		"rm -rf " JOB_DIR "/" RUN_ID_PREFIX "%d-*", (int)getpid());
	const char *const rm_jobs[] = { "sh", "-c", jobs, NULL };

	run_local(rm_jobs);
	for (int i = 0; i < PLAYRIG_HOSTS; i++)
		sshd_stop(p->sshds[i]);
	run_local(rm);
	g_free(p->dir);
	g_free(p->log);
	g_free(p);
	return 0;
}

static char *inventory_text(const struct playrig *p)
{
	GString *text = g_string_new(NULL);

	for (int i = 0; i < PLAYRIG_HOSTS; i++) {
		const char *name = names[i];

		g_string_append_printf(
			text, "%s%s ansible_host=127.0.0.1 ansible_port=%u "
			"ansible_user=root ansible_ssh_private_key_file=%s "
			"node_ip=10.9.0.%d dir=%s/%s\n",
			*name == 'm' ? "[masters]\n"
			: strcmp(name, "w2") == 0 ? "[workers]\n"
			: *name == 'o' ? "[others]\n" : "", name,
			p->sshds[i]->port, p->sshds[i]->key, i + 1, p->dir,
			name);
	}
	g_string_append_printf(text, "[all:vars]\nlog = %s\n", p->log);
	return g_string_free(text, FALSE);
}

static char *write_known_hosts(const struct playrig *p)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char *path = g_build_filename(p->dir, "known_hosts", NULL);

	for (int i = 0; i < PLAYRIG_HOSTS; i++)
		g_string_append_printf(text, "[127.0.0.1]:%u %s\n",
				       p->sshds[i]->port,
				       p->sshds[i]->host_key);
	write_file(path, text->str);
	return path;
}

static void make_directories(const struct playrig *p)
{
	g_unlink(p->log);
	for (int i = 0; i < PLAYRIG_HOSTS; i++) {
		g_autofree char *dir = playrig_path(p, names[i], "");
		const char *const rm[] = { "rm", "-rf", dir, NULL };

		run_local(rm);
		g_mkdir(dir, 0755);
	}
}

static void begin(struct playrig *p, const char *inventory)
{
	g_autofree char *text = inventory ? g_strdup(inventory)
		: inventory_text(p);
	g_autofree char *known_hosts = write_known_hosts(p);
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	struct transport_options options = {
		.host_key_policy = HOST_KEY_STRICT,
		.known_hosts = known_hosts,
		.connect_timeout_us = 20 * G_TIME_SPAN_SECOND,
	};

	make_directories(p);
	rig_init(&p->rig, &options);
	p->inventory = inventory_parse(text, strlen(text), "i",
				       cluster_inventory_rules(), problems,
				       NULL);
	p->cluster = p->inventory ? cluster_new(p->inventory,
			p->rig.transport, problems, NULL) : NULL;
	if (!p->cluster)
		g_error("the inventory does not hold:\n%s", text);
	p->events = g_ptr_array_new_with_free_func(
		(GDestroyNotify)event_free);
	p->hook = NULL;
	p->forks = 0;
	p->check = false;
}

static void end(struct playrig *p)
{
	g_ptr_array_unref(p->events);
	cluster_free(p->cluster);
	inventory_free(p->inventory);
	rig_clear(&p->rig);
}

int playrig_open(void **state)
{
	begin(*state, NULL);
	return 0;
}

int playrig_close(void **state)
{
	end(*state);
	return 0;
}

void playrig_reopen(struct playrig *p, const char *inventory)
{
	end(p);
	begin(p, inventory);
}

static void on_event(const struct event *event, void *data)
{
	struct playrig *p = data;
	struct event *copy = g_new(struct event, 1);

	*copy = *event;
	copy->play = g_strdup(event->play);
	copy->step = g_strdup(event->step);
	copy->host = g_strdup(event->host);
	copy->message = g_strdup(event->message);
	copy->diff = g_strdup(event->diff);
	copy->hint = g_strdup(event->hint);
	g_ptr_array_add(p->events, copy);
	if (p->hook)
		p->hook(p, event);
}

static struct playbook *parse(const struct playrig *p, const char *yaml)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	struct playbook *playbook = playbook_parse(yaml, strlen(yaml), "p",
						   problems, NULL);

	if (playbook)
		run_check(playbook, p->inventory, p->cluster, NULL, problems,
			  NULL);
	if (problems->len) {
		g_autofree char *line = problem_format(
			g_ptr_array_index(problems, 0));

		g_error("%s", line);
	}
	return playbook;
}

struct run_result *playrig_run(struct playrig *p, const char *yaml)
{
	static unsigned n;
	g_autoptr(Playbook) playbook = parse(p, yaml);
	g_autofree char *run_id = g_strdup_printf(
		RUN_ID_PREFIX "%d-%u", (int)getpid(), n++);
	const struct event_sink sink = { on_event, p };
	const struct run_options options = {
		.playbook = playbook,
		.inventory = p->inventory,
		.transport = p->rig.transport,
		.cluster = p->cluster,
		.forks = p->forks,
		.check = p->check,
		.run_id = run_id,
		.sinks = &sink,
		.n_sinks = 1,
	};

	return run_execute(&options);
}

const struct host_result *playrig_host(const struct run_result *result,
				       const char *host)
{
	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		if (strcmp(h->host->name, host) == 0)
			return h;
	}
	g_error("no result of host '%s'", host);
}

char *playrig_log(const struct playrig *p)
{
	char *text = NULL;

	if (!g_file_get_contents(p->log, &text, NULL, NULL))
		return g_strdup("");
	return g_strchomp(g_strdelimit(text, "\n", ' '));
}

const struct event *playrig_event(const struct playrig *p,
				  enum event_kind kind, const char *host,
				  const char *step, guint *i)
{
	for (; *i < p->events->len; (*i)++) {
		const struct event *event = g_ptr_array_index(p->events, *i);

		if (event->kind == kind &&
		    (!host || g_strcmp0(host, event->host) == 0) &&
		    (!step || g_strcmp0(step, event->step) == 0))
			return event;
	}
	return NULL;
}
