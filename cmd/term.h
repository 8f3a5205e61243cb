/* SPDX-License-Identifier: Apache-2.0
 *
 * Colour, where it is wanted: words stay words without it.
 */
#ifndef MUSTER_CMD_TERM_H
#define MUSTER_CMD_TERM_H

#include "options.h"
#include "playbooks/event.h"

#include <stdio.h>

/* --color, NO_COLOR, TERM=dumb and whether `stream` is a terminal. */
bool term_has_color(FILE *stream, enum color_mode mode);

/* Escape sequences around a status word; "" without colour. */
const char *term_status_color(enum task_status status, bool has_color);
const char *term_reset(bool has_color);
const char *term_bold(bool has_color);

#endif
