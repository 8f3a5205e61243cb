# SPDX-License-Identifier: Apache-2.0
"""Knobs that spoil a host: each does what it says, and can be cured.

"Cured by hand" is checked with what a person would type on the host; turning
the knob back has to leave the host as it was.
"""
from __future__ import annotations

import os
import unittest

from test_commands_lab import LabTest

IDENTITY = "f0" * 16


class Faults(LabTest):
    """Hosts without MicroK8s: nothing here is about it."""

    HOSTS = 2
    INSTALLED = False

    def out(self, host: str, script: str) -> str:
        got = self.sh(host, script)
        self.assertEqual(got.rc, 0, got)
        return got.out.strip()

    def reboot(self, host: str) -> None:
        """A power loss, and power on."""
        for verb in ("crash", "boot"):
            got = self.lab(verb, host)
            self.assertEqual(got.rc, 0, got)

    def turned(self, host: str, **knobs: str) -> None:
        """Turn knobs, and back at the end of the test."""
        self.addCleanup(self.knob, host, **{k: "" for k in knobs})
        self.knob(host, **knobs)

    def offset(self, host: str) -> float:
        """How far a host's clock is ahead of another's."""
        there = float(self.out(host, "date +%s.%N"))
        return there - float(self.out("node1", "date +%s.%N"))

    def test_clock_is_off_until_it_is_set(self) -> None:
        self.turned("node2", clock_offset="10")
        self.assertAlmostEqual(self.offset("node2"), 9.5, delta=2)
        self.assertEqual(self.out("node2", "date -d @0 -u +%F"),
                         "1970-01-01")
        self.out("node2", "date -s now")
        self.assertAlmostEqual(self.offset("node2"), 0, delta=2)
        self.knob("node2", clock_offset="")
        self.assertAlmostEqual(self.offset("node2"), 0, delta=2)

    def test_hostname_changes_everywhere_and_back(self) -> None:
        names = "hostname; cat /etc/hostname; getent hosts $(hostname)"
        before = self.out("node2", names)
        self.turned("node2", hostname="Node-X")
        self.assertEqual(self.out("node2", names).split(),
                         ["Node-X", "Node-X", "127.0.1.1", "Node-X"])
        self.knob("node2", hostname="")
        self.assertEqual(self.out("node2", names), before)

    def test_hostname_by_hand_outlives_a_reboot(self) -> None:
        self.turned("node2", hostname="node1")
        self.out("node2", "hostname other; echo other >/etc/hostname; "
                 "sed -i s/node1/other/ /etc/hosts")
        self.reboot("node2")
        self.assertEqual(self.out("node2", "hostname"), "other")

    def test_machine_id_same_on_two(self) -> None:
        for host in ("node1", "node2"):
            self.turned(host, machine_id=IDENTITY)
        self.assertEqual(self.out("node1", "cat /etc/machine-id"), IDENTITY)
        self.knob("node2", machine_id="")
        self.assertNotEqual(self.out("node2", "cat /etc/machine-id"),
                            IDENTITY)

    def test_hosts_line_comes_first_and_goes(self) -> None:
        before = self.out("node1", "cat /etc/hosts")
        self.turned("node1", hosts_line="127.0.1.1 node2")
        self.assertEqual(self.out("node1", "getent ahostsv4 node2 | head -1"
                                  ).split()[0], "127.0.1.1")
        self.knob("node1", hosts_line="")
        self.assertEqual(self.out("node1", "cat /etc/hosts"), before)

    def test_sudo_asks_or_is_missing(self) -> None:
        sudo = "runuser -u ubuntu -- sudo -n true"
        for value in ("password", "missing"):
            self.turned("node2", sudo=value)
            self.assertNotEqual(self.sh("node2", sudo).rc, 0, value)
            self.knob("node2", sudo="")
            self.out("node2", sudo)

    def test_snapd_is_away_and_comes_back(self) -> None:
        self.turned("node2", no_snapd="1")
        self.assertNotEqual(self.sh("node2", "command -v snap").rc, 0)
        self.knob("node2", no_snapd="0")
        self.out("node2", "command -v snap")

    def test_proxy_is_in_the_environment_of_sudo(self) -> None:
        self.turned("node2", proxy="http://10.9.9.9:3128")
        asked = "runuser -u ubuntu -- sudo -n printenv HTTPS_PROXY"
        self.assertEqual(self.out("node2", asked), "http://10.9.9.9:3128")
        self.assertIn("https_proxy=", self.out("node2",
                                               "cat /etc/environment"))
        self.knob("node2", proxy="")
        self.assertEqual(self.sh("node2", asked).out, "")

    def test_port_is_taken_until_its_holder_is_killed(self) -> None:
        self.turned("node2", port_16443_taken="1")
        connect = "timeout 3 bash -c '</dev/tcp/127.0.0.1/16443'"
        self.out("node2", connect)
        self.out("node2", "kill $(ss -ltnpH 'sport = 16443' | "
                 "sed 's/.*pid=\\([0-9]*\\).*/\\1/')")
        self.assertNotEqual(self.sh("node2", connect).rc, 0)
        self.knob("node2", port_16443_taken="0")

    def test_balancer_passes_on_to_who_takes_it(self) -> None:
        """The second server is nobody; without any the client is closed."""
        asked = ("timeout 5 bash -c 'exec 3<>/dev/tcp/10.8.0.5/7000; "
                 "head -c 4 <&3'")
        self.turned("node2", balancer="7000=10.8.0.4:22,10.8.0.4:9")
        for _ in range(3):
            self.assertEqual(self.out("node1", asked), "SSH-")
        self.knob("node2", balancer="7000=10.8.0.4:9")
        self.assertEqual(self.out("node1", asked), "")
        self.reboot("node2")
        self.assertEqual(self.out("node1", asked), "")
        self.knob("node2", balancer="")
        self.assertNotEqual(self.sh("node1", asked).rc, 0)

    def test_extra_address_overlaps(self) -> None:
        self.turned("node2", extra_address="10.1.77.1/24")
        self.assertIn("10.1.77.0/24 dev tun0", self.out("node2",
                                                        "ip -4 route"))
        self.knob("node2", extra_address="")
        self.assertNotIn("tun0", self.out("node2", "ip -4 route; ip link"))

    def test_path_mtu_lets_small_packets_pass(self) -> None:
        ping = "ping -c 1 -W 1 -M do -s %d 10.8.0.5"
        self.out("node1", ping % 1472)
        self.turned("node2", path_mtu="1400")
        self.out("node1", ping % 1372)
        self.assertNotEqual(self.sh("node1", ping % 1373).rc, 0)
        self.knob("node2", path_mtu="0")
        self.out("node1", ping % 1472)

    def test_faults_of_the_path_are_there_after_a_boot(self) -> None:
        self.turned("node2", udp4789_drop="1", path_mtu="1300")
        self.reboot("node2")
        self.assertIn("udp dport 4789 drop",
                      self.out("node2", "nft list ruleset"))
        self.knob("node2", udp4789_drop="0", path_mtu="0")
        self.assertEqual(self.out("node2", "nft list ruleset"), "")

    def test_value_that_means_nothing_is_refused(self) -> None:
        for setting in ("sudo=maybe", "clock_offset=soon", "path_mtu=big",
                        "kubelet_cert=old", "machine_id=7"):
            got = self.lab("knob", "node1", setting)
            self.assertEqual(got.rc, 64, got)
            self.assertIn(setting.split("=")[0], got.err)


class Ping(LabTest):
    """The lab's own ping, for machines that have none, speaks as iputils'."""

    HOSTS = 2
    INSTALLED = False

    def test_ping_answers_and_counts(self) -> None:
        got = self.sh("node1", "ping -c 2 -i 0.2 10.8.0.5")
        self.assertEqual(got.rc, 0, got)
        self.assertIn("2 packets transmitted, 2 received, 0% packet loss",
                      got.out)

    def test_ping_without_answer_is_1(self) -> None:
        got = self.sh("node1", "ping -q -c 1 -W 1 10.8.0.99")
        self.assertEqual(got.rc, 1, got)
        self.assertIn("100% packet loss", got.out)

    def test_ping_too_long_for_the_card(self) -> None:
        got = self.sh("node1", "ping -c 1 -W 1 -M do -s 1473 10.8.0.5")
        self.assertEqual(got.rc, 1, got)
        self.assertIn("message too long, mtu=1500", got.out + got.err)


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise SystemExit("a lab needs root")
    unittest.main()
