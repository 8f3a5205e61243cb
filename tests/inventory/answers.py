# SPDX-License-Identifier: Apache-2.0
"""Ansible's and muster's answers to many questions."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MUSTER = os.environ.get("MUSTER", str(HERE.parents[1] / "build/dev/muster"))
AT_ONCE = 4
TIMEOUT = 300  # seconds


@dataclass
class Answer:
    """What one of the two makes of a question."""

    ok: bool
    text: str
    messages: str = ""
    status: int = 0


def ansible_environment(home: Path) -> dict[str, str]:
    """Ansible as it is without anybody's settings."""
    settings = home / "ansible.cfg"
    settings.write_text("[defaults]\n")
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(settings)}


def ask_ansible(questions: list[list[str]], home: Path,
                cwd: Path = HERE) -> list[Answer]:
    """Answers of Ansible's own code, as ansible_answers.py tells."""
    done = subprocess.run(
        ["/usr/bin/python3", str(HERE / "ansible_answers.py")],
        input=json.dumps(questions), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, check=True, timeout=TIMEOUT,
        cwd=cwd, env=ansible_environment(home))
    return [Answer(**answer) for answer in json.loads(done.stdout)]


def run_muster(arguments: list[str], cwd: Path) -> Answer:
    """One run of muster."""
    done = subprocess.run([MUSTER, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=TIMEOUT, cwd=cwd)
    return Answer(done.returncode == 0,
                  done.stdout.decode(errors="replace"),
                  done.stderr.decode(errors="replace"), done.returncode)


def ask_muster(runs: list[list[str]], cwd: Path = HERE) -> list[Answer]:
    """Answers to several command lines, in their order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda arguments: run_muster(arguments, cwd),
                             runs))
