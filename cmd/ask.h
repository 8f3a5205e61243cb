/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a person for a secret, at the terminal and nowhere else.
 */
#ifndef MUSTER_CMD_ASK_H
#define MUSTER_CMD_ASK_H

#include "transport/cancel.h"

#include <stdbool.h>

/* Prints `prompt` on /dev/tty and reads a line there without echo; newly
 * allocated, to be wiped by the caller. NULL without a terminal, at its end,
 * or once `data` (a struct cancel) was stopped. One thread at a time. */
char *ask_secret(const char *prompt, void *data);

/* The same for a yes or no, with echo; false for anything but yes. */
bool ask_yes(const char *prompt, struct cancel *cancel);

/* The same for a line of text, with echo; newly allocated, blanks at its ends
 * cut off, or NULL. */
char *ask_text(const char *prompt, struct cancel *cancel);

/* True if there is somebody to ask. */
bool ask_is_possible(void);

#endif
