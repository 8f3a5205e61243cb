# SPDX-License-Identifier: Apache-2.0
"""Hosts that cannot be reached, or should not be trusted: each reason is told
apart, in words and in the exit code, and stands in nobody else's way.
"""
from __future__ import annotations

import os
import stat
import subprocess

from muster_lab import LabTest, changed_paths, host_steps, of_host
from muster_run import Done

FAST = ("-T", "3")


class ReachTest(LabTest):
    """Bare hosts that no test here changes."""

    HOSTS = 3

    def logins(self, host: str) -> int:
        return self.read(host, "/var/log/sshd.log").count(
            "Accepted publickey")

    def unchanged(self, *args: str, rc: int, inventory: str | None = None
                  ) -> Done:
        """`muster ARGS` ends so and leaves all hosts as they were."""
        before = {host: self.snapshot(host, "")
                  for host in self.state()["hosts"]}
        done = self.muster(*args, *FAST, inventory=inventory)
        self.assertEqual(done.rc, rc, done)
        for host, old in before.items():
            self.assertEqual(changed_paths(old, self.snapshot(host, "")),
                             [], host)
        return done

    def codes(self, done: Done) -> dict[str, str | None]:
        return {host["name"]: host["error"] and host["error"]["code"]
                for host in done.json()["hosts"]}

    def known_hosts(self) -> list[str]:
        """The lines that the lab wrote: address,name type key."""
        with open("/run/muster-lab/%s/laptop/home/.ssh/known_hosts"
                  % self.name, encoding="ascii") as source:
            return source.read().splitlines()

    # --- host keys ---

    def test_unknown_host_keys_are_refused_by_default(self) -> None:
        empty = self.write("empty", "")
        logins = {host: self.logins(host) for host in self.state()["hosts"]}
        done = self.unchanged("up", "--json", "--known-hosts", empty, rc=4)
        self.assertEqual(set(self.codes(done).values()),
                         {"host-key-unknown"})
        self.assertIn("--host-key=accept-new", done.err)
        for host in logins:  # what to compare it with
            said = self.sh(host, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_"
                           "key.pub").split()[1]
            self.assertIn("ssh-ed25519 " + said, done.err)
        self.assertEqual({host: self.logins(host) for host in logins},
                         logins)
        with open(empty, encoding="ascii") as source:
            self.assertEqual(source.read(), "")

    def test_accept_new_writes_what_strict_then_trusts(self) -> None:
        path = self.write("accepted", "# mine\n10.9.9.9 ssh-ed25519 "
                          "AAAAC3NzaC1lZDI1NTE5AAAAIA==")
        self.unchanged("plan", "--host-key=accept-new", "--known-hosts",
                       path, rc=0)
        with open(path, encoding="ascii") as source:
            lines = source.read().splitlines()
        self.assertEqual(lines[:2], ["# mine", "10.9.9.9 ssh-ed25519 "
                                     "AAAAC3NzaC1lZDI1NTE5AAAAIA=="])
        real = {(line.split(",")[0], *line.split()[1:])
                for line in self.known_hosts()}
        added = {tuple(line.split()[:3]) for line in lines[2:]}
        self.assertEqual(len(added), 3, lines)
        self.assertLessEqual(added, real)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o022, 0)
        self.unchanged("plan", "--known-hosts", path, rc=0)
        with open(path, encoding="ascii") as source:
            self.assertEqual(source.read().splitlines(), lines)

    def changed_key(self, name: str) -> str:
        """known_hosts in which node2 has the keys of node3."""
        keys = {line.split()[1]: line.split()[2]
                for line in self.known_hosts() if ",node3 " in line}
        lines = [" ".join([line.split()[0], line.split()[1],
                           keys[line.split()[1]]])
                 if ",node2 " in line else line
                 for line in self.known_hosts()]
        return self.write(name, "\n".join(lines) + "\n")

    def test_changed_host_key_is_76_and_nothing_is_sent(self) -> None:
        path = self.changed_key("changed")
        with open(path, encoding="ascii") as source:
            text = source.read()
        logins = self.logins("node2"), self.logins("node3")
        for policy in ("strict", "accept-new"):
            done = self.unchanged("plan", "--json", "--host-key", policy,
                                  "--known-hosts", path, rc=76)
            self.assertEqual(self.codes(done), {
                "node1": None, "node2": "host-key-changed", "node3": None})
            self.assertIn("nothing was sent", done.err)
            self.assertIn("%s:" % path, done.err)
        self.assertEqual(self.logins("node2"), logins[0])
        self.assertGreater(self.logins("node3"), logins[1])
        with open(path, encoding="ascii") as source:
            self.assertEqual(source.read(), text)

    def test_revoked_host_key_is_76(self) -> None:
        lines = ["@revoked " + line if ",node1 " in line else line
                 for line in self.known_hosts()]
        path = self.write("revoked", "\n".join(lines) + "\n")
        done = self.unchanged("up", "--json", "--known-hosts", path, rc=76)
        self.assertEqual(self.codes(done)["node1"], "host-key-revoked")

    # --- users and keys ---

    def test_wrong_user_is_told_as_such(self) -> None:
        done = self.unchanged("up", "--json", "-u", "nobody", rc=4)
        self.assertEqual(set(self.codes(done).values()), {"auth"})
        self.assertIn("authenticate as 'nobody': refused", done.err)

    def test_wrong_key_is_told_as_such(self) -> None:
        key = self.file("other")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        key], check=True, stdin=subprocess.DEVNULL)
        done = self.unchanged("up", "--json", "--private-key", key, rc=4)
        self.assertEqual(set(self.codes(done).values()), {"auth"})
        done = self.unchanged("up", "--json", "--private-key",
                              self.file("none"), rc=4)
        self.assertEqual(set(self.codes(done).values()), {"key-file"})
        self.assertIn(self.file("none"), done.err)

    def test_sudo_that_asks_everywhere_is_77(self) -> None:
        done = self.unchanged("up", "--json", "-u", "admin", rc=77)
        self.assertEqual(set(self.codes(done).values()), {"sudo"})
        self.assertIn("sudo refused user 'admin'", done.err)

    def test_sudo_that_asks_on_one_host_is_2(self) -> None:
        path = self.edited("sudo.ini", ("node2 ", "node2 ansible_user=admin "))
        done = self.unchanged("plan", "--json", inventory=path, rc=2)
        self.assertEqual(self.codes(done), {"node1": None, "node2": "sudo",
                                            "node3": None})

    def test_root_needs_no_sudo(self) -> None:
        self.unchanged("plan", "-u", "root", rc=0)

    # --- names, ports, addresses ---

    def test_ways_of_not_being_there_are_told_apart(self) -> None:
        path = self.edited(
            "away.ini", ("node2 ansible_host=10.8.0.5", "node2 "
                         "ansible_host=nowhere.invalid"),
            ("node3 ansible_host=10.8.0.6", "node3 ansible_host=10.8.0.6 "
             "ansible_port=2223"),
            ("[all:vars]", "node4 ansible_host=10.8.0.99\n[all:vars]"))
        done = self.unchanged("plan", "--json", inventory=path, rc=4)
        self.assertEqual(self.codes(done), {
            "node1": None, "node2": "name-not-found", "node3": "refused",
            "node4": "connect-timeout"})
        for host in ("node2", "node3", "node4"):
            counts = of_host(done.json(), host)["counts"]
            self.assertEqual((counts["unreachable"], counts["failed"]),
                             (1, 0))
            self.assertRegex(done.err, r"(?m)^  %s: look: .+\n(      fix: "
                             r".*\n)?      log: .*/%s\.log$" % (host, host))

    def test_failed_and_unreachable_together_are_6(self) -> None:
        path = self.edited(
            "both.ini", ("node2 ", "node2 ansible_user=admin "),
            ("node3 ", "node3 ansible_port=2223 "))
        self.unchanged("plan", inventory=path, rc=6)

    # --- before anything is touched ---

    def test_preflight_tells_all_reasons_of_all_hosts_at_once(self) -> None:
        self.sh("node3", "hostname node2")
        self.addCleanup(self.sh, "node3", "hostname node3")
        path = self.edited(
            "vpn.ini", ("node1 ansible_host=10.8.0.4 node_ip=10.8.0.4",
                        "node1 ansible_host=10.8.0.4 node_ip=10.8.0.14"),
            ("node2 ansible_host=10.8.0.5 node_ip=10.8.0.5",
             "node2 ansible_host=10.8.0.5 node_ip=10.8.0.15"))
        done = self.unchanged("up", "--json", inventory=path, rc=69)
        errors = {host: of_host(done.json(), host)["error"]
                  for host in ("node1", "node2", "node3")}
        self.assertEqual({e["code"] for e in errors.values()}, {"preflight"})
        self.assertIn("node_ip 10.8.0.14 is on none of its interfaces "
                      "(it has 192.168.88.193 on eth0, 10.8.0.4 on wg0)",
                      errors["node1"]["message"])
        self.assertIn("node_ip 10.8.0.15", errors["node2"]["message"])
        for host in ("node2", "node3"):
            self.assertIn("the hostname 'node2' is that of node2, node3",
                          errors[host]["message"])
        for error in errors.values():
            self.assertIn(error["hint"], done.err)


