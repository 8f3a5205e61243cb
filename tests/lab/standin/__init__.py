# SPDX-License-Identifier: Apache-2.0
"""A stand-in for MicroK8s and snapd on a lab host.

cli/ has the `microk8s` commands, services/ the daemons, hostd runs them.
"""
