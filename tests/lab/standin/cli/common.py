# SPDX-License-Identifier: Apache-2.0
"""Small things several commands share and the daemons do not need."""
from __future__ import annotations

import os
import shutil

SNAP_COMMON = "/var/snap/microk8s/common"


def give_to_group(path: str) -> None:
    """Root and the group microk8s, as far as the host has that group."""
    try:
        shutil.chown(path, group="microk8s")
    except (LookupError, PermissionError):
        pass


def exists_common(name: str) -> bool:
    """Whether $SNAP_COMMON has this file or directory."""
    return os.path.exists(os.path.join(SNAP_COMMON, name))
