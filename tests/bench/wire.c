/* SPDX-License-Identifier: Apache-2.0
 *
 * A long wire for machines whose kernel cannot delay packets: it takes
 * connections, makes one to the target for each, and hands every byte on after
 * a fixed time, in both directions. It also counts round trips: a client that
 * has heard something speaks again, and what it said last was as long ago as
 * an answer to it takes at least. On a wire much longer than what hosts do in
 * between this is how often somebody waited.
 *
 *	wire DELAY_MS <ways
 *
 * A line of `ways` is "listen-address listen-port target-address
 * target-port". Prints "ready" once it listens. At SIGUSR1 it prints, for each
 * way that was used since the last time, "listen-address connections
 * round-trips bytes-up bytes-down" and then "end".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CHUNK 65536
#define EVENTS_MAX 256
/* Not more than one of SSH's smallest packets: a window made larger, the end
 * of a channel. Nobody waits for an answer to that. */
#define SMALL 40
#define QUEUE_MAX ((gsize)4 * 1024 * 1024)	/* of one direction */

struct way {
	char *from;
	struct sockaddr_in target;
	unsigned connections, round_trips;
	guint64 bytes[2];		/* up, down */
};

/* What epoll tells of: a way that listens, or an end of a link. */
struct end {
	int fd;
	struct way *way;		/* set: this listens */
	struct link *link;
	unsigned side;			/* 0: the client's end */
	bool can_write, is_connected;
};

/* Bytes on their way; an empty one is the end of the stream. */
struct parcel {
	gint64 due_us;
	gsize length, sent;
	char bytes[];
};

struct link {
	struct way *way;
	gint64 begun_us;
	gint64 spoke_us;		/* the client, at the last round trip */
	struct end ends[2];
	GQueue queues[2];		/* from that side to the other */
	gsize queued[2];
	bool heard;			/* by the client, since then */
	unsigned ended;			/* sides whose end has been handed on */
	bool is_dead;
};

struct wire {
	int epoll, timer, signals;
	gint64 delay_us;
	GPtrArray *ways, *links;
	char *buffer;
};

static void watch(const struct wire *wire, int fd, void *data, guint32 events)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	if (epoll_ctl(wire->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		g_error("epoll_ctl: %s", g_strerror(errno));
}

static void set_fast(int fd)
{
	const int yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((guint16)g_ascii_strtoull(port, NULL, 10)),
	};

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		g_error("'%s' is no address", text);
	return address;
}

static void listen_on(struct wire *wire, char **words)
{
	struct way *way = g_new0(struct way, 1);
	struct sockaddr_in from = address_of(words[0], words[1]);
	struct end *end = g_new0(struct end, 1);
	const int yes = 1;

	way->from = g_strdup(words[0]);
	way->target = address_of(words[2], words[3]);
	end->way = way;
	end->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			 0);
	setsockopt(end->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(end->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    listen(end->fd, 1024) < 0)
		g_error("%s port %s: %s", words[0], words[1],
			g_strerror(errno));
	g_ptr_array_add(wire->ways, way);
	watch(wire, end->fd, end, EPOLLIN);
}

static void accept_all(struct wire *wire, const struct end *listener)
{
	const guint32 events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct link *link = g_new0(struct link, 1);
		int to = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
				SOCK_CLOEXEC, 0);

		link->way = listener->way;
		link->begun_us = g_get_monotonic_time();
		link->way->connections++;
		link->ends[0] = (struct end) { .fd = fd, .link = link,
			.can_write = true, .is_connected = true };
		link->ends[1] = (struct end) { .fd = to, .link = link,
			.side = 1 };
		set_fast(fd);
		set_fast(to);
		(void)connect(to, (struct sockaddr *)&link->way->target,
			      sizeof(link->way->target));
		g_ptr_array_add(wire->links, link);
		watch(wire, fd, &link->ends[0], events);
		watch(wire, to, &link->ends[1], events);
	}
}

/* The kernel has shaken hands at once, so what comes first is held back for
 * as long as that would have taken. */
static void enqueue(const struct wire *wire, struct link *link, unsigned side,
		    gsize length)
{
	struct parcel *parcel = g_malloc(sizeof(*parcel) + length);

	parcel->due_us = MAX(g_get_monotonic_time() + wire->delay_us,
			     link->begun_us + (side ? 4 : 3) * wire->delay_us);
	parcel->length = length;
	parcel->sent = 0;
	memcpy(parcel->bytes, wire->buffer, length);
	g_queue_push_tail(&link->queues[side], parcel);
	link->queued[side] += length;
}

static void count(const struct wire *wire, struct link *link, unsigned side,
		  gsize length)
{
	gint64 now_us = g_get_monotonic_time();

	link->way->bytes[side] += length;
	if (side != 0 || length <= SMALL || !link->heard ||
	    now_us < link->spoke_us + 2 * wire->delay_us)
		return;
	link->way->round_trips++;
	link->spoke_us = now_us;
	link->heard = false;
}

static void take_in(const struct wire *wire, struct end *end)
{
	struct link *link = end->link;

	while (link->queued[end->side] < QUEUE_MAX) {
		ssize_t n = recv(end->fd, wire->buffer, CHUNK, 0);

		if (n > 0)
			count(wire, link, end->side, (gsize)n);
		if (n >= 0)
			enqueue(wire, link, end->side, (gsize)n);
		if (n < 0 && errno != EAGAIN && errno != EINTR &&
		    errno != ENOTCONN)
			link->is_dead = true;
		if (n <= 0)
			return;
	}
}

