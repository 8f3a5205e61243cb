# SPDX-License-Identifier: Apache-2.0
"""`microk8s join`: options, the connection string, and who does the rest.

Facts from microk8s-join.wrapper and join.py.  There is no timeout and no
check for being a member already.  stdout is buffered by Python when it is a
pipe, so over SSH nothing is seen before the end.
"""
from __future__ import annotations

import ipaddress
import socket
import sys

from .. import core
from . import common, dispatch, join_wire
from .join_wire import JoinFailed

USAGE = "Usage: microk8s join [OPTIONS] CONNECTION"

HELP = USAGE + """

  Join the node to a cluster

  CONNECTION: a cluster connection endpoint in format
  <master>:<port>/<token>

Options:
  --worker                     Join as a node only running workloads
  --controlplane               Join running the control plane
  --skip-verify                Skip the certificate verification of the node
                               we are joining to (default: false)
  --disable-low-memory-guard   Join even with little memory
  -h, --help                   Show this message and exit.
"""

LOW_MEMORY = """\
This node does not have enough RAM to host the Kubernetes control plane services
and join the database quorum. You may consider joining this node as a worker \
instead:

    microk8s join %s --worker

If you would still like to join the cluster as a control plane node, use:

    microk8s join %s --disable-low-memory-guard
"""

FLAGS = ("--worker", "--controlplane", "--skip-verify",
         "--disable-low-memory-guard")


def usage_error(text: str) -> int:
    """A mistake in the arguments, in click's words."""
    sys.stderr.write("%s\nTry 'microk8s join --help' for help.\n\n"
                     "Error: %s\n" % (USAGE, text))
    return 2


def split_arguments(args: list[str]) -> tuple[set[str], list[str]]:
    """Flags that are known, and everything else in its order."""
    flags = {arg for arg in args if arg in FLAGS}
    return flags, [arg for arg in args if arg not in FLAGS]


def parse_connection(text: str) -> tuple[str, str, str, str | None]:
    """Address, port, token and fingerprint of a connection string."""
    def invalid(what: str) -> JoinFailed:
        return JoinFailed(1, "Invalid connection: " + what)

    form = ("Expected format: <master_IP>:<master_PORT>/<token>"
            "[/<fingerprint>]")
    parts = text.split("/")
    if not 2 <= len(parts) <= 3:
        raise invalid(form)
    endpoint = parts[0].split(":")
    if len(endpoint) != 2:
        raise invalid(form)
    address, port = endpoint
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise invalid("Invalid master IP") from None
    try:
        number = int(port)
    except ValueError:
        raise invalid("Master PORT not a number") from None
    if not 1 <= number <= 65535:
        raise invalid("Master PORT not in range 1:65535")
    if len(parts[1]) < 32:
        raise invalid("Cluster token size should be at least 32 bytes")
    if len(parts) == 3 and len(parts[2]) < 12:
        raise invalid("Fingerprint should be at least 12 bytes")
    return address, port, parts[1], parts[2] if len(parts) == 3 else None


def check_memory(connection: str, flags: set[str]) -> None:
    """The guard the install hook set up on a host of little memory."""
    if "--disable-low-memory-guard" in flags:
        core.drop_lock("low-memory-guard.lock")
    if core.has_lock("low-memory-guard.lock") and not flags & {"--worker", "--disable-low-memory-guard"}:
        raise JoinFailed(1, (LOW_MEMORY % (connection, connection)).rstrip())


def own_agent_port() -> str:
    """The port of this host's own agent, told to the master."""
    bind = core.arg("cluster-agent", "--bind") or ""
    return bind.rsplit(":", 1)[-1] or "25000"


def join_request(token: str, role: str | None) -> dict:
    """The body of the join request of a host in dqlite mode."""
    return {
        "token": token,
        "hostname": socket.gethostname().lower(),
        "port": own_agent_port(),
        "worker": role,
        "can_handle_x509_auth": True,
        "can_handle_custom_etcd": True,
    }


def run(connection: str, flags: set[str]) -> None:
    """Join; the words on stdout, or JoinFailed."""
    address, port, token, fingerprint = parse_connection(connection)
    check_memory(connection, flags)
    core.touch_lock("join-in-progress")
    # "as-master" is as true as "as-worker" to the client, and only the
    # server reads it: --controlplane takes the wrong path on this side.
    role = None
    if "--controlplane" in flags:
        role = "as-master"
    elif "--worker" in flags:
        role = "as-worker"
    if "--skip-verify" in flags:
        fingerprint = None
    print("Contacting cluster at %s" % address)
    info = join_wire.exchange(address, port, fingerprint,
                              "/cluster/api/v2.0/join",
                              join_request(token, role))
    if role is not None:
        from . import join_worker
        join_worker.join(address, port, token, info)
    else:
        from . import join_control
        join_control.join(address, info)
    core.drop_lock("join-in-progress")
    print("Successfully joined the cluster.")


def main(_name: str, args: list[str]) -> int:
    """Check the arguments, become root, join."""
    if common.exists_common("default-storage"):
        print("WARNING: Hostpath storage is enabled and is not suitable for "
              "multi node clusters.")
        print()
    dispatch.become_root("join", args)
    if "-h" in args or "--help" in args:
        print(HELP, end="")
        return 0
    flags, rest = split_arguments(args)
    if not rest:
        return usage_error("Missing argument 'CONNECTION'.")
    if len(rest) > 1:
        return usage_error(
            "Got unexpected extra argument%s (%s)"
            % ("s" if len(rest) > 2 else "", " ".join(rest[1:])))
    try:
        run(rest[0], flags)
    except JoinFailed as failed:
        print(failed.text)
        return failed.code
    return 0
