# SPDX-License-Identifier: Apache-2.0
"""`muster kubeconfig`: what it prints works with Debian's own kubectl from the
laptop, and what it merges leaves the rest of the file as it was.

The class's tests share one lab, in the order of their names.
"""
from __future__ import annotations

import os
import re
import stat

from muster_lab import LAB, LabTest
from muster_run import Done, Process

EX_DATAERR, EX_UNAVAILABLE, EX_TEMPFAIL, EX_USAGE = 65, 69, 75, 64
NAME = "microk8s-node1"
SERVER = "https://10.8.0.4:16443"
OTHERS = """\
# what I have at work
apiVersion: v1
kind: Config
clusters:
- cluster: {server: https://192.0.2.1:6443}   # do not touch
  name: work
contexts:
  - context:
      cluster: work
      user: me
    name: work
current-context: work
users:
- name: me
  user:
    token: t0ken
"""


class KubeconfigTest(LabTest):
    HOSTS = 2

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble()

    def kubeconfig(self, *args: str, rc: int = 0, path: str = "",
                   inventory: str | None = None) -> Done:
        done = self.muster("kubeconfig", *args, inventory=inventory,
                           env={"KUBECONFIG": path} if path else None)
        self.assertEqual(done.rc, rc, done)
        return done

    def kubectl(self, path: str, *args: str) -> str:
        """The real kubectl on the laptop; what it prints."""
        done = Process([LAB, "run", "--", "kubectl", "--kubeconfig", path,
                        "--request-timeout=10s", *args],
                       {"MUSTER_LAB": self.name}).wait()
        self.assertEqual((done.rc, done.err), (0, ""), done)
        return done.out

    def assert_works(self, path: str, *args: str) -> None:
        lines = self.kubectl(path, *args, "get", "nodes", "-o",
                             "wide").splitlines()
        rows = [re.split(r" {2,}", line.strip()) for line in lines]
        found = [dict(zip(rows[0], row)) for row in rows[1:]]
        self.assertEqual(
            [(row["NAME"], row["STATUS"], row["INTERNAL-IP"])
             for row in found],
            [("node1", "Ready", "10.8.0.4"), ("node2", "Ready", "10.8.0.5")])

    def test_1_what_it_prints_works_from_here(self) -> None:
        done = self.kubeconfig()
        path = self.write("printed", done.out)
        self.assertEqual(done.err, "")
        self.assertIn("server: %s\n" % SERVER, done.out)
        self.assert_works(path)
        self.assertEqual(self.kubectl(path, "config", "get-contexts", "-o",
                                      "name"), NAME + "\n")

    def test_2_nothing_of_the_key_is_kept(self) -> None:
        key = re.search(r"client-key-data: (\S+)",
                        self.kubeconfig("-v").out)[1]
        home = Process([LAB, "run", "--", "sh", "-c", 'echo "$HOME"'],
                       {"MUSTER_LAB": self.name}).wait().out.strip()
        seen = 0
        for folder, _, names in os.walk(home + "/.local/state"):
            for name in names:
                with open(os.path.join(folder, name), "rb") as source:
                    text = source.read()
                self.assertNotIn(key.encode(), text, name)
                self.assertNotIn(b"PRIVATE KEY", text, name)
                seen += 1
        self.assertGreater(seen, 0)

    def test_3_merging_leaves_the_others_as_they_were(self) -> None:
        path = self.write("config", OTHERS)
        os.chmod(path, 0o644)
        done = self.kubeconfig("--merge", path=path + ":/nowhere")
        self.assertEqual(done.out, "%s: context '%s' written, %s\n" % (
            path, NAME, SERVER))
        with open(path, encoding="utf-8") as source:
            text = source.read()
        left = iter(text.splitlines())
        for line in OTHERS.splitlines():
            self.assertIn(line, left, text)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path + ".muster-backup", encoding="utf-8") as source:
            self.assertEqual(source.read(), OTHERS)
        self.assertEqual(self.kubectl(path, "config", "current-context"),
                         "work\n")
        self.assert_works(path, "--context", NAME)

    def test_4_merging_again_writes_nothing(self) -> None:
        path = self.file("config")
        before = os.stat(path)
        done = self.kubeconfig("--merge", path=path)
        self.assertIn("is there already", done.out)
        self.assertEqual(os.stat(path), before)
        self.assertEqual(sorted(
            name for name in os.listdir(self.folder)
            if name.startswith("config")), ["config",
                                            "config.muster-backup"])

    def test_5_a_new_file_of_a_link_and_a_folder(self) -> None:
        link = self.file("link")
        os.symlink(self.file("dotfiles-config"), link)
        self.write("dotfiles-config", "")
        self.kubeconfig("--merge", "--context", "lab", path=link)
        self.assertTrue(os.path.islink(link))
        self.assert_works(link)
        path = self.file("new/folder/config")
        self.kubeconfig("--merge", path=path)
        self.assertEqual(os.listdir(os.path.dirname(path)), ["config"])
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assert_works(path)

    def test_6_what_cannot_be_edited_is_left_alone(self) -> None:
        for text in ("no kubeconfig\n", "clusters: &a []\nusers: *a\n"):
            path = self.write("odd", text)
            done = self.kubeconfig("--merge", path=path, rc=EX_DATAERR)
            self.assertIn(path + ": not ", done.err)
            with open(path, encoding="utf-8") as source:
                self.assertEqual(source.read(), text)
        self.write("odd.lock", "")
        done = self.kubeconfig("--merge", path=self.file("odd"),
                               rc=EX_TEMPFAIL)
        self.assertIn("odd.lock is there", done.err)
        self.assertTrue(os.path.exists(self.file("odd.lock")))
        self.kubeconfig("--server", "10.8.0.4", rc=EX_USAGE)

    def test_7_the_address_is_one_that_the_certificate_names(self) -> None:
        other = self.edited("other.ini", ("node_ip=10.8.0.4",
                                          "node_ip=10.8.0.77"))
        self.assertIn("server: %s\n" % SERVER,
                      self.kubeconfig(inventory=other).out)
        none = self.edited("none.ini", (
            "node_ip=10.8.0.4", "node_ip=10.8.0.77"), (
            "ansible_host=10.8.0.4", "ansible_host=gate"))
        config = self.write("ssh_config", (
            "Host gate\n  HostName 10.8.0.4\n"
            "  HostKeyAlias 10.8.0.4\n"))
        done = self.kubeconfig("-F", config, inventory=none,
                               rc=EX_UNAVAILABLE)
        self.assertEqual(done.out, "")
        for address in ("10.8.0.77", "gate"):
            self.assertIn("certificate does not name %s;" % address,
                          done.err)
        self.assertRegex(done.err, r"it names .*\b10\.8\.0\.4\b")
        done = self.kubeconfig("--server", "https://10.8.0.78:16443")
        self.assertIn("warning: ", done.err)
        self.assertIn("server: https://10.8.0.78:16443\n", done.out)
