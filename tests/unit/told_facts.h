/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts for tests that care what came of a host's files, not how they came.
 */
#ifndef MUSTER_TESTS_TOLD_FACTS_H
#define MUSTER_TESTS_TOLD_FACTS_H

#include "playbooks/microk8s/facts.h"

/* What facts_parse() makes of the text, NULL with its error too. Some lines of
 * it stand for files: sha256.ca= and sha256.ca_remote= (any word),
 * file.FIELD= (base64), cert.server.san= and cert.kubelet.san= (as openssl
 * prints it), cert.server.end= and cert.kubelet.end= (2027-11-24T09:00:00Z).
 * One that makes no sense fails the test. The caller's. */
struct facts *told_facts(const char *text, GError **error);

#endif
