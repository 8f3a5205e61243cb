# SPDX-License-Identifier: Apache-2.0
"""A worker's join after the agent's answer, in join.py's order.

Every step writes what the next one needs and nothing undoes it, so a join
that dies here leaves a half-joined host: that is what a second join, with a
new token, has to repair.
"""
from __future__ import annotations

import os
import subprocess
import sys

from .. import core, provider
from . import join_wire
from .join_wire import JoinFailed

NOT_A_WORKER = ("Joining process failed. Make sure the cluster you connect "
                "to supports joining worker nodes.")

JOINED = """
The node has joined the cluster and will appear in the nodes list in a few \
seconds.

This worker node gets automatically configured with the API server endpoints.
If the API servers are behind a loadbalancer please set the \
'--refresh-interval' to '0s' in:
    /var/snap/microk8s/current/args/apiserver-proxy
and replace the API server endpoints with the one provided by the \
loadbalancer in:
    /var/snap/microk8s/current/args/traefik/provider.yaml
"""

#: services restarted one after another once the host is marked a worker
RESTARTS = ("kubelite", "etcd", "apiserver-kicker", "apiserver-proxy",
            "k8s-dqlite")

LABELS = ("microk8s.io/cluster=true,"
          "node.kubernetes.io/microk8s-worker=microk8s-worker")


def pause(share: float) -> None:
    """Wait this share of the joiner's own time (knob join_seconds)."""
    core.sleep(core.knob_float("join_seconds") * share)


def service(verb: str, name: str) -> None:
    """snapctl VERB one daemon; its failure ends the join with a traceback.

    snapd allows one change at a time and snapctl does not wait for it.
    """
    target = "microk8s.daemon-" + name
    code, out, err = core.snapctl(verb, target)
    sys.stdout.write(out)
    if code != 0:
        sys.stderr.write(err)
        raise subprocess.CalledProcessError(
            code, ["snapctl", verb, target])


def store(name: str, text: str) -> None:
    """Write below SNAP_DATA for root and the group."""
    core.write_text(core.path(*name.split("/")), text)


def match_cidr(info: dict) -> None:
    """Take the cluster's pod network when it is not this host's."""
    cidr = info.get("cluster_cidr")
    own = core.arg("kube-proxy", "--cluster-cidr")
    if not cidr or cidr == own:
        return
    print("WARNING: Joining a cluster that has a different CIDR. The "
          "kube-proxy CIDR configuration will be overwritten.")
    print("WARNING: Joining a cluster that has a different CIDR. Cluster "
          "CIDR: %s -- Node CIDR: %s." % (cidr, own))
    core.set_arg("kube-proxy", "--cluster-cidr", cidr)
    service("restart", "kubelite")


def set_api_args(info: dict) -> None:
    """The cluster's authorization mode and port, as a stand-alone host."""
    core.set_arg("kube-apiserver", "--authorization-mode",
                 info["api_authz_mode"])
    core.set_arg("kube-apiserver", "--secure-port", info["apiport"])
    service("restart", "kubelite")


def take_kubelet_args(info: dict) -> None:
    """The server's args/kubelet replaces this host's.

    Only a --node-ip that the server itself has is handed on, with the
    address the server saw this host come from (microk8s#3184).
    """
    store("args/kubelet", info["kubelet_args"])
    if "--node-ip" in info["kubelet_args"]:
        core.set_arg("kubelet", "--node-ip", info["hostname_override"])
    if "--hostname-override" in info["kubelet_args"]:
        core.set_arg("kubelet", "--hostname-override", None)


def get_certificates(address: str, port: str, token: str) -> None:
    """Keys of the proxy and the kubelet, signed by the cluster's CA."""
    request = join_wire.make_request("proxy", "/CN=system:kube-proxy", [])
    store("certs/proxy.crt", join_wire.sign(
        address, port, "proxy", token + "-proxy", request))
    core.set_arg("kube-proxy", "--master", None)
    core.set_arg("kube-proxy", "--hostname-override", None)
    pause(0.10)

    subject = "/CN=system:node:%s/O=system:nodes" % core.hostname_lower()
    request = join_wire.make_request("kubelet", subject,
                                     join_wire.worker_sans())
    store("certs/kubelet.crt", join_wire.sign(
        address, port, "kubelet", token + "-kubelet", request))
    core.set_arg("kubelet", "--client-ca-file",
                 "${SNAP_DATA}/certs/ca.remote.crt")
    core.set_arg("kubelet", "--node-labels", LABELS)


def write_kubeconfigs() -> None:
    """The worker's own clients; the admin's client.config stays as it was."""
    authority = str(core.path("certs", "ca.remote.crt"))
    for name, user in (
            ("proxy", "system:kube-proxy"),
            ("kubelet", "system:node:" + core.hostname_lower())):
        store("credentials/%s.config" % name, join_wire.kubeconfig(
            user, str(core.path("certs", name + ".crt")),
            str(core.path("certs", name + ".key")), authority))


def start_proxy(address: str, api_port: str) -> None:
    """Point the local API proxy at the address of the join URL."""
    core.drop_lock("no-apiserver-proxy")
    provider.write([(address, int(api_port))])
    service("restart", "apiserver-proxy")


def become_worker() -> None:
    """Mark the host a worker and restart its services one by one."""
    core.touch_lock("clustered.lock")
    core.touch_lock("no-k8s-dqlite")
    for name in RESTARTS:
        service("restart", name)
        pause(0.10)


def join(address: str, port: str, token: str, info: dict) -> None:
    """Everything after the agent's answer; ends with the words of success."""
    if info.get("ca_key") is not None:
        raise JoinFailed(1, NOT_A_WORKER)
    match_cidr(info)
    store("certs/ca.remote.crt", info["ca"])
    set_api_args(info)
    pause(0.30)
    take_kubelet_args(info)
    get_certificates(address, port, token)
    write_kubeconfigs()
    store("credentials/callback-token.txt", info["callback_token"] + "\n")
    start_proxy(address, info["apiport"])
    pause(0.10)
    if core.knob_bool("lie_join_success"):
        spoil_credentials()
    become_worker()
    core.touch_lock("no-cert-reissue")
    print(JOINED)


def spoil_credentials() -> None:
    """Knob lie_join_success: all said and done, and no node ever appears.

    The kubelet's key is gone before it first starts as a worker's, so it
    cannot speak to any API server (the outcome of microk8s#4584); another
    join makes a new key.
    """
    os.unlink(core.path("certs", "kubelet.key"))
