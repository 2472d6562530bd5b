"""What systemd wants to be told by a service of type notify."""

from __future__ import annotations

import logging
import os
import socket

_LOG = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Tell systemd a state (``READY=1``), where it is there to be told; that it is not stops nothing."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(state.encode(), name)
    except OSError as error:
        _LOG.warning("systemd cannot be told %s: %s", state, error)