/* Hands one parcel to the other end; false: it does not take it now. */
static bool deliver(struct link *link, unsigned side, struct parcel *parcel)
{
	struct end *to = &link->ends[!side];
	ssize_t n = 0;

	if (parcel->length == 0) {
		shutdown(to->fd, SHUT_WR);
		link->ended |= 1u << side;
		return true;
	}
	n = send(to->fd, parcel->bytes + parcel->sent,
		 parcel->length - parcel->sent, MSG_NOSIGNAL);
	if (n > 0)
		parcel->sent += (gsize)n;
	if (n > 0 && side == 1)
		link->heard = true;
	if (n < 0 && errno != EAGAIN)
		link->is_dead = true;
	to->can_write = parcel->sent == parcel->length;
	return to->can_write;
}

/* Hands on what is due; the time of what is due next, or G_MAXINT64. */
static gint64 hand_on(const struct wire *wire, struct link *link,
		      gint64 now_us)
{
	gint64 next_us = G_MAXINT64;

	for (unsigned side = 0; side < 2; side++) {
		struct parcel *parcel;

		while ((parcel = g_queue_peek_head(&link->queues[side])) &&
		       parcel->due_us <= now_us && !link->is_dead &&
		       link->ends[!side].is_connected &&
		       link->ends[!side].can_write &&
		       deliver(link, side, parcel)) {
			link->queued[side] -= parcel->length;
			g_free(g_queue_pop_head(&link->queues[side]));
			if (link->queued[side] == 0)
				take_in(wire, &link->ends[side]);
		}
		if (parcel && parcel->due_us > now_us)
			next_us = MIN(next_us, parcel->due_us);
	}
	if (link->ended == 3)
		link->is_dead = true;
	return next_us;
}

static void free_link(void *data)
{
	struct link *link = data;

	for (unsigned side = 0; side < 2; side++) {
		close(link->ends[side].fd);
		g_queue_clear_full(&link->queues[side], g_free);
	}
	g_free(link);
}

static void set_timer(const struct wire *wire, gint64 next_us)
{
	gint64 us = next_us == G_MAXINT64 ? 0 : next_us;
	struct itimerspec when = {
		.it_value = { .tv_sec = us / G_USEC_PER_SEC,
			      .tv_nsec = us % G_USEC_PER_SEC * 1000 },
	};

	timerfd_settime(wire->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void move(struct wire *wire)
{
	gint64 now_us = g_get_monotonic_time(), next_us = G_MAXINT64;

	for (guint i = 0; i < wire->links->len; i++)
		next_us = MIN(next_us, hand_on(
			wire, g_ptr_array_index(wire->links, i), now_us));
	for (guint i = wire->links->len; i-- > 0;) {
		struct link *link = g_ptr_array_index(wire->links, i);

		if (link->is_dead)
			g_ptr_array_remove_index_fast(wire->links, i);
	}
	set_timer(wire, next_us);
}

static void tell(const struct wire *wire)
{
	for (guint i = 0; i < wire->ways->len; i++) {
		struct way *way = g_ptr_array_index(wire->ways, i);

		if (way->connections + way->round_trips > 0)
			printf("%s %u %u %" G_GUINT64_FORMAT " %"
			       G_GUINT64_FORMAT "\n", way->from,
			       way->connections, way->round_trips,
			       way->bytes[0], way->bytes[1]);
		way->connections = way->round_trips = 0;
		way->bytes[0] = way->bytes[1] = 0;
	}
	printf("end\n");
	fflush(stdout);
}

static void handle(struct wire *wire, const struct epoll_event *event)
{
	struct end *end = event->data.ptr;
	struct signalfd_siginfo info;
	guint64 ticks;

	if (event->data.ptr == &wire->timer) {
		(void)!read(wire->timer, &ticks, sizeof(ticks));
	} else if (event->data.ptr == &wire->signals) {
		if (read(wire->signals, &info, sizeof(info)) > 0)
			tell(wire);
	} else if (end->way) {
		accept_all(wire, end);
	} else {
		if (event->events & EPOLLOUT)
			end->can_write = end->is_connected = true;
		if (event->events & EPOLLERR)
			end->link->is_dead = true;
		else
			take_in(wire, end);
	}
}

static void init(struct wire *wire, double delay_ms)
{
	struct rlimit files;
	sigset_t set;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	wire->delay_us = (gint64)(delay_ms * 1000);
	wire->epoll = epoll_create1(EPOLL_CLOEXEC);
	wire->timer = timerfd_create(CLOCK_MONOTONIC,
				     TFD_NONBLOCK | TFD_CLOEXEC);
	wire->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	wire->ways = g_ptr_array_new();
	wire->links = g_ptr_array_new_with_free_func(free_link);
	wire->buffer = g_malloc(CHUNK);
	watch(wire, wire->timer, &wire->timer, EPOLLIN);
	watch(wire, wire->signals, &wire->signals, EPOLLIN);
}

int main(int argc, char **argv)
{
	struct wire wire;
	char line[256];

	if (argc != 2) {
		fprintf(stderr, "usage: wire DELAY_MS <ways\n");
		return 2;
	}
	init(&wire, g_ascii_strtod(argv[1], NULL));
	while (fgets(line, sizeof(line), stdin)) {
		g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", -1);

		if (g_strv_length(words) != 4)
			g_error("not four words: '%s'", line);
		listen_on(&wire, words);
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(wire.epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++)
			handle(&wire, &events[i]);
		move(&wire);
	}
}
