/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host printed, made fit for a terminal: it may be coloured, but it may
 * neither move the cursor nor reprogram the terminal nor pass itself off as
 * text of another host or of muster.
 */
#ifndef MUSTER_CMD_HARMLESS_H
#define MUSTER_CMD_HARMLESS_H

#include <stdbool.h>
#include <stddef.h>

/* Newly allocated UTF-8. Lines and tabs stay, "\r\n" becomes "\n"; other
 * control characters show as ^M, ^[ ..., bytes that are no UTF-8 as \x9b,
 * characters that turn the direction of text as <U+202E>. Sequences that set
 * colours stay if `has_color`, else they are left out; colour ends with each
 * line. */
char *harmless(const char *bytes, size_t n, bool has_color);

#endif
