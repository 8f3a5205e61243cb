/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy over the known_hosts index, and the one place that writes to
 * known_hosts. libssh's own check is not used: it calls a changed key good
 * when an ssh_config it read by itself says StrictHostKeyChecking no, and a
 * known host unknown when another line does not parse.
 */
#include "hostkey.h"
#include "endpoint.h"
#include "error.h"
#include "known_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_FILE "/etc/ssh/ssh_known_hosts"
#define FILE_MAX ((gsize)64 * 1024 * 1024)

struct hostkeys {
	enum host_key_policy policy;
	char *path;			/* the user's file */
	struct known_hosts *known;	/* never changes after loading */
	GMutex lock;			/* protects the two below and our
					   writes to the file */
	struct known_hosts *accepted;	/* what this run has added */
	off_t size;			/* of the file as we know it */
};

static bool read_file(const char *path, struct known_hosts *known,
		      off_t *size, GError **error)
{
	g_autofree char *text = NULL;
	gsize length = 0;
	g_autoptr(GError) why = NULL;

	if (!g_file_get_contents(path, &text, &length, &why)) {
		if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
		    g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOTDIR))
			return true;
		g_set_error(error, MUSTER_ERROR,
			    MUSTER_ERROR_HOST_KEY_UNREADABLE,
			    "read known host keys: %s", why->message);
		return false;
	}
	if (length > FILE_MAX) {
		g_set_error(error, MUSTER_ERROR,
			    MUSTER_ERROR_HOST_KEY_UNREADABLE,
			    "read known host keys: '%s' is larger than 64 MiB",
			    path);
		return false;
	}
	known_hosts_add(known, path, text, length);
	*size = (off_t)length;
	return true;
}

static bool read_files(struct hostkeys *keys, const char *const *files,
		       GError **error)
{
	off_t ignored = 0;

	for (const char *const *file = files; *file; file++)
		if (!read_file(*file, keys->known, file == files
			       ? &keys->size : &ignored, error))
			return false;
	return read_file(SYSTEM_FILE, keys->known, &ignored, error);
}

struct hostkeys *hostkeys_load(const char *const *files,
			       enum host_key_policy policy, GError **error)
{
	struct hostkeys *keys = g_new0(struct hostkeys, 1);
	g_autofree char *first = g_build_filename(
		g_get_home_dir(), ".ssh", "known_hosts", NULL);
	g_autofree char *second = g_strconcat(first, "2", NULL);
	const char *const standard[] = {first, second, NULL};

	g_mutex_init(&keys->lock);
	keys->policy = policy;
	keys->path = g_strdup(files ? files[0] : first);
	keys->known = known_hosts_new();
	keys->accepted = known_hosts_new();
	if (read_files(keys, files ? files : standard, error))
		return keys;
	hostkeys_free(keys);
	return NULL;
}

void hostkeys_free(struct hostkeys *keys)
{
	if (!keys)
		return;
	known_hosts_free(keys->known);
	known_hosts_free(keys->accepted);
	g_mutex_clear(&keys->lock);
	g_free(keys->path);
	g_free(keys);
}

/* Key types libssh verifies and the signature algorithms each can have
 * (RFC 8332 for RSA); SHA-1 and DSA are left out. */
static const struct {
	const char *type, *algorithms;
} algorithms[] = {
	{"ssh-ed25519", "ssh-ed25519"},
	{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
	{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
	{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
	{"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"},
};

/* HostKeyAlias stands for the whole of "[address]:port". */
static const char *name_of(const struct endpoint *endpoint)
{
	return endpoint->key_name ? endpoint->key_name : endpoint->address;
}

static unsigned port_of(const struct endpoint *endpoint)
{
	return endpoint->key_name ? 22 : endpoint->port;
}

char *hostkeys_algorithms(const struct hostkeys *keys,
			  const struct endpoint *endpoint, bool thorough)
{
	g_autoptr(GPtrArray) types = known_hosts_types(
		keys->known, name_of(endpoint), port_of(endpoint), thorough);
	if (types->len == 0)
		return NULL;

	/* The rest follows: a host that lost its known key should be reported
	 * as changed, not as one without a common algorithm. */
	GString *list = g_string_new(NULL);
	for (int wanted = 1; wanted >= 0; wanted--)
		for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
			int known = g_ptr_array_find_with_equal_func(
				types, algorithms[i].type, g_str_equal, NULL);
			if (known != wanted)
				continue;
			if (list->len > 0)
				g_string_append_c(list, ',');
			g_string_append(list, algorithms[i].algorithms);
		}
	return g_string_free(list, FALSE);
}

/* What the server showed, for messages and for the file. */
struct offer {
	const struct endpoint *endpoint;
	const char *type, *base64;
	guchar *blob;
	size_t length;
	char *name, *fingerprint;
};

static void offer_clear(struct offer *offer)
{
	g_free(offer->blob);
	g_free(offer->name);
	g_free(offer->fingerprint);
}

static void set_unknown(GError **error, const struct offer *offer)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HOST_KEY_UNKNOWN,
		    "check host key: no known_hosts line for %s, which shows "
		    "%s %s (compare it with 'ssh-keygen -lf "
		    "/etc/ssh/ssh_host_ed25519_key.pub' on the host, then "
		    "trust it with muster trust; or trust new hosts with "
		    "--host-key=accept-new)",
		    offer->name, offer->type, offer->fingerprint);
}

