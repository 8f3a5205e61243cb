# SPDX-License-Identifier: Apache-2.0
"""The lab's hosts hold what they promise, seen from outside by real clients.

One lab of three hosts serves the whole class.  "Times out" is checked as such:
`timeout` has to end the attempt (exit 124); an error would end it sooner.
"""
from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from labhosts.kernel import start_time  # noqa: E402

LAB = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "lab")
HOSTS = ("node1", "node2", "node3")
VPN = {"node1": "10.8.0.4", "node2": "10.8.0.5", "node3": "10.8.0.6"}
PRIVATE = {"node1": "192.168.88.193", "node2": "10.0.0.192",
           "node3": "10.0.0.58"}
NAME = f"hosts-{os.getpid()}"
TIMED_OUT = 124


def lab(*args: str, name: str = NAME, stdin: str = "", cwd: str | None = None,
        seconds: float = 60) -> subprocess.CompletedProcess:
    return subprocess.run([LAB, *args], input=stdin, text=True, cwd=cwd,
                          capture_output=True, timeout=seconds,
                          env={**os.environ, "MUSTER_LAB": name})


def namespaces_of(pids: list[int]) -> set[str]:
    return {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids
            for kind in ("net", "mnt")}


def namespaces_alive() -> set[str]:
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for kind in ("net", "mnt"):
            try:
                found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                pass
    return found


def state(name: str = NAME) -> dict:
    with open(f"/run/muster-lab/{name}/lab.json", encoding="utf-8") as stream:
        return json.load(stream)


def pids(name: str = NAME) -> list[int]:
    plain = state(name)
    return [i[0] for i in (plain["keeper"], plain["laptop"],
                           *plain["hosts"].values()) if i]


