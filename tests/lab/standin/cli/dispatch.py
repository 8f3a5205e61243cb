# SPDX-License-Identifier: Apache-2.0
"""Find the module of a subcommand and apply the wrappers' common rules.

MicroK8s' shell wrappers each test permissions, worker mode and the stop
marker in an order of their own; GUARDS spells out that order per command
(microk8s-*.wrapper).  What a worker answers is prose with an exit code that
is 0 more often than not, and scripts are bitten by exactly that.
"""
from __future__ import annotations

import importlib
import os
import signal
import sys

from .. import core

#: subcommand -> module below cli/
MODULES = {
    "add-node": "add_node",
    "config": "misc",
    "ctr": "misc",
    "disable": "addons",
    "enable": "addons",
    "inspect": "misc",
    "join": "join",
    "kubectl": "kubectl",
    "helm": "misc",
    "helm3": "misc",
    "leave": "leave",
    "refresh-certs": "refresh_certs",
    "remove-node": "remove_node",
    "reset": "misc",
    "start": "startstop",
    "status": "status",
    "stop": "startstop",
    "version": "misc",
}

#: what the real snap lists and this stand-in has no use for
ABSENT = ("addons", "dashboard-proxy", "dbctl", "images", "istioctl",
          "kubectl-plugins")

#: worker mode: subcommand -> (exit code, text); `%s` is the sentence below
ACTING = "This MicroK8s deployment is acting as a node in a cluster."
WORKER_PROSE = {
    "add-node": (1, ACTING + " Please use the microk8s add-node on the "
                 "master."),
    "config": (0, ACTING + " Please use the microk8s config on the master."),
    "disable": (1, ACTING + "\nPlease use the master node."),
    "enable": (1, ACTING + "\nPlease use the master node."),
    "helm": (0, ACTING + " Please use the microk8s helm on the master."),
    "helm3": (0, ACTING + " Please use the microk8s helm on the master."),
    "kubectl": (0, ACTING + " Please use the microk8s kubectl on the "
                "master."),
    "refresh-certs": (0, ACTING + "\nPlease use the refresh-certs on the "
                      "master."),
    "remove-node": (1, ACTING + " Please use microk8s leave."),
    "reset": (1, ACTING + "\nPlease use the master node."),
    "start": (0, ACTING + "\nUse 'snap start microk8s' to start services on "
              "this node."),
    "status": (0, ACTING + "\nPlease use the control plane node."),
    "stop": (0, ACTING + "\nUse 'snap stop microk8s' to stop services on "
             "this node."),
}

#: the checks each wrapper makes, in its order; a module makes the rest itself
GUARDS = {
    "add-node": ("worker",),
    "config": ("permission", "worker"),
    "ctr": ("permission",),
    "disable": ("worker", "permission", "stopped"),
    "enable": ("worker", "permission", "stopped"),
    "helm": ("permission", "worker", "stopped"),
    "helm3": ("permission", "worker", "stopped"),
    "inspect": (),
    "join": ("permission",),
    "kubectl": ("permission", "worker", "stopped"),
    "leave": ("stopped", "permission"),
    "refresh-certs": ("worker",),
    "remove-node": ("worker", "permission"),
    "reset": ("worker", "permission"),
    "start": ("worker",),
    "status": ("permission", "worker"),
    "stop": ("worker",),
    "version": ("permission",),
}

STOPPED = "microk8s is not running, try microk8s start"


class Refused(Exception):
    """A wrapper's check ended the command with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def check_permission() -> None:
    """Everything hangs on being able to read the admin's kubeconfig."""
    if os.access(core.path("credentials", "client.config"), os.R_OK):
        return
    user = os.environ.get("USER")
    if user is None:
        sys.stderr.write("/snap/microk8s/current/actions/common/utils.sh: "
                         "line 45: USER: unbound variable\n")
        raise Refused(1)
    sys.stderr.write(
        "Insufficient permissions to access MicroK8s.\n"
        "You can either try again with sudo or add the user %s to the "
        "'microk8s' group:\n\n"
        "    sudo usermod -a -G microk8s %s\n"
        "    sudo chown -R %s ~/.kube\n\n"
        "After this, reload the user groups either via a reboot or by "
        "running 'newgrp microk8s'.\n" % (user, user, user))
    raise Refused(1)


def check_stopped() -> None:
    """The marker `microk8s stop` leaves makes most commands refuse."""
    if core.has_lock("stopped.lock"):
        sys.stderr.write(STOPPED + "\n")
        raise Refused(1)


def check_worker(name: str) -> None:
    """Commands of the control plane refuse on a worker, each in its way."""
    if name in WORKER_PROSE and core.has_lock("clustered.lock"):
        code, text = WORKER_PROSE[name]
        print(text)
        raise Refused(code)


def run_guards(name: str) -> None:
    """Make the checks of GUARDS for this command; Refused ends it."""
    for guard in GUARDS[name]:
        if guard == "permission":
            check_permission()
        elif guard == "stopped":
            check_stopped()
        else:
            check_worker(name)


def become_root(name: str, args: list[str]) -> None:
    """Re-run through sudo as the wrappers do; root needs sudo there too."""
    if os.geteuid() == 0:
        if not any(os.access(os.path.join(place, "sudo"), os.X_OK)
                   for place in ("/usr/bin", "/bin", "/usr/local/bin")):
            sys.stderr.write("/snap/microk8s/current/microk8s-%s.wrapper: "
                             "sudo: command not found\n" % name)
            raise Refused(127)
        return
    sys.stdout.flush()
    program = os.path.join(os.path.dirname(os.path.dirname(
        os.path.realpath(__file__))), "bin", "microk8s")
    try:
        os.execvp("sudo", ["sudo", "-E", program, name] + args)
    except OSError:
        sys.stderr.write("sudo: command not found\n")
        raise Refused(127) from None


def list_subcommands() -> None:
    """Print the names the snap knows."""
    print("Available subcommands are:")
    for name in sorted(list(MODULES) + list(ABSENT)):
        print("\t" + name)


def main(argv: list[str]) -> int:
    """Run argv as `microk8s X ...` or `microk8s.X ...`; the exit code."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    called = os.path.basename(argv[0])
    if called.startswith("microk8s."):
        name, args = called[len("microk8s."):], argv[1:]
    elif len(argv) < 2:
        list_subcommands()
        return 0
    else:
        name, args = argv[1], argv[2:]
    if name in ("-h", "--help", "help"):
        list_subcommands()
        return 0
    if name not in MODULES:
        print("'%s' is not a valid MicroK8s subcommand." % name)
        list_subcommands()
        return 1
    try:
        run_guards(name)
        module = importlib.import_module("." + MODULES[name], __package__)
        return module.main(name, args)
    except Refused as refused:
        return refused.code
