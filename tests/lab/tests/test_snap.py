# SPDX-License-Identifier: Apache-2.0
"""snapd's words and exit codes, what an install leaves, and the kicker.

The expected texts are snapd's own; 10 is its exit code for a change that
meets another one.
"""
from __future__ import annotations

import re
import subprocess
import time
import unittest

from test_commands_lab import DATA, LAB, LabTest

BUSY = 'snap "microk8s" has "%s" change in progress\n'


class SnapInstalls(LabTest):
    """Hosts that begin without MicroK8s."""

    HOSTS = 2
    INSTALLED = False
    KNOBS = {"install_seconds": "10"}

    def install(self, host: str, *flags: str):
        """snap install microk8s with these flags."""
        return self.on(host, "snap", "install", "microk8s", *flags)

    def remove(self, host: str) -> None:
        """Gone again; an install may still have something to do."""
        self.eventually("the removal", lambda: self.on(
            host, "snap", "remove", "--purge", "microk8s").rc == 0)

    def test_list_nothing_installed_exits_1(self) -> None:
        got = self.on("node2", "snap", "list", "microk8s")
        self.assertEqual((got.rc, got.out, got.err), (
            1, "", "error: no matching snaps installed\n"))

    def test_install_without_classic_is_refused(self) -> None:
        got = self.install("node2")
        self.assertEqual((got.rc, got.out), (1, ""), got)
        self.assertIn("classic confinement", got.err)

    def test_install_unknown_channel_is_refused(self) -> None:
        got = self.install("node2", "--classic", "--channel=9.9/stable")
        self.assertEqual((got.rc, got.out), (1, ""), got)
        self.assertIn('snap "microk8s" is not available on 9.9/stable',
                      got.err)

    def test_install_as_a_user_is_denied(self) -> None:
        got = self.sh("node2", "su ubuntu -c 'snap install microk8s "
                      "--classic'")
        self.assertEqual((got.rc, got.err), (
            1, "error: access denied (try with sudo)\n"))

    def test_alias_is_one_snaps_and_goes_with_it(self) -> None:
        self.addCleanup(self.remove, "node1")
        self.assertEqual(self.install("node1", "--classic").rc, 0)
        got = self.on("node1", "snap", "aliases")
        self.assertEqual((got.rc, got.out, got.err), (
            0, "", "No aliases are currently defined.\n"))
        got = self.on("node1", "snap", "alias", "microk8s.kubectl",
                      "kubectl")
        self.assertEqual(got.out, "Added:\n  - microk8s.kubectl as "
                         "kubectl\n")
        self.assertEqual(self.on("node1", "snap", "aliases").out,
                         "Command           Alias    Notes\n"
                         "microk8s.kubectl  kubectl  manual\n")
        self.remove("node1")
        self.assertEqual(self.sh("node1", "ls /snap/bin").out, "")
        self.sh("node1", "printf '#!/bin/sh\nexec /snap/bin/other.kubectl\n'"
                " > /snap/bin/kubectl")
        self.addCleanup(self.on, "node1", "rm", "/snap/bin/kubectl")
        self.assertEqual(self.install("node1", "--classic").rc, 0)
        got = self.on("node1", "snap", "alias", "microk8s.kubectl",
                      "kubectl")
        self.assertEqual((got.rc, got.out, got.err), (
            1, "", 'error: cannot enable alias "kubectl" for "microk8s", '
            'already enabled for "other"\n'))

    def test_install_gives_the_channels_version(self) -> None:
        self.addCleanup(self.remove, "node1")
        got = self.install("node1", "--classic", "--channel=1.31")
        self.assertEqual((got.rc, got.out, got.err), (
            0, "microk8s (1.31/stable) v1.31.9 from Canonical** installed\n",
            ""))
        row = self.on("node1", "snap", "list", "microk8s").out.split("\n")[1]
        self.assertEqual(row.split(), ["microk8s", "v1.31.9", "8136",
                                       "1.31/stable", "canonical**",
                                       "classic"])
        ready = self.mk("node1", "status", "--wait-ready", "--timeout",
                        "600")
        self.assertEqual(ready.rc, 0, ready)
        self.assertEqual(self.mk("node1", "version").out,
                         "MicroK8s v1.31.9 revision 8136\n")
        got = self.install("node1", "--classic", "--channel=1.32/stable")
        self.assertEqual((got.rc, got.out, got.err), (
            0, "", 'snap "microk8s" is already installed, see \'snap help '
            "refresh'\n"))
        self.assertIn("v1.31.9", self.on("node1", "snap", "list").out)
        got = self.on("node1", "snap", "refresh", "microk8s",
                      "--channel=1.32/stable")
        self.assertEqual(got.rc, 0, got)
        self.assertIn("(1.32/stable) v1.32", got.out)
        self.assertEqual(self.on("node1", "stat", "-c", "%G %a", DATA
                                 + "/args/kubelet").out, "microk8s 660\n")

    def slow_down(self) -> None:
        """An install long enough for a busy machine to meet it."""
        self.knob("node1", install_seconds="80")
        self.addCleanup(self.knob, "node1", install_seconds="10")

    def test_install_twice_at_once_exits_10(self) -> None:
        self.slow_down()
        self.addCleanup(self.remove, "node1")
        first = subprocess.Popen(
            [LAB, "on", "node1", "--", "snap", "install", "microk8s",
             "--classic"], env=self.environment, stdout=subprocess.DEVNULL)
        self.addCleanup(first.wait)
        self.eventually("the first at work", lambda: "Doing" in self.on(
            "node1", "snap", "changes").out)
        got = self.install("node1", "--classic")
        self.assertEqual((got.rc, got.err), (
            10, "error: " + BUSY % "install-snap"))

    def test_install_goes_on_without_its_client(self) -> None:
        self.slow_down()
        self.addCleanup(self.remove, "node1")
        got = self.sh("node1", "timeout 1.5 snap install microk8s --classic")
        self.assertEqual(got.rc, 124, got)
        self.eventually("the snap", lambda: self.on(
            "node1", "snap", "list", "microk8s").rc == 0)

    def test_install_hook_failing_leaves_nothing(self) -> None:
        self.knob("node2", install_fail="1")
        self.addCleanup(self.knob, "node2", install_fail="0")
        got = self.install("node2", "--classic")
        self.assertEqual((got.rc, got.out), (1, ""), got)
        self.assertIn("the lxc profile for MicroK8s might be missing",
                      got.err)
        self.assertEqual(self.on("node2", "ls", "/var/snap").out, "")

    def test_install_store_away_exits_1(self) -> None:
        self.knob("node2", store_away="1")
        self.addCleanup(self.knob, "node2", store_away="0")
        got = self.install("node2", "--classic")
        self.assertEqual((got.rc, got.out), (1, ""), got)
        self.assertIn("dial tcp: lookup api.snapcraft.io", got.err)

    def test_unseeded_snapd_is_too_early_until_waited_for(self) -> None:
        self.knob("node2", seed_seconds="100000")
        got = self.install("node2", "--classic")
        self.assertIn("too early for operation", got.err)
        got = self.sh("node2", "timeout 0.5 snap wait system seed.loaded")
        self.assertEqual(got.rc, 124, got)
        self.knob("node2", seed_seconds="0")
        got = self.on("node2", "snap", "wait", "system", "seed.loaded")
        self.assertEqual(got.rc, 0, got)


