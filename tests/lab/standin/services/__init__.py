# SPDX-License-Identifier: Apache-2.0
"""The snap's daemons, one module each, with `async def run(host)`.

Returning is an exit with 0; core.ServiceFailed or another exception is a
crash; CancelledError is a stop, to be cleaned up after in `finally`.
"""
