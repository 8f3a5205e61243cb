/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's host, its request, and the thread that it is run on.
 */
#include "jobrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* On the job's thread. */
static void on_log(const struct host *host, const char *title,
		   const char *out, const char *err, int status,
		   gint64 elapsed_us, void *data)
{
	struct jobrig *f = data;
	(void)host, (void)out, (void)status, (void)elapsed_us;
	if (strcmp(title, "step") == 0)
		f->told_us = g_get_monotonic_time();
	if (err && strstr(err, "lost"))
		g_atomic_int_set(&f->lost, 1);
}

int jobrig_set_up(void **state)
{
	static unsigned n;
	struct jobrig *f = g_new0(struct jobrig, 1);
	f->sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(f->sshd);
	options.log = on_log;
	options.log_data = f;
	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, "root");
	f->session = session_new(f->rig.transport, &f->host);
	f->id = g_strdup_printf("test-%d-%u", (int)getpid(), n++);
	f->dir = g_build_filename(JOB_DIR, f->id, NULL);
	f->count = g_build_filename(f->sshd->dir, "count", NULL);
	f->go = g_build_filename(f->sshd->dir, "go", NULL);
	f->args[0] = f->count;
	f->args[1] = f->go;
	*state = f;
	return 0;
}

int jobrig_tear_down(void **state)
{
	struct jobrig *f = *state;
	const char *const rm[] = {"rm", "-rf", f->dir, NULL};
	session_free(f->session);
	rig_clear(&f->rig);
	sshd_stop(f->sshd);
	run_local(rm);
	exec_result_free(f->result);
	g_clear_error(&f->error);
	g_free(f->id);
	g_free(f->dir);
	g_free(f->count);
	g_free(f->go);
	g_free(f);
	return 0;
}

struct job_request jobrig_request(const struct jobrig *f, const char *script)
{
	return (struct job_request){.id = f->id, .title = "step",
				    .script = script, .args = f->args,
				    .deadline_us = in_seconds(60)};
}

/* It ends when its test is gone, too. */
const char jobrig_patient[] =
	"echo started >>\"$1\"\n"
	"until [ -e \"$2\" ] || [ ! -d \"${2%/*}\" ]; do sleep 0.05; done\n"
	"echo done; echo warned >&2\n";

void jobrig_await(const char *path)
{
	gint64 deadline_us = in_seconds(30);
	while (access(path, F_OK) < 0) {
		assert_true(g_get_monotonic_time() < deadline_us);
		g_usleep(10000);
	}
}

void jobrig_touch(const char *path)
{
	assert_true(g_file_set_contents(path, "", 0, NULL));
}

void jobrig_expect_starts(const struct jobrig *f, size_t n)
{
	g_autofree char *text = NULL;
	assert_true(g_file_get_contents(f->count, &text, NULL, NULL));
	assert_int_equal(strlen(text), n * strlen("started\n"));
}

static void *run_on_thread(void *data)
{
	struct jobrig *f = data;
	job_run(f->session, &f->request, &f->result, &f->error);
	f->ended_us = g_get_monotonic_time();
	return NULL;
}

GThread *jobrig_start(struct jobrig *f, int seconds)
{
	f->request = jobrig_request(f, jobrig_patient);
	f->request.deadline_us = in_seconds(seconds);
	GThread *thread = g_thread_new("job", run_on_thread, f);
	jobrig_await(f->count);
	return thread;
}

void jobrig_expect_done(const struct jobrig *f)
{
	if (f->error)
		print_message("%s\n", f->error->message);
	assert_null(f->error);
	assert_string_equal(f->result->out, "done\n");
	assert_string_equal(f->result->err, "warned\n");
	assert_int_equal(f->result->status, 0);
	assert_int_equal(access(f->dir, F_OK), -1);
	jobrig_expect_starts(f, 1);
}
