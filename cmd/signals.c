/* SPDX-License-Identifier: Apache-2.0
 *
 * The signal thread.
 */
#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct signals {
	pthread_t thread;
	struct cancel *cancel;
	int first;		/* written by the thread, read after join */
};

static void say(const char *text, size_t length)
{
	ssize_t ignored = write(STDERR_FILENO, text, length);

	(void)ignored;
}

#define SAY(text) say(text, sizeof(text) - 1)

static void *wait_for_signals(void *data)
{
	struct signals *signals = data;
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR2);
	while (sigwait(&set, &number) == 0 && number != SIGUSR2) {
		if (signals->first) {
			SAY("\nmuster: leaving at once\n");
			cancel_abort(signals->cancel);
			continue;
		}
		signals->first = number;
		SAY("\nmuster: stopping; what runs on hosts may end within "
		    "20 s (again: leave at once)\n");
		cancel_stop(signals->cancel);
	}
	return NULL;
}

struct signals *signals_start(struct cancel *cancel)
{
	struct signals *signals = g_new0(struct signals, 1);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signals->cancel = cancel;
	if (pthread_create(&signals->thread, NULL, wait_for_signals,
			   signals) != 0)
		g_error("cannot start the signal thread");
	return signals;
}

int signals_stop(struct signals *signals)
{
	pthread_kill(signals->thread, SIGUSR2);
	pthread_join(signals->thread, NULL);
	int first = signals->first;

	g_free(signals);
	return first;
}