class SnapServices(LabTest):
    """Services, changes and certificates of a running MicroK8s."""

    HOSTS = 1

    def agent_answers(self) -> bool:
        """Whether something listens on 25000."""
        return self.sh("node1", "exec 3<>/dev/tcp/127.0.0.1/25000").rc == 0

    def active(self) -> set[str]:
        """Services that are enabled and run."""
        rows = dict(
            re.match(r"microk8s\.daemon-(\S+) +(\w+ +\w+)", row).groups()
            for row in self.on("node1", "snap", "services").out
            .splitlines()[1:])
        return {name for name, state in rows.items()
                if state.split() == ["enabled", "active"]}

    def test_services_says_what_runs(self) -> None:
        """In the end: a kicker may have begun a restart just before."""
        wanted = {"containerd", "k8s-dqlite", "kubelite", "cluster-agent",
                  "apiserver-kicker"}
        self.eventually("all that run", lambda: self.active() == wanted)

    def test_stop_and_start_say_one_word(self) -> None:
        self.addCleanup(self.mk, "node1", "status", "--wait-ready",
                        "--timeout", "600")
        for verb, said, there in (("stop", "Stopped.\n", False),
                                  ("start", "Started.\n", True)):
            got = self.on("node1", "snap", verb,
                          "microk8s.daemon-cluster-agent")
            self.assertEqual((got.rc, got.out, got.err), (0, said, ""))
            self.eventually(verb, lambda: self.agent_answers() is there)

    def test_disabled_service_stays_down_over_a_restart_of_all(self) -> None:
        name = "microk8s.daemon-cluster-agent"
        self.on("node1", "snap", "stop", "--disable", name)
        self.addCleanup(self.on, "node1", "snap", "start", "--enable", name)
        got = self.on("node1", "snap", "restart", "microk8s")
        self.assertEqual((got.rc, got.out), (0, "Restarted.\n"))
        self.assertRegex(self.on("node1", "snap", "services", name).out,
                         r"disabled +inactive")

    def test_wrong_names_are_refused(self) -> None:
        for name, words in (
                ("nothing", 'error: snap "nothing" not found\n'),
                ("microk8s.daemon-x", 'error: snap "microk8s" has no '
                 'service "daemon-x"\n')):
            got = self.on("node1", "snap", "restart", name)
            self.assertEqual((got.rc, got.err), (1, words))
        got = self.on("node1", "snap", "frob")
        self.assertEqual(got.rc, 64, got)

    def test_busy_snapd_refuses_and_then_lets_in(self) -> None:
        self.knob("node1", snap_busy="auto-refresh")
        self.addCleanup(self.knob, "node1", snap_busy="",
                        snap_busy_seconds="0")
        name = "microk8s.daemon-cluster-agent"
        got = self.on("node1", "snap", "restart", name)
        self.assertEqual((got.rc, got.out, got.err), (
            10, "", "error: " + BUSY % "auto-refresh"))
        self.knob("node1", snap_busy_seconds="20")
        self.eventually("the end of it", lambda: self.on(
            "node1", "snap", "restart", name).rc == 0)

    def test_two_restarts_at_once_one_exits_10(self) -> None:
        self.knob("node1", change_seconds="20")
        self.addCleanup(self.knob, "node1", change_seconds="1.5")
        name = "microk8s.daemon-cluster-agent"
        got = self.sh("node1", (
            "snap restart {0} & until snap changes | grep -q Doing; do :; "
            "done; snap restart {0}; echo $?; wait").format(name))
        self.assertEqual(got.out, "10\nRestarted.\n", got)
        self.assertEqual(got.err, "error: " + BUSY % "service-control")

    def test_snapctl_too_slow_fails_and_the_change_goes_on(self) -> None:
        # The change takes longer than snapctl waits (150 s of life).
        self.knob("node1", time_scale="0.005", change_seconds="200")
        self.addCleanup(self.knob, "node1", time_scale="0.05",
                        change_seconds="1.5")
        got = self.sh("node1", "SNAP_COOKIE=x snapctl restart "
                      "microk8s.daemon-etcd")
        self.assertEqual((got.rc, got.err), (
            1, "error: error running snapctl: restart command is taking too "
            "long\n"))
        self.eventually("the change's end", lambda: "Doing" not in self.on(
            "node1", "snap", "changes").out)

    def test_snapctl_outside_of_the_snap_is_refused(self) -> None:
        got = self.on("node1", "snapctl", "restart",
                      "microk8s.daemon-kubelite")
        self.assertEqual(got.rc, 1)
        self.assertIn("from outside of a snap", got.err)

    def test_hold_is_noted(self) -> None:
        self.addCleanup(self.on, "node1", "snap", "refresh", "--unhold",
                        "microk8s")
        got = self.on("node1", "snap", "refresh", "--hold", "microk8s")
        self.assertEqual(got.rc, 0, got)
        self.assertIn("classic,held", self.on("node1", "snap", "list").out)

    def test_new_address_makes_a_new_certificate(self) -> None:
        """docker0 comes up: the kicker restarts everything, and a join URL
        handed out before is worthless."""
        def names() -> str:
            return self.sh("node1", "openssl x509 -noout -text -in %s/certs/"
                           "server.crt" % DATA).out
        self.assertNotIn("172.17.0.1", names())
        self.sh("node1", "ip link add docker0 type bridge && ip addr add "
                "172.17.0.1/16 dev docker0")
        self.addCleanup(self.mk, "node1", "status", "--wait-ready",
                        "--timeout", "600")
        self.addCleanup(self.sh, "node1", "ip link del docker0")
        self.eventually("the certificate with it",
                        lambda: "172.17.0.1" in names())
        shown = ("openssl s_client -connect 127.0.0.1:25000 </dev/null "
                 "2>/dev/null | openssl x509 -noout -text")
        self.eventually("the agent with it", lambda: "172.17.0.1" in self.sh(
            "node1", shown).out)

    def test_fixed_address_keeps_the_certificate(self) -> None:
        args = DATA + "/args/kube-apiserver"
        self.sh("node1", "echo '# --advertise-address' >> " + args)
        self.addCleanup(self.sh, "node1", "sed -i '$d' " + args)
        before = self.read("node1", "certs/server.crt")
        time.sleep(0.6)  # two rounds of the kicker, one may have begun
        self.sh("node1", "ip link add docker1 type bridge && ip addr add "
                "172.18.0.1/16 dev docker1")
        self.addCleanup(self.sh, "node1", "ip link del docker1")
        self.steadily("the same certificate", lambda: self.read(
            "node1", "certs/server.crt") == before, 1.5)


