# SPDX-License-Identifier: Apache-2.0
"""Errors a person reads, and the exit codes (sysexits.h) they end in."""
from __future__ import annotations

EX_USAGE = 64
EX_DATAERR = 65
EX_NOINPUT = 66
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70
EX_NOPERM = 77


class LabError(Exception):
    """What went wrong and, after a newline, what to do about it."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
