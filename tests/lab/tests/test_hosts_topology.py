# SPDX-License-Identifier: Apache-2.0
"""Topologies: the seed's addresses, files read, and every mistake named.

No lab is started here, so these run without root.
"""
from __future__ import annotations

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from labhosts import network, topology  # noqa: E402
from labhosts.errors import LabError  # noqa: E402

GOOD = """
# two sites and a VPN
[networks]
vpn = 10.9.0.0/24
office = 192.168.1.0/24

[laptop]
vpn = 10.9.0.9

[host alpha]
office = 192.168.1.10
vpn = 10.9.0.1
default = office
role = master
knob.api_hang = 1

[host beta]
vpn = 10.9.0.3
"""

NETS = "[networks]\nvpn = 10.9.0.0/24\n"
#: what is wrong, the file, what the message must say
BAD = (
    ("no networks", "[host a]\nvpn = 1.2.3.4\n", "no section [networks]"),
    ("cidr", "[networks]\nvpn = 10.9.0.1/24\n[host a]\nvpn=10.9.0.2\n",
     "[networks]: vpn:"),
    ("address", NETS + "[host a]\nvpn = ten\n", "[host a]: vpn:"),
    ("outside", NETS + "[host a]\nvpn = 10.8.0.4\n",
     "[host a]: vpn: 10.8.0.4 is not a host address of 10.9.0.0/24"),
    ("broadcast", NETS + "[host a]\nvpn = 10.9.0.255\n", "not a host address"),
    ("taken", NETS + "[host a]\nvpn = 10.9.0.4\n[host b]\nvpn = 10.9.0.4\n",
     "[host b]: vpn: 10.9.0.4 is already that of a"),
    ("none", NETS + "[host a]\nrole = master\n", "[host a]: has no address"),
    ("role", NETS + "[host a]\nvpn = 10.9.0.4\nrole = boss\n",
     "[host a]: role = boss: use master or worker"),
    ("default", NETS + "[host a]\nvpn = 10.9.0.4\ndefault = lan\n",
     "[host a]: default = lan: the host has no address"),
    ("key", NETS + "[host a]\nvpn = 10.9.0.4\nlan = 1.2.3.4\n",
     "[host a]: unknown key 'lan' (known: vpn, default, role, via, "
     "knob.NAME)"),
    ("section", NETS + "[hosts]\na = 1\n", "[hosts]: unknown section"),
    ("name", NETS + "[host all]\nvpn = 10.9.0.4\n", "'all' is no host name"),
    ("twice", NETS + "[host a]\nvpn=10.9.0.4\n[host a]\nvpn=10.9.0.5\n",
     "[host a]:"),
    ("nobody", NETS, "0 hosts"),
    ("apart", NETS + "lan = 10.1.0.0/24\n[host a]\nlan = 10.1.0.4\n",
     "[host a]: shares no network with the laptop"),
    ("via nobody", NETS + "[host a]\nvpn = 10.9.0.4\nvia = b\n",
     "[host a]: via = b: no host that the laptop reaches itself"),
    ("via apart", NETS + "lan = 10.1.0.0/24\n[host a]\nlan = 10.1.0.4\n"
     "via = b\n[host b]\nvpn = 10.9.0.4\n",
     "[host a]: shares no network with b"),
    ("via via", NETS + "[host a]\nvpn = 10.9.0.4\nvia = b\n[host b]\n"
     "vpn = 10.9.0.5\nvia = a\n", "[host a]: via = b: no host"),
    ("text", "vpn = 10.9.0.0/24\n", "no section headers"),
)


class TopologyTest(unittest.TestCase):
    def load(self, text: str) -> topology.Topology:
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as stream:
            stream.write(text)
            stream.flush()
            self.path = stream.name
            return topology.load(stream.name)

    def test_seed_default_has_the_authors_addresses(self) -> None:
        seed = topology.seed(3)
        self.assertEqual(
            [(h.name, [n.address for n in h.nics], h.default, h.role)
             for h in seed.hosts],
            [("node1", ["192.168.88.193", "10.8.0.4"], "home", "master"),
             ("node2", ["10.0.0.192", "10.8.0.5"], "lan2", "worker"),
             ("node3", ["10.0.0.58", "10.8.0.6"], "lan3", "worker")])

    def test_seed_most_hosts_all_addresses_differ(self) -> None:
        seed = topology.seed(topology.MAX_HOSTS)
        vpn = {seed.laptop_address(host) for host in seed.everybody()}
        self.assertEqual(len(vpn), topology.MAX_HOSTS + 1)
        self.assertEqual([n.address for n in seed.hosts[3].nics],
                         ["172.16.4.2", "10.8.0.7"])
        with self.assertRaises(LabError):
            topology.extend(seed, 1)

    def test_load_good_file_is_what_it_says(self) -> None:
        got = self.load(GOOD)
        alpha, beta = got.hosts
        self.assertEqual([(n.device, n.address) for n in alpha.nics],
                         [("eth0", "192.168.1.10"), ("wg0", "10.9.0.1")])
        self.assertEqual((alpha.role, alpha.default, alpha.knobs),
                         ("master", "office", {"api_hang": "1"}))
        self.assertEqual((beta.role, beta.default), ("worker", None))
        self.assertEqual(got.laptop.nics[0].address, "10.9.0.9")
        self.assertEqual(got.gateway(alpha), "192.168.1.1")
        again = topology.Topology.from_json(got.to_json())
        self.assertEqual(again, got)

    def test_load_host_behind_another_is_at_an_inner_address(self) -> None:
        got = self.load(NETS + "lan = 10.1.0.0/24\n[host gate]\n"
                        "vpn = 10.9.0.4\nlan = 10.1.0.1\n[host in]\n"
                        "lan = 10.1.0.9\nvia = gate\n")
        self.assertEqual([got.laptop_address(h) for h in got.hosts],
                         ["10.9.0.4", "10.1.0.9"])

    def test_load_bad_file_names_file_and_section(self) -> None:
        for what, text, said in BAD:
            with self.subTest(what):
                with self.assertRaises(LabError) as caught:
                    self.load(text)
                self.assertEqual(caught.exception.code, 65)
                self.assertTrue(str(caught.exception).startswith(self.path))
                self.assertIn(said, str(caught.exception))

    def test_load_missing_file_is_66(self) -> None:
        with self.assertRaises(LabError) as caught:
            topology.load("/nonexistent.ini")
        self.assertEqual(caught.exception.code, 66)

    def test_cut_rules_only_for_the_pair_and_shared_networks(self) -> None:
        seed = topology.seed(3)
        cuts = [["node1", "node2"]]
        rules = network.cut_rules(seed, seed.hosts[0], cuts)
        self.assertIn('iifname "wg0" ip saddr 10.8.0.5 drop', rules)
        self.assertNotIn("10.0.0.192", rules)
        self.assertNotIn("drop", network.cut_rules(seed, seed.hosts[2], cuts))


if __name__ == "__main__":
    unittest.main()
