/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of `snap list` and `snap info`, the refusals of snapd that matter, and
 * channels:
 * [track/]risk[/branch], where a lone track means its stable risk and a lone
 * risk means track "latest" (snapd, snap/channel).
 */
#include "snap_text.h"

#include "transport/error.h"

#include <string.h>

void snap_row_free(struct snap_row *row)
{
	if (!row)
		return;
	g_free(row->name);
	g_free(row->version);
	g_free(row->revision);
	g_free(row->channel);
	g_free(row->notes);
	g_free(row);
}

/* The text, bounded; NULL counts as empty. */
static char *bounded(const char *text)
{
	return text ? g_strndup(text, strnlen(text, SNAP_TEXT_MAX)) :
		g_strdup("");
}

/* Words of one line, at blanks; at most `max`, without empty ones. */
static GPtrArray *split_words(const char *line, size_t max)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	const char *at = line;

	while (words->len < max) {
		size_t length;

		at += strspn(at, " \t\r");
		length = strcspn(at, " \t\r");
		if (length == 0)
			break;
		g_ptr_array_add(words, g_strndup(at, length));
		at += length;
	}
	return words;
}

static char *unless_dash(const char *word, const char *otherwise)
{
	/* snapd writes an en dash where it may. */
	if (strcmp(word, "-") == 0 || strcmp(word, "\xe2\x80\x93") == 0)
		return g_strdup(otherwise);
	return g_strdup(word);
}

static struct snap_row *read_row(const char *line, const char *name)
{
	enum { NAME, VERSION, REVISION, TRACKING, PUBLISHER, NOTES, N };
	g_autoptr(GPtrArray) words = split_words(line, N);
	struct snap_row *row;

	if (words->len < TRACKING + 1 ||
	    strcmp(g_ptr_array_index(words, NAME), name) != 0)
		return NULL;
	row = g_new0(struct snap_row, 1);
	row->name = g_strdup(name);
	row->version = g_strdup(g_ptr_array_index(words, VERSION));
	row->revision = g_strdup(g_ptr_array_index(words, REVISION));
	row->channel = unless_dash(g_ptr_array_index(words, TRACKING), NULL);
	row->notes = words->len > NOTES ?
		unless_dash(g_ptr_array_index(words, NOTES), "") :
		g_strdup("");
	return row;
}

struct snap_row *snap_text_find_row(const char *text, const char *name)
{
	g_autofree char *copy = bounded(text);
	char *line = copy;

	while (line) {
		char *newline = strchr(line, '\n');
		struct snap_row *row;

		if (newline)
			*newline = '\0';
		row = read_row(line, name);
		if (row)
			return row;
		line = newline ? newline + 1 : NULL;
	}
	return NULL;
}

char *snap_text_alias_of(const char *text, const char *alias)
{
	enum { COMMAND, ALIAS, NOTES, N };
	g_autofree char *copy = bounded(text);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);

	for (char **line = lines; *line; line++) {
		g_autoptr(GPtrArray) words = split_words(*line, N);

		if (words->len > ALIAS &&
		    strcmp(g_ptr_array_index(words, ALIAS), alias) == 0 &&
		    !(words->len > NOTES &&
		      strstr(g_ptr_array_index(words, NOTES), "disabled")))
			return g_strdup(g_ptr_array_index(words, COMMAND));
	}
	return NULL;
}

bool snap_notes_has(const char *notes, const char *note)
{
	g_auto(GStrv) list = g_strsplit(notes ? notes : "", ",", -1);

	return g_strv_contains((const char *const *)list, note);
}

bool snap_text_is_already_installed(const char *text)
{
	g_autofree char *copy = bounded(text);

	return strstr(copy, "\" is already installed") != NULL;
}

/* The kind of change a line such as
 * "error: snap "microk8s" has "service-control" change in progress" names. */
static char *change_of_line(const char *line)
{
	const char *has = strstr(line, "\" has \"");
	const char *start = has ? has + strlen("\" has \"") : NULL;
	const char *end = start ? strstr(start, "\" change in progress") : NULL;

	return end ? g_strndup(start, (gsize)(end - start)) : NULL;
}

bool snap_text_is_busy(const char *text, char **kind)
{
	g_autofree char *copy = bounded(text);
	g_autofree char *change = NULL;

	for (char *line = copy; line && !change;) {
		char *newline = strchr(line, '\n');

		if (newline)
			*newline = '\0';
		change = change_of_line(line);
		line = newline ? newline + 1 : NULL;
	}
	if (!change)
		return false;
	if (kind)
		*kind = g_steal_pointer(&change);
	return true;
}

bool snap_text_is_undone(const char *text)
{
	g_autofree char *copy = bounded(text);

	return strstr(copy, "cannot perform the following tasks") &&
		!strstr(copy, "- Download snap ");
}

/* --- what the store has --- */

/* Risks of one track come one after the other, the safest first. */
struct channel_row {
	const char *name;		/* "1.32/stable" */
	const char *version;		/* NULL: closed */
};

/* Reads a line such as "  1.32/stable:  v1.32.8 2025-08-20 (8511) 170MB -";
 * an arrow stands for what the row above has. */
