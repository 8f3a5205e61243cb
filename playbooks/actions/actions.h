/* SPDX-License-Identifier: Apache-2.0
 *
 * What the actions of this folder share: paths on a node, the look that
 * refreshes a node's facts, and the markers that remember a restart which an
 * interrupted run still owes.
 */
#ifndef MUSTER_PLAYBOOKS_ACTIONS_H
#define MUSTER_PLAYBOOKS_ACTIONS_H

#include "playbooks/action.h"
#include "playbooks/cluster.h"
#include "playbooks/microk8s/args_file.h"
#include "transport/error.h"
#include "transport/exec.h"
#include "transport/file.h"
#include "transport/job.h"

#define SNAP_DATA "/var/snap/microk8s/current"
#define ARGS_DIR SNAP_DATA "/args"
#define STATE_DIR "/var/snap/microk8s/common/muster"
#define PENDING_DIR STATE_DIR "/pending"

/* One script, one round trip: replaces the node's facts. */
bool node_look(struct task *task, GError **error);

/* In check mode, true for a node that a real run would have changed so much
 * before this step that its files say nothing yet (no snap, no join). Says so
 * with task_say(); the step is then TASK_SKIPPED. */
bool node_is_unknowable(struct task *task);

/* True (and a word of why) for a node without a role in the cluster, or for
 * a master when the step is for workers only. */
bool node_skips(struct task *task, bool workers_only);

/* The group that may call microk8s and owns its files, static. */
const char *node_group(const struct node *node);

/* Before something of this host is restarted: false with error FAILED while a
 * control plane has not come back from that. A master is awaited from here
 * on. */
bool node_may_restart(struct task *task, GError **error);

/* Notes what a step waits for, unless `*told` (the caller's, NULL at first) is
 * that already. */
void node_note_waiting(struct task *task, const char *why, char **told);

/* members_ask() on `session`'s host, again for half a minute where it does not
 * tell: `microk8s status` knows of nobody until any node is Ready. */
bool node_ask_members(struct task *task, struct session *session,
		      GError **error);

/* Marker file of a service owed a restart ("kubelite", ...), static. */
const char *pending_marker(enum node_service service);

/* Replaces a file that the facts showed as `before` by `after`, with backup
 * and diff, remembering `service` (0: none) as owed a restart. Respects the
 * gate; TASK_CHANGED or TASK_FAILED. */
enum task_status node_edit_file(struct task *task, const char *path,
				const char *before, const char *after,
				enum node_service service, GError **error);

/* Edits the args file of `service` as the facts, or else the host, have it;
 * the facts say afterwards what is there now. As node_edit_file(), and
 * TASK_OK if nothing is to do. */
enum task_status node_edit_args(struct task *task, const char *service,
				const struct args_edit *edits, size_t n,
				GError **error);

/* Appends "--a=1, --b absent", for people. */
void args_edits_describe(const struct args_edit *edits, size_t n,
			 GString *text);

/* Runs `script` as a job until it succeeds or fails for good; waits out what
 * passes, such as another change of snapd's. `what` names it in errors. */
bool node_run_patiently(struct task *task, const char *what,
			const char *script, const char *const *args,
			GError **error);

enum endpoint_state {
	ENDPOINT_UNASKED,
	ENDPOINT_OK,
	ENDPOINT_SILENT,	/* nobody answers */
	ENDPOINT_UNRESOLVED,	/* its name leads nowhere */
	ENDPOINT_UNTRUSTED,	/* its certificate will not do */
	ENDPOINT_UNTOLD		/* the host has no tool to ask with */
};

/* Asks for the API at the cluster's endpoint, which there is, from the task's
 * host; `*text` gets that in words, newly allocated. */
bool endpoint_ask(struct task *task, enum endpoint_state *state, char **text,
		  GError **error);

/* Waits a little for it to answer; error PREFLIGHT, with a hint, if it does
 * not. */
bool endpoint_await(struct task *task, GError **error);

/* The catalogue's code of what is wrong with it, or NULL; static. */
const char *endpoint_cause(enum endpoint_state state);

/* What to try again, and until when (0: the task's deadline). */
struct patience {
	bool (*may_pass)(const struct exec_result *result);
	gint64 deadline_us;
};

/* The same with such a patience. */
bool node_run_until(struct task *task, const char *what, const char *script,
		    const char *const *args, const struct patience *patience,
		    GError **error);

/* Whether a command of snapd's failed of what passes: another change, its own
 * start, the network. */
bool node_may_pass(const struct exec_result *result);

/* What the store has in `channel` by `snap info` on the host: as
 * snap_info_version(). True also if the store is away. */
bool node_ask_store(struct task *task, const char *channel, char **version,
		    bool *told, GError **error);

/* Whether the node's snap is what `channel` has, in `version` (NULL: whatever
 * that is). */
bool node_is_upgraded(const struct node *node, const char *channel,
		      const char *version);

/* Moves the pods off node `name` by kubectl drain on `master`, a session of a
 * control plane's that no other thread uses; takes the task's parameters
 * `wait` and `force`. The node stays cordoned, also when it fails. */
bool node_drain(struct task *task, struct session *master, const char *name,
		GError **error);

/* Waits until the task's node has reported again since, /readyz says ok and
 * the node is Ready, with a kubelet of `version` unless that is NULL. Errors:
 * DEADLINE, CANCELLED. */
bool node_await(struct task *task, const char *version, gint64 deadline_us,
		GError **error);

/* Reads the API's nodes into cluster->seen; the caller holds cluster->lock. It
 * opens the tunnel if there is none, and closes one that is broken. */
bool node_ask_api(struct task *task, gint64 deadline_us, GError **error);

/* Why `node` is not of this run's cluster, in words, or NULL: it is; static.
 * One of another cluster, or of none, is not ours to restart. */
const char *node_stranger(const struct cluster *cluster,
			  const struct node *node);

/* Holds the refreshes of the snap, or lifts the hold, and looks whether snap
 * says so. */
bool node_hold(struct task *task, bool hold, GError **error);

/* "12.3s", newly allocated. */
char *duration_text(gint64 us);

/* Mints a token for this run, replacing the one before; caller holds
 * cluster->lock or is alone. Runs on the master's session. */
bool token_mint(struct cluster *cluster, const char *ttl, gint64 deadline_us,
		GError **error);

extern const struct action action_addons, action_alias, action_api,
	action_args, action_ask_api, action_ask_api_again, action_ask_deep,
	action_ask_host, action_belongs, action_certificates, action_cni,
	action_cni_apply, action_copy, action_datastore, action_departures,
	action_drain, action_extra_args, action_forget, action_group_users,
	action_hold, action_join, action_label, action_leave, action_lock,
	action_look, action_member, action_mirrors, action_node_ready,
	action_preflight, action_proxy, action_proxy_refresh, action_purge,
	action_remove_node, action_restart, action_restart_service,
	action_revoke, action_run, action_settle, action_snap, action_taint,
	action_token, action_upgrade, action_upgrade_check, action_verify;

#endif
