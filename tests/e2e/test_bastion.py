# SPDX-License-Identifier: Apache-2.0
"""Hosts as they really are: behind a bastion, on an odd port, with an
encrypted key, a sudo that asks, a host key that is no longer the same.

The laptop sees the bastion alone, and all it knows of the rest is in its
ssh_config.  Tests go in the order of their numbers, as a person would: trust,
assemble, look around; then ssh, ansible and clush go the same ways.
"""
from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

from muster_lab import LAB, LabTest
from muster_run import MUSTER, Done

PASSPHRASE = "open-sesame"
PASSWORD = "lab-password"
GOOD = {"gate", "node1", "node2", "node3"}

CONFIG = """\
Host gate
  HostName 10.9.0.1
Host node?
  ProxyJump gate
Host node1
  HostName 10.50.0.11
Host node2
  HostName 10.50.0.12
  Port 2222
  IdentityFile ~/.ssh/id_locked
Host node3
  HostName 10.50.0.13
  User admin
Host node4
  HostName 10.50.0.14
Host *
  User ubuntu
"""

INVENTORY = """\
[masters]
node1 node_ip=10.50.0.11
[workers]
node2 node_ip=10.50.0.12
node3 node_ip=10.50.0.13
node4 node_ip=10.50.0.14
[all:vars]
microk8s_settle=3
"""