static void set_changed(GError **error, const struct offer *offer,
			const struct known_hosts_verdict *verdict)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HOST_KEY_CHANGED,
		    "check host key: %s shows %s %s, but %s:%u has %s %s: the "
		    "host was reinstalled or someone answers in its place; "
		    "nothing was sent (if it was reinstalled: ssh-keygen -f "
		    "'%s' -R '%s')",
		    offer->name, offer->type, offer->fingerprint,
		    verdict->file, verdict->line, verdict->type,
		    verdict->fingerprint, verdict->file, offer->name);
}

static void set_other(GError **error, const struct offer *offer,
		      const struct known_hosts_verdict *verdict)
{
	if (verdict->result == KNOWN_HOSTS_REVOKED)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HOST_KEY_REVOKED,
			    "check host key: %s shows %s %s, which %s:%u marks "
			    "@revoked (give the host a new key)",
			    offer->name, offer->type, offer->fingerprint,
			    verdict->file, verdict->line);
	else if (verdict->result == KNOWN_HOSTS_AUTHORITY)
		g_set_error(error, MUSTER_ERROR,
			    MUSTER_ERROR_HOST_KEY_UNREADABLE,
			    "check host key: %s is known by %s:%u only through "
			    "@cert-authority, and host certificates are not "
			    "supported (add its key %s %s on a line of its "
			    "own)", offer->name, verdict->file, verdict->line,
			    offer->type, offer->fingerprint);
	else
		g_set_error(error, MUSTER_ERROR,
			    MUSTER_ERROR_HOST_KEY_UNREADABLE,
			    "check host key: %s:%u is for %s but cannot be "
			    "understood (correct or delete the line)",
			    verdict->file, verdict->line, offer->name);
}

static bool reject(GError **error, const struct offer *offer,
		   const struct known_hosts_verdict *verdict)
{
	if (verdict->result == KNOWN_HOSTS_UNKNOWN)
		set_unknown(error, offer);
	else if (verdict->result == KNOWN_HOSTS_CHANGED)
		set_changed(error, offer, verdict);
	else
		set_other(error, offer, verdict);
	return false;
}

static bool write_error(GError **error, const char *what, const char *path)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
		    "%s '%s': %s", what, path, g_strerror(errno));
	return false;
}

/* Appends the key to the file that is open and locked as `fd`. */
static bool append_line(struct hostkeys *keys, int fd,
			const struct offer *offer, GError **error)
{
	struct stat st;
	char last = '\n';

	if (fstat(fd, &st) < 0)
		return write_error(error, "look at", keys->path);
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		return write_error(error, "read", keys->path);

	g_autofree char *line = g_strdup_printf(
		"%s%s %s %s\n", last == '\n' ? "" : "\n", offer->name,
		offer->type, offer->base64);
	size_t n = strlen(line);
	ssize_t written = write(fd, line, n);
	if (written >= 0 && (size_t)written != n)
		errno = ENOSPC;
	if (written != (ssize_t)n || fsync(fd) < 0)
		return write_error(error, "write", keys->path);
	keys->size = st.st_size + (off_t)n;
	return true;
}

/* Another process may have written since we read: what it wrote counts. */
static bool recheck(struct hostkeys *keys, int fd, const struct offer *offer,
		    bool *known_now, GError **error)
{
	struct stat st;

	*known_now = false;
	if (fstat(fd, &st) < 0)
		return write_error(error, "look at", keys->path);
	if (st.st_size == keys->size)
		return true;

	struct known_hosts *fresh = known_hosts_new();
	off_t size = 0;
	bool good = read_file(keys->path, fresh, &size, error);
	if (good) {
		struct known_hosts_verdict verdict = known_hosts_check(
			fresh, name_of(offer->endpoint),
			port_of(offer->endpoint),
			offer->blob, offer->length);
		*known_now = verdict.result == KNOWN_HOSTS_MATCH;
		if (!*known_now && verdict.result != KNOWN_HOSTS_UNKNOWN)
			good = reject(error, offer, &verdict);
		g_free(verdict.fingerprint);
	}
	known_hosts_free(fresh);
	return good;
}

