/* SPDX-License-Identifier: Apache-2.0
 *
 * Many host names in few words, in the notation of ClusterShell's nodesets:
 * w01 w02 w03 w12 is w[01-03,12]; r1n1 r1n2 r2n1 r2n2 is r[1-2]n[1-2].
 */
#ifndef MUSTER_CMD_FOLD_H
#define MUSTER_CMD_FOLD_H

#include <stddef.h>

/* Folds `n` names, each told once, in the order of the first of each fold.
 * Both ends of a zero-padded range have the same number of digits, so that
 * with ":" for "-" each is a range of an inventory too. Newly allocated. */
char *fold_names(const char *const *names, size_t n);

#endif
