# SPDX-License-Identifier: Apache-2.0
"""muster before it connects to anything: help, inventories, playbooks.

Every mistake is told with its place and a word on what to do, with an exit
code of its own, and before any connection is made.
"""
from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import unittest

from muster_run import MUSTER, TOP, Done, muster

COMMANDS = ("up", "plan", "exec", "play", "playbook", "inventory", "explain",
            "doctor")
EXAMPLE = os.path.join(TOP, "inventory.example.ini")
SEED = {"node1": "10.8.0.4", "node2": "10.8.0.5", "node3": "10.8.0.6"}

MISTAKES = """\
[masters]
node1 ansible_host=127.0.0.1 ansible_port=PORT node_ip=10.8.0.400
[workers]
node2 ansible_host=127.0.0.2 ansible_port=PORT microk8s_chanel=1.32/stable
node3 ansible_host=127.0.0.3 ansible_port=99999 node_ip=10.8.0.6
node4 ansible_host=127.0.0.4 "node_ip=10.8.0.7
[edge:children]
nowhere
"""

PLACES = (("2:56", "node_ip: '10.8.0.400' is not an IPv4 address"),
          ("4:48", "unknown variable microk8s_chanel"),
          ("5:43", "ansible_port: '99999' is not a port"),
          ("6:30", ""),
          ("8:1", "group 'nowhere' is not defined"))


