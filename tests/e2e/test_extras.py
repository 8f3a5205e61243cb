# SPDX-License-Identifier: Apache-2.0
"""What an inventory may ask of a cluster beside being one: addons, alias,
group, labels and taints, flags, mirrors, more names in the certificate.

One cluster is assembled with all of it; each test breaks or asks one thing
more, and leaves it well.
"""
from __future__ import annotations

import json

from muster_lab import DATA, MICROK8S, LabTest, host_steps, of_host

ASKED = """
microk8s_addons = dns, metallb:10.8.0.200-10.8.0.210,10.8.0.230-10.8.0.239
microk8s_alias = yes
microk8s_group_users = ${ansible_user} admin
microk8s_registry_mirrors = docker.io=https://mirror.example:5000 \
https://second.example/v2/hub, quay.io=http://10.8.0.2:5000
microk8s_extra_sans = cluster.example.com, 203.0.113.10
microk8s_kubelet_args = --max-pods=200 --v=2
microk8s_kube_apiserver_args = --event-ttl=10m
microk8s_kube_scheduler_args = --v=1
microk8s_containerd_args = --log-level=warn
"""
WORKER = 'node_ip=10.8.0.5 node_labels="disk=ssd example.com/zone=a" ' \
    'node_taints=dedicated=db:NoSchedule ' \
    'microk8s_kubelet_args="--max-pods=150 --v=2"'
DOCKER_HOSTS = """# Written by muster: microk8s_registry_mirrors
server = "https://registry-1.docker.io"

[host."https://mirror.example:5000"]
  capabilities = ["pull", "resolve"]

[host."https://second.example/v2/hub"]
  capabilities = ["pull", "resolve"]
  override_path = true
"""
METALLB = "var/addons/metallb.on"