@unittest.skipIf(os.geteuid() != 0, "a lab needs root")
class HostsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.addClassCleanup(lab, "down")
        came = lab("up", "--knob", "time_scale=0.04")
        if came.returncode:
            raise AssertionError(came.stderr)
        cls.summary = came.stdout

    def on(self, host: str, script: str) -> str:
        got = lab("on", host, "--", "bash", "-c", script)
        self.assertEqual(got.returncode, 0, got.stderr)
        return got.stdout.strip()

    def ssh(self, target: str, *command: str, stdin: str = ""
            ) -> subprocess.CompletedProcess:
        return lab("run", "--", "ssh", "-oBatchMode=yes", "-oConnectTimeout=5",
                   target, *command, stdin=stdin)

    def reaches(self, host: str, address: str, port: int = 22,
                seconds: str = "1.5") -> int:
        """0 connected, 124 timed out, else an error."""
        return lab("on", host, "--", "timeout", seconds, "bash", "-c",
                   f"exec 3<>/dev/tcp/{address}/{port}").returncode

    def test_up_says_where_the_inventory_is(self) -> None:
        path = lab("inventory").stdout.strip()
        self.assertIn(path, self.summary)
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        self.assertIn("[masters]\nnode1 ansible_host=10.8.0.4 "
                      "node_ip=10.8.0.4\n", text)
        self.assertIn("node3 ansible_host=10.8.0.6 node_ip=10.8.0.6\n", text)
        self.assertIn("microk8s_settle=2\n", text)  # 45 s * 0.04

    def test_ssh_with_key_and_strict_host_keys_gives_exit_codes(self) -> None:
        for user in ("ubuntu", "admin", "root"):
            got = self.ssh(f"{user}@10.8.0.5", "id -un; cat; exit 7",
                           stdin="in\n")
            self.assertEqual((got.stdout, got.returncode), (f"{user}\nin\n", 7),
                             got.stderr)
        self.assertNotEqual(self.ssh("ubuntu@10.8.0.5", "kill -9 $$")
                            .returncode, 0)

    def test_sudo_ubuntu_needs_no_password_admin_does(self) -> None:
        self.assertEqual(self.ssh("ubuntu@node1", "sudo -n id -u").stdout,
                         "0\n")
        got = self.ssh("admin@node1", "sudo -n id -u")
        self.assertEqual(got.returncode, 1)
        self.assertIn("a password is required", got.stderr)
        got = self.ssh("admin@node1", "sudo -S -p '' id -u",
                       stdin="lab-password\n")
        self.assertEqual(got.stdout, "0\n", got.stderr)

    def test_private_addresses_time_out_vpn_answers(self) -> None:
        pairs = [(a, b) for a in HOSTS for b in HOSTS if a != b]
        expected = {(a, VPN[b]): 0 for a, b in pairs}
        expected |= {(a, PRIVATE[b]): TIMED_OUT for a, b in pairs}
        # "No route to host" would come after 3 s of unanswered ARP.
        expected |= {("node1", nobody): TIMED_OUT for nobody in
                     ("10.8.0.99", "1.1.1.1", "192.168.88.1")}
        with ThreadPoolExecutor(len(expected)) as pool:
            got = pool.map(lambda way: self.reaches(*way, seconds="4"),
                           expected)
        self.assertEqual(dict(zip(expected, got)), expected)

    def test_addresses_private_first_default_route_private(self) -> None:
        for host in HOSTS:
            self.assertEqual(self.on(host, "hostname -I"),
                             f"{PRIVATE[host]} {VPN[host]}")
            self.assertIn("dev eth0", self.on(host, "ip route show default"))
            self.assertEqual(self.on(host, "ip -6 addr"), "")

    def test_identity_each_host_has_its_own(self) -> None:
        for command in ("hostname", "cat /etc/machine-id", "cat /etc/hosts",
                        "cat /etc/ssh/ssh_host_ed25519_key.pub",
                        "readlink /proc/self/ns/pid /proc/self/ns/ipc"):
            said = {self.on(host, command) for host in HOSTS}
            self.assertEqual(len(said), 3, command)

    def test_host_is_bare(self) -> None:
        self.assertEqual(self.on("node1", "ls -A /snap /var/snap /tmp /opt "
                                 "/usr/local/bin | grep -v :"
                                 " | grep . || true"), "")
        self.assertEqual(self.on("node1", "test ! -e /work; echo $PATH"),
                         "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                         "/sbin:/bin")
        self.assertEqual(self.on("node1", "getent group microk8s; true"), "")
        self.assertEqual(self.on("node1", "readlink /usr/bin/snap"),
                         "/usr/lib/lab/standin/bin/snap")
        self.assertNotEqual(lab("on", "node1", "--", "touch",
                                "/usr/lib/lab/standin/x").returncode, 0)

    def test_run_keeps_directory_stdin_and_exit_code(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            got = lab("run", "--", "sh", "-c", "pwd; cat; echo $HOME; exit 9",
                      stdin="text\n", cwd=directory)
        home = f"/run/muster-lab/{NAME}/laptop/home"
        self.assertEqual(got.stdout, f"{directory}\ntext\n{home}\n")
        self.assertEqual(got.returncode, 9)
        key = os.stat(home + "/.ssh/id_ed25519")
        self.assertEqual(key.st_mode & 0o777, 0o600)

    def test_on_gives_exit_code_and_signal(self) -> None:
        self.assertEqual(lab("on", "node1", "--", "sh", "-c",
                             "exit 3").returncode, 3)
        self.assertEqual(lab("on", "node1", "--", "sh", "-c",
                             "kill -15 $$").returncode, 143)
        self.assertEqual(lab("on", "node1", "--", "nothing-of-the-kind")
                         .returncode, 127)
        got = lab("on", "node9", "--", "true")
        self.assertEqual(got.returncode, 64)
        self.assertIn("node1, node2, node3", got.stderr)

    def test_ssh_forwards_a_port_to_the_hosts_loopback(self) -> None:
        self.on("node2", "mkdir -p /srv/w; echo hello >/srv/w/f; cd /srv/w; "
                "setsid python3 -m http.server --bind 127.0.0.1 16999 "
                ">/dev/null 2>&1 </dev/null & "
                "for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/16999) "
                "2>/dev/null && exit 0; sleep 0.1; done; exit 1")
        got = lab("run", "--", "ssh", "-W", "127.0.0.1:16999", "root@node2",
                  stdin="GET /f HTTP/1.0\r\n\r\n")
        self.assertIn("hello", got.stdout)

    def stream(self, host: str) -> subprocess.Popen:
        return subprocess.Popen(
            [LAB, "run", "--", "ssh", f"root@{host}",
             "while sleep 0.1; do echo tick; done"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            env={**os.environ, "MUSTER_LAB": NAME})

    def flows(self, stream: subprocess.Popen, seconds: float) -> bool:
        """Whether something arrives; what had arrived before is read away."""
        assert stream.stdout is not None
        fd = stream.stdout.fileno()
        while select.select([fd], [], [], 0)[0]:
            if not os.read(fd, 65536):
                return False
        ready = select.select([fd], [], [], seconds)[0]
        return bool(ready) and bool(os.read(fd, 4096))

    def test_cut_stops_only_the_pair_and_its_open_connections(self) -> None:
        stream = self.stream("node3")
        self.addCleanup(stream.communicate)
        self.addCleanup(stream.terminate)
        self.addCleanup(lab, "mend", "all", "all")
        self.assertTrue(self.flows(stream, 10))
        for _ in range(2):
            self.assertEqual(lab("cut", "laptop", "node3").returncode, 0)
            self.assertEqual(lab("cut", "node1", "node2").returncode, 0)
        self.assertIn("cut: laptop - node3", lab("status").stdout)
        self.flows(stream, 0.3)
        self.assertFalse(self.flows(stream, 1.0))
        self.assertEqual(self.reaches("node1", VPN["node2"]), TIMED_OUT)
        self.assertEqual(self.reaches("node2", VPN["node1"]), TIMED_OUT)
        self.assertEqual(self.reaches("node1", VPN["node3"]), 0)
        for _ in range(2):
            self.assertEqual(lab("mend", "laptop", "node3").returncode, 0)
            self.assertEqual(lab("mend", "node1", "node2").returncode, 0)
        self.assertTrue(self.flows(stream, 15), "the connection lives on")
        self.assertEqual(self.reaches("node1", VPN["node2"]), 0)

    def test_cut_all_isolates_a_host(self) -> None:
        self.addCleanup(lab, "mend", "all", "all")
        lab("cut", "node2", "all")
        self.assertEqual(self.reaches("node2", VPN["node1"]), TIMED_OUT)
        self.assertEqual(self.reaches("node3", VPN["node2"]), TIMED_OUT)
        self.assertEqual(self.reaches("node3", VPN["node1"]), 0)
        lab("mend", "all", "node2")
        self.assertEqual(self.reaches("node2", VPN["node1"]), 0)

    def test_knob_lands_in_the_file_unknown_is_refused(self) -> None:
        read = "cat /etc/lab/knobs.json"
        self.assertEqual(json.loads(self.on("node2", read))["time_scale"],
                         "0.04")
        self.assertEqual(lab("knob", "node2", "api_hang=1").returncode, 0)
        self.addCleanup(lab, "knob", "node2", "api_hang=0")
        self.assertEqual(json.loads(self.on("node2", read)),
                         {"time_scale": "0.04", "api_hang": "1"})
        self.assertNotIn("api_hang", json.loads(self.on("node1", read)))
        got = lab("knob", "all", "api_hamg=1")
        self.assertEqual(got.returncode, 64)
        self.assertIn("did you mean 'api_hang'?", got.stderr)
        self.assertIn("set on node2: api_hang=1", lab("knobs").stdout)

    def test_up_bad_arguments_are_usage_errors(self) -> None:
        for args, said in ((("--hosts", "0"), "1 to 240"),
                           (("--knob", "time_scale=x"), "above 0"),
                           (("--knob", "time_scale"), "NAME=VALUE"),
                           (("--hots", "3"), "--hots")):
            got = lab("up", *args, name=NAME + "-never")
            self.assertEqual(got.returncode, 64, got.stderr)
            self.assertIn(said, got.stderr)
            self.assertFalse(os.path.exists(f"/run/muster-lab/{NAME}-never"))

    def test_help_has_examples_first_and_the_knobs(self) -> None:
        said = lab("--help").stdout
        self.assertLess(said.index("lab run -- ssh"), said.index("usage:"))
        self.assertIn("time_scale", said)

    def test_up_twice_is_refused(self) -> None:
        got = lab("up")
        self.assertEqual(got.returncode, 1)
        self.assertIn("already there", got.stderr)


@unittest.skipIf(os.geteuid() != 0, "a lab needs root")
class LifeTest(unittest.TestCase):
    """Labs that come and go; each test has its own."""

    def up(self, name: str, *args: str) -> None:
        self.addCleanup(lab, "down", name=name)
        came = lab("up", *args, name=name)
        self.assertEqual(came.returncode, 0, came.stderr)

    def test_crash_is_silent_and_boot_keeps_the_disk(self) -> None:
        name = NAME + "-crash"
        self.up(name, "--hosts", "2")

        def on(host: str, script: str) -> subprocess.CompletedProcess:
            return lab("on", host, "--", "bash", "-c", script, name=name)
        facts = "cat /root/kept /etc/machine-id /etc/ssh/ssh_host_*.pub"
        on("node2", "echo kept >/root/kept; echo gone >/run/gone")
        before = on("node2", facts).stdout
        dial = "exec 3<>/dev/tcp/10.8.0.5/22"
        self.assertEqual(on("node1", dial).returncode, 0)
        for _ in range(2):
            self.assertEqual(lab("crash", "node2", name=name).returncode, 0)
        self.assertEqual(on("node1", f"timeout 1.5 bash -c '{dial}'")
                         .returncode, TIMED_OUT)
        got = on("node2", "true")
        self.assertEqual(got.returncode, 69)
        self.assertIn("node2 is down", got.stderr)
        lab("knob", "node2", "api_hang=1", name=name)
        for _ in range(2):
            self.assertEqual(lab("boot", "node2", name=name).returncode, 0)
        self.assertEqual(on("node2", facts).stdout, before)
        self.assertEqual(on("node2", "cat /run/gone").returncode, 1)
        self.assertIn("api_hang", on("node2", "cat /etc/lab/knobs.json").stdout)
        got = lab("run", "--", "ssh", "root@node2", "hostname", name=name)
        self.assertEqual(got.stdout, "node2\n", got.stderr)

    def test_two_labs_at_once_down_ends_one_and_leaves_nothing(self) -> None:
        names = (NAME + "-a", NAME + "-b")
        with open("/proc/mounts", encoding="utf-8") as mounts:
            mounts_before = mounts.read()
        for name in names:
            self.up(name, "--hosts", "1")
        left = subprocess.Popen(
            [LAB, "run", "--", "sleep", "60"], env={**os.environ,
                                                    "MUSTER_LAB": names[0]})
        keys = set()
        for name in names:
            got = lab("run", "--", "ssh", "root@10.8.0.4",
                      "cat /etc/machine-id", name=name)
            self.assertEqual(got.returncode, 0, got.stderr)
            keys.add(got.stdout)
        self.assertEqual(len(keys), 2)
        processes = pids(names[0])
        spaces = namespaces_of(processes)
        self.assertEqual(lab("down", name=names[0]).returncode, 0)
        self.assertEqual(left.wait(5), -9)
        self.assertFalse([p for p in processes if start_time(p)])
        self.assertFalse(spaces & namespaces_alive())
        self.assertFalse(os.path.exists(f"/run/muster-lab/{names[0]}"))
        with open("/proc/mounts", encoding="utf-8") as mounts:
            self.assertEqual(mounts.read(), mounts_before)
        self.assertEqual(lab("run", "--", "ssh", "root@10.8.0.4", "true",
                             name=names[1]).returncode, 0)
        self.assertEqual(lab("down", name=names[0]).returncode, 0)

    def test_down_cleans_an_interrupted_up(self) -> None:
        name = NAME + "-half"
        self.addCleanup(lab, "down", name=name)
        half = subprocess.Popen([LAB, "up", "--hosts", "20"],
                                stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL,
                                env={**os.environ, "MUSTER_LAB": name})
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                if len(state(name)["hosts"]) >= 5:
                    break
            except (FileNotFoundError, ValueError):
                pass
            time.sleep(0.005)
        half.kill()
        half.wait()
        processes = pids(name)
        self.assertEqual(lab("status", name=name).returncode, 69)
        self.assertEqual(lab("down", name=name).returncode, 0)
        self.assertFalse([p for p in processes if start_time(p)])

    def test_topology_and_add(self) -> None:
        name = NAME + "-topo"
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as stream:
            stream.write("[networks]\nvpn=10.9.0.0/24\n[host a]\n"
                         "vpn=10.9.0.4\nknob.api_hang=1\n[host b]\n"
                         "vpn=10.9.0.5\n")
            stream.flush()
            self.up(name, "--topology", stream.name)
        got = lab("run", "--", "ssh", "root@b", "cat /etc/lab/knobs.json; "
                  "hostname -I", name=name)
        self.assertEqual(got.stdout, "{}\n10.9.0.5 \n", got.stderr)
        self.assertEqual(lab("add", name=name).returncode, 64)
        lab("down", name=name)
        self.up(name, "--hosts", "1")
        got = lab("add", "2", name=name)
        self.assertEqual(got.returncode, 0, got.stderr)
        got = lab("on", "node1", "--", "timeout", "2", "bash", "-c",
                  "exec 3<>/dev/tcp/10.8.0.6/22", name=name)
        self.assertEqual(got.returncode, 0, got.stderr)
        got = lab("run", "--", "ssh", "ubuntu@node3", "hostname", name=name)
        self.assertEqual(got.stdout, "node3\n", got.stderr)

    def test_no_known_hosts_leaves_the_file_out(self) -> None:
        name = NAME + "-nokh"
        self.up(name, "--hosts", "1", "--no-known-hosts")
        got = lab("run", "--", "ssh", "-oBatchMode=yes", "root@10.8.0.4",
                  "true", name=name)
        self.assertEqual(got.returncode, 255)
        self.assertIn("Host key verification failed", got.stderr)


if __name__ == "__main__":
    unittest.main()
