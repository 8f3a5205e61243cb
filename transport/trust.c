/* SPDX-License-Identifier: Apache-2.0
 *
 * A handshake without a login. Host keys are judged by the same code as in a
 * run; only what is done about an unknown one differs.
 */
#include "trust.h"
#include "connect.h"
#include "error.h"
#include "hostkey.h"
#include "jump.h"
#include "known_hosts.h"
#include "session_priv.h"

void trust_offer_free(struct trust_offer *offer)
{
	if (!offer)
		return;
	g_free(offer->name);
	g_free(offer->type);
	g_free(offer->fingerprint);
	g_free(offer->base64);
	g_clear_error(&offer->why);
	g_free(offer);
}

/* What the server showed, judged against known_hosts. */
static struct trust_offer *judge(struct session *session, GError **error)
{
	g_autofree char *type = NULL, *base64 = NULL;
	struct hostkeys *keys = hostkey_store_get(
		session->transport->hostkeys, session->endpoint, error);

	if (!keys || !connect_host_key(session, &type, &base64, error))
		return NULL;
	struct trust_offer *offer = g_new0(struct trust_offer, 1);
	gsize length = 0;
	g_autofree guchar *blob = g_base64_decode(base64, &length);

	offer->name = hostkeys_name(session->endpoint);
	offer->fingerprint = known_hosts_fingerprint(blob, length);
	if (hostkeys_check_strictly(keys, session->endpoint, type, base64,
				    &offer->why))
		offer->state = TRUST_KNOWN;
	else
		offer->state = g_error_matches(
			offer->why, MUSTER_ERROR,
			MUSTER_ERROR_HOST_KEY_UNKNOWN) ? TRUST_NEW
						       : TRUST_REFUSED;
	offer->type = g_steal_pointer(&type);
	offer->base64 = g_steal_pointer(&base64);
	return offer;
}

struct trust_offer *trust_ask(struct session *session, gint64 deadline_us,
			      GError **error)
{
	struct trust_offer *offer = NULL;

	if (connect_handshake(session, deadline_us, error))
		offer = judge(session, error);
	session_drop(session);
	return offer;
}

bool trust_accept(struct session *session, const struct trust_offer *offer,
		  GError **error)
{
	struct hostkeys *keys = hostkey_store_get(
		session->transport->hostkeys, session->endpoint, error);

	return keys && hostkeys_accept(keys, session->endpoint, offer->type,
				       offer->base64, error);
}

char *trust_jump_of(struct session *session, gint64 deadline_us,
		    GError **error)
{
	if (!connect_resolve(session, deadline_us, error))
		return NULL;
	return g_strdup(session->endpoint->jump ? session->endpoint->jump
						: "");
}

struct session *trust_jump_session(struct transport *transport,
				   const struct host *host, const char *spec,
				   gint64 deadline_us, GError **error)
{
	const struct endpoint *hop = jumps_hop(transport->jumps, spec,
					       deadline_us, error);

	return hop ? session_new_to(transport, host, hop) : NULL;
}
