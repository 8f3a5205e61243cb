# SPDX-License-Identifier: Apache-2.0
"""`microk8s add-node`: a token, and the words around it.

Facts from microk8s-add-node.wrapper, add_token.py and utils.sh.  It never
talks to the API server, the datastore or the agent: it works while all of
them are down, and what it prints may be wrong in each of its parts.
"""
from __future__ import annotations

import argparse
import os
import sys
import time

from .. import certs, core
from . import common, dispatch

FORMATS = ("pretty", "short", "token", "token-check", "json", "yaml")


def check_fresh() -> bool:
    """A CA named after 127.0.0.1 is of a snap too old to cluster."""
    import subprocess
    done = subprocess.run(
        ["openssl", "x509", "-in", core.path("certs", "ca.crt"), "-noout",
         "-subject"], capture_output=True, text=True, check=False)
    if "127.0.0.1" not in done.stdout:
        return True
    print("Clustering requires a fresh MicroK8s installation. Reinstall "
          "with:")
    print("sudo snap remove microk8s")
    print("sudo snap install microk8s --classic")
    return False


def agent_port() -> str:
    """25000 unless a line of the agent's arguments has `port` in it.

    `--bind` is not looked at, so another bind port is not printed.
    """
    try:
        with open(core.path("args", "cluster-agent"),
                  encoding="utf-8") as source:
            lines = source.read().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if "port" in line:
            fields = line.replace("=", " ").split()
            return fields[1] if len(fields) > 1 else ""
    return "25000"


def token_file() -> str:
    """credentials/cluster-tokens.txt, made for the group if missing."""
    name = str(core.path("credentials", "cluster-tokens.txt"))
    if not os.path.exists(name):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o660))
        common.give_to_group(name)
    return name


def store_token(token: str, ttl: int) -> None:
    """Append without a lock: an agent rewriting the file may lose it."""
    line = token
    if ttl != -1:
        line += "|%d" % (time.time() + ttl)
    with open(token_file(), "a", encoding="utf-8") as out:
        out.write(line + "\n")


def parse_arguments(args: list[str]) -> argparse.Namespace:
    """The flags; argparse ends the process with 2 on others."""
    parser = argparse.ArgumentParser(
        prog="microk8s add-node",
        description="Produce a connection string for a node to join the "
                    "cluster.")
    parser.add_argument(
        "--token-ttl", "-l", type=int, default="-1",
        help="how long the token is valid, in seconds, before it expires. "
             "Value of \"-1\" indicates that the token is usable only once")
    parser.add_argument(
        "--token", "-t",
        help="token to add, at least 32 characters long. A token is "
             "generated if none is given")
    parser.add_argument(
        "--format", default="pretty", choices=FORMATS,
        help="format the output of the token in pretty, short, token, or "
             "token-check")
    return parser.parse_args(args)


def print_pretty(urls: list[str], first: str) -> None:
    """The text for people, with the worker paragraph in dqlite mode."""
    print("From the node you wish to join to this cluster, run the "
          "following:")
    print("microk8s join " + first)
    print()
    if core.has_lock("ha-cluster"):
        print("Use the '--worker' flag to join a node as a worker not "
              "running the control plane, eg:")
        print("microk8s join " + first + " --worker")
        print()
    print("If the node you are adding is not reachable through the default "
          "interface you can use one of the following:")
    for url in urls:
        print("microk8s join " + url)


def print_answer(form: str, token: str, check: str) -> None:
    """Print the token in one of FORMATS."""
    port = agent_port()
    default = core.default_ip()
    tail = ":%s/%s/%s" % (port, token, check)
    urls = [address + tail for address in core.all_ips()]
    if form == "pretty":
        print_pretty(urls, default + tail)
    elif form == "short":
        print("microk8s join " + default + tail)
        for url in urls:
            if url != default + tail:
                print("microk8s join " + url)
    elif form == "token":
        print(token)
    elif form == "token-check":
        print(token + "/" + check)
    elif form == "json":
        import json
        print(json.dumps({"token": token + "/" + check, "urls": urls},
                         indent=2))
    else:
        print("token: %s/%s" % (token, check))
        print("urls:")
        for url in urls:
            print("- " + url)
        print()


def main(_name: str, args: list[str]) -> int:
    """Check, store the token, then print."""
    if any("help" in arg for arg in args):
        parse_arguments(["--help"])
    dispatch.check_permission()
    if not check_fresh():
        return 1
    dispatch.check_stopped()
    token_file()
    options = parse_arguments(args)
    if options.token is not None and len(options.token) < 32:
        print("Invalid token size.  It must be 32 characters long.")
        return 1
    token = options.token or os.urandom(16).hex()
    store_token(token, options.token_ttl)
    if options.format == "token":
        print(token)
        return 0
    try:
        check = certs.fingerprint12(core.path("certs", "server.crt"))
    except Exception as error:  # the token stays stored whatever this is
        sys.stderr.write("%s\n" % error)
        print("Failed to call utility function.")
        return 1
    print_answer(options.format, token, check)
    return 0
