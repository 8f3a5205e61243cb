/* SPDX-License-Identifier: Apache-2.0
 *
 * One function per subcommand. Each gets its own argc/argv (argv[0] is its
 * name), parses its options, and returns the process exit status.
 */
#ifndef MUSTER_CMD_H
#define MUSTER_CMD_H

int cmd_doctor(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_inventory(int argc, char **argv);
int cmd_kubeconfig(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_play(int argc, char **argv);
int cmd_playbook(int argc, char **argv);
int cmd_rebuild(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_restart(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_trust(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_upgrade(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
