# SPDX-License-Identifier: Apache-2.0
"""A worker's join: what it leaves on the host, and each way it fails.

The failures are those of join.py and of the agent's join handler, in words,
streams and exit codes; the half states they leave behind are part of them.
"""
from __future__ import annotations

import unittest

from test_commands_lab import DATA, LabTest

SUCCESS = """Contacting cluster at 10.8.0.4

The node has joined the cluster and will appear in the nodes list in a few \
seconds.

This worker node gets automatically configured with the API server endpoints.
If the API servers are behind a loadbalancer please set the \
'--refresh-interval' to '0s' in:
    /var/snap/microk8s/current/args/apiserver-proxy
and replace the API server endpoints with the one provided by the \
loadbalancer in:
    /var/snap/microk8s/current/args/traefik/provider.yaml

Successfully joined the cluster.
"""

PROVIDER = """tcp:
  routers:
    Router-1:
      rule: HostSNI(`*`)
      service: kube-apiserver
      tls:
        passthrough: true
  services:
    kube-apiserver:
      loadBalancer:
        servers:
        - address: 10.8.0.4:16443
"""

ACTING = "This MicroK8s deployment is acting as a node in a cluster."

WORKER_PROSE = (
    (["kubectl", "get", "nodes"], 0, ACTING + " Please use the microk8s "
     "kubectl on the master.\n"),
    (["config"], 0, ACTING + " Please use the microk8s config on the "
     "master.\n"),
    (["helm", "ls"], 0, ACTING + " Please use the microk8s helm on the "
     "master.\n"),
    (["status", "--format", "yaml"], 0, ACTING + "\nPlease use the control "
     "plane node.\n"),
    (["start"], 0, ACTING + "\nUse 'snap start microk8s' to start services "
     "on this node.\n"),
    (["stop"], 0, ACTING + "\nUse 'snap stop microk8s' to stop services on "
     "this node.\n"),
    (["add-node"], 1, ACTING + " Please use the microk8s add-node on the "
     "master.\n"),
    (["remove-node", "x"], 1, ACTING + " Please use microk8s leave.\n"),
    (["enable", "dns"], 1, ACTING + "\nPlease use the master node.\n"),
    (["reset"], 1, ACTING + "\nPlease use the master node.\n"),
)


