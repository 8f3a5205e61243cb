#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks Ansible many questions at the price of importing it once: started anew
for each, it spends half a second on that.

Reads a list of [question, argument...] as JSON from standard input and writes
the list of answers. Questions:

    ["cli", path, option...]    what ansible-inventory -i path option... does
    ["hosts", path, limit]      the hosts of --limit, in no order

An answer is {"ok": true, "text": ...} or {"ok": false, "text": why}. Where
the command only warns of a file that it cannot read, this is a refusal.
"""

import contextlib
import io
import json
import multiprocessing
import os
import sys

os.environ["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"] = "1"

from ansible import context  # noqa: E402
from ansible.cli.inventory import InventoryCLI  # noqa: E402
from ansible.errors import AnsibleError  # noqa: E402
from ansible.inventory.manager import InventoryManager  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.utils.context_objects import CLIArgs  # noqa: E402


class ManyInventoryCLI(InventoryCLI):
    """ansible-inventory's own code, which would let a process set its options
    once only."""

    def parse(self) -> None:
        self.init_parser()
        context.CLIARGS = CLIArgs.from_options(
            self.post_process_args(self.parser.parse_args(self.args[1:])))


def ask_cli(*arguments: str) -> str:
    """Gives what ansible-inventory prints."""
    printed = io.StringIO()
    cli = ManyInventoryCLI(["ansible-inventory", "-i", *arguments])
    with contextlib.redirect_stdout(printed):
        try:
            cli.run()
        except SystemExit as end:
            if end.code:
                raise AnsibleError(f"exit status {end.code}") from end
    return printed.getvalue()


def ask_hosts(path: str, limit: str) -> str:
    """The names of the hosts that --limit leaves."""
    inventory = InventoryManager(loader=DataLoader(), sources=[path])
    inventory.subset(limit)
    return " ".join(host.name for host in inventory.get_hosts("all"))


def answer(question: str, *arguments: str) -> dict[str, object]:
    """One question, whatever becomes of it."""
    ask = {"cli": ask_cli, "hosts": ask_hosts}[question]
    try:
        return {"ok": True, "text": ask(*arguments)}
    except (AnsibleError, ValueError, TypeError, IndexError) as error:
        return {"ok": False, "text": str(error)}


def main() -> None:
    """Answers what standard input asks, two questions at a time."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.starmap(answer, json.load(sys.stdin), chunksize=8)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
