# SPDX-License-Identifier: Apache-2.0
"""The `microk8s` subcommands of the stand-in, one module each."""