class JoinLeavesItsMarks(LabTest):
    """A master that hands on --node-ip, and a worker that joins it."""

    HOSTS = 2
    KNOBS = {"join_seconds": "4"}

    def setUp(self) -> None:
        """Join once; the tests only look, the last one takes it apart."""
        if "clustered.lock" in self.locks("node2"):
            return
        self.sh("node1", "echo --advertise-address=10.8.0.4 >> {0}/args/"
                "kube-apiserver; echo --node-ip=10.8.0.4 >> {0}/args/kubelet"
                .format(DATA))
        self.on("node1", "snap", "restart", "microk8s.daemon-kubelite")
        ready = self.mk("node1", "status", "--wait-ready", "--timeout",
                        "600")
        self.assertEqual(ready.rc, 0, ready)
        self.sh("node2", "echo --node-ip=1.2.3.4 >> %s/args/kubelet" % DATA)
        done = self.mk("node2", "join", "--worker", self.mint())
        self.assertEqual((done.rc, done.out, done.err), (0, SUCCESS, ""))

    def test_join_worker_appears_on_the_vpn(self) -> None:
        self.eventually("both Ready", lambda: self.nodes() == {
            "node1": (True, "10.8.0.4"), "node2": (True, "10.8.0.5")})

    def test_join_worker_writes_the_markers(self) -> None:
        found = self.locks("node2")
        self.assertLessEqual({"clustered.lock", "no-k8s-dqlite",
                              "no-cert-reissue", "ha-cluster"}, found)
        self.assertFalse({"no-apiserver-proxy", "join-in-progress"} & found)
        self.assertIn("no-cert-reissue", self.locks("node1"))

    def test_join_worker_overwrites_kubelet_args(self) -> None:
        args = self.read("node2", "args/kubelet").splitlines()
        self.assertEqual([a for a in args if a.startswith("--node-ip")],
                         ["--node-ip=10.8.0.5"])
        self.assertIn("--node-labels=microk8s.io/cluster=true,node.kubernetes"
                      ".io/microk8s-worker=microk8s-worker", args)
        self.assertIn("--client-ca-file=${SNAP_DATA}/certs/ca.remote.crt",
                      args)
        self.assertIn("--cluster-dns=10.152.183.10", args)

    def test_join_worker_writes_files_of_the_cluster(self) -> None:
        self.assertEqual(self.read("node2", "args/traefik/provider.yaml"),
                         PROVIDER)
        self.assertEqual(self.read("node2", "certs/ca.remote.crt").strip(),
                         self.read("node1", "certs/ca.crt").strip())
        self.assertEqual(
            self.read("node2", "credentials/callback-token.txt").strip(),
            self.read("node1", "credentials/callback-token.txt").strip())
        self.assertIn("server: https://127.0.0.1:16443",
                      self.read("node2", "credentials/kubelet.config"))
        sans = self.sh("node2", "openssl x509 -noout -text -in "
                       "%s/certs/kubelet.crt" % DATA).out
        for name in ("DNS:node2", "IP Address:10.0.0.192",
                     "IP Address:10.8.0.5"):
            self.assertIn(name, sans)

    def test_join_worker_answers_prose(self) -> None:
        for command, code, words in WORKER_PROSE:
            got = self.mk("node2", *command)
            self.assertEqual((got.rc, got.out, got.err), (code, words, ""),
                             command)
        self.assertIn("clustered.lock", self.locks("node2"))

    def test_zz_leave_then_remove_node_ends_membership(self) -> None:
        done = self.mk("node2", "leave")
        self.assertEqual(done.rc, 0, done)
        for words in ("Configuring services.\n", "Generating new cluster "
                      "certificates.\n", "Waiting for node to start."):
            self.assertIn(words, done.out)
        found = self.locks("node2")
        self.assertFalse({"clustered.lock", "no-k8s-dqlite",
                          "no-cert-reissue"} & found)
        self.assertNotIn("--cluster-dns", self.read("node2", "args/kubelet"))
        self.assertIn("node2", self.nodes())
        done = self.mk("node1", "remove-node", "node2")
        self.assertEqual((done.rc, done.out, done.err), (0, "", ""))
        self.assertNotIn("node2", self.nodes())
        ready = self.mk("node2", "status", "--wait-ready", "--timeout",
                        "600")
        self.assertEqual(ready.rc, 0, ready)


