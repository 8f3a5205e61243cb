# SPDX-License-Identifier: Apache-2.0
"""Texts, streams and exit codes of a control plane's microk8s commands.

The expected words are those of MicroK8s 1.29 to 1.35 (its wrappers,
add_token.py, status.py, kubectl).
"""
from __future__ import annotations

import json
import re
import unittest

from test_commands_lab import DATA, LabTest

TOKEN = re.compile(r"[0-9a-f]{32}")
REFUSED = ("The connection to the server 127.0.0.1:16443 was refused - did "
           "you specify the right host or port?\n")


class CommandsOfAMaster(LabTest):
    """One stand-alone host; nothing here joins anything."""

    HOSTS = 1

    def fingerprint(self) -> str:
        """The first twelve digits of server.crt's SHA-256 on disk."""
        got = self.sh("node1", "openssl x509 -in %s/certs/server.crt "
                      "-outform DER | sha256sum" % DATA)
        return got.out[:12]

    def stored(self) -> list[str]:
        """The lines of cluster-tokens.txt."""
        return self.read("node1",
                         "credentials/cluster-tokens.txt").split()

    def test_add_node_pretty_prints_the_known_words(self) -> None:
        got = self.mk("node1", "add-node")
        self.assertEqual((got.rc, got.err), (0, ""), got)
        url = re.search(r"192\.168\.88\.193:25000/[0-9a-f]{32}/[0-9a-f]{12}",
                        got.out).group(0)
        other = url.replace("192.168.88.193", "10.8.0.4")
        self.assertEqual(got.out, (
            "From the node you wish to join to this cluster, run the "
            "following:\nmicrok8s join {0}\n\nUse the '--worker' flag to "
            "join a node as a worker not running the control plane, eg:\n"
            "microk8s join {0} --worker\n\nIf the node you are adding is not "
            "reachable through the default interface you can use one of the "
            "following:\nmicrok8s join {0}\nmicrok8s join {1}\n"
        ).format(url, other))
        self.assertEqual(url.split("/")[2], self.fingerprint())

    def test_add_node_formats_print_their_shapes(self) -> None:
        check = self.fingerprint()
        got = self.mk("node1", "add-node", "--format", "short")
        self.assertRegex(got.out, r"\Amicrok8s join 192.168.88.193:25000/"
                         r"\w{32}/%s\nmicrok8s join 10.8.0.4:25000/\w{32}/%s"
                         r"\n\Z" % (check, check))
        got = self.mk("node1", "add-node", "--format", "token")
        self.assertRegex(got.out, r"\A[0-9a-f]{32}\n\Z")
        self.assertIn(got.out.strip(), self.stored())
        got = self.mk("node1", "add-node", "--format", "token-check")
        self.assertRegex(got.out, r"\A[0-9a-f]{32}/%s\n\Z" % check)
        got = self.mk("node1", "add-node", "--format", "json")
        found = json.loads(got.out)
        self.assertEqual(found["urls"], [
            "192.168.88.193:25000/" + found["token"],
            "10.8.0.4:25000/" + found["token"]])
        self.assertTrue(got.out.startswith('{\n  "token": "'), got)
        got = self.mk("node1", "add-node", "--format", "yaml")
        self.assertRegex(got.out, r"\Atoken: \w{32}/%s\nurls:\n- .*\n- .*\n"
                         r"\n\Z" % check)

    def test_add_node_wrong_arguments_exit_as_the_script(self) -> None:
        got = self.mk("node1", "add-node", "--format", "xml")
        self.assertEqual((got.rc, got.out), (2, ""), got)
        self.assertIn("invalid choice: 'xml'", got.err)
        before = self.stored()
        got = self.mk("node1", "add-node", "--token", "short")
        self.assertEqual((got.rc, got.out), (1, "Invalid token size.  It "
                                             "must be 32 characters long.\n"))
        self.assertEqual(self.stored(), before)

    def test_add_node_ttl_stores_the_expiry(self) -> None:
        token = "t" * 40
        got = self.mk("node1", "add-node", "--token", token, "-l", "3600",
                      "--format", "token")
        self.assertEqual(got.out, token + "\n")
        now = int(self.sh("node1", "date +%s").out)
        line = [one for one in self.stored() if one.startswith(token)][-1]
        self.assertAlmostEqual(int(line.split("|")[1]), now + 3600, delta=30)

    def test_add_node_other_port_line_changes_the_url(self) -> None:
        file = DATA + "/args/cluster-agent"
        self.sh("node1", "cp {0} {0}.keep; sed -i s/25000/25999/ {0}".format(
            file))
        self.addCleanup(self.sh, "node1", "mv {0}.keep {0}".format(file))
        got = self.mk("node1", "add-node", "--format", "short")
        self.assertIn(":25000/", got.out)
        self.sh("node1", "echo --port 25777 >> " + file)
        got = self.mk("node1", "add-node", "--format", "short")
        self.assertIn(":25777/", got.out)

    def test_stopped_marker_decides_exit_code(self) -> None:
        self.sh("node1", "touch %s/var/lock/stopped.lock" % DATA)
        self.addCleanup(self.sh, "node1",
                        "rm -f %s/var/lock/stopped.lock" % DATA)
        words = "microk8s is not running, try microk8s start\n"
        for command in (["add-node"], ["kubectl", "get", "nodes"],
                        ["leave"]):
            got = self.mk("node1", *command)
            self.assertEqual((got.rc, got.out, got.err), (1, "", words),
                             command)
        got = self.mk("node1", "status", "--format", "yaml")
        self.assertEqual((got.rc, got.out, got.err), (0, words, ""))

    def test_unreadable_credentials_refuse(self) -> None:
        for command in (["status"], ["add-node"], ["kubectl", "version"],
                        ["version"]):
            got = self.sh("node1", "su -s /bin/sh nobody -c 'USER=nobody "
                          "/snap/bin/microk8s %s'" % " ".join(command))
            self.assertEqual((got.rc, got.out), (1, ""), command)
            self.assertTrue(got.err.startswith(
                "Insufficient permissions to access MicroK8s.\n"), got)

    def test_unknown_subcommand_lists_the_known(self) -> None:
        got = self.mk("node1", "foo")
        self.assertEqual(got.rc, 1)
        self.assertTrue(got.out.startswith(
            "'foo' is not a valid MicroK8s subcommand.\n"), got)

    def test_status_formats_print_their_shapes(self) -> None:
        got = self.mk("node1", "status")
        self.assertEqual((got.rc, got.err), (0, ""), got)
        self.assertTrue(got.out.startswith(
            "microk8s is running\nhigh-availability: no\n"
            "  datastore master nodes: 127.0.0.1:19001\n"
            "  datastore standby nodes: none\naddons:\n  enabled:\n"
            "    dns                  # (core) CoreDNS\n"), got.out)
        got = self.mk("node1", "status", "--format", "yaml")
        self.assertTrue(got.out.startswith(
            "microk8s:\n  running: True\nhigh-availability:\n"
            "  enabled: True\n  nodes:\n    - address: 127.0.0.1:19001\n"
            "      role: voter\naddons:\n  - name: "), got.out)
        self.assertIn("  - name: dns\n    repository: core\n    description:"
                      " CoreDNS\n    version: 1.10.0\n    status: enabled\n",
                      got.out)
        got = self.mk("node1", "status", "--format", "short")
        self.assertTrue(got.out.startswith(
            "microk8s is running\naddons:\n"), got)
        self.assertIn("core/dns: enabled\n", got.out)
        got = self.mk("node1", "status", "--addon", "dns")
        self.assertEqual((got.rc, got.out), (0, "enabled\n"))

    def test_enable_waits_for_status_and_says_what_its_script_says(
            self) -> None:
        pool = "10.0.0.200-10.0.0.210,10.0.1.0/28"
        got = self.mk("node1", "enable", "metallb:" + pool)
        self.assertEqual((got.rc, got.out, got.err), (
            0, "Enabling MetalLB\nApplying Metallb manifest\nMetalLB is "
            "enabled\n", "Infer repository core for addon metallb\n"))
        self.eventually("metallb in status", lambda: self.mk(
            "node1", "status", "-a", "metallb").out == "enabled\n")
        self.assertEqual(self.read("node1", "var/addons/metallb.on"), pool)
        got = self.mk("node1", "enable", "metallb:x")
        self.assertEqual((got.rc, got.out), (
            0, "Addon core/metallb is already enabled\n"))
        got = self.mk("node1", "disable", "metallb")
        self.assertEqual(got.rc, 0, got)
        self.assertIn("core/metallb: disabled", self.mk(
            "node1", "status", "--format", "short").out)

    def test_enable_refusals_exit_1(self) -> None:
        got = self.mk("node1", "enable", "dnss")
        self.assertEqual((got.rc, got.out, got.err), (
            1, "", "Addon dnss was not found in any repository\n"))
        got = self.mk("node1", "enable", "metallb:here")
        self.assertEqual(got.rc, 1, got)
        self.assertIn("Your input value (here) is not a valid IP Range\n",
                      got.out)
        self.assertEqual(self.mk("node1", "enable", "metallb").rc, 1)
        self.assertEqual(self.mk("node1", "enable").rc, 2)
        self.assertEqual(self.mk("node1", "status", "-a", "metallb").out,
                         "disabled\n")

    def test_enable_community_brings_its_addons(self) -> None:
        self.addCleanup(self.mk, "node1", "disable", "community")
        self.assertEqual(self.mk("node1", "enable", "argocd").rc, 1)
        self.assertEqual(self.mk("node1", "enable", "community").rc, 0)
        self.eventually("argocd in status", lambda: (
            "community/argocd: disabled\n" in self.mk(
                "node1", "status", "--format", "short").out))

    def test_node_taints_are_replaced_by_a_merge_of_that_version(
            self) -> None:
        def patch(change: str):
            return self.sh("node1", "/snap/bin/microk8s kubectl patch node "
                           "node1 --type merge -p '%s'" % change)
        got = patch('{"spec":{"taints":[{"key":"a","effect":"NoExecute"}]},'
                    '"metadata":{"labels":{"a/b":"c"}}}')
        self.assertEqual(got.rc, 0, got)
        node = json.loads(self.mk("node1", "kubectl", "get", "node", "node1",
                                  "-o", "json").out)
        self.assertEqual(node["spec"]["taints"], [
            {"key": "a", "effect": "NoExecute"}])
        self.assertEqual(node["metadata"]["labels"]["a/b"], "c")
        got = patch('{"metadata":{"resourceVersion":"1"},"spec":'
                    '{"taints":[]}}')
        self.assertEqual(got.rc, 1, got)
        self.assertIn("the object has been modified", got.err)
        self.assertEqual(patch('{"metadata":{"labels":{"a/b":null}},"spec":'
                               '{"taints":null}}').rc, 0)

    def test_kubectl_nodes_table_and_json_agree(self) -> None:
        got = self.mk("node1", "kubectl", "get", "nodes", "-o", "wide")
        self.assertEqual(got.rc, 0, got)
        head, row = got.out.splitlines()
        self.assertEqual(re.split(r" {3,}", head), [
            "NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP",
            "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION",
            "CONTAINER-RUNTIME"])
        cells = re.split(r" {3,}", row)
        self.assertEqual(cells[:3] + cells[5:7], [
            "node1", "Ready", "<none>", "192.168.88.193", "<none>"])
        self.assertEqual(self.nodes(), {"node1": (True, "192.168.88.193")})
        got = self.mk("node1", "kubectl", "get", "nodes", "-o", "jsonpath="
                      "{range .items[*]}{.metadata.name}{'\\t'}"
                      "{.status.addresses[?(@.type==\"InternalIP\")].address}"
                      "{'\\n'}{end}")
        self.assertEqual(got.out, "node1\t192.168.88.193\n", got)

    def test_kubectl_mistakes_go_to_stderr(self) -> None:
        for command, words in (
                (["get", "node", "ghost"], 'Error from server (NotFound): '
                 'nodes "ghost" not found\n'),
                (["get", "wombats"], 'error: the server doesn\'t have a '
                 'resource type "wombats"\n'),
                (["frob"], 'error: unknown command "frob" for "kubectl"\n')):
            got = self.mk("node1", "kubectl", *command)
            self.assertEqual((got.rc, got.out, got.err), (1, "", words))

    def test_kubectl_raw_prints_the_body(self) -> None:
        got = self.mk("node1", "kubectl", "get", "--raw", "/readyz")
        self.assertEqual((got.rc, got.out), (0, "ok"), got)

    def test_kubectl_apply_cni_twice_is_unchanged(self) -> None:
        file = DATA + "/args/cni-network/cni.yaml"
        self.mk("node1", "kubectl", "apply", "-f", file)
        got = self.mk("node1", "kubectl", "apply", "-f", file)
        self.assertEqual((got.rc, got.err), (0, ""), got)
        self.assertIn("daemonset.apps/calico-node unchanged\n", got.out)
        self.sh("node1", "sed s/first-found/can-reach=10.8.0.5/ %s "
                "> /tmp/cni.yaml" % file)
        got = self.mk("node1", "kubectl", "apply", "-f", "/tmp/cni.yaml")
        self.assertIn("daemonset.apps/calico-node configured\n", got.out)
        got = self.mk("node1", "kubectl", "-n", "kube-system", "get", "ds",
                      "calico-node", "-o", "json")
        self.assertIn("can-reach=10.8.0.5", got.out)
        got = self.mk("node1", "kubectl", "apply", "-f", "/nowhere")
        self.assertEqual((got.rc, got.err), (
            1, 'error: the path "/nowhere" does not exist\n'))

    def test_config_names_the_default_address(self) -> None:
        got = self.mk("node1", "config")
        self.assertIn("server: https://192.168.88.193:16443\n", got.out)
        self.assertTrue(got.out.endswith("\n\n"))
        got = self.mk("node1", "config", "-l")
        self.assertIn("server: https://127.0.0.1:16443\n", got.out)

    def test_leave_and_remove_node_refuse_in_known_words(self) -> None:
        got = self.mk("node1", "leave")
        self.assertEqual((got.rc, got.out), (1, "This MicroK8s deployment is "
                                             "not acting as a node in a "
                                             "cluster.\n"))
        got = self.mk("node1", "remove-node")
        self.assertEqual((got.rc, got.out), (
            1, "Please provide the node you want to remove.\n"))
        got = self.mk("node1", "remove-node", "ghost")
        self.assertEqual((got.rc, got.out, got.err), (
            1, "Node ghost does not exist in Kubernetes.\n",
            'Error from server (NotFound): nodes "ghost" not found\n'))

    def test_version_and_inspect_name_what_runs(self) -> None:
        got = self.mk("node1", "version")
        self.assertRegex(got.out, r"\AMicroK8s v1\.\d+\.\d+ revision \d+\n")
        got = self.mk("node1", "inspect")
        self.assertEqual(got.rc, 0, got)
        self.assertIn("  Service snap.microk8s.daemon-kubelite is running\n",
                      got.out)

    def test_join_wrong_connection_exits_1(self) -> None:
        long = "a" * 32
        for text, words in (
                ("host", "Expected format: <master_IP>:<master_PORT>/<token>"
                 "[/<fingerprint>]"),
                ("h:1/" + long, "Invalid master IP"),
                ("1.2.3.4:x/" + long, "Master PORT not a number"),
                ("1.2.3.4:65536/" + long, "Master PORT not in range 1:65535"),
                ("1.2.3.4:1/x", "Cluster token size should be at least 32 "
                 "bytes"),
                ("1.2.3.4:1/%s/x" % long, "Fingerprint should be at least 12 "
                 "bytes"),
                ("fd00::1:25000/" + long, "Expected format: <master_IP>:"
                 "<master_PORT>/<token>[/<fingerprint>]")):
            got = self.mk("node1", "join", text, "--worker")
            self.assertEqual((got.rc, got.out, got.err), (
                1, "Invalid connection: %s\n" % words, ""), text)
        self.assertNotIn("join-in-progress", self.locks("node1"))

    def test_join_usage_errors_exit_2(self) -> None:
        got = self.mk("node1", "join", "1.2.3.4:1/" + "a" * 32, "--foo")
        self.assertEqual((got.rc, got.out), (2, ""))
        self.assertTrue(got.err.endswith(
            "Error: Got unexpected extra argument (--foo)\n"), got)
        got = self.mk("node1", "join")
        self.assertEqual((got.rc, got.out), (2, ""))
        self.assertIn("Error: Missing argument", got.err)

    def test_refresh_certs_changes_the_fingerprint(self) -> None:
        got = self.mk("node1", "refresh-certs", "-c")
        self.assertRegex(got.out, r"The server certificate will expire in "
                         r"36[45] days\.\n")
        self.assertEqual(self.mk("node1", "refresh-certs").rc, 3)
        before = self.fingerprint()
        got = self.mk("node1", "refresh-certs", "-e", "server.crt")
        self.assertEqual(got.rc, 0, got)
        self.assertRegex(got.out, (
            r"\ATaking a backup of the current certificates under "
            r"/var/snap/microk8s/\w+/certs-backup/\nCreating new certificates"
            r"\n(?:.*\n)*?Restarting service kubelite\.\n"
            r"Restarting service cluster-agent\.\n\Z"))
        self.assertNotEqual(self.fingerprint(), before)

    def test_restart_takes_the_api_away(self) -> None:
        self.eventually("a Ready node", lambda: self.nodes().get(
            "node1", (False,))[0])
        # Long enough for two commands on a busy machine to see it.
        self.knob("node1", restart_seconds="80")
        self.addCleanup(self.knob, "node1", restart_seconds="20")
        self.on("node1", "snap", "restart", "microk8s.daemon-kubelite")
        got = self.mk("node1", "kubectl", "get", "nodes")
        self.assertEqual((got.rc, got.out, got.err), (1, "", REFUSED))
        got = self.mk("node1", "status", "--format", "yaml")
        self.assertEqual(got.rc, 1)
        self.assertIn("  running: False\n", got.out)
        got = self.mk("node1", "add-node", "--format", "token")
        self.assertEqual(got.rc, 0, "add-node asks nobody")
        got = self.mk("node1", "status", "--wait-ready", "--timeout", "600")
        self.assertEqual(got.rc, 0, got)


if __name__ == "__main__":
    unittest.main()