class CliTest(unittest.TestCase):
    """A folder of its own for each test, and how to fill it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.env = {"HOME": self.folder,
                    "XDG_STATE_HOME": self.folder + "/state"}

    def write(self, name: str, text: str) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def muster(self, *args: str, stdin: str | None = None) -> Done:
        return muster(*args, env=self.env, cwd=self.folder, stdin=stdin)

    def refused(self, rc: int, *args: str) -> str:
        """Ends with this code and words on standard error alone."""
        done = self.muster(*args)
        self.assertEqual(done.rc, rc, done)
        self.assertEqual(done.out, "", done)
        self.assertNotEqual(done.err, "", done)
        return done.err


class HelpTest(CliTest):
    def test_help_shows_examples_first(self) -> None:
        for words in ([], *([name] for name in COMMANDS)):
            for flag in ("-h", "--help"):
                done = self.muster(*words, flag)
                self.assertEqual((done.rc, done.err), (0, ""), done)
                self.assertTrue(done.out.startswith(
                    "Examples:\n  muster "), done)
                self.assertIn("Usage:", done.out)

    def test_help_names_every_command(self) -> None:
        said = self.muster("-h").out
        for name in (*COMMANDS, "version"):
            self.assertRegex(said, r"(?m)^  %s +\w" % name)

    def test_help_of_up_tells_the_exit_codes(self) -> None:
        said = " ".join(self.muster("up", "-h").out.split())
        for code in ("2 a host failed", "3 the proof failed", "4 a host was "
                     "unreachable", "64 usage", "65 inventory", "75 another "
                     "run", "76 a host key changed", "130 Ctrl-C"):
            self.assertIn(code, said)

    def test_version_is_one_line(self) -> None:
        for words in (["version"], ["--version"]):
            self.assertRegex(self.muster(*words).out,
                             r"\Amuster \d+\.\d+\.\d+\n\Z")

    def test_usage_mistakes_exit_64(self) -> None:
        for words in ([], ["upp"], ["up"], ["up", "--nonsense"],
                      ["up", "-i", EXAMPLE, "more"],
                      ["up", "-i", EXAMPLE, "-f", "many"],
                      ["up", "-i", EXAMPLE, "-f", "-1"],
                      ["up", "-i", EXAMPLE, "-T", "soon"],
                      ["up", "-i", EXAMPLE, "-e", "novalue"],
                      ["up", "-i", EXAMPLE, "--host-key=never"],
                      ["up", "-i", EXAMPLE, "--exit-code"],
                      ["plan", "-i", EXAMPLE, "--color=blue"],
                      ["play", "-i", EXAMPLE], ["inventory"],
                      ["inventory", "lint"], ["inventory", "mend"],
                      ["playbook"], ["playbook", "show"]):
            with self.subTest(" ".join(words)):
                self.refused(64, *words)

    def test_missing_inventory_exits_66(self) -> None:
        playbook = self.write("p.yaml", "- on: all\n  do: [look]\n")
        for words in (["up"], ["plan"], ["play", playbook],
                      ["inventory", "lint"], ["inventory", "list"]):
            with self.subTest(" ".join(words)):
                said = self.refused(66, *words, "-i", "none.ini")
                self.assertIn("none.ini", said)
                self.assertIn("No such file", said)

    def test_missing_playbook_exits_66(self) -> None:
        self.assertIn("none.yaml", self.refused(
            66, "play", "none.yaml", "-i", EXAMPLE))


    def test_install_is_one_file_that_needs_no_other(self) -> None:
        prefix = self.folder + "/prefix"
        subprocess.run(["cmake", "--install", os.path.dirname(MUSTER),
                        "--prefix", prefix], check=True, timeout=60,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        found = [os.path.join(folder, name) for folder, _, names
                 in os.walk(prefix) for name in names]
        self.assertEqual(found, [prefix + "/bin/muster"])
        said = subprocess.run([found[0], "playbook", "show", "up"], text=True,
                              capture_output=True, cwd="/", check=True).stdout
        self.assertEqual(said, self.muster("playbook", "show", "up").out)


class InventoryTest(CliTest):
    def test_example_lints_clean(self) -> None:
        done = self.muster("inventory", "lint", "-i", EXAMPLE)
        self.assertEqual((done.rc, done.err), (0, ""), done)
        self.assertTrue(done.out.endswith(
            ": 3 hosts, 0 mistakes, 0 warnings\n"), done)

    def test_example_is_the_seeds_cluster(self) -> None:
        done = self.muster("inventory", "list", "-i", EXAMPLE)
        rows = [line.split() for line in done.out.splitlines()]
        self.assertEqual(rows[0][:2], ["HOST", "ADDRESS"])
        self.assertEqual({row[0]: row[4] for row in rows[1:]}, SEED)
        self.assertEqual([row[5] for row in rows[1:]],
                         ["masters", "workers", "workers"])

    def test_list_json_has_the_shape_of_ansible(self) -> None:
        done = self.muster("inventory", "list", "--json", "-i", EXAMPLE)
        self.assertEqual((done.rc, done.err), (0, ""), done)
        found = done.json()
        self.assertEqual(found["_meta"]["hostvars"], {
            name: {"ansible_host": address, "node_ip": address,
                   "ansible_user": "ubuntu",
                   "microk8s_channel": "1.32/stable",
                   "microk8s_hold": "yes"}
            for name, address in SEED.items()})
        self.assertEqual(found["masters"], {"hosts": ["node1"]})
        self.assertEqual(found["workers"], {"hosts": ["node2", "node3"]})
        self.assertEqual(set(found["all"]["children"]),
                         {"masters", "workers", "ungrouped"})

    def test_dialect_of_ansible(self) -> None:
        """Ranges, ports, IPv6, quotes, comments, :vars, :children."""
        done = self.muster("inventory", "list", "--json", "-i", "-", stdin=(
            "; a comment\n[masters]\nm1:2222 node_ip=10.0.0.1 # another\n"
            "[far]\nw[01:03] note=\"a b\"\n[2001:db8::7]:2200\n"
            "[workers:children]\nfar\n[far:vars]\ncolour = 'red # ish'\n"))
        self.assertEqual(done.rc, 0, done)
        found = done.json()
        hosts = found["_meta"]["hostvars"]
        self.assertEqual(set(hosts), {"m1", "w01", "w02", "w03",
                                      "2001:db8::7"})
        self.assertEqual(hosts["m1"], {"ansible_port": "2222",
                                       "node_ip": "10.0.0.1"})
        self.assertEqual(hosts["w02"], {"note": "a b",
                                        "colour": "red # ish"})
        self.assertEqual(hosts["2001:db8::7"]["ansible_port"], "2200")
        self.assertEqual(found["workers"], {"children": ["far"]})

    def test_aliases_of_the_groups(self) -> None:
        for master in ("master", "masters", "control_plane"):
            for worker in ("worker", "workers"):
                path = self.write("i.ini", "[%s]\na node_ip=10.0.0.1\n[%s]\n"
                                  "b node_ip=10.0.0.2\n" % (master, worker))
                done = self.muster("inventory", "lint", "-i", path)
                self.assertEqual((done.rc, done.err), (0, ""), done)
                found = self.muster("inventory", "list", "-i", path).out
                self.assertRegex(found, r"(?m)^a .*\bmasters\b")
                self.assertRegex(found, r"(?m)^b .*\bworkers\b")

    def test_unknown_variable_of_ours_is_an_error_with_a_guess(self) -> None:
        for wrong, right in (("microk8s_chanel", "microk8s_channel"),
                             ("microk8s_setle", "microk8s_settle")):
            path = self.write("i.ini", "[masters]\nm node_ip=10.0.0.1\n"
                              "[all:vars]\n%s=1\n" % wrong)
            done = self.muster("inventory", "lint", "-i", path)
            self.assertEqual(done.rc, 65, done)
            self.assertEqual(done.err, "%s:4:1: unknown variable %s (did you "
                             "mean %s?)\n" % (path, wrong, right))

    def test_five_mistakes_are_five_messages_with_places(self) -> None:
        path = self.write("i.ini", MISTAKES.replace("PORT", "1022"))
        for words in (["inventory", "lint"], ["inventory", "list"], ["up"],
                      ["plan"]):
            done = self.muster(*words, "-i", path)
            self.assertEqual(done.rc, 65, done)
            told = [line for line in done.err.splitlines()
                    if line.startswith(path + ":")]
            self.assertEqual(len(told), 5, done)
            for line, (place, what) in zip(told, PLACES):
                self.assertTrue(line.startswith(
                    "%s:%s: %s" % (path, place, what)), (line, place))

    def test_a_cluster_needs_a_master_and_own_addresses(self) -> None:
        path = self.write("i.ini", "[masters]\na node_ip=10.0.0.1\n"
                          "[workers]\nc node_ip=10.0.0.1\nd\n")
        said = self.refused(65, "up", "-i", path)
        for place, what in (("4:11", "same node_ip 10.0.0.1"),
                            ("5:1", "no node_ip")):
            self.assertRegex(said, r"(?m)^%s:%s: .*%s"
                             % (re.escape(path), place, what))
        path = self.write("two.ini", "[masters]\na node_ip=10.0.0.1\n"
                          "b node_ip=10.0.0.2\n")
        self.assertIn("%s:3:1: " % path, self.refused(65, "up", "-i", path))
        path = self.write("j.ini", "[workers]\nc node_ip=10.0.0.1\n")
        self.assertIn("no host in group 'masters'",
                      self.refused(65, "up", "-i", path))

    def test_passwords_are_not_repeated(self) -> None:
        path = self.write("i.ini", "[masters]\nm node_ip=10.0.0.1 "
                          "ansible_password=swordfish\n")
        os.chmod(path, 0o644)
        for words in (["lint"], ["list"], ["list", "--json"]):
            done = self.muster("inventory", *words, "-i", path)
            self.assertEqual(done.rc, 0, done)
            self.assertNotIn("swordfish", done.out + done.err)
            self.assertIn("others can read this file", done.err)


class NoConnectionTest(CliTest):
    """Listeners where the hosts should be tell who came."""

    def setUp(self) -> None:
        super().setUp()
        self.port = 0
        self.listeners = []
        for last in range(1, 5):
            one = socket.create_server(("127.0.0.%d" % last, self.port))
            self.addCleanup(one.close)
            one.settimeout(0.2)
            self.port = one.getsockname()[1]
            self.listeners.append(one)

    def visitors(self) -> int:
        """How many listeners were connected to; a connection waits in the
        backlog even if its maker is gone."""
        count = 0
        for one in self.listeners:
            try:
                one.accept()[0].close()
                count += 1
            except TimeoutError:
                pass
        return count

    def test_mistakes_open_no_connection(self) -> None:
        path = self.write("i.ini", MISTAKES.replace("PORT", str(self.port)))
        for words in (["inventory", "lint"], ["up"], ["plan"]):
            self.assertEqual(self.muster(*words, "-i", path).rc, 65)
        self.assertEqual(self.visitors(), 0)
        # Without the mistakes the same command does connect.
        path = self.write("j.ini", "[masters]\n" + "".join(
            "n%d ansible_host=127.0.0.%d ansible_port=%d node_ip=10.8.0.%d\n"
            "%s" % (n, n, self.port, n, "[workers]\n" if n == 1 else "")
            for n in range(1, 5)))
        done = self.muster("up", "-i", path, "-T", "1")
        self.assertEqual(done.rc, 4, done)
        self.assertGreater(self.visitors(), 0)

    def test_mistakes_in_a_playbook_open_no_connection(self) -> None:
        path = self.write("i.ini", "[masters]\nn1 ansible_host=127.0.0.1 "
                          "ansible_port=%d\n" % self.port)
        playbook = self.write("p.yaml", "- on: all\n  do: [lok]\n")
        self.refused(65, "play", playbook, "-i", path)
        self.assertEqual(self.visitors(), 0)


    def test_events_that_cannot_be_written_are_73_before_any_connection(
            self) -> None:
        path = self.write("i.ini", "[masters]\nn1 ansible_host=127.0.0.1 "
                          "ansible_port=%d\n" % self.port)
        said = self.refused(73, "up", "-i", path, "--events",
                            self.folder + "/none/events")
        self.assertIn("/none/events", said)
        self.assertEqual(self.visitors(), 0)


class PlaybookTest(CliTest):
    def test_list_and_show_print_what_is_shipped(self) -> None:
        self.assertIn("up", self.muster("playbook", "list").out.split())
        with open(os.path.join(TOP, "playbooks/up.yaml"),
                  encoding="utf-8") as source:
            text = source.read()
        done = self.muster("playbook", "show", "up")
        self.assertEqual((done.rc, done.out, done.err), (0, text, ""))
        self.assertIn("did you mean up",
                      self.refused(64, "playbook", "show", "upp"))

    def test_explain_knows_every_step_of_up(self) -> None:
        text = self.muster("playbook", "show", "up").out
        used = set(re.findall(r"(?m)^    - (\w+)", text))
        self.assertGreater(len(used), 12)
        listed = {line.split()[0] for line
                  in self.muster("explain").out.splitlines()}
        self.assertLessEqual(used | {"run", "copy"}, listed)
        for name in sorted(listed):
            done = self.muster("explain", name)
            self.assertEqual((done.rc, done.err), (0, ""), done)
            self.assertTrue(done.out.startswith(name + ": "), done)
            self.assertIn("gives up after", done.out)

    def test_explain_prints_the_parameter_table(self) -> None:
        said = self.muster("explain", "args").out
        self.assertIn("  service (choice, required)\n", said)
        self.assertIn("  set (map, required)\n", said)
        self.assertIn("kube-apiserver, kubelet", said)
        self.assertIn("  timeout (duration, default 3m)\n",
                      self.muster("explain", "verify").out)
        self.assertIn("did you mean args",
                      self.refused(64, "explain", "arg"))

    def told(self, text: str) -> list[str]:
        """What play says of this playbook, without the file's name."""
        path = self.write("p.yaml", text)
        said = self.refused(65, "play", path, "-i", EXAMPLE)
        return [line[len(path) + 1:] for line in said.splitlines()
                if line.startswith(path + ":")]

    def test_mistakes_are_told_with_their_place(self) -> None:
        play = "- on: workers\n  do:\n"
        for text, place, what in (
                (play + "    - lokk\n", "3:7",
                 "unknown action 'lokk' (did you mean lo"),
                (play + "    - args: {service: kubelet, sett: {a: b}}\n",
                 "3:32", "unknown parameter of 'args' 'sett' (did you mean "
                 "set?)"),
                (play + "    - args: {service: kubelet}\n", "3:7",
                 "'args' needs 'set' (map)"),
                (play + "    - args: {service: kublet, set: {a: b}}\n",
                 "3:23", "'service' takes one of kube-apiserver, kubelet"),
                (play + "    - verify: {timeout: soon}\n", "3:25",
                 "'timeout' takes a time such as 35, 35s, 2m or 500ms, not "
                 "'soon'"),
                (play + "    - join: {attempts: many}\n", "3:24",
                 "'attempts' takes a whole number, not 'many'"),
                (play + "    - look: {a: b, a: c}\n", "3:", ""),
                ("- on: workers\n  doo: [look]\n", "2:3",
                 "unknown key of a play 'doo' (did you mean do?)"),
                ("- on: workers\n  do: []\n", "2:7",
                 "'do' takes a list of steps"),
                ("- do: [look]\n", "1:3", "a play needs 'on'"),
                ("- on: all\n  serial: 0\n  do: [look]\n", "2:11",
                 "'serial' takes how many hosts at once"),
                ("- on: all\n  do: [look\n", "", ""),
                ("on: all\n", "1:1", "a playbook is a list of plays")):
            with self.subTest(text):
                lines = self.told(text)
                self.assertTrue(lines, text)
                self.assertRegex(lines[0], r"\A\d+:\d+: [\w']")
                if what:
                    self.assertTrue(lines[0].startswith(
                        "%s: %s" % (place, what)), lines)
                else:
                    self.assertTrue(lines[0].startswith(place), lines)

    def test_all_mistakes_are_told_at_once(self) -> None:
        lines = self.told("- on: workers\n  do:\n    - lok\n    - join: "
                          "{attempts: many}\n- on: masters\n  doo: 1\n")
        self.assertEqual([line.split(": ")[0] for line in lines],
                         ["3:7", "4:24", "6:3", "5:3"])

    def test_what_does_not_fit_the_inventory_is_told(self) -> None:
        for text, place, what in (
                ("- on: \"~w(\"\n  do: [look]\n", "1:7", "host pattern"),
                ("- on: wrokers\n  do: [look]\n", "1:7",
                 "no host or group 'wrokers' in the inventory (did you mean "
                 "workers?)"),
                ("- on: x*\n  do: [look]\n", "1:7", "no host matches 'x*'"),
                ("- on: workers\n  do:\n    - run: echo ${colour}\n",
                 "3:12", "no variable 'colour'"),
                ("- on: workers\n  do:\n    - run: echo ${node_ip\n",
                 "3:12", "no closing brace"),
                ("- on: workers\n  do:\n    - verify: {timeout: "
                 "\"${node_ip}\"}\n", "3:25", "'timeout' takes a time")):
            with self.subTest(text):
                lines = self.told(text)
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(place + ": "), lines)
                self.assertIn(what, lines[0])


if __name__ == "__main__":
    unittest.main()
