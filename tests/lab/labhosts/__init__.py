# SPDX-License-Identifier: Apache-2.0
"""The hosts of the lab: namespaces, disks, sshd, users, networks, laptop.

Everything here is real (kernel namespaces, OpenSSH, sudo).  What cannot be had
on a test machine, MicroK8s and snapd, is the package `standin` next door.
"""