static bool write_key(struct hostkeys *keys, const struct offer *offer,
		      GError **error)
{
	g_autofree char *dir = g_path_get_dirname(keys->path);
	if (g_mkdir_with_parents(dir, 0700) < 0)
		return write_error(error, "make directory", dir);
	int fd = open(keys->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC,
		      0600);
	if (fd < 0)
		return write_error(error, "open", keys->path);

	bool known_now = false;
	bool good = flock(fd, LOCK_EX) == 0 ||
		    write_error(error, "lock", keys->path);
	good = good && recheck(keys, fd, offer, &known_now, error);
	if (good && !known_now)
		good = append_line(keys, fd, offer, error);
	close(fd);
	return good;
}

/* Under the lock: two sessions to one new host must agree on its key. */
static bool accept_new(struct hostkeys *keys, const struct offer *offer,
		       GError **error)
{
	struct known_hosts_verdict verdict = known_hosts_check(
		keys->accepted, name_of(offer->endpoint),
			port_of(offer->endpoint),
		offer->blob, offer->length);
	bool good = verdict.result == KNOWN_HOSTS_MATCH;

	if (verdict.result == KNOWN_HOSTS_UNKNOWN) {
		good = write_key(keys, offer, error);
		if (good) {
			g_autofree char *line = g_strdup_printf(
				"%s %s %s", offer->name, offer->type,
				offer->base64);
			known_hosts_add(keys->accepted, keys->path, line,
					strlen(line));
		}
	} else if (!good) {
		reject(error, offer, &verdict);
	}
	g_free(verdict.fingerprint);
	return good;
}

/* Under the lock: this run itself may have written the key. */
static bool was_accepted(const struct hostkeys *keys,
			 const struct offer *offer)
{
	struct known_hosts_verdict verdict = known_hosts_check(
		keys->accepted, name_of(offer->endpoint),
		port_of(offer->endpoint), offer->blob, offer->length);

	g_free(verdict.fingerprint);
	return verdict.result == KNOWN_HOSTS_MATCH;
}

char *hostkeys_name(const struct endpoint *endpoint)
{
	return known_hosts_name(name_of(endpoint), port_of(endpoint));
}

static bool check(struct hostkeys *keys, const struct endpoint *endpoint,
		  const char *type, const char *blob, bool accepts_new,
		  GError **error)
{
	struct offer offer = {
		.endpoint = endpoint, .type = type, .base64 = blob};
	gsize length = 0;
	offer.blob = g_base64_decode(blob, &length);
	offer.length = length;
	offer.name = hostkeys_name(endpoint);
	offer.fingerprint = known_hosts_fingerprint(offer.blob, offer.length);

	struct known_hosts_verdict verdict = known_hosts_check(
		keys->known, name_of(endpoint), port_of(endpoint), offer.blob,
		offer.length);
	bool good = verdict.result == KNOWN_HOSTS_MATCH;
	if (verdict.result == KNOWN_HOSTS_UNKNOWN) {
		g_mutex_lock(&keys->lock);
		good = accepts_new ? accept_new(keys, &offer, error)
			: was_accepted(keys, &offer) ||
			  reject(error, &offer, &verdict);
		g_mutex_unlock(&keys->lock);
	} else if (!good) {
		reject(error, &offer, &verdict);
	}
	g_free(verdict.fingerprint);
	offer_clear(&offer);
	return good;
}

bool hostkeys_check(struct hostkeys *keys, const struct endpoint *endpoint,
		    const char *type, const char *blob, GError **error)
{
	return check(keys, endpoint, type, blob,
		     keys->policy == HOST_KEY_ACCEPT_NEW, error);
}

bool hostkeys_check_strictly(struct hostkeys *keys,
			     const struct endpoint *endpoint, const char *type,
			     const char *blob, GError **error)
{
	return check(keys, endpoint, type, blob, false, error);
}

bool hostkeys_accept(struct hostkeys *keys, const struct endpoint *endpoint,
		     const char *type, const char *blob, GError **error)
{
	return check(keys, endpoint, type, blob, true, error);
}
