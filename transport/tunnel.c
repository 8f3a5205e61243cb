/* SPDX-License-Identifier: Apache-2.0
 *
 * A UNIX socket in a directory that only this user may enter, and a forwarder
 * that serves it.
 */
#include "tunnel.h"
#include "error.h"
#include "forward.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

struct tunnel {
	char *dir, *path;
	int listen_fd;
	struct forward *forward;
};

static bool listen_on_socket(struct tunnel *tunnel, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	tunnel->dir = g_dir_make_tmp("muster-XXXXXX", error);
	if (!tunnel->dir)
		return false;
	tunnel->path = g_build_filename(tunnel->dir, "socket", NULL);
	if (g_strlcpy(address.sun_path, tunnel->path,
		      sizeof(address.sun_path)) >= sizeof(address.sun_path))
		errno = ENAMETOOLONG;
	else
		tunnel->listen_fd = socket(AF_UNIX, SOCK_STREAM |
					   SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tunnel->listen_fd >= 0 &&
	    bind(tunnel->listen_fd, (struct sockaddr *)&address,
		 sizeof(address)) == 0 &&
	    listen(tunnel->listen_fd, BACKLOG) == 0)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
		    "tunnel: bind a socket in '%s': %s (TMPDIR can be set to a "
		    "short path)", tunnel->dir, g_strerror(errno));
	return false;
}

static bool start(struct tunnel *tunnel, struct session *session,
		  const char *address, unsigned port, GError **error)
{
	g_autofree char *title = g_strdup_printf("tunnel to %s:%u", address,
						 port);
	struct forward_listener listener = {tunnel->listen_fd, address, port};

	tunnel->forward = forward_start(session, title, &listener, error);
	return tunnel->forward != NULL;
}

struct tunnel *tunnel_open(struct transport *transport,
			   const struct host *host, const char *address,
			   unsigned port, gint64 deadline_us, GError **error)
{
	struct tunnel *tunnel = g_new0(struct tunnel, 1);
	struct session *session = session_new(transport, host);
	g_autoptr(GError) why = NULL;

	tunnel->listen_fd = -1;
	if (session_connect(session, deadline_us, &why) &&
	    listen_on_socket(tunnel, &why)) {
		if (start(tunnel, session, address, port, &why))
			return tunnel;
	} else {
		session_free(session);
	}
	/* g_dir_make_tmp() has an error domain of its own. */
	g_set_error_literal(error, MUSTER_ERROR,
			    why->domain == MUSTER_ERROR ? why->code
							: MUSTER_ERROR_OUTPUT,
			    why->message);
	tunnel_free(tunnel);
	return NULL;
}

const char *tunnel_socket_path(const struct tunnel *tunnel)
{
	return tunnel->path;
}

void tunnel_free(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	forward_free(tunnel->forward);
	if (tunnel->listen_fd >= 0)
		close(tunnel->listen_fd);
	if (tunnel->path)
		g_unlink(tunnel->path);
	if (tunnel->dir)
		g_rmdir(tunnel->dir);
	g_free(tunnel->dir);
	g_free(tunnel->path);
	g_free(tunnel);
}
