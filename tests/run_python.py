#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the unittest modules of a folder, a few at a time, each in a process of
its own with a lab name of its own. Prints one line a module, the output of
those that fail, and last "SUITE: N passed, N failed".

Usage: run_python.py SUITE FOLDER LOGDIR
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import time
from pathlib import Path

MODULE_TIMEOUT = 600  # seconds
#: a lab waits about as often as it works
AT_ONCE = 2 * (os.cpu_count() or 1)
#: those that take longest begin first, so that none ends alone
SLOW = ("test_prove", "test_masters", "test_life", "test_faults",
        "test_doctor", "test_upgrade", "test_scale", "test_repair",
        "test_extras", "test_up", "test_endpoint", "test_snap",
        "test_cluster")


def run_module(path: Path, log: Path) -> tuple[str, int, int, float, str]:
    """Runs one module; gives its name, how many tests passed and failed,
    seconds, and its output."""
    env = dict(os.environ, MUSTER_LAB=f"t-{path.stem}"[:24],
               PYTHONDONTWRITEBYTECODE="1")
    begun = time.monotonic()
    try:
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "unittest", "-v", path.name[:-3]],
            cwd=path.parent, env=env, stdin=subprocess.DEVNULL, text=True,
            errors="replace", stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=MODULE_TIMEOUT)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace")
        output += f"\n{path.name}: no end after {MODULE_TIMEOUT} s\n"
        status = 124
    log.write_text(output)
    ran = sum(int(n) for n in re.findall(r"^Ran (\d+) test", output, re.M))
    bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", output))
    skipped = sum(int(n) for n in re.findall(r"skipped=(\d+)", output))
    if status and not bad:
        bad = 1
    passed = max(ran - bad - skipped, 0)
    return path.stem, passed, bad, time.monotonic() - begun, output


def main() -> int:
    suite, folder, logs = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    modules = sorted(folder.glob("test_*.py"), key=lambda m: (
        SLOW.index(m.stem) if m.stem in SLOW else len(SLOW), m.name))
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(run_module, m.resolve(), logs / f"{m.stem}.log")
                for m in modules]
        for run in concurrent.futures.as_completed(runs):
            name, good, bad, seconds, output = run.result()
            print(f"  {name}: {good} passed, {bad} failed ({seconds:.0f} s)",
                  flush=True)
            if bad:
                print(output, flush=True)
            passed, failed = passed + good, failed + bad
    if not modules:
        failed = 1
    print(f"{suite}: {passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