class BastionTest(LabTest):
    KNOWN_HOSTS = False
    TOPOLOGY = "\n".join([
        "[networks]", "vpn = 10.9.0.0/24", "inner = 10.50.0.0/24",
        "[laptop]", "vpn = 10.9.0.2",
        "[host gate]", "vpn = 10.9.0.1", "inner = 10.50.0.1",
        *("[host node%d]\ninner = 10.50.0.1%d\ndefault = inner\nvia = gate\n"
          "role = %s" % (n, n, "master" if n == 1 else "worker")
          for n in range(1, 5)), ""])

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.home = "/run/muster-lab/%s/laptop/home" % cls.name
        cls.known = cls.home + "/.ssh/known_hosts"
        cls.at_home("config", CONFIG)
        key = cls.home + "/.ssh/id_locked"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N",
                        PASSPHRASE, "-f", key], check=True,
                       stdin=subprocess.DEVNULL)
        with open(key + ".pub", encoding="ascii") as public:
            cls.sh("node2", "echo '%s' >/home/ubuntu/.ssh/authorized_keys; "
                   "sed -i 's/^Port 22$/Port 2222/' /etc/ssh/sshd_config; "
                   "kill $(cat /run/sshd.pid); /usr/sbin/sshd"
                   % public.read().strip())
        # what node4 was before it was set up anew
        old = cls.sh("gate", "cat /etc/ssh/ssh_host_ecdsa_key.pub").split()
        new = cls.sh("gate", "rm -f /tmp/k; ssh-keygen -q -t ed25519 -N '' "
                     "-f /tmp/k; cat /tmp/k.pub").split()
        cls.at_home("known_hosts", "10.50.0.14 %s %s\n10.50.0.14 %s %s\n"
                    % (*new[:2], *old[:2]))
        cls.inventory = cls.write("inventory.ini", INVENTORY)

    @classmethod
    def at_home(cls, name: str, text: str) -> None:
        path = "%s/.ssh/%s" % (cls.home, name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        os.chmod(path, 0o600)

    # --- a person at a terminal ---

    def at_terminal(self, *args: str, answers: tuple[tuple[str, str], ...],
                    rc: int = 0, seconds: float = 180) -> str:
        """Runs muster there, answers what it asks in this order, and gives
        all that was on the screen."""
        argv = self.argv(*args)
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["MUSTER_LAB"] = self.name
            os.chdir(self.folder)
            os.execv(argv[0], argv)
        said, left, end = "", list(answers), time.monotonic() + seconds
        seen = 0
        while True:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self.fail("no end after %g s, still to be asked: %r\n%s"
                          % (seconds, left, said))
            if not select.select([fd], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(fd, 65536)
            except OSError:     # the other end is closed
                data = b""
            if not data:
                break
            said += data.decode(errors="replace").replace("\r\n", "\n")
            if left and left[0][0] in said[seen:]:
                seen = len(said)
                os.write(fd, (left.pop(0)[1] + "\n").encode())
        os.close(fd)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.assertEqual((status, left), (rc, []), said)
        for secret in (PASSPHRASE, PASSWORD):
            self.assertNotIn(secret, said)
        return said

    def with_agent(self, *argv: str, seconds: float = 120) -> Done:
        """A command of the laptop's, with the encrypted key in an agent."""
        askpass = self.write("askpass", "#!/bin/sh\necho %s\n" % PASSPHRASE)
        os.chmod(askpass, 0o700)
        script = ("SSH_ASKPASS=%s SSH_ASKPASS_REQUIRE=force ssh-add -q "
                  "~/.ssh/id_locked ~/.ssh/id_ed25519 && exec \"$@\""
                  % askpass)
        whole = [LAB, "run", "--", "ssh-agent", "sh", "-c", script, "sh",
                 *argv]
        begun = time.monotonic()
        done = subprocess.run(
            whole, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=seconds, cwd=self.folder,
            env={**os.environ, "MUSTER_LAB": self.name,
                 "ANSIBLE_HOME": self.home + "/.ansible",
                 "ANSIBLE_LOCALHOST_WARNING": "0"})
        return Done(whole, done.returncode, done.stdout, done.stderr,
                    time.monotonic() - begun)

    def lines_of_known_hosts(self) -> list[str]:
        with open(self.known, encoding="ascii") as source:
            return source.read().splitlines()

    # --- in order ---

    def test_1_trust_goes_from_the_bastion_inwards(self) -> None:
        before = self.lines_of_known_hosts()
        said = self.at_terminal("trust", answers=(("[y/N]", "no"),), rc=1)
        self.assertNotIn("node1 ", said)
        self.assertEqual(self.lines_of_known_hosts(), before)

        said = self.at_terminal("trust", answers=(
            ("[y/N]", "y"), ("[y/N]", "yes")), rc=76)
        gate = self.sh("gate", "ssh-keygen -lf /etc/ssh/"
                       "ssh_host_ed25519_key.pub").split()[1]
        self.assertRegex(said, r"(?m)^gate +ssh-ed25519 +%s$"
                         % re.escape(gate))
        for n in range(1, 4):
            mine = self.sh("node%d" % n, "ssh-keygen -lf /etc/ssh/"
                           "ssh_host_ed25519_key.pub").split()[1]
            self.assertRegex(said, r"(?m)^node%d +ssh-ed25519 +%s$"
                             % (n, re.escape(mine)))
        self.assertIn("node4: check host key: 10.50.0.14 shows", said)
        self.assertIn("%s:1" % self.known, said)
        lines = self.lines_of_known_hosts()
        self.assertEqual(lines[:2], before)
        self.assertEqual([line.split()[0] for line in lines[2:]],
                         ["10.9.0.1", "10.50.0.11", "[10.50.0.12]:2222",
                          "10.50.0.13"])
        again = self.at_terminal("trust", "-l", "all:!node4", answers=())
        self.assertIn("hosts are known already", again)
        self.assertEqual(self.lines_of_known_hosts(), lines)

    def test_2_up_assembles_a_cluster_across_the_good_ones(self) -> None:
        logins = self.read("gate", "/var/log/sshd.log").count(
            "Accepted publickey")
        said = self.at_terminal(
            "up", "-K", "-x", "node4", answers=(
                ("Password for sudo", PASSWORD),
                ("Passphrase for key", PASSPHRASE)), seconds=240)
        self.assertEqual(said.count("Passphrase for key"), 1, said)
        self.assertEqual(self.nodes(), {
            "node%d" % n: (True, "10.50.0.1%d" % n) for n in range(1, 4)})
        self.assertEqual(self.read("gate", "/var/log/sshd.log").count(
            "Accepted publickey"), logins + 1)
        # a host whose sudo does not ask has never heard the password
        for host in ("node1", "node2"):
            self.assertEqual(self.on(host, "grep", "-rlsF", PASSWORD,
                                     "/var/log", "/tmp", "/run", "/root",
                                     "/home").out, "")

    def test_3_exec_folds_and_the_changed_one_is_76(self) -> None:
        done = self.exec("uname", "-s", rc=76)
        self.assertIn("node[1-3] (3)\n---------------\nLinux\n", done.out)
        self.assertRegex(done.err, r"node4 \(1\): unreachable: check host "
                         r"key: 10\.50\.0\.14 shows")
        done = self.exec("uname", "-n", rc=76)
        for n in range(1, 4):
            self.assertIn("node%d (1)\n---------------\nnode%d\n" % (n, n),
                          done.out)
        self.assertEqual(self.on("node4", "grep", "-c", "Accepted",
                                 "/var/log/sshd.log").out, "0\n")

    def exec(self, *command: str, rc: int = 0, options: tuple[str, ...] = ()
             ) -> Done:
        done = self.with_agent(MUSTER, "exec", "-i", self.inventory, "-T",
                               "10", *options, "--", *command)
        self.assertEqual(done.rc, rc, done)
        return done

    def test_4_sudo_password_from_a_file_or_the_inventory(self) -> None:
        secret = self.write("sudo-password", PASSWORD + "\n")
        done = self.exec("id", "-u", rc=76, options=(
            "--become", "--become-password-file", secret))
        self.assertIn("node[1-3] (3)\n---------------\n0\n", done.out)
        wrong = self.write("wrong", "not-it\n")
        done = self.exec("cat", rc=77, options=(
            "--become", "--become-password-file", wrong, "-l", "node3"))
        self.assertIn("the password is wrong", done.err)
        self.assertNotIn("not-it", done.out + done.err)
        self.assertLess(done.seconds, 20)

    def test_5_jump_by_option_and_by_inventory(self) -> None:
        plain = self.write("plain.ini", (
            "a ansible_host=10.50.0.11\n[all:vars]\nansible_user=ubuntu\n"))
        args = self.write("args.ini", (
            "a ansible_host=10.50.0.11 ansible_user=ubuntu "
            "ansible_ssh_common_args='-J ubuntu@10.9.0.1 -o "
            "StrictHostKeyChecking=no'\n"))
        for path, options in ((plain, ("-J", "ubuntu@10.9.0.1")), (args, ())):
            done = self.with_agent(MUSTER, "exec", "-i", path, "-F", "none",
                                   *options, "--", "uname", "-n")
            self.assertEqual(done.rc, 0, done)
            self.assertIn("\nnode1\n", done.out)
        self.assertIn("StrictHostKeyChecking=no is not followed", done.err)
        done = self.with_agent(MUSTER, "exec", "-i", plain, "-F", "none",
                               "-T", "2", "--", "uname", "-n")
        self.assertEqual(done.rc, 4, done)

    def test_6_whom_others_reach_muster_reaches(self) -> None:
        """ssh, ansible and clush, with this ssh_config and this agent."""
        everybody = ["gate", "node1", "node2", "node3", "node4"]
        path = self.write("five.ini", "\n".join(everybody) + "\n")
        reached: dict[str, set[str]] = {}

        done = self.with_agent("sh", "-c", "for h in %s; do ssh -o "
                               "BatchMode=yes -o ConnectTimeout=10 $h "
                               "'echo reached '$h; done" % " ".join(everybody))
        reached["ssh"] = set(re.findall(r"^reached (\w+)$", done.out, re.M))
        done = self.with_agent(
            "ansible", "all", "-i", path, "-m", "raw", "-a", "echo reached",
            "-o", "-T", "10")
        reached["ansible"] = set(re.findall(
            r"^(\w+) \| (?:CHANGED|SUCCESS)\b", done.out, re.M))
        done = self.with_agent(
            "clush", "-w", ",".join(everybody), "-o", "-oBatchMode=yes",
            "echo reached")
        reached["clush"] = set(re.findall(r"^(\w+): reached$", done.out,
                                          re.M))
        done = self.with_agent(MUSTER, "exec", "-i", path, "--json", "-T",
                               "10", "--", "echo reached")
        self.assertEqual(done.rc, 76, done)
        mine = {host for host in everybody if any(
            host in self.unfolded(group["names"]) for group
            in json.loads(done.out)["groups"]
            if group["stdout"] == "reached\n")}
        self.assertEqual(mine, GOOD, done)
        for tool, hosts in reached.items():
            self.assertEqual(hosts, GOOD, tool)
            self.assertLessEqual(hosts, mine, tool)

    @staticmethod
    def unfolded(names: str) -> set[str]:
        """The hosts of a folded name: gate,node[1-3]."""
        found = set()
        for word in re.findall(r"[^,\[\]]+(?:\[[^\]]*\])?", names):
            head, _, inside = word.partition("[")
            for part in inside.rstrip("]").split(","):
                low, _, high = part.partition("-")
                found |= {head + str(n) for n in range(
                    int(low), int(high or low) + 1)} if low else {head}
        return found

    def test_7_bastion_down_is_one_message(self) -> None:
        self.lab_must("cut", "laptop", "gate")
        self.addCleanup(self.lab_must, "mend", "laptop", "gate")
        done = self.with_agent(MUSTER, "exec", "-i", self.inventory, "-T",
                               "2", "--", "uname", "-n")
        self.assertEqual(done.rc, 4, done)
        self.assertEqual(len(re.findall("jump host 'gate'", done.err)), 1,
                         done)
        self.assertIn("node[1-4] (4): unreachable: ", done.err)
        self.assertLess(done.seconds, 15)
        # told once in the story, once in the end
        done = self.with_agent(MUSTER, "up", "-i", self.inventory, "-T", "2")
        self.assertEqual(done.rc, 4, done)
        self.assertEqual(len(re.findall("jump host 'gate'", done.err)), 2,
                         done)
        self.assertEqual(done.err.count("look: the same as node"), 3, done)
        self.assertIn("  node[1-4]: look: jump host 'gate'", done.err)