class SnapRefreshes(LabTest):
    """Another revision with the old one's data, and the way back."""

    HOSTS = 1
    KNOBS = {"install_seconds": "2", "channel": "1.30/stable"}

    def refresh(self, *args: str):
        """snap refresh with these words."""
        return self.on("node1", "snap", "refresh", *args)

    def row(self) -> list[str]:
        """Version, revision, channel and notes of `snap list`."""
        words = self.on("node1", "snap", "list", "microk8s").out.split(
            "\n")[1].split()
        return words[1:4] + words[5:]

    def starts(self) -> int:
        """How often a daemon was started."""
        return self.on("node1", "cat", "/var/log/hostd.log").out.count(
            "Started.")

    def data(self) -> str:
        """Which revision's data is the current one."""
        return self.on("node1", "readlink", "/var/snap/microk8s/current"
                       ).out.strip()

    def kubelet(self) -> str:
        """The version that the Node object has."""
        return self.mk("node1", "kubectl", "--request-timeout=5", "get",
                       "nodes", "-o", "jsonpath={.items[0].status.nodeInfo."
                       "kubeletVersion}").out

    def test_1_copies_the_data_and_restarts_everything(self) -> None:
        self.sh("node1", "echo mine >%s/args/mine" % DATA)
        got = self.refresh("microk8s", "--channel=1.31/stable")
        self.assertEqual((got.rc, got.out), (
            0, "microk8s (1.31/stable) v1.31.9 from Canonical** refreshed\n"))
        self.assertEqual(self.row(), ["v1.31.9", "8136", "1.31/stable",
                                      "classic"])
        self.assertEqual(self.data(), "8136")
        self.assertEqual(self.sh("node1", "cat %s/args/mine /var/snap/"
                                 "microk8s/8291/args/mine" % DATA).out,
                         "mine\nmine\n")
        self.eventually("its kubelet", lambda: self.kubelet() == "v1.31.9")
        got = self.refresh("microk8s")
        self.assertEqual((got.rc, got.err), (
            0, 'snap "microk8s" has no updates available\n'))

    def test_2_the_same_revision_restarts_nothing(self) -> None:
        before = self.starts()
        got = self.refresh("microk8s", "--candidate")
        self.assertEqual(got.rc, 0, got)
        self.assertEqual(self.row()[1:3], ["8136", "1.31/candidate"])
        self.assertEqual(self.starts(), before)

    def test_3_a_hook_that_fails_leads_back(self) -> None:
        self.knob("node1", refresh_fail="1")
        before = self.starts()
        got = self.refresh("microk8s", "--channel=1.32/stable")
        self.knob("node1", refresh_fail="0")
        self.assertEqual((got.rc, got.out), (1, ""), got)
        self.assertIn('- Run post-refresh hook of "microk8s"', got.err)
        self.assertEqual(self.row()[:3], ["v1.31.9", "8136",
                                          "1.31/candidate"])
        self.assertEqual(self.data(), "8136")
        self.assertEqual(self.on("node1", "ls", "/var/snap/microk8s").out,
                         "8136\n8291\ncommon\ncurrent\n")
        # It was down all the same.
        self.assertGreater(self.starts(), before)

    def test_4_dead_until_it_is_reverted(self) -> None:
        self.knob("node1", refresh_dead="1")
        self.assertEqual(self.refresh("microk8s", "--channel=1.32").rc, 0)
        self.assertEqual(self.row()[0], "v1.32.8")
        self.steadily("no API", lambda: self.kubelet() == "", 2)
        got = self.on("node1", "snap", "revert", "microk8s")
        self.assertEqual((got.rc, got.out), (
            0, "microk8s reverted to v1.31.9\n"))
        # What is tracked is not reverted.
        self.assertEqual(self.row()[:3], ["v1.31.9", "8136", "1.32/stable"])
        self.assertEqual(self.data(), "8136")
        self.eventually("its kubelet", lambda: self.kubelet() == "v1.31.9")
        got = self.on("node1", "snap", "revert", "microk8s")
        self.assertEqual((got.rc, got.err), (
            1, "error: no revision to revert to\n"))

    def test_5_a_hold_stops_only_what_names_nobody(self) -> None:
        self.knob("node1", refresh_dead="0")
        self.assertEqual(self.refresh("--hold", "microk8s").rc, 0)
        got = self.refresh()
        self.assertEqual((got.rc, got.err), (0, "All snaps up to date.\n"))
        self.assertEqual(self.row()[0], "v1.31.9")
        self.assertEqual(self.refresh("microk8s").rc, 0)
        self.assertEqual(self.row(), ["v1.32.8", "8511", "1.32/stable",
                                      "classic,held"])
        self.assertEqual(self.refresh("--unhold", "microk8s").rc, 0)
        self.assertEqual(self.row()[3], "classic")

    def test_6_info_lists_channels_if_the_store_is_there(self) -> None:
        said = self.on("node1", "snap", "info", "microk8s").out
        self.assertRegex(said, r"(?m)^  1\.33/stable: +v1\.33\.4 2025-08-29 "
                         r"\(8512\) 170MB classic$")
        self.assertRegex(said, r"(?m)^  1\.33/candidate: +\^$")
        self.knob("node1", store_away="1")
        said = self.on("node1", "snap", "info", "microk8s")
        self.knob("node1", store_away="0")
        self.assertEqual(said.rc, 0)
        self.assertNotIn("channels:", said.out)
        self.assertIn("installed: ", said.out)


class SnapOutlivesPower(LabTest):
    """What a crash in between does not change."""

    HOSTS = 1

    def power_cycle(self) -> None:
        """crash and boot; boot waits for a host that is of use."""
        for verb in ("crash", "boot"):
            done = self.lab(verb, "node1")
            self.assertEqual(done.rc, 0, done)

    def test_power_loss_keeps_what_is_installed(self) -> None:
        """Disabled services stay so, and a removed snap stays away."""
        name = "microk8s.daemon-cluster-agent"
        self.on("node1", "snap", "stop", "--disable", name)
        self.power_cycle()
        self.assertRegex(self.on("node1", "snap", "services", name).out,
                         r"disabled +inactive")
        ready = self.mk("node1", "status", "--wait-ready", "--timeout",
                        "600")
        self.assertEqual(ready.rc, 0, ready)
        done = self.on("node1", "snap", "remove", "microk8s")
        self.assertEqual((done.rc, done.out), (0, "microk8s removed\n"))
        self.power_cycle()
        self.assertEqual(self.on("node1", "snap", "list", "microk8s").rc, 1)


if __name__ == "__main__":
    unittest.main()
