# SPDX-License-Identifier: Apache-2.0
"""A control plane's join after the agent's answer, after join.py.

Running out of tries while the datastore takes the host in is no error: the
words are those of success and the exit code is 0 (microk8s#4584, #4713).
"""
from __future__ import annotations

import os
import re
import shutil
import sys

from .. import core
from .join_worker import service, set_api_args, store, take_kubelet_args

BACKEND = ("var", "kubernetes", "backend")
TRIES = 10
LIED = "/run/lied-join"
#: an address where no member is, nor anybody else
NOBODY = "192.0.2.1:19001"


def datastore_members() -> list[tuple[str, str]]:
    """(address, role) of the datastore's members, from cluster.yaml."""
    try:
        with open(core.path(*BACKEND, "cluster.yaml"),
                  encoding="utf-8") as source:
            text = source.read()
    except OSError:
        return []
    roles = {"0": "voter", "1": "standby", "2": "spare"}
    found = []
    for entry in re.split(r"^- ", text, flags=re.M)[1:]:
        fields = dict(re.findall(r"^ *(\w+): *(\S+) *$", entry, re.M))
        role = fields.get("Role", "0")
        found.append((fields.get("Address", ""), roles.get(role, role)))
    return found


def keep_authority(info: dict) -> None:
    """The cluster's CA and service account key become this host's own."""
    for name, key in (("ca.crt", "ca"), ("ca.key", "ca_key"),
                      ("serviceaccount.key", "service_account_key")):
        path = core.path("certs", name)
        if os.path.exists(path):
            shutil.copy2(path, str(path) + ".backup")
        store("certs/" + name, info[key])


def lies() -> bool:
    """Knob lie_join_success: the datastore takes nobody in.  `once`: the next
    join of this host is an honest one."""
    if core.knob("lie_join_success") != "once":
        return core.knob_bool("lie_join_success")
    first = not os.path.exists(LIED)
    with open(LIED, "a", encoding="utf-8"):
        return first


def move_datastore(info: dict) -> None:
    """A new, empty datastore that knows whom to ask for membership."""
    old = str(core.path(*BACKEND))
    shutil.rmtree(old + ".backup", ignore_errors=True)
    if os.path.isdir(old):
        os.rename(old, old + ".backup")
    os.makedirs(old, mode=0o770)
    store("/".join(BACKEND) + "/cluster.crt", info["cluster_cert"])
    store("/".join(BACKEND) + "/cluster.key", info["cluster_key"])
    voters = "".join("- %s\n" % voter for voter in
                     ([NOBODY] if lies() else info["voters"]))
    store("/".join(BACKEND) + "/init.yaml", "Address: %s:19001\nCluster:\n%s"
          % (info["hostname_override"], voters))


def is_member(address: str) -> bool | None:
    """Whether the datastore lists this host; None when it is not there."""
    found = datastore_members()
    if not found:
        return None
    return any(one.startswith(address + ":") for one, _ in found)


def wait_for_datastore(address: str) -> None:
    """At most ten looks; the dots are all that tells failure from success."""
    print("Waiting for this node to finish joining the cluster.", end=" ",
          flush=True)
    for _ in range(TRIES):
        seen = is_member(address)
        if seen:
            break
        if seen is None:
            print("..", end=" ", flush=True)
            core.sleep(2)
        else:
            print(".", end=" ", flush=True)
            core.sleep(5)
    print(" ")


def point_calico(address: str) -> None:
    """cni.yaml is patched like the server's, and not applied."""
    path = core.path("args", "cni-network", "cni.yaml")
    try:
        with open(path, encoding="utf-8") as source:
            text = source.read()
    except OSError:
        return
    store("args/cni-network/cni.yaml",
          text.replace("first-found", "can-reach=" + address))


def join(address: str, info: dict) -> None:
    """Everything after the agent's answer."""
    from .. import certs
    keep_authority(info)
    certs.init_ca_and_certs()
    set_api_args(info)
    take_kubelet_args(info)
    store("credentials/callback-token.txt", info["callback_token"] + "\n")
    service("stop", "kubelite")
    service("stop", "k8s-dqlite")
    core.sleep(10)
    move_datastore(info)
    service("start", "k8s-dqlite")
    wait_for_datastore(info["hostname_override"])
    service("start", "kubelite")
    # The kicker does it in life: server.crt is of the new CA now, and the
    # agent serves what it loaded at its start.
    service("restart", "cluster-agent")
    point_calico(address)
    core.touch_lock("no-cert-reissue")
    sys.stdout.flush()