class ExtrasTest(LabTest):
    HOSTS = 3
    KNOBS = {"installed": 1}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.plain = cls.inventory
        cls.inventory = cls.edited(
            "asked.ini", ("node_ip=10.8.0.5", WORKER),
            ("[all:vars]\n", "[all:vars]" + ASKED))
        cls.assemble()
        cls.first_starts = cls.starts()

    # --- what the hosts and the API say ---

    @classmethod
    def node(cls, name: str = "node2") -> dict:
        return json.loads(cls.sh("node1", MICROK8S + " kubectl get node %s "
                                 "-o json" % name))

    @classmethod
    def patch(cls, change: dict, name: str = "node2") -> None:
        cls.sh("node1", "%s kubectl patch node %s --type merge -p '%s'" % (
            MICROK8S, name, json.dumps(change)))

    def labels(self) -> dict[str, str]:
        return self.node()["metadata"]["labels"]

    def taints(self) -> list[dict[str, str]]:
        return self.node()["spec"].get("taints", [])

    def sans(self) -> str:
        return self.sh("node1", "openssl x509 -in %s/certs/server.crt -noout "
                       "-ext subjectAltName" % DATA)

    def assert_changed(self, document: dict, **steps: list[str]) -> None:
        """These steps changed something on these hosts, and no other."""
        self.assertEqual({host: host_steps(document, host, "changed")
                          for host in self.state()["hosts"]},
                         {**{host: [] for host in self.state()["hosts"]},
                          **steps})

    def refused(self, *edits: tuple[str, str], rc: int = 65) -> str:
        """What is said of an inventory with these edits, unconnected."""
        path = self.edited("refused.ini", *edits)
        done = self.muster("up", inventory=path)
        self.assertEqual(done.rc, rc, done)
        self.assertNotIn("look at every host", done.err)
        return done.err

    def column(self, path: str, text: str) -> str:
        """line:column where this text is in a file of the class."""
        with open(self.file(path), encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                if text in line:
                    return "%d:%d" % (number, line.index(text) + 1)
        raise AssertionError(text)

    # --- tests ---

    def test_all_of_it_is_there(self) -> None:
        said = self.sh("node1", MICROK8S + " status --format short")
        self.assertIn("core/metallb: enabled", said)
        self.assertEqual(self.read("node1", METALLB),
                         "10.8.0.200-10.8.0.210,10.8.0.230-10.8.0.239")
        for host in ("node1", "node2", "node3"):
            self.assertIn("microk8s.kubectl  kubectl  manual",
                          self.sh(host, "snap aliases"))
            for user in ("ubuntu", "admin"):
                self.assertIn("microk8s", self.sh(host, "id -nG " + user
                                                  ).split())
            self.assertEqual(self.read(host, "args/certs.d/docker.io/"
                                       "hosts.toml"), DOCKER_HOSTS)
            self.assertIn('server = "https://quay.io"', self.read(
                host, "args/certs.d/quay.io/hosts.toml"))
            self.assertIn("--v=2", self.args(host, "kubelet"))
            self.assertIn("--max-pods=%d" % (150 if host == "node2" else 200),
                          self.args(host, "kubelet"))
            self.assertIn("--log-level=warn", self.args(host, "containerd"))
        self.assertIn("--event-ttl=10m", self.args("node1", "kube-apiserver"))
        self.assertIn("--v=1", self.args("node1", "kube-scheduler"))
        self.assertNotIn("--v=1", self.args("node2", "kube-scheduler"))
        self.assertEqual(self.node()["status"]["capacity"]["pods"], "150")
        for name in ("DNS:cluster.example.com", "IP Address:203.0.113.10"):
            self.assertIn(name, self.sans())
        self.assertEqual(self.labels()["disk"], "ssd")
        self.assertEqual(self.labels()["example.com/zone"], "a")
        self.assertIn({"key": "dedicated", "value": "db",
                       "effect": "NoSchedule"}, self.taints())
        self.assertEqual(self.nodes(), self.well(3))

    def test_folders_and_files_are_the_groups(self) -> None:
        said = self.sh("node2", "cd %s/args; stat -c '%%U:%%G %%a' "
                       "certs.d certs.d/quay.io certs.d/quay.io/hosts.toml "
                       "certs.d/docker.io/hosts.toml" % DATA)
        self.assertEqual(said.splitlines(), [
            "root:microk8s 770", "root:microk8s 770", "root:microk8s 660",
            "root:microk8s 660"])

    def test_again_changes_nothing_and_restarts_nothing(self) -> None:
        before, starts = self.snapshots(), self.starts()
        document = self.up()
        self.assert_changed(document)
        self.assertEqual(self.snapshots(), before)
        self.assertEqual(self.starts(), starts)

    def test_each_node_was_restarted_once_for_its_flags(self) -> None:
        for host, starts in self.first_starts.items():
            self.assertEqual(starts.count("containerd"), 2, starts)
        self.assertEqual(self.first_starts["node2"][-2:],
                         ["containerd", "kubelite"])
        # Its kubelet's flags are the master's: they came with the join.
        self.assertEqual(self.first_starts["node3"][-1], "containerd")

    def test_drift_is_put_right(self) -> None:
        self.patch({"metadata": {"labels": {"disk": "hdd", "mine": "1"}},
                    "spec": {"taints": [{"key": "mine",
                                         "effect": "NoExecute"}]}})
        self.sh("node3", "snap unalias kubectl; gpasswd -d admin microk8s; "
                "cd %s/args; sed -i '/^--max-pods/d' kubelet; "
                "echo '# mine' > certs.d/quay.io/hosts.toml" % DATA)
        status = self.muster("status", "--exit-code")
        self.assertEqual(status.rc, 10, status)
        self.assertIn("args/kubelet: --max-pods is not there, and the "
                      "inventory says 200", status.out)
        plan = self.muster("plan", "--exit-code")
        self.assertEqual(plan.rc, 10, plan)
        self.assertIn("disk=ssd", plan.out + plan.err)
        self.assertEqual(self.labels()["disk"], "hdd")
        self.assert_changed(
            self.up(), node2=["label", "taint"],
            node3=["mirrors", "group_users", "alias", "extra_args",
                   "restart"])
        self.assertEqual((self.labels()["disk"], self.labels()["mine"]),
                         ("ssd", "1"))
        self.assertEqual({taint["key"] for taint in self.taints()},
                         {"dedicated", "mine"})
        self.assertIn("--max-pods=200", self.args("node3", "kubelet"))
        self.assertEqual(self.sh("node3", "cat %s/args/certs.d/quay.io/"
                                 "hosts.toml.muster-*" % DATA), "# mine\n")
        self.patch({"metadata": {"labels": {"mine": None}}})

    def test_a_dash_takes_away_and_no_word_leaves_alone(self) -> None:
        path = self.edited(
            "dashes.ini", ("example.com/zone=a", "example.com/zone-"),
            ("dedicated=db:NoSchedule", "dedicated-"),
            ("--max-pods=150 --v=2", "--max-pods-"),
            ("--max-pods=200 --v=2", "--max-pods-"))
        document = self.up(inventory=path)
        self.assert_changed(document, node1=["extra_args", "restart"],
                            node2=["extra_args", "restart", "label", "taint"],
                            node3=["extra_args", "restart"])
        self.assertNotIn("example.com/zone", self.labels())
        self.assertNotIn("dedicated", {t["key"] for t in self.taints()})
        self.assertIn("--v=2", self.args("node2", "kubelet"))
        self.assert_changed(self.up(inventory=path))
        starts = self.starts()
        self.assert_changed(self.up(inventory=self.plain))
        self.assertEqual(self.starts(), starts)
        self.up()

    def test_a_worker_that_joins_again_gets_all_of_it_again(self) -> None:
        self.sh("node2", MICROK8S + " leave", seconds=120)
        self.sh("node1", MICROK8S + " remove-node node2")
        changed = host_steps(self.up(), "node2", "changed")
        for step in ("join", "extra_args", "label", "taint"):
            self.assertIn(step, changed)
        self.assertEqual(self.labels()["disk"], "ssd")
        self.assertEqual([t["key"] for t in self.taints()], ["dedicated"])
        self.assertIn("--max-pods=150", self.args("node2", "kubelet"))
        self.assertEqual(self.nodes(), self.well(3))
        self.assert_changed(self.up())

    def test_another_snaps_alias_is_refused(self) -> None:
        self.sh("node3", "snap unalias kubectl; printf '#!/bin/sh\\nexec "
                "/snap/bin/other.kubectl \"$@\"\\n' > /snap/bin/kubectl; "
                "chmod 755 /snap/bin/kubectl")
        self.addCleanup(self.sh, "node3", "rm /snap/bin/kubectl; snap alias "
                        "microk8s.kubectl kubectl")
        document = self.up(rc=69)
        failed = json.dumps(of_host(document, "node3"))
        self.assertIn("an alias of other.kubectl already", failed)
        self.assertIn("snap unalias kubectl", failed)

    def test_a_user_who_is_not_there_is_refused(self) -> None:
        document = self.up("-e", "microk8s_group_users=nobody-here", rc=69)
        self.assertIn("there is no user nobody-here", json.dumps(document))

    def test_an_unknown_addon_is_refused_with_those_there_are(self) -> None:
        document = self.up("-e", "microk8s_addons=registry,ingres", rc=2)
        self.assertIn("there is no addon 'ingres'; there are cert-manager, ",
                      json.dumps(document))
        self.assertIn("did you mean ingress?", json.dumps(document))
        self.assertIn("core/registry: disabled", self.sh(
            "node1", MICROK8S + " status --format short"))

    def test_an_addons_own_failure_is_told(self) -> None:
        self.sh("node1", MICROK8S + " disable metallb")
        self.addCleanup(self.up)
        document = self.up("-e", "microk8s_addons=metallb:here", rc=2)
        self.assertIn("Your input value (here) is not a valid IP Range",
                      json.dumps(document))

    def test_a_repositorys_addons_come_behind_it(self) -> None:
        document = self.up("-e", "microk8s_addons=community argocd")
        self.addCleanup(self.sh, "node1", MICROK8S + " disable argocd "
                        "community")
        self.assert_changed(document, node1=["addons"])
        self.assertIn("community/argocd: enabled", self.sh(
            "node1", MICROK8S + " status --format short"))
        self.assert_changed(self.up("-e", "microk8s_addons=community argocd"))

    def test_mistakes_are_told_before_anything_is_connected(self) -> None:
        for old, new, at, why in (
                ("disk=ssd", "disk=s/d", "s/d", "'s/d' is not a value"),
                ("disk=ssd", "microk8s.io/cluster=x", "microk8s.io/cluster",
                 "set by MicroK8s"),
                ("db:NoSchedule", "db:NoWay", "NoWay", "is not a taint"),
                ("--v=2", "--node-ip=1.2.3.4", "--node-ip",
                 "--node-ip of kubelet is not to be given"),
                ("--event-ttl=10m", "--advertise-address=1.2.3.4",
                 "--advertise-address", "--advertise-address of"),
                ("--event-ttl=10m", "event-ttl=10m", "event-ttl",
                 "'event-ttl=10m' is not a flag"),
                ("dns, ", "dns, 8.8.8.8, ", "8.8.8.8",
                 "'8.8.8.8' is not the name of an addon"),
                ("} admin", "} -admin", "-admin",
                 "'-admin' is not the name of a user"),
                ("quay.io=http:", "quay.io=ftp:", "ftp:",
                 "is not the URL of a mirror"),
                ("cluster.example.com", "no_.example..com",
                 "no_.example..com", "is neither an address nor a name")):
            said = self.refused((old, new))
            self.assertIn("refused.ini:%s: " % self.column(
                "refused.ini", at), said)
            self.assertIn(why, said)
        said = self.refused(("microk8s_addons", "microk8s_adons"))
        self.assertIn("did you mean microk8s_addons?", said)

    def test_mistakes_of_the_command_line_are_told_too(self) -> None:
        done = self.muster("up", "-e", "node_labels=a/b/c=d")
        self.assertEqual(done.rc, 65, done)
        self.assertRegex(done.err, r"up\.yaml:\d+:\d+: for host 'node1': "
                         "'labels': 'a/b/c' is not a key")

    def test_kubectl_without_sudo_works_for_who_is_in_the_group(
            self) -> None:
        done = self.lab("run", "--", "ssh", "-n", "ubuntu@10.8.0.4",
                        "/snap/bin/kubectl get nodes -o name")
        self.assertEqual((done.rc, len(done.out.split())), (0, 3), done)