static bool read_channel(GPtrArray *words, const char *above,
			 struct channel_row *row)
{
	char *name = words->len > 1 ? g_ptr_array_index(words, 0) : NULL;
	const char *version = name ? g_ptr_array_index(words, 1) : NULL;
	size_t length = name ? strlen(name) : 0;

	if (length < 2 || name[length - 1] != ':')
		return false;
	name[length - 1] = '\0';
	if (strcmp(version, "^") == 0 || strcmp(version, "\xe2\x86\x91") == 0)
		version = above;
	else if (!g_ascii_isalnum(*version))
		version = NULL;
	*row = (struct channel_row){ name, version };
	return true;
}

char *snap_info_version(const char *text, const char *channel, bool *told)
{
	g_autofree char *copy = bounded(text);
	g_autofree char *above = NULL;
	bool inside = false;
	char *next = NULL;

	if (told)
		*told = false;
	for (char *line = copy; line; line = next) {
		struct channel_row row;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!inside || *line != ' ') {
			inside = strcmp(line, "channels:") == 0;
			if (told && inside)
				*told = true;
			continue;
		}
		g_autoptr(GPtrArray) words = split_words(line, 2);

		if (!read_channel(words, above, &row))
			continue;
		if (snap_channel_equal(row.name, channel))
			return g_strdup(row.version);
		char *version = g_strdup(row.version);

		g_free(above);
		above = version;
	}
	return NULL;
}

/* --- channels --- */

static const char *const risks[] = {
	"stable", "candidate", "beta", "edge", NULL
};

static bool is_risk(const char *word)
{
	return g_strv_contains(risks, word);
}

static bool is_plain(const char *word)
{
	if (!*word)
		return false;
	for (const char *p = word; *p; p++) {
		if (!g_ascii_isalnum(*p) && !strchr("._-+", *p))
			return false;
	}
	return true;
}

static bool is_ellipsis(const char *word)
{
	return strcmp(word, "...") == 0 || strcmp(word, "\xe2\x80\xa6") == 0;
}

struct channel {
	const char *track, *risk, *branch;	/* branch may be NULL */
};

/* Which part is which; borrows the parts. */
static bool order_parts(char **parts, struct channel *channel)
{
	guint n = g_strv_length(parts);

	if (n == 0 || n > 3)
		return false;
	*channel = (struct channel){ "latest", "stable", NULL };
	if (is_risk(parts[0])) {
		channel->risk = parts[0];
		channel->branch = n > 1 ? parts[1] : NULL;
		if (n > 2)
			return false;
	} else {
		channel->track = parts[0];
		if (n > 1 && !is_risk(parts[1]))
			return false;
		channel->risk = n > 1 ? parts[1] : channel->risk;
		channel->branch = n > 2 ? parts[2] : NULL;
	}
	return is_plain(channel->track) &&
		(!channel->branch || is_plain(channel->branch) ||
		 is_ellipsis(channel->branch));
}

static size_t normal_length(const struct channel *channel)
{
	return strlen(channel->track) + 1 + strlen(channel->risk) +
		(channel->branch ? 1 + strlen(channel->branch) : 0);
}

static char **split_channel(const char *text, struct channel *channel)
{
	char **parts;

	if (!text || strnlen(text, SNAP_CHANNEL_MAX + 1) > SNAP_CHANNEL_MAX)
		return NULL;
	parts = g_strsplit(text, "/", 4);
	if (order_parts(parts, channel) &&
	    normal_length(channel) <= SNAP_CHANNEL_MAX)
		return parts;
	g_strfreev(parts);
	return NULL;
}

char *snap_channel_normalize(const char *text, GError **error)
{
	struct channel channel = { 0 };
	g_auto(GStrv) parts = split_channel(text, &channel);

	if (!parts) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'%.64s' is not a channel (it is written as "
			    "1.31/stable)", text ? text : "");
		return NULL;
	}
	return g_strdup_printf("%s/%s%s%s", channel.track, channel.risk,
			       channel.branch ? "/" : "",
			       channel.branch ? channel.branch : "");
}

bool snap_channel_equal(const char *a, const char *b)
{
	struct channel left = { 0 }, right = { 0 };
	g_auto(GStrv) parts_a = split_channel(a, &left);
	g_auto(GStrv) parts_b = split_channel(b, &right);

	if (!parts_a || !parts_b || strcmp(left.track, right.track) != 0 ||
	    strcmp(left.risk, right.risk) != 0)
		return false;
	if ((left.branch && is_ellipsis(left.branch)) ||
	    (right.branch && is_ellipsis(right.branch)))
		return true;
	return g_strcmp0(left.branch, right.branch) == 0;
}

bool snap_version_parse(const char *text, unsigned *major, unsigned *minor)
{
	const char *at = text && *text == 'v' ? text + 1 : text;
	size_t first = at ? strspn(at, "0123456789") : 0;
	size_t second;

	if (first == 0 || first > 4 || at[first] != '.')
		return false;
	second = strspn(at + first + 1, "0123456789");
	if (second == 0 || second > 4)
		return false;
	*major = (unsigned)g_ascii_strtoull(at, NULL, 10);
	*minor = (unsigned)g_ascii_strtoull(at + first + 1, NULL, 10);
	return true;
}