class DownTest(LabTest):
    """One host down, the master down, both back."""

    HOSTS = 3
    KNOBS = {"installed": 1}

    def test_1_master_down_ends_the_run(self) -> None:
        self.lab_must("crash", "node1")
        before = self.snapshots("node2", "node3")
        done = self.muster("up", "--json", *FAST)
        self.assertEqual(done.rc, 4, done)
        document = done.json()
        self.assertEqual(of_host(document, "node1")["error"]["code"],
                         "connect-timeout")
        for host in ("node2", "node3"):
            self.assertEqual(host_steps(document, host), ["look"])
            self.assertEqual(changed_paths(before[host],
                                           self.snapshot(host)), [])
        self.lab_must("boot", "node1")

    def test_2_worker_down_the_others_are_assembled(self) -> None:
        self.lab_must("crash", "node3")
        done = self.muster("up", *FAST)
        self.assertEqual(done.rc, 4, done)
        table = done.table()
        self.assertEqual({name: (row["STATUS"], row["INTERNAL-IP"])
                          for name, row in table.items()},
                         {"node1": ("Ready", "10.8.0.4"),
                          "node2": ("Ready", "10.8.0.5")})
        self.assertEqual(done.recap()["node3"]["unreachable"], 1)
        self.assertIn("unreachable", done.err)
        self.assertEqual(self.nodes(), self.well(2))
        self.assert_no_token()

    def test_3_a_worker_that_is_back_joins_and_only_it(self) -> None:
        self.lab_must("boot", "node3")
        document = self.up()
        self.assertIn("join", host_steps(document, "node3", "changed"))
        self.assertEqual(host_steps(document, "node2", "changed"), [])
        self.assertEqual(self.nodes(), self.well(3))

    def test_4_a_member_that_is_down_is_never_removed(self) -> None:
        self.lab_must("crash", "node2")
        done = self.muster("up", "--json", *FAST)
        self.assertEqual(done.rc, 4, done)
        self.assertIn("node2", self.nodes())
        self.assertEqual(of_host(done.json(), "node3")["counts"]["changed"],
                         0)
