# SPDX-License-Identifier: Apache-2.0
"""`microk8s leave`: a worker becomes a stand-alone host again.

Facts from leave.py.  The Node object stays on the cluster, the snap's own
default arguments come back (without those of the bundled launch
configuration), and a lone master that only has workers passes all checks
and destroys its datastore.
"""
from __future__ import annotations

import os
import shutil
import sys

from .. import certs, core, dqlite, dqlite_ask
from . import addons, dispatch, kube
from .join_worker import service

NOT_MEMBER = "This MicroK8s deployment is not acting as a node in a cluster."
ONLY_COPY = ("This node currently holds the only copy of the Kubernetes "
             "database so it cannot leave the cluster.\n"
             "To remove this node you can either first remove all other "
             "nodes with 'microk8s remove-node' or\n"
             "form a highly available cluster by adding at least two more "
             "nodes.")

DEFAULTS = "/snap/microk8s/current/default-args"


def is_member() -> bool:
    """The wrapper's own test; a master that took a join in passes it."""
    if not core.has_lock("no-cert-reissue"):
        return False
    return core.has_lock("clustered.lock") or os.path.exists(
        core.path("args", "k8s-dqlite"))


def reset_args() -> None:
    """args/kubelet and args/kube-proxy as the snap ships them."""
    for name in ("kubelet", "kube-proxy"):
        with open(os.path.join(DEFAULTS, name), encoding="utf-8") as source:
            core.write_text(core.path("args", name), source.read())


#: addons that are files of the host; all others live in the datastore
ON_DISK = ("community", "ha-cluster", "helm", "helm3")


def new_datastore() -> None:
    """An empty datastore of one member in the old one's place; the addons
    that were in it are gone."""
    for addon in addons.ADDONS + addons.COMMUNITY:
        if addon.name not in ON_DISK:
            addon.set_enabled(False)
    backend = core.path("var", "kubernetes", "backend")
    shutil.rmtree(str(backend) + ".backup", ignore_errors=True)
    if os.path.isdir(backend):
        os.rename(backend, str(backend) + ".backup")
    os.makedirs(backend, mode=0o770)
    certs.init_backend()


def new_certificates() -> None:
    """A CA and certificates of this host's own."""
    for name in ("ca.crt", "ca.key"):
        core.path("certs", name).unlink(missing_ok=True)
    certs.init_ca_and_certs()


def wait_for_node() -> None:
    """Up to ten looks at the API, a dot each, then on in any case."""
    print("Waiting for node to start.", end=" ", flush=True)
    core.sleep(10)
    for _ in range(10):
        if kube.any_node_ready(timeout=5):
            break
        print(".", end=" ", flush=True)
        core.sleep(5)
    print(" ")


def leave_worker() -> int:
    """Back to a stand-alone control plane of one host."""
    print("Configuring services.", flush=True)
    for name in ("apiserver-proxy", "kubelite", "k8s-dqlite"):
        service("stop", name)
    os.remove(core.path("certs", "ca.remote.crt"))
    print("Generating new cluster certificates.", flush=True)
    new_certificates()
    new_datastore()
    reset_args()
    core.drop_lock("clustered.lock")
    core.drop_lock("no-k8s-dqlite")
    core.drop_lock("no-cert-reissue")
    core.touch_lock("no-apiserver-proxy")
    for name in ("k8s-dqlite", "apiserver-kicker", "kubelite",
                 "cluster-agent"):
        service("start" if name in ("k8s-dqlite", "kubelite") else "restart",
                name)
    wait_for_node()
    return 0


def leave_control() -> int:
    """Out of the datastore, and this host's copy of it is wiped."""
    members = dqlite_ask.members(tries=10)
    voters = [address for address, role in members if role == "voter"]
    if len(members) > 1 and len(voters) == 1:
        own = core.all_ips()
        if voters[0].rsplit(":", 1)[0] in own:
            print(ONLY_COPY)
            return 3
    own_row = dqlite.read_info()
    if own_row and len(dqlite.read_cluster()) > 1:
        try:
            dqlite_ask.remove(own_row.address)
        except dqlite_ask.NoLeader as error:
            print("Contacting node %s failed. Error:" % own_row.address)
            print(error)
            return 2
    print("Generating new cluster certificates.", flush=True)
    for name in ("kubelite", "k8s-dqlite"):
        service("stop", name)
    new_certificates()
    new_datastore()
    reset_args()
    core.drop_lock("no-cert-reissue")
    for name in ("k8s-dqlite", "kubelite"):
        service("start", name)
    service("restart", "cluster-agent")
    wait_for_node()
    return 0


def main(_name: str, args: list[str]) -> int:
    """Root only; the checks come before anything is touched."""
    if os.geteuid() != 0:
        dispatch.become_root("leave", args)
    if "-h" in args or "--help" in args:
        print("Usage: microk8s leave\n\n  The node will depart from the "
              "cluster it is in.")
        return 0
    if args:
        sys.stderr.write("Usage: microk8s leave\n\nError: Got unexpected "
                         "extra argument (%s)\n" % args[0])
        return 2
    if not is_member():
        print(NOT_MEMBER)
        return 1
    worker = (core.has_lock("ha-cluster") and core.has_lock("clustered.lock")
              and not core.has_lock("no-apiserver-proxy"))
    return leave_worker() if worker else leave_control()
