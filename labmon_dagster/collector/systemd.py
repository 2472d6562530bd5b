"""What systemd wants to be told by a service of type notify."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Tell systemd a state (``READY=1``), where it is there to be told. Raises OSError if it cannot be."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.sendto(state.encode(), name)