class JoinFails(LabTest):
    """Each failure in its words; the joiner stays a stand-alone host."""

    HOSTS = 2
    KNOBS = {"join_seconds": "2"}

    def join(self, url: str, *flags: str, shell: str = ""):
        """Join node2 as a worker; `shell` goes before the command."""
        return self.sh("node2", "%s /snap/bin/microk8s join %s --worker %s"
                       % (shell, url, " ".join(flags)))

    def check(self, got, code: int, last: str, stream: str = "out") -> None:
        """The exit code, the stream's last line, the mark left behind."""
        text = getattr(got, stream)
        self.assertEqual((got.rc, text.splitlines()[-1:]), (code, [last]),
                         got)
        self.assertIn("join-in-progress", self.locks("node2"))
        self.assertNotIn("clustered.lock", self.locks("node2"))

    def test_join_wrong_fingerprint_keeps_the_token(self) -> None:
        url = self.mint()
        head, token, _ = url.split("/")
        got = self.join("/".join([head, token, "0" * 12]))
        self.check(got, 4, "Joining cluster failed. Could not verify the "
                   "identity of 10.8.0.4. Use '--skip-verify' to skip server "
                   "certificate check.")
        self.assertIn(token, self.read("node1",
                                       "credentials/cluster-tokens.txt"))

    def test_join_wrong_token_exits_6(self) -> None:
        got = self.join("10.8.0.4:25000/" + "f" * 32)
        self.check(got, 6, "Connection failed. Invalid token (500).")

    def test_join_refused_attempt_burns_the_token(self) -> None:
        url = self.mint()
        file = DATA + "/args/cluster-agent"
        self.sh("node2", "cp {0} {0}.keep; sed -i s/25000/25001/ {0}"
                .format(file))
        self.addCleanup(self.sh, "node2", "mv {0}.keep {0}".format(file))
        got = self.join(url)
        self.check(got, 6, "Connection failed. The port of the cluster agent "
                   "port has to be set to 25000 (502).")
        self.sh("node2", "cp {0}.keep {0}".format(file))
        got = self.join(url)
        self.check(got, 6, "Connection failed. Invalid token (500).")

    def test_join_own_address_is_refused(self) -> None:
        url = self.mint()
        got = self.mk("node1", "join", url, "--worker")
        self.sh("node1", "rm -f %s/var/lock/join-in-progress" % DATA)
        self.assertEqual((got.rc, got.out.splitlines()[-1]), (
            6, "Connection failed. The joining node has the same IP "
            "(10.8.0.4) as the node we contact (503)."), got)

    def test_join_refused_port_ends_in_a_traceback(self) -> None:
        got = self.join("10.8.0.4:25007/" + "f" * 32)
        self.check(got, 1, "ConnectionRefusedError: [Errno 111] Connection "
                   "refused", "err")
        self.assertIn("Traceback (most recent call last):", got.err)

    def test_join_not_tls_exits_4(self) -> None:
        self.sh("node1", "setsid python3 -m http.server --bind 10.8.0.4 "
                "25080 >/dev/null 2>&1 & echo $! > /tmp/web.pid")
        self.addCleanup(self.sh, "node1", "kill $(cat /tmp/web.pid)")
        self.eventually("a plain web server", lambda: self.sh(
            "node2", "exec 3<>/dev/tcp/10.8.0.4/25080").rc == 0)
        got = self.join("10.8.0.4:25080/" + "f" * 32)
        self.assertEqual(got.rc, 4, got)
        self.assertIn("Peer node verification failed with ", got.out)

    def test_join_signing_fails_exits_1(self) -> None:
        url = self.mint()
        self.knob("node1", sign_fail_percent="100")
        self.addCleanup(self.knob, "node1", sign_fail_percent="0")
        got = self.join(url)
        self.check(got, 1, "Failed to sign proxy certificate (500). Failed "
                   "to sign certificate: sign_certificate failed: exit "
                   "status 1")
        self.assertTrue(self.read("node2", "certs/ca.remote.crt"))

    def test_join_proxy_in_environment_breaks_signing(self) -> None:
        url = self.mint()
        got = self.join(url, shell="https_proxy=http://10.8.0.5:3999")
        self.assertEqual(got.rc, 1, got)
        self.assertTrue(got.err.splitlines()[-1].startswith(
            "requests.exceptions.ProxyError: HTTPSConnectionPool("
            "host='10.8.0.4', port=25000): Max retries exceeded with url: "
            "/cluster/api/v1.0/sign-cert (Caused by ProxyError("), got)

    def test_join_controlplane_flag_is_broken(self) -> None:
        url = self.mint()
        got = self.mk("node2", "join", url, "--controlplane")
        self.check(got, 1, "Joining process failed. Make sure the cluster "
                   "you connect to supports joining worker nodes.")

    def test_join_api_away_exits_6(self) -> None:
        url = self.mint()
        self.on("node1", "snap", "stop", "microk8s.daemon-kubelite")
        self.addCleanup(self.mk, "node1", "status", "--wait-ready",
                        "--timeout", "600")
        self.addCleanup(self.on, "node1", "snap", "start",
                        "microk8s.daemon-kubelite")
        got = self.join(url)
        self.assertEqual(got.rc, 6, got)
        self.assertIn("Connection failed. Failed to retrieve list of control "
                      "plane nodes: failed to list nodes: Get "
                      "\"https://127.0.0.1:16443/api/v1/nodes", got.out)
        self.assertIn("connect: connection refused (500).", got.out)

    def test_join_agent_that_hangs_holds_the_joiner(self) -> None:
        url = self.mint()
        self.knob("node1", join_hang="1")
        self.addCleanup(self.knob, "node1", join_hang="0")
        got = self.join(url, shell="timeout 2")
        self.assertEqual((got.rc, got.out), (124, ""), got)

    def test_join_snapd_busy_ends_in_a_traceback(self) -> None:
        url = self.mint()
        self.knob("node2", snap_busy="service-control")
        self.addCleanup(self.knob, "node2", snap_busy="")
        got = self.join(url)
        self.assertEqual(got.rc, 1, got)
        self.assertIn('error: error running snapctl: snap "microk8s" has '
                      '"service-control" change in progress\n', got.err)
        self.assertIn("CalledProcessError", got.err.splitlines()[-1])
        self.assertIn("join-in-progress", self.locks("node2"))


if __name__ == "__main__":
    unittest.main()
